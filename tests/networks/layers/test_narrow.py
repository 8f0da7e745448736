import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from crossimage.networks.layers.convolution import PaddedConv2d
from crossimage.networks.layers.narrow import is_narrow, narrow_conv
from crossimage.networks.layers.plain import plain_layers

shapes = pytest.mark.parametrize(
    "inputs, outputs, kernel, padding, size",
    [
        (5, 3, 7, 3, (8, 12)),
        (5, 3, 7, 0, (14, 12)),
        (3, 16, 7, 3, (8, 12)),
        (3, 16, 4, 1, (8, 6)),
        (9, 1, 4, 1, (7, 9)),
        (4, 3, 3, 1, (6, 6)),
        (3, 3, 3, 0, (8, 6)),
        (2, 2, 4, 1, (7, 7)),
    ],
)


def tensors(inputs: int, outputs: int, kernel: int, size: tuple[int, int]) -> list[Tensor]:
    x = torch.randn(2, inputs, *size, dtype=torch.float64).to(memory_format=torch.channels_last)
    weight = torch.randn(outputs, inputs, kernel, kernel, dtype=torch.float64)
    return [t.requires_grad_() for t in (x, weight, torch.randn(outputs, dtype=torch.float64))]


@shapes
@pytest.mark.parametrize("biased", [True, False])
def test_it_is_the_convolution_up_to_second_derivatives(
    inputs, outputs, kernel, padding, size, biased
) -> None:
    x, weight, bias = tensors(inputs, outputs, kernel, size)
    leaves = [x, weight, *([bias] if biased else [])]
    found = narrow_conv(x, weight, bias if biased else None, (padding, padding))
    expected = F.conv2d(x, weight, bias if biased else None, 1, padding)
    torch.testing.assert_close(found, expected)
    gradient = torch.randn_like(expected)
    first, second = [], []
    for y in (found, expected):
        first.append(torch.autograd.grad(y, leaves, gradient, retain_graph=True))
        slopes = torch.autograd.grad(y.square().sum(), leaves, create_graph=True)
        square = torch.stack([slope.square().sum() for slope in slopes]).sum()
        second.append(torch.autograd.grad(square, leaves))
    torch.testing.assert_close(first[0], first[1])
    torch.testing.assert_close(second[0], second[1])


@pytest.mark.parametrize("frozen", [0, 1, 2])
def test_gradients_that_nobody_needs_are_left_out(frozen: int) -> None:
    leaves = tensors(5, 3, 7, (8, 8))
    leaves[frozen].requires_grad_(False)
    wanted = [leaf for leaf in leaves if leaf.requires_grad]
    plain = F.conv2d(*leaves, 1, 3)
    for create_graph in (False, True):
        found = torch.autograd.grad(
            narrow_conv(*leaves, (3, 3)).sum(), wanted, create_graph=create_graph
        )
        expected = torch.autograd.grad(plain.sum(), wanted, retain_graph=True)
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("pad", ["zeros", "reflect"])
@pytest.mark.parametrize("channels", [(24, 3), (3, 24)])
def test_layers_from_and_to_images_are_the_same_in_both_forms(channels, pad) -> None:
    layer = PaddedConv2d(*channels, 7, 1, 3, padding_mode=pad)
    x = torch.randn(1, channels[0], 32, 32).to(memory_format=torch.channels_last).requires_grad_()
    assert is_narrow(x, layer.weight, (3, 3))
    padded = F.pad(x, (3, 3, 3, 3), "constant" if pad == "zeros" else pad)
    expected = F.conv2d(padded, layer.weight, layer.bias)
    with plain_layers():
        plain = layer(x)
    found, gradient = layer(x), torch.randn_like(expected)
    torch.testing.assert_close(plain, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    leaves = x, layer.weight, layer.bias
    torch.testing.assert_close(
        torch.autograd.grad(found, leaves, gradient),
        torch.autograd.grad(expected, leaves, gradient),
        rtol=1e-4, atol=1e-4,
    )  # fmt: skip


def test_it_computes_in_half_precision_under_autocast() -> None:
    layer, x = PaddedConv2d(32, 3, 7, 1, 3), torch.randn(1, 32, 32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        half = layer(x)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), layer(x), rtol=0.05, atol=0.05)
    half.sum().backward()
    assert layer.weight.grad is not None and layer.weight.grad.dtype == torch.float32


def test_odd_sides_strides_and_wide_layers_are_left_to_pytorch() -> None:
    weight = torch.empty(3, 64, 7, 7)
    assert is_narrow(torch.empty(1, 64, 32, 32), weight, (3, 3))
    assert not is_narrow(torch.empty(1, 64, 31, 32), weight, (3, 3))
    assert not is_narrow(torch.empty(1, 64, 2, 2), weight, (3, 3))
    assert not is_narrow(torch.empty(1, 64, 32, 32), torch.empty(64, 64, 3, 3), (1, 1))
    image = torch.empty(1, 3, 31, 31, requires_grad=True)
    assert not is_narrow(image, torch.empty(64, 3, 7, 7), (3, 3))
    strided = PaddedConv2d(64, 3, 4, 2, 1)
    torch.testing.assert_close(
        strided(x := torch.randn(1, 64, 32, 32)),
        F.conv2d(x, strided.weight, strided.bias, 2, 1),
    )
