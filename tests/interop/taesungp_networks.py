"""The networks of the official code of CUT in plain PyTorch, small and random.

Written for the tests from what the architectures are: layers have the official places in sequences,
so that the tensors have the official names.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.interop.junyanz_networks import Model, Shortcut, norm_layers


class Filter(nn.Module):
    """A fixed filter, one copy per channel, which halves or doubles the resolution."""

    def __init__(self, channels: int, *taps: float) -> None:
        super().__init__()
        line = torch.tensor(taps) / sum(taps)
        self.register_buffer("filt", torch.outer(line, line).repeat(channels, 1, 1, 1))


class Down(Filter):
    def __init__(self, channels: int) -> None:
        super().__init__(channels, 1.0, 2.0, 1.0)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, (1, 1, 1, 1), mode="reflect")
        return F.conv2d(x, self.filt, stride=2, groups=x.shape[1])


class Up(Filter):
    def __init__(self, channels: int) -> None:
        super().__init__(channels, 1.0, 3.0, 3.0, 1.0)
        self.filt *= 4

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, (1, 1, 1, 1), mode="replicate")
        return F.conv_transpose2d(x, self.filt, stride=2, padding=3, groups=x.shape[1])


def resnet(
    c: int = 3, width: int = 4, blocks: int = 2, norm: str = "instance", dropout: bool = False,
    antialias: bool = True, antialias_up: bool = True,
) -> nn.Module:  # fmt: skip
    bias, wide = norm == "instance", 4 * width

    def block() -> nn.Module:
        drop = [nn.Dropout(0.5)] if dropout else []
        convs = [nn.Conv2d(wide, wide, 3, bias=bias) for _ in range(2)]
        first = [nn.ReflectionPad2d(1), convs[0], *norm_layers(norm, wide), nn.ReLU(True)]
        return Shortcut(*first, *drop, nn.ReflectionPad2d(1), convs[1], *norm_layers(norm, wide))

    first = nn.Conv2d(c, width, 7, bias=bias)
    layers = [nn.ReflectionPad2d(3), first, *norm_layers(norm, width), nn.ReLU(True)]
    for i in (width, 2 * width):
        layers.append(nn.Conv2d(i, 2 * i, 3, 1 if antialias else 2, 1, bias=bias))
        layers += [*norm_layers(norm, 2 * i), nn.ReLU(True), *[Down(2 * i)][: int(antialias)]]
    layers += [block() for _ in range(blocks)]
    for o in (2 * width, width):
        if antialias_up:
            layers += [Up(2 * o), nn.Conv2d(2 * o, o, 3, 1, 1, bias=bias)]
        else:
            layers.append(nn.ConvTranspose2d(2 * o, o, 3, 2, 1, output_padding=1, bias=bias))
        layers += [*norm_layers(norm, o), nn.ReLU(True)]
    return Model(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, c, 7), nn.Tanh())


def maps(network: nn.Module, x: Tensor, layers: list[int]) -> list[Tensor]:
    """What the official code calls the features of some layers."""
    found = []
    for number, layer in enumerate(network.model[: layers[-1] + 1]):
        x = layer(x)
        if number in layers:
            found.append(x)
    return found


def heads(widths: list[int], width: int = 6) -> nn.Module:
    network = nn.Module()
    for i, c in enumerate(widths):
        mlp = nn.Sequential(nn.Linear(c, width), nn.ReLU(), nn.Linear(width, width))
        network.add_module(f"mlp_{i}", mlp)
    return network


def patch(
    c: int = 3, width: int = 4, layers: int = 3, norm: str = "instance", antialias: bool = True
) -> nn.Module:
    bias = norm == "instance"
    sizes = [width * min(2**i, 8) for i in range(layers + 1)]
    stride = 1 if antialias else 2
    modules: list[nn.Module] = [nn.Conv2d(c, width, 4, stride, 1), nn.LeakyReLU(0.2, True)]
    for n in range(layers):
        modules += [Down(sizes[n])] if antialias else []
        last = n == layers - 1
        modules.append(nn.Conv2d(sizes[n], sizes[n + 1], 4, 1 if last else stride, 1, bias=bias))
        modules += [*norm_layers(norm, sizes[n + 1]), nn.LeakyReLU(0.2, True)]
    return Model(*modules, nn.Conv2d(sizes[-1], 1, 4, 1, 1))
