import pytest
import torch
from torch.nn import functional as F

from crossimage.networks.layers.blur import Blur, _Halved

sizes = pytest.mark.parametrize("size", [(3, 3), (4, 3), (5, 8), (9, 65), (8, 6)])


@sizes
def test_the_gradient_is_that_of_the_convolution_up_to_second_derivatives(size) -> None:
    x = torch.randn(2, 4, *size, dtype=torch.float64).to(memory_format=torch.channels_last)
    x.requires_grad_()
    kernel = Blur(4).kernel.double()
    found, expected = _Halved.apply(x, kernel), F.conv2d(x, kernel, stride=2, groups=4)
    torch.testing.assert_close(found, expected)
    gradient = torch.randn_like(expected).requires_grad_()
    first, second = [], []
    for y in (found, expected):
        first.append(torch.autograd.grad(y, x, gradient, retain_graph=True))
        (slope,) = torch.autograd.grad(y, x, gradient, create_graph=True)
        second.append(torch.autograd.grad(slope.square().sum(), gradient))
    torch.testing.assert_close(first[0], first[1])
    torch.testing.assert_close(second[0], second[1])


@sizes
def test_half_precision_has_the_gradient_of_full_precision(size) -> None:
    blur, x = Blur(4), torch.randn(2, 4, *size, requires_grad=True)
    y = blur(x)
    gradient = torch.randn_like(y)
    (expected,) = torch.autograd.grad(y, x, gradient)
    with torch.autocast("cpu", torch.bfloat16):
        half = blur(x.bfloat16())
    assert half.dtype == torch.bfloat16
    (found,) = torch.autograd.grad(half, x, gradient.bfloat16())
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0.02)
