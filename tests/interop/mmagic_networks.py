"""The networks of mmagic's CycleGAN and pix2pix in plain PyTorch, with the names of its tensors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ACTIVATIONS = {
    "relu": nn.functional.relu,
    "lrelu": lambda x: F.leaky_relu(x, 0.2),
    "tanh": torch.tanh,
    "none": lambda x: x,
}


class Layer(nn.Module):
    """A convolution, its norm and its activation, which may come first."""

    def __init__(
        self, conv: nn.Module, norm: str = "none", activation: str = "relu", first: bool = False,
        padding: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.conv, self.padding = conv, padding
        channels = conv.out_channels
        if norm == "batch":
            self.bn = nn.BatchNorm2d(channels)
        elif norm == "instance":
            self.add_module("in", nn.InstanceNorm2d(channels))
        self.act, self.first = ACTIVATIONS[activation], first

    def forward(self, x: Tensor) -> Tensor:
        if self.first:
            x = self.act(x)
        if self.padding:
            x = F.pad(x, [self.padding] * 4, mode="reflect")
        x = self.conv(x)
        for name in ("bn", "in"):
            x = self._modules[name](x) if name in self._modules else x
        return x if self.first else self.act(x)


class Named(nn.Module):
    """A sequence under a name, with or without a shortcut around it."""

    def __init__(self, *layers: nn.Module, name: str = "model", shortcut: bool = False) -> None:
        super().__init__()
        self.name, self.shortcut = name, shortcut
        self.add_module(name, nn.Sequential(*layers))

    def forward(self, x: Tensor) -> Tensor:
        y = self._modules[self.name](x)
        return x + y if self.shortcut else y


def resnet(
    a: int = 3, b: int = 3, width: int = 4, blocks: int = 2, norm: str = "instance",
    dropout: bool = False,
) -> nn.Module:  # fmt: skip
    bias, wide = norm == "instance", 4 * width
    layers = [Layer(nn.Conv2d(a, width, 7, bias=bias), norm, padding=3)]
    for c in (width, 2 * width):
        layers.append(Layer(nn.Conv2d(c, 2 * c, 3, 2, 1, bias=bias), norm))
    for _ in range(blocks):
        first = Layer(nn.Conv2d(wide, wide, 3, bias=bias), norm, padding=1)
        second = Layer(nn.Conv2d(wide, wide, 3, bias=bias), norm, "none", padding=1)
        between = [nn.Dropout(0.5)] if dropout else []
        layers.append(Named(first, *between, second, name="block", shortcut=True))
    for c in (2 * width, width):
        layers.append(Layer(nn.ConvTranspose2d(2 * c, c, 3, 2, 1, 1, bias=bias), norm))
    return Named(*layers, Layer(nn.Conv2d(width, b, 7), activation="tanh", padding=3))


class Level(nn.Module):
    """A level of the U-Net; its first activation works in place, so its skip carries the result."""

    def __init__(self, *layers: nn.Module, outermost: bool = False) -> None:
        super().__init__()
        self.model, self.outermost = nn.Sequential(*layers), outermost

    def forward(self, x: Tensor) -> Tensor:
        y = self.model(x)
        return y if self.outermost else torch.cat([F.leaky_relu(x, 0.2), y], 1)


def unet(a: int = 3, b: int = 3, width: int = 2, depth: int = 7, norm: str = "batch") -> nn.Module:
    bias = norm == "instance"
    sizes = [width * min(2**i, 8) for i in range(depth)]
    level = None
    for i in reversed(range(1, depth)):
        inner, outer = sizes[i], sizes[i - 1]
        down = nn.Conv2d(outer, inner, 4, 2, 1, bias=bias)
        up = nn.ConvTranspose2d(inner * (2 if level else 1), outer, 4, 2, 1, bias=bias)
        middle = [level, nn.Dropout(0.5)] if level else []
        level = Level(
            Layer(down, norm if level else "none", "lrelu", first=True),
            *middle[:1],
            Layer(up, norm, first=True),
            *middle[1:],
        )
    down, up = nn.Conv2d(a, width, 4, 2, 1, bias=bias), nn.ConvTranspose2d(2 * width, b, 4, 2, 1)
    ends = Layer(down, activation="none"), Layer(up, activation="relu", first=True)
    network = nn.Module()
    network.model = Level(ends[0], level, ends[1], nn.Tanh(), outermost=True)
    network.forward = network.model.forward
    return network


def patch(c: int = 3, width: int = 4, layers: int = 3, norm: str = "instance") -> nn.Module:
    sizes = [width * min(2**i, 8) for i in range(layers + 1)]
    modules: list[nn.Module] = [Layer(nn.Conv2d(c, width, 4, 2, 1), activation="lrelu")]
    for i in range(layers):
        stride = 2 if i < layers - 1 else 1
        conv = nn.Conv2d(sizes[i], sizes[i + 1], 4, stride, 1, bias=norm == "instance")
        modules.append(Layer(conv, norm, "lrelu"))
    return Named(*modules, nn.Conv2d(sizes[-1], 1, 4, 1, 1))
