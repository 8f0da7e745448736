import pytest
import torch
from torch import nn
from torch.nn import functional as F

from crossimage.networks.blocks import (
    ConvBlock,
    LayerNorm,
    ResidualBlock,
    _normalise,
    adaptive_instance_norm,
    initialise,
    instance_norm,
)


def test_instance_norm_has_mean_0_and_variance_1_a_channel() -> None:
    x = torch.randn(2, 3, 16, 16) * 5 + 7
    torch.testing.assert_close(instance_norm(x), F.instance_norm(x), rtol=1e-4, atol=1e-5)


def test_adain_takes_mean_and_deviation_from_its_parameters() -> None:
    shift, scale = torch.randn(2, 3), torch.rand(2, 3) + 0.5
    out = adaptive_instance_norm(torch.randn(2, 3, 32, 32), shift, scale)
    torch.testing.assert_close(out.mean((2, 3)), shift, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(out.std((2, 3), correction=0), scale, rtol=1e-3, atol=1e-3)


def test_layer_norm_divides_by_the_unbiased_deviation_plus_eps() -> None:
    norm = LayerNorm(2, eps=0.5)
    x = torch.randn(3, 2, 2, 2)
    expected = (x - x.mean((1, 2, 3), keepdim=True)) / (x.std((1, 2, 3), keepdim=True) + 0.5)
    torch.testing.assert_close(norm(x), expected * norm.weight[:, None, None])


def test_layer_norm_survives_half_precision() -> None:
    norm, x = LayerNorm(4), torch.randn(1, 4, 64, 64) * 100 + 300
    with torch.autocast("cpu", torch.bfloat16):
        out = norm(x.bfloat16())
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), norm(x), rtol=0.05, atol=0.05)


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


def test_instance_norm_is_the_same_off_the_cpu() -> None:
    x = torch.randn(2, 3, 16, 16) * 5 + 7
    torch.testing.assert_close(_normalise(x, 1e-5), instance_norm(x), rtol=1e-4, atol=1e-5)
    half = _normalise(x.bfloat16(), 1e-5)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), instance_norm(x), rtol=0.05, atol=0.05)


def test_instance_norm_of_a_single_pixel_is_zero() -> None:
    assert instance_norm(torch.randn(1, 3, 1, 1)).abs().max() < 1e-3


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
