"""StyleGAN2's layers: unit scales, resolutions, and the noise."""

import math

import pytest
import torch
from torch.nn import functional as F

from crossimage.networks.stylegan2.blocks import (
    Activation,
    Blur4,
    DoublingConv,
    ScaledConv,
    ScaledLinear,
    ScaledResidualBlock,
)


def test_the_blur_keeps_constant_maps_and_averages_alternating_ones():
    x = torch.full((1, 2, 9, 9), 3.0)
    torch.testing.assert_close(Blur4(0)(x), torch.full((1, 2, 6, 6), 3.0))
    stripes = torch.arange(9).remainder(2).float().expand(1, 1, 9, 9)
    torch.testing.assert_close(Blur4(0)(stripes), torch.full((1, 1, 6, 6), 0.5))
    assert Blur4(0).state_dict() == {}


@pytest.mark.parametrize("kernel", [1, 3])
def test_a_halving_convolution_blurs_first(kernel):
    conv = ScaledConv(2, 3, kernel, halves=True)
    x = torch.randn(2, 2, 8, 12)
    around = (kernel + 1) // 2
    blurred = Blur4(around)(x)
    expected = F.conv2d(blurred, conv.weight / math.sqrt(2 * kernel**2), stride=2)
    assert expected.shape == (2, 3, 4, 6)
    torch.testing.assert_close(conv(x), expected)


@torch.no_grad()
def test_layers_keep_the_variance_of_their_input_when_they_start():
    torch.manual_seed(0)
    x = torch.randn(8, 64, 32, 32)
    assert ScaledConv(64, 64, 3)(x)[..., 1:-1, 1:-1].var() == pytest.approx(1, rel=0.1)
    assert ScaledLinear(64, 64)(x[:, :, 0, 0]).var() == pytest.approx(1, rel=0.3)
    assert ScaledResidualBlock(64, 64)(x).var() == pytest.approx(1, rel=0.3)


def test_the_activation_adds_its_bias_before_it_bends():
    activation = Activation(1)
    with torch.no_grad():
        activation.bias.fill_(1.0)
        found = activation(torch.tensor([-2.0, 1.0]).view(1, 1, 1, 2)).flatten()
    torch.testing.assert_close(found, torch.tensor([-0.2, 2.0]) * math.sqrt(2))


def test_a_doubling_convolution_does_not_depend_on_the_length_of_its_kernels():
    layer, x = DoublingConv(3, 2), torch.randn(1, 3, 4, 6)
    noise = torch.zeros(1, 1, 8, 12)
    before = layer(x, noise)
    assert before.shape == (1, 2, 8, 12)
    with torch.no_grad():
        layer.weight[0] *= 5
    torch.testing.assert_close(layer(x, noise), before, rtol=1e-4, atol=1e-5)


def test_noise_has_no_effect_at_first_and_the_same_one_in_all_channels_later():
    layer, x = DoublingConv(3, 2), torch.randn(1, 3, 4, 6)
    layer.activation = torch.nn.Identity()
    noise = torch.randn(1, 1, 8, 12)
    without = layer(x, torch.zeros_like(noise))
    assert torch.equal(layer(x, noise), without)
    with torch.no_grad():
        layer.noise_strength.fill_(0.5)
    torch.testing.assert_close(layer(x, noise) - without, 0.5 * noise.expand(1, 2, 8, 12))
