"""What networks may hold to be computed in strips, and what is refused by name."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossimage.inference.strips.engine import StripEngine, TooLargeError
from crossimage.inference.strips.sources import TensorRows
from crossimage.methods.base import Method


class Custom(nn.Module):
    """A method of some layers, as far as translation is concerned."""

    multiple, min_size, upscales, style_dim, fixed_size, test_settings = 4, 4, 1, 0, None, ()
    bytes_per_pixel = None

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.channels = network, {"a": 3, "b": 3}

    def translate(self, x: Tensor, to: str, style: Tensor | None = None) -> Tensor:
        result: Tensor = self.network(x)
        return result


def difference(network: nn.Module, rows: int = 7, size: tuple[int, int] = (45, 36)) -> float:
    """The largest difference between a network in strips and as a whole."""
    torch.manual_seed(0)
    method = cast(Method, Custom(network).eval().requires_grad_(False))
    engine = StripEngine(
        method, torch.device("cpu"), bf16=False, memory="auto", name="custom", smallest=4
    )
    x = torch.rand(1, 3, *size) * 2 - 1
    with torch.no_grad():
        strips = engine.translate(TensorRows(x), "b", None, rows=rows)
        result = torch.cat([piece for _, piece in strips.rows], 2)
        height, width = (-(-side // 4) * 4 for side in size)
        top, left = (height - size[0]) // 2, (width - size[1]) // 2
        padded = F.pad(
            x, (left, width - size[1] - left, top, height - size[0] - top), "reflect"
        )  # fmt: skip
        whole = method.translate(padded, "b")[:, :, top : top + size[0], left : left + size[1]]
    return float((result - whole).abs().max())


class Lambda(nn.Module):
    def __init__(self, function: Any, *layers: nn.Module) -> None:
        super().__init__()
        self.function, self.layers = function, nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.function(x, *self.layers)
        return result


@pytest.mark.parametrize(
    "network",
    [
        nn.Conv2d(3, 3, 5, 1, 4, dilation=2),
        nn.Conv2d(3, 3, 3, 1, "same", padding_mode="replicate"),
        nn.Sequential(nn.Conv2d(3, 4, 5, 4, 2), nn.ConvTranspose2d(4, 3, 6, 4, 1)),
        nn.Sequential(nn.Conv2d(3, 4, 2, 2), nn.ConvTranspose2d(4, 3, 2, 2)),
        nn.Sequential(nn.MaxPool2d(3, 2, 1), nn.Upsample(scale_factor=2, mode="bilinear")),
        nn.Sequential(nn.AvgPool2d(4), nn.Upsample(scale_factor=4)),
        nn.Sequential(nn.Conv2d(3, 48, 3, 4, 1), nn.PixelShuffle(4)),
        nn.Sequential(nn.Conv2d(3, 4, 3, 1, 1), nn.InstanceNorm2d(4, affine=True), nn.GELU()),
        nn.Sequential(nn.Conv2d(3, 8, 3, 1, 1, groups=1), nn.Conv2d(8, 8, 3, 1, 1, groups=8)),
        Lambda(lambda x: F.interpolate(F.avg_pool2d(x, 2), scale_factor=2.0)),
        Lambda(lambda x: F.instance_norm(x) + torch.where(x > 0, x, 2 * x).clamp(-1, 1)),
        Lambda(lambda x: x.softmax(2) + x.softmax(dim=1)),
        Lambda(lambda x: x + torch.linspace(0, 1, x.shape[2])[:, None].expand(x.shape)),
        Lambda(lambda x, c: torch.cat([c(x)[:, :2], x[:, -1:]], 1), nn.Conv2d(3, 3, 3, 1, 1)),
        Lambda(lambda x, c: F.relu(c(x), inplace=True) + 1, nn.Conv2d(3, 3, 1)),
    ],
)
@pytest.mark.parametrize("rows", [1, 7, 16])
def test_layers_give_the_same_in_strips(network: nn.Module, rows: int) -> None:
    assert difference(network, rows) <= 1e-5


def test_layers_that_need_the_whole_image_are_refused_by_name() -> None:
    class Attention(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            keys = x.flatten(2)
            weights = (keys.transpose(1, 2) @ keys).softmax(-1)
            return (keys @ weights).reshape(x.shape)

    for network, name in (
        (Attention(), "flatten"),
        (Lambda(lambda x: x - x.amin((2, 3), keepdim=True)), "amin"),
        (nn.Sequential(nn.Conv2d(3, 3, 1), nn.GroupNorm(1, 3)), "GroupNorm"),
        (Lambda(lambda x: x.flip(2)), "flip"),
        (Lambda(lambda x: x.transpose(2, 3)), "transpose"),
        (Lambda(lambda x: x[:, :, 1:]), "getitem"),
    ):
        with pytest.raises(TooLargeError, match=f"this custom can't .*{name} needs the whole"):
            difference(network)


def test_choices_that_depend_on_the_image_are_refused() -> None:
    with pytest.raises(TooLargeError, match="no fixed sequence|not translate by a fixed sequence"):
        difference(Lambda(lambda x: x if x.mean() > 0 else -x))


def test_overwritten_maps_that_other_layers_need_are_refused() -> None:
    def published(x: Tensor, conv: nn.Module, activation: nn.Module) -> Tensor:
        y = conv(x)
        return activation(y) + y  # y is activated, too

    network = Lambda(published, nn.Conv2d(3, 3, 3, 1, 1), nn.ReLU(inplace=True))
    with pytest.raises(TooLargeError, match="ReLU overwrites values that other layers also need"):
        difference(network)
