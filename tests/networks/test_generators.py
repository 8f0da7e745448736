"""The ResNet generator and codes as constant maps."""

import pytest
import torch

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
