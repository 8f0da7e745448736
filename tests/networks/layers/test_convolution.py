from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from crossimage.networks.layers.convolution import (
    BottleneckConv2d,
    BottleneckConvTranspose2d,
    PaddedConv2d,
    arrange,
    conv_by_product,
    padded,
    transposed_by_product,
)

shapes = pytest.mark.parametrize(
    "kernel, stride, padding", [(4, 2, 1), (3, 1, 1), (2, 1, 0), (4, 1, 1)]
)
layouts = pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])


def agree(ours: Callable[..., Tensor], plain: Callable[..., Tensor], *inputs: Tensor) -> None:
    """Values, gradients and gradients of the gradients are the same."""
    first, second = [], []
    for function in (ours, plain):
        y = function(*inputs)
        slopes = torch.autograd.grad(y.square().sum(), inputs, create_graph=True)
        square = torch.stack([slope.square().sum() for slope in slopes]).sum()
        first.append((y, *slopes))
        second.append(torch.autograd.grad(square, inputs))
    torch.testing.assert_close(first[0], first[1])
    torch.testing.assert_close(second[0], second[1])


def leaf(*shape: int, layout: torch.memory_format = torch.contiguous_format) -> Tensor:
    x = torch.randn(*shape, dtype=torch.float64)
    return (x.to(memory_format=layout) if x.dim() == 4 else x).requires_grad_()


@layouts
@shapes
def test_a_product_is_the_convolution_up_to_second_derivatives(
    kernel, stride, padding, layout
) -> None:
    x, weight = leaf(2, 3, 6, 8, layout=layout), leaf(4, 3, kernel, kernel, layout=layout)
    how = (stride, stride), (padding, padding)
    agree(
        lambda *args: conv_by_product(*args, *how), lambda *args: F.conv2d(*args, *how),
        x, weight, leaf(4),
    )  # fmt: skip


@layouts
@shapes
def test_a_product_is_the_transposed_convolution_up_to_second_derivatives(
    kernel, stride, padding, layout
) -> None:
    x, weight = leaf(2, 3, 5, 4, layout=layout), leaf(3, 4, kernel, kernel, layout=layout)
    how = (stride, stride), (padding, padding)
    agree(
        lambda *args: transposed_by_product(*args, *how),
        lambda *args: F.conv_transpose2d(*args, *how),
        x, weight, leaf(4),
    )  # fmt: skip


@pytest.mark.parametrize("kind", [BottleneckConv2d, BottleneckConvTranspose2d])
def test_layers_are_the_same_for_small_and_large_maps(kind) -> None:
    layer = kind(128, 128, 4, 2, 1).double()
    plain = {BottleneckConv2d: F.conv2d, BottleneckConvTranspose2d: F.conv_transpose2d}[kind]
    for side in (4, 64):
        x = torch.randn(1, 128, side, side, dtype=torch.float64)
        torch.testing.assert_close(layer(x), plain(x, layer.weight, layer.bias, 2, 1))


@pytest.mark.parametrize("kind", [BottleneckConv2d, BottleneckConvTranspose2d])
def test_products_are_in_half_precision_under_autocast(kind) -> None:
    layer, x = kind(128, 128, 4, 2, 1), torch.randn(1, 128, 4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        half = layer(x)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), layer(x), rtol=0.05, atol=0.05)


@pytest.mark.parametrize("pad", ["reflect", "replicate"])
def test_padding_stays_in_half_precision_and_changes_nothing(pad) -> None:
    x = torch.randn(1, 3, 5, 6, dtype=torch.float64)
    conv = PaddedConv2d(3, 4, 3, 2, 1, padding_mode=pad).double()
    plain = F.conv2d(F.pad(x, (1, 1, 1, 1), pad), conv.weight, conv.bias, 2)
    torch.testing.assert_close(conv(x), plain)
    with torch.autocast("cpu", torch.bfloat16):
        assert padded(x.bfloat16(), (1, 1, 1, 1), pad).dtype == torch.bfloat16


def test_weights_of_products_stay_contiguous_and_all_others_do_not() -> None:
    heavy, light = BottleneckConv2d(256, 512, 4, 2, 1), BottleneckConv2d(8, 8, 4, 2, 1)
    other = torch.nn.Conv2d(128, 128, 4)
    networks = torch.nn.Sequential(heavy, light, other)
    before = heavy.weight.detach().clone()
    arrange(networks)
    assert heavy.weight.is_contiguous() and torch.equal(heavy.weight, before)
    for layer in (light, other):
        assert layer.weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("sides", [(1, 1, 1, 1), (3, 3, 3, 3), (2, 1, 0, 3)])
def test_large_reflections_in_half_precision_have_the_gradients_of_pytorch(sides) -> None:
    x = torch.randn(2, 64, 96, 97).bfloat16().to(memory_format=torch.channels_last)
    x.requires_grad_()
    found, expected = padded(x, sides, "reflect"), F.pad(x.double(), sides, "reflect")
    torch.testing.assert_close(found.double(), expected)
    gradient = torch.randn(expected.shape).bfloat16().double()
    (found,) = torch.autograd.grad(found, x, gradient.bfloat16())
    (expected,) = torch.autograd.grad(expected, x, gradient)
    torch.testing.assert_close(found, expected, atol=0.05, rtol=0.02)
