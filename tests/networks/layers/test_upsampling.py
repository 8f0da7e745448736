import pytest
import torch
from torch.nn import functional as F

from crossimage.networks.layers.upsampling import upsampled_conv


@pytest.mark.parametrize("pad", ["reflect", "replicate", "zeros"])
@pytest.mark.parametrize("size", [(2, 2), (3, 7), (8, 5)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_it_is_the_plain_form_forward_and_backward(pad, size, layout) -> None:
    x = torch.randn(2, 6, *size, dtype=torch.float64).to(memory_format=layout).requires_grad_()
    weight = torch.randn(4, 6, 5, 5, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(4, dtype=torch.float64, requires_grad=True)
    mode = "constant" if pad == "zeros" else pad
    doubled = F.pad(F.interpolate(x, scale_factor=2), (2, 2, 2, 2), mode=mode)
    plain, ours = F.conv2d(doubled, weight, bias), upsampled_conv(x, weight, bias, pad)
    torch.testing.assert_close(ours, plain)
    gradient = torch.randn_like(plain)
    for found, expected in zip(
        torch.autograd.grad(ours, (x, weight, bias), gradient),
        torch.autograd.grad(plain, (x, weight, bias), gradient),
        strict=True,
    ):
        torch.testing.assert_close(found, expected)


def test_it_runs_in_half_precision() -> None:
    x, weight = torch.randn(1, 4, 6, 6), torch.randn(4, 4, 5, 5)
    with torch.autocast("cpu", torch.bfloat16):
        half = upsampled_conv(x, weight, None, "reflect")
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(
        half.float(), upsampled_conv(x, weight, None, "reflect"), rtol=0.1, atol=0.3
    )
