import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F

from crossimage.networks.layers.convolution import PaddedConv2d
from crossimage.networks.layers.plain import plain_layers
from crossimage.networks.layers.upsampling import UpsampledConv
from crossimage.networks.layers.winograd import (
    is_winograd,
    prepared_bytes,
    transformed,
    winograd_conv,
)

CHANNELS = 128


def frozen(layer: torch.nn.Module) -> torch.nn.Module:
    return layer.requires_grad_(False).to(memory_format=torch.channels_last)


@pytest.fixture(scope="module")
def maps() -> Tensor:
    return torch.randn(2, CHANNELS, 19, 22, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
@pytest.mark.parametrize("size", [(3, 3), (5, 18), (8, 19), (4, 21), (70, 64)])
@pytest.mark.parametrize("biased", [True, False])
def test_it_rounds_as_little_as_the_plain_sum(size, biased) -> None:
    x = torch.randn(2, CHANNELS, *size)
    weight = torch.randn(96, CHANNELS, 3, 3) / CHANNELS**0.5
    bias = torch.randn(96) if biased else None
    exact = F.conv2d(x.double(), weight.double(), None if bias is None else bias.double())
    found = winograd_conv(x, transformed(weight), bias)
    assert found.shape == exact.shape
    assert (found - exact).abs().max() <= 3e-5 * exact.std()


@torch.no_grad()
@pytest.mark.parametrize("pad", ["zeros", "reflect", "replicate"])
@pytest.mark.parametrize("kind", ["same", "doubled"])
def test_frozen_layers_are_the_same_in_both_forms(maps, pad, kind) -> None:
    layer = frozen(
        PaddedConv2d(CHANNELS, 130, 3, 1, 1, padding_mode=pad)
        if kind == "same"
        else UpsampledConv(CHANNELS, CHANNELS // 2, 5, 1, 2, padding_mode=pad)
    )
    assert is_winograd(maps, layer.weight)
    found = layer(maps)
    with plain_layers():
        assert not is_winograd(maps, layer.weight)
        expected = layer(maps)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_rows_do_not_depend_on_how_many_are_computed_together(maps) -> None:
    layer = frozen(PaddedConv2d(CHANNELS, CHANNELS, 3, 1, 0))
    whole = layer(maps)
    for first, last in ((0, 1), (3, 9), (8, 17)):
        strip = layer(maps[:, :, first : last + 2])
        torch.testing.assert_close(strip, whole[:, :, first:last], rtol=1e-6, atol=1e-6)


def test_layers_that_train_or_compute_otherwise_are_left_to_pytorch(maps) -> None:
    layer = frozen(PaddedConv2d(CHANNELS, CHANNELS, 3, 1, 1))
    assert not is_winograd(maps, layer.weight)  # gradients may be asked for
    with torch.no_grad():
        assert is_winograd(maps, layer.weight)
        assert not is_winograd(maps[..., :8], layer.weight)
        assert not is_winograd(maps.double(), layer.weight.double())
        assert not is_winograd(maps, layer.weight[:64])
        with torch.autocast("cpu", torch.bfloat16):
            assert not is_winograd(maps, layer.weight)
        layer.requires_grad_(True)
        assert not is_winograd(maps, layer.weight)


@torch.no_grad()
@pytest.mark.parametrize("kind", [PaddedConv2d, UpsampledConv])
def test_layers_are_traced_without_values(maps, kind) -> None:
    kernel = 3 if kind is PaddedConv2d else 5
    layer = frozen(kind(CHANNELS, CHANNELS, kernel, 1, kernel // 2))
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        shape = layer(mode.from_tensor(maps)).shape
    assert shape == layer(maps).shape


def test_networks_know_what_their_kernels_take() -> None:
    wide = PaddedConv2d(CHANNELS, CHANNELS, 3, 1, 1)
    doubled = UpsampledConv(CHANNELS, CHANNELS // 2, 5, 1, 2)
    narrow = PaddedConv2d(64, CHANNELS, 3, 1, 1)
    networks = torch.nn.Sequential(wide, doubled, narrow)
    assert prepared_bytes(networks) == 4 * CHANNELS**2 * (2 * 9 + 3 * 25 / 2)
