from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossimage.networks.layers import statistics
from crossimage.networks.layers.blocks import BatchNorm
from crossimage.networks.layers.normalisation import (
    AffineInstanceNorm,
    InstanceNorm,
    LayerNorm,
    _layer_norm,
    _normalise,
    adaptive_instance_norm,
    instance_norm,
)

layouts = pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
samples = pytest.mark.parametrize("count", [1, 3])


def maps(count: int, layout: torch.memory_format) -> Tensor:
    x = torch.randn(count, 5, 6, 7, dtype=torch.float64) * 3 + 2
    return x.to(memory_format=layout).requires_grad_()


def agree(found: Tensor, expected: Tensor, inputs: tuple[Tensor, ...]) -> None:
    """Values are the same, and so are their gradients and the gradients of these."""
    torch.testing.assert_close(found, expected)
    gradient = torch.randn_like(expected).requires_grad_()
    first, second = [], []
    for y in (found, expected):
        first.append(torch.autograd.grad(y, inputs, gradient, retain_graph=True))
        slopes = torch.autograd.grad(y, inputs, gradient, create_graph=True)
        square = torch.stack([slope.square().sum() for slope in slopes]).sum()
        second.append(torch.autograd.grad(square, (*inputs, gradient), materialize_grads=True))
    torch.testing.assert_close(first[0], first[1])
    torch.testing.assert_close(second[0], second[1])


@layouts
@samples
def test_instance_norm_is_the_plain_form_forward_and_backward(count, layout) -> None:
    x = maps(count, layout)
    agree(instance_norm(x), F.instance_norm(x), (x,))


@layouts
@samples
def test_adain_is_the_plain_form_forward_and_backward(count, layout) -> None:
    x = maps(count, layout)
    shift, scale = (torch.randn(count, 5, dtype=torch.float64, requires_grad=True) for _ in "ab")
    plain = F.instance_norm(x) * scale[:, :, None, None] + shift[:, :, None, None]
    agree(adaptive_instance_norm(x, shift, scale), plain, (x, shift, scale))


@samples
def test_affine_instance_norm_is_the_plain_form_forward_and_backward(count) -> None:
    norm, x = AffineInstanceNorm(5).double(), maps(count, torch.channels_last)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    plain = F.instance_norm(x, weight=norm.weight, bias=norm.bias)
    agree(norm(x), plain, (x, norm.weight, norm.bias))


@layouts
@samples
@pytest.mark.parametrize("eps", [1e-5, 0.5])
def test_layer_norm_is_the_plain_form_forward_and_backward(count, layout, eps) -> None:
    norm, x = LayerNorm(5, eps).double(), maps(count, layout)
    nn.init.normal_(norm.weight)
    plain = _layer_norm(x, norm.weight, norm.bias, eps)
    agree(norm(x), plain, (x, norm.weight, norm.bias))


@pytest.mark.parametrize("count", [1, 2])
def test_half_precision_has_the_gradients_of_full_precision(count) -> None:
    x = torch.randn(count, 8, 16, 16).to(memory_format=torch.channels_last).requires_grad_()
    norm, gradient = LayerNorm(8), torch.randn(count, 8, 16, 16)
    for layer in (norm, instance_norm):
        (expected,) = torch.autograd.grad(layer(x), x, gradient)
        with torch.autocast("cpu", torch.bfloat16):
            half = layer(x.bfloat16())
        assert half.dtype == torch.bfloat16
        (found,) = torch.autograd.grad(half, x, gradient.bfloat16())
        torch.testing.assert_close(found, expected, rtol=0.05, atol=0.05)


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


def test_instance_norm_is_the_same_off_the_cpu() -> None:
    x = torch.randn(2, 3, 16, 16) * 5 + 7
    torch.testing.assert_close(_normalise(x, 1e-5), instance_norm(x), rtol=1e-4, atol=1e-5)
    half = _normalise(x.bfloat16(), 1e-5)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), instance_norm(x), rtol=0.05, atol=0.05)


def test_instance_norm_of_a_single_pixel_is_zero() -> None:
    assert instance_norm(torch.randn(1, 3, 1, 1)).abs().max() < 1e-3


constants = pytest.mark.parametrize("value", [0.0, 1.0, -1.0, 0.3, 1e-20, 255.0])
dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])


@layouts
@samples
@dtypes
@constants
@pytest.mark.parametrize("norm", [InstanceNorm(), AffineInstanceNorm(5), LayerNorm(5)])
def test_a_constant_image_becomes_0_and_passes_no_gradient(
    norm: nn.Module, value: float, dtype: torch.dtype, count: int, layout: torch.memory_format
) -> None:
    x = torch.full((count, 5, 12, 8), value, dtype=dtype).to(memory_format=layout).requires_grad_()
    y = norm(x)
    weights = tuple(norm.parameters())
    gradient, *others = torch.autograd.grad(y, (x, *weights), torch.randn_like(y))
    assert not gradient.any()
    assert all(other.isfinite().all() for other in others)
    torch.testing.assert_close(y, torch.zeros_like(y), rtol=0, atol=1e-3 + 1e-4 * abs(value))


@layouts
@pytest.mark.parametrize("value", [0.3, -1.0, 255.0])
def test_rounding_errors_of_a_constant_image_are_not_blown_up(
    value: float, layout: torch.memory_format
) -> None:
    x = torch.full((2, 5, 12, 8), value).to(memory_format=layout)
    x = torch.nextafter(x, torch.randint(0, 2, x.shape) * 1e3)
    scale, shift = torch.randn(2, 5), torch.randn(2, 5)
    for _ in range(4):
        x = instance_norm(x, scale, shift)
        expected = shift[:, :, None, None].expand_as(x)
        torch.testing.assert_close(x, expected, rtol=0, atol=1e-3)  # sums in fp32
        assert x.var((2, 3)).max() < 1e-12


@layouts
def test_a_constant_channel_leaves_the_others_as_they_are(layout: torch.memory_format) -> None:
    x = maps(2, layout).detach()
    x[1, 3] = 2.0
    x.requires_grad_()
    expected, gradient = F.instance_norm(x), torch.randn_like(x)
    (of_x,) = torch.autograd.grad(instance_norm(x), x, gradient)
    (plain,) = torch.autograd.grad(expected, x, gradient)
    torch.testing.assert_close(instance_norm(x), expected)
    assert not of_x[1, 3].any()
    plain[1, 3] = 0
    torch.testing.assert_close(of_x, plain)


@pytest.mark.parametrize("form", [_normalise, lambda x, eps: _layer_norm(x, *affine(5), eps)])
@constants
def test_the_plain_forms_pass_no_gradient_through_constant_images(form, value: float) -> None:
    x = torch.full((2, 5, 12, 8), value, requires_grad=True)
    y = form(x, 1e-5)
    (gradient,) = torch.autograd.grad(y, x, torch.randn_like(y))
    assert not gradient.any()


def affine(channels: int) -> tuple[Tensor, Tensor]:
    return torch.ones(channels), torch.zeros(channels)


def test_many_norms_in_a_row_keep_the_gradient_of_a_blank_image_finite() -> None:
    layers = [layer for _ in range(40) for layer in (nn.Conv2d(5, 5, 1), InstanceNorm())]
    x = torch.ones(1, 5, 8, 8, requires_grad=True)
    nn.Sequential(*layers)(x).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


@pytest.fixture
def strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps of a few pixels are added up in strips."""
    monkeypatch.setattr(statistics, "LARGE", 8)
    monkeypatch.setattr(statistics, "_STRIP", 5)


@pytest.mark.usefixtures("strips")
@samples
def test_norms_of_large_maps_are_the_plain_forms_forward_and_backward(count) -> None:
    x = maps(count, torch.channels_last)
    shift, scale = (torch.randn(count, 5, dtype=torch.float64, requires_grad=True) for _ in "ab")
    plain = F.instance_norm(x) * scale[:, :, None, None] + shift[:, :, None, None]
    agree(adaptive_instance_norm(x, shift, scale), plain, (x, shift, scale))
    norm = LayerNorm(5, eps=0.1).double()
    agree(norm(x), _layer_norm(x, norm.weight, norm.bias, 0.1), (x, norm.weight, norm.bias))


@pytest.mark.usefixtures("strips")
def test_large_constant_maps_pass_no_gradient() -> None:
    x = torch.randn(1, 3, 6, 7).to(memory_format=torch.channels_last)
    x[:, 1] = 0.3
    x.requires_grad_()
    y = instance_norm(x)
    y.square().sum().backward()
    assert not y[:, 1].any() and x.grad is not None and not x.grad[:, 1].any()


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """Run on one and on two threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=[torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
def large_maps(request: pytest.FixtureRequest) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Maps of 2048 x 2048 pixels; their mean, deviation and normalised values to the last bits."""
    x = torch.randn(1, 2, 2048, 2048, generator=torch.Generator().manual_seed(0)).mul_(2).add_(3)
    x = x.to(request.param)
    exact = x.double()
    deviation, mean = torch.std_mean(exact, (0, 2, 3), correction=0)
    exact.sub_(mean[:, None, None]).div_(deviation[:, None, None])
    return x.contiguous(memory_format=torch.channels_last), mean, deviation, exact


def test_large_maps_are_as_accurate_as_small_ones(
    large_maps: tuple[Tensor, Tensor, Tensor, Tensor], threads: int
) -> None:
    """A sum in fp32 would be off by 0.4 %."""
    x, mean, deviation, expected = large_maps
    found = statistics.statistics_of(x, torch.float32)
    normalised = instance_norm(x)
    torch.set_num_threads(1)  # for what is not tested
    torch.testing.assert_close(found[0].double(), mean, rtol=1e-5, atol=0)
    torch.testing.assert_close(found[1].double(), deviation.square(), rtol=1e-5, atol=0)
    error = (normalised.double() - expected).abs().max()
    assert error < (5e-5 if x.dtype == torch.float32 else 0.02)


def test_an_image_normalised_by_itself_in_test_mode_is_accurate_at_any_size() -> None:
    norm = BatchNorm(2)
    norm.test_mode = "train"
    norm.eval()
    x = torch.randn(1, 2, 1024, 1024).mul_(2).add_(3).contiguous(memory_format=torch.channels_last)
    deviation, mean = torch.std_mean(x.double(), (2, 3), correction=0, keepdim=True)
    torch.testing.assert_close(norm(x).double(), (x - mean) / deviation, rtol=0, atol=5e-5)


@torch.no_grad()
@pytest.mark.parametrize("size", [(256, 256), (64, 64), (61, 45), (300, 301)])
def test_translations_in_fp32_are_normalised_to_the_last_bits(size: tuple[int, int]) -> None:
    x = torch.randn(2, 6, *size).mul_(2).add_(3).contiguous(memory_format=torch.channels_last)
    x[:, 1] = 0.3
    scale, shift = torch.rand(2, 6) + 0.5, torch.randn(2, 6)
    exact = x.double()
    variance, mean = torch.var_mean(exact, (2, 3), correction=0, keepdim=True)
    expected = (exact - mean) * (scale[:, :, None, None] / (variance + 1e-5).sqrt())
    expected[:, 1] = 0  # constant
    expected += shift[:, :, None, None]
    found = adaptive_instance_norm(x, shift, scale)
    assert found.stride() == x.stride()
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=5e-6)
    found_mean, found_variance = statistics.statistics_of(x[:1], torch.float32)
    torch.testing.assert_close(found_mean.double(), mean[0, :, 0, 0], rtol=3e-6, atol=0)
    torch.testing.assert_close(found_variance.double(), variance[0, :, 0, 0], rtol=1e-6, atol=1e-12)
