import pytest
import torch
from torch import nn
from torch.nn import functional as F

from crossimage.networks.layers.blocks import BatchNorm, ConvBlock, ResidualBlock, initialise
from crossimage.networks.layers.blur import Blur


def test_second_convolution_of_a_residual_block_is_not_activated() -> None:
    block = ResidualBlock(8)
    x = torch.randn(2, 8, 8, 8)
    assert ((block(x) - x) < 0).any()


@pytest.mark.parametrize("pad", ["reflect", "replicate", "zeros"])
def test_padding_keeps_the_size(pad) -> None:
    assert ConvBlock(3, 4, 7, 1, 3, pad=pad)(torch.randn(1, 3, 9, 11)).shape == (1, 4, 9, 11)


def test_spectral_norm_bounds_the_kernel() -> None:
    block = ConvBlock(3, 8, 4, 2, 1, spectral=True)
    for _ in range(30):
        block(torch.randn(1, 3, 8, 8))
    assert torch.linalg.matrix_norm(block.conv.weight.flatten(1), 2) < 1.05


def test_spectral_kernels_are_initialised_too() -> None:
    block = ConvBlock(64, 256, 3, spectral=True)
    initialise(block, "gaussian")
    original = block.conv.parametrizations.weight.original
    assert original.std().item() == pytest.approx(0.02, rel=0.02)


def test_initialisations_have_the_published_spread() -> None:
    conv = nn.Conv2d(64, 256, 3)
    initialise(conv, "kaiming")
    assert conv.weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.02)
    initialise(conv, "gaussian")
    assert conv.weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert not conv.bias.any()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_batch_norm_beside_a_skip_connection_has_the_gradients_of_pytorch(layout) -> None:
    found = []
    for norm in (BatchNorm(3), nn.BatchNorm2d(3)):
        torch.manual_seed(0)
        x = torch.randn(2, 3, 4, 5).to(memory_format=layout).requires_grad_()
        joined = torch.cat([x, F.leaky_relu(norm(x), 0.2, inplace=True)], 1)
        found.append(torch.autograd.grad((joined * torch.randn(2, 6, 4, 5)).sum(), x)[0])
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("size", [(2, 2), (7, 8), (16, 5)])
def test_a_blur_is_the_binomial_filter_at_every_second_pixel(size: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *size)
    taps = torch.tensor([1.0, 2, 1]) / 4
    rows = nn.functional.pad(x, (1, 1, 1, 1), mode="reflect").unfold(2, 3, 2) @ taps
    torch.testing.assert_close(Blur(3)(x), rows.unfold(3, 3, 2) @ taps)
    assert not Blur(3).state_dict()


def test_a_blur_hardly_reacts_to_a_shift_of_its_input() -> None:
    """A stride of 2 alone sees only every second of the alternating rows."""
    x = torch.ones(1, 1, 16, 16)
    x[:, :, ::2] = -1
    assert Blur(1)(x).abs().max() < 1e-6


def test_antialiased_blocks_halve_after_the_activation() -> None:
    block = ConvBlock(3, 4, 4, 2, 1, activation="lrelu", pad="zeros", antialias=True)
    assert block.conv.stride == (1, 1)
    assert block(torch.randn(1, 3, 16, 16)).shape == (1, 4, 8, 8)
    plain = ConvBlock(3, 4, 4, 1, 1, antialias=True)
    assert not hasattr(plain, "blur")
