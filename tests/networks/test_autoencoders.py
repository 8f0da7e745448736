import torch
from torch import nn

from crossimage.networks.autoencoders import AdaINDecoder, ContentEncoder, StyleEncoder
from crossimage.networks.layers.normalisation import InstanceNorm, LayerNorm


def test_published_shapes() -> None:
    x = torch.randn(2, 3, 64, 96)
    assert ContentEncoder(3, 8, 2, 1)(x).shape == (2, 32, 16, 24)
    style = StyleEncoder(3, 8, 4, 5)
    assert style(x).shape == (2, 5)
    widths = [layer.conv.out_channels for layer in style if hasattr(layer, "conv")]
    assert widths == [8, 16, 32, 32, 32]


def test_another_style_is_decoded_into_another_image() -> None:
    decoder = AdaINDecoder(3, 8, 2, 1, 5, 16)
    content = torch.randn(1, 32, 4, 6)
    one, two = (decoder(content, torch.randn(1, 5)) for _ in range(2))
    assert one.shape == (1, 3, 16, 24)
    assert one.abs().max() <= 1
    assert (one - two).abs().max() > 1e-3


def test_the_network_of_adain_parameters_may_be_deeper_or_shallower() -> None:
    for layers in (2, 3, 5):
        decoder = AdaINDecoder(3, 8, 2, 1, 5, 16, mlp_layers=layers)
        shapes = [layer.weight.shape for layer in decoder.mlp if isinstance(layer, nn.Linear)]
        assert shapes == [(16, 5), *[(16, 16)] * (layers - 2), (4 * 32, 16)]


def test_doublings_are_normalised_as_chosen() -> None:
    for norm, kind in (("layer", LayerNorm), ("instance", InstanceNorm)):
        decoder = AdaINDecoder(3, 8, 2, 1, 5, 16, norm=norm)
        assert sum(isinstance(layer, kind) for layer in decoder.upsampler.modules()) == 2


def test_content_code_does_not_see_contrast() -> None:
    """Instance norm takes brightness and contrast of the whole image out of the content."""
    encoder = ContentEncoder(1, 8, 2, 1).double()
    torch.nn.init.zeros_(encoder[0].conv.bias)
    x = torch.rand(1, 1, 32, 32).double()
    torch.testing.assert_close(encoder(x), encoder(0.5 * x + 0.2), rtol=1e-2, atol=1e-2)
