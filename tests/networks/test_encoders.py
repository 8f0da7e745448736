import pytest
import torch
from torch import nn

from crossimage.networks.encoders import PatchHeads, VariationalEncoder


def channels(network: nn.Module) -> list[tuple[int, int, int]]:
    """Input and output channels, and kernel sizes, of all convolutions."""
    return [
        (layer.in_channels, layer.out_channels, layer.kernel_size[0])
        for layer in network.modules()
        if isinstance(layer, nn.Conv2d)
    ]


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("size", [(32, 32), (48, 64)])
def test_images_of_any_size_have_one_mean_and_log_variance(
    residual: bool, size: tuple[int, int]
) -> None:
    encoder = VariationalEncoder(3, 4, 3, 5, residual=residual)
    mean, log_variance = encoder(torch.rand(2, 3, *size))
    assert mean.shape == log_variance.shape == (2, 5)
    assert not torch.equal(mean, log_variance)


def test_residual_halvings_have_2_3_then_4_times_the_width() -> None:
    encoder = VariationalEncoder(3, 4, 5, 8, norm="none")
    shortcuts = [(i, o) for i, o, kernel in channels(encoder) if kernel == 1]
    assert shortcuts == [(4, 8), (8, 12), (12, 16), (16, 16)]


def test_plain_halvings_have_2_then_4_times_the_width() -> None:
    encoder = VariationalEncoder(3, 4, 4, 8, residual=False)
    assert channels(encoder) == [(3, 4, 4), (4, 8, 4), (8, 16, 4), (16, 16, 4)]


def test_each_image_is_encoded_independently() -> None:
    encoder, x = VariationalEncoder(1, 4, 3, 5), torch.rand(3, 1, 32, 32)
    together, alone = encoder(x)[0], encoder(x[1:2])[0]
    torch.testing.assert_close(together[1:2], alone, rtol=1e-4, atol=1e-5)


def test_descriptors_of_patches_are_unit_vectors_at_the_chosen_positions() -> None:
    heads = PatchHeads([3, 8], 5)
    maps = [torch.randn(2, 3, 6, 4), torch.randn(2, 8, 3, 2)]
    at = [torch.tensor([23, 0, 7]), torch.tensor([5, 1])]
    found = heads(maps, at)
    assert [d.shape for d in found] == [(2, 3, 5), (2, 2, 5)]
    for descriptors in found:
        torch.testing.assert_close(descriptors.norm(dim=2), torch.ones(descriptors.shape[:2]))
    pixel = maps[0][1, :, 1, 3]  # position 7 of rows of 4
    expected = nn.functional.normalize(heads.heads[0](pixel), dim=0)
    torch.testing.assert_close(found[0][1, 2], expected)
