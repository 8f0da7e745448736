"""The ResNet generator and codes as constant maps."""

import pytest
import torch
from torch.nn import functional as F

from crossimage.networks.generators import ResnetGenerator, with_code


@pytest.mark.parametrize("shape", [(8, 8), (16, 24), (64, 64)])
def test_an_image_in_an_image_of_the_same_size_out(shape: tuple[int, int]) -> None:
    network = ResnetGenerator(4, 2, 4, 2)
    y = network(torch.randn(2, 4, *shape))
    assert y.shape == (2, 2, *shape)
    assert y.abs().max() <= 1


def test_the_published_generators_have_their_published_sizes() -> None:
    """With 9 blocks 11.378 million parameters, as the official code prints."""
    count = sum(p.numel() for p in ResnetGenerator(3, 3, 64, 9).parameters())
    assert count == 11_378_179
    block = 2 * (256 * 256 * 9 + 256)
    assert sum(p.numel() for p in ResnetGenerator(3, 3, 64, 6).parameters()) == count - 3 * block


def test_dropout_acts_inside_the_residual_blocks_only_when_there_are_any() -> None:
    x = torch.randn(1, 3, 16, 16)
    for blocks, differs in ((0, False), (1, True)):
        network = ResnetGenerator(3, 3, 4, blocks, dropout=0.5)
        assert torch.equal(network(x), network(x)) is not differs
        assert torch.equal(network.eval()(x), network(x))


def test_a_code_becomes_constant_maps_behind_the_image() -> None:
    x, code = torch.randn(2, 3, 4, 5), torch.randn(2, 2)
    y = with_code(x, code)
    assert torch.equal(y[:, :3], x)
    assert torch.equal(y[:, 3:], code[:, :, None, None].expand(2, 2, 4, 5))


def test_a_norm_after_reflection_wipes_constant_maps_out_and_after_zeros_does_not() -> None:
    x, codes = torch.randn(1, 3, 32, 32), torch.randn(2, 1, 8)
    network = ResnetGenerator(3 + 8, 3, 8, 2, pad="reflect").double()
    one, two = (network(with_code(x, code).double()) for code in codes)
    torch.testing.assert_close(one, two)
    network = ResnetGenerator(3 + 8, 3, 8, 2, pad="zeros").double()
    one, two = (network(with_code(x, code).double()) for code in codes)
    assert (one - two).abs().mean() > 1e-2


@pytest.mark.parametrize("size", [(8, 8), (24, 32)])
def test_bilinear_doubling_is_the_filter_1_3_3_1_with_repeated_borders(
    size: tuple[int, int],
) -> None:
    x = torch.randn(1, 2, *size)
    taps = torch.tensor([1.0, 3, 3, 1]) / 4
    kernel = torch.outer(taps, taps).expand(2, 1, 4, 4)
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    expected = F.conv_transpose2d(padded, kernel, stride=2, padding=3, groups=2)
    doubling = ResnetGenerator(3, 3, 1, 0, upsampling="bilinear")[3]
    torch.testing.assert_close(doubling.upsample(x), expected)


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("upsampling", ["transposed", "nearest", "bilinear"])
def test_every_layer_yields_maps_of_its_width(antialias: bool, upsampling: str) -> None:
    network = ResnetGenerator(3, 2, 4, 2, antialias=antialias, upsampling=upsampling)
    widths = network.widths()
    maps = network(torch.randn(1, 3, 16, 24), range(len(widths)))
    assert [x.shape[1] for x in maps] == widths
    assert maps[0].shape[2:] == (22, 30)
    assert maps[-1].shape[1:] == (2, 16, 24)
    torch.manual_seed(1)
    x = torch.randn(1, 3, 16, 24)
    torch.testing.assert_close(network(x, [len(widths) - 1])[0], network(x))


def test_layers_are_counted_as_in_the_official_code() -> None:
    """Halvings end in a blur, so that the residual blocks begin with layer 12 instead of 10."""
    x = torch.randn(1, 3, 32, 32)
    for antialias, first in ((True, 12), (False, 10)):
        network = ResnetGenerator(3, 3, 4, 3, antialias=antialias)
        before, after = network(x, [first - 1, first])
        torch.testing.assert_close(after, network[3](before))


def test_an_activation_overwrites_the_norm_before_it() -> None:
    network = ResnetGenerator(3, 3, 4, 1)
    norm, activated = network(torch.randn(1, 3, 16, 16), [8, 9])
    assert torch.equal(norm, activated)
    convolved, _ = network(torch.randn(1, 3, 16, 16), [7, 9])
    assert (convolved < 0).any()


def test_no_layer_after_the_last_one_is_computed() -> None:
    network = ResnetGenerator(3, 3, 4, 2)
    network[3].register_forward_hook(lambda *_: pytest.fail("computed"))
    assert len(network(torch.randn(1, 3, 16, 16), [0, 4, 8])) == 3
