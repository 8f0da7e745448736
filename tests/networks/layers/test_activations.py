"""ReLU and PReLU."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from crossimage.networks.layers.activations import PReLU, ReLU


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_relu_is_the_same_in_both_precisions(dtype: torch.dtype) -> None:
    x = torch.randn(2, 3, 4, 5, dtype=dtype, requires_grad=True)
    y = ReLU()(x.clone())
    torch.testing.assert_close(y, x.clamp_min(0))
    (gradient,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(gradient, (x > 0).to(dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("slope", [0.25, 0.0, -0.5, 1.0])
def test_gradients_are_those_of_pytorch(dtype: torch.dtype, slope: float) -> None:
    x = torch.randn(2, 5, 6, 7).to(dtype, memory_format=torch.channels_last).requires_grad_()
    own, usual = PReLU(slope), nn.PReLU(init=slope)
    factor = torch.randn(2, 5, 6, 7)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        found = torch.autograd.grad((own(x).float() * factor).sum(), [x, own.weight])
        expected = torch.autograd.grad((usual(x).float() * factor).sum(), [x, usual.weight])
    torch.testing.assert_close(found[0], expected[0])
    tolerance = 1e-4 if dtype == torch.float32 else 0.2
    torch.testing.assert_close(found[1], expected[1], atol=tolerance, rtol=tolerance)
    assert found[1].dtype == torch.float32


def test_the_slope_of_half_precision_maps_is_added_up_in_full_precision() -> None:
    x = -torch.ones(4, 1, 64, 64, dtype=torch.bfloat16)
    layer = PReLU()
    layer(x).sum(dtype=torch.float32).backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.item() == -4 * 64 * 64


def test_second_derivatives_are_exact() -> None:
    x, slope = torch.randn(1, 2, 3, 4, requires_grad=True), PReLU(0.3)
    (first,) = torch.autograd.grad(slope(x).square().sum(), x, create_graph=True)
    second = torch.autograd.grad(first.sum(), [x, slope.weight])
    a = slope.weight
    (usual,) = torch.autograd.grad(F.prelu(x, a).square().sum(), x, create_graph=True)
    for found, expected in zip(second, torch.autograd.grad(usual.sum(), [x, a]), strict=True):
        torch.testing.assert_close(found, expected)
