"""The networks of the official CycleGAN, pix2pix and BicycleGAN code in plain PyTorch.

Written for the tests from what the architectures are: layers have the official places in sequences,
so that the tensors have the official names. What is built here is small and random.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn


def norm_layers(name: str, channels: int, *, leftovers: bool = False) -> list[nn.Module]:
    """The norm in its place; instance norms may carry statistics that nothing uses."""
    if name == "batch":
        return [nn.BatchNorm2d(channels)]
    if name == "instance":
        return [nn.InstanceNorm2d(channels, track_running_stats=leftovers)]
    return [nn.Identity()]


class Model(nn.Module):
    """A sequence under the name ``model``."""

    def __init__(self, *layers: nn.Module, name: str = "model") -> None:
        super().__init__()
        self.name = name
        self.add_module(name, nn.Sequential(*layers))

    def forward(self, x: Tensor) -> Tensor:
        return getattr(self, self.name)(x)


class Shortcut(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


def resnet(
    a: int = 3, b: int = 3, width: int = 4, blocks: int = 6, norm: str = "instance",
    dropout: bool = False, leftovers: bool = False, halvings: int = 2, always_bias: bool = False,
) -> nn.Module:  # fmt: skip
    """With more halvings and always with biases, it is the global generator of pix2pixHD."""
    bias = norm == "instance" or always_bias
    sizes = [width << i for i in range(halvings)]
    wide = width << halvings

    def normed(channels: int) -> list[nn.Module]:
        return norm_layers(norm, channels, leftovers=leftovers)

    def block() -> nn.Module:
        drop = [nn.Dropout(0.5)] if dropout else []
        conv = [nn.Conv2d(wide, wide, 3, bias=bias) for _ in range(2)]
        pad = [nn.ReflectionPad2d(1) for _ in range(2)]
        first = [pad[0], conv[0], *normed(wide), nn.ReLU()]
        return Shortcut(*first, *drop, pad[1], conv[1], *normed(wide))

    layers = [nn.ReflectionPad2d(3), nn.Conv2d(a, width, 7, bias=bias), *normed(width), nn.ReLU()]
    for c in sizes:
        layers += [nn.Conv2d(c, 2 * c, 3, 2, 1, bias=bias), *normed(2 * c), nn.ReLU()]
    layers += [block() for _ in range(blocks)]
    for c in reversed(sizes):
        up = nn.ConvTranspose2d(2 * c, c, 3, 2, 1, output_padding=1, bias=bias)
        layers += [up, *normed(c), nn.ReLU()]
    return Model(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, b, 7), nn.Tanh())


class Level(nn.Module):
    """A level of a U-Net; all but the outermost put what came in beside what goes out."""

    def __init__(self, layers: list[nn.Module], skip: str) -> None:
        super().__init__()
        self.model = nn.Sequential(*layers)
        self.skip = skip

    def forward(self, x: Tensor) -> Tensor:
        y = self.model(x)
        maps = {"first": [x, y], "last": [y, x], "none": [y]}[self.skip]
        return torch.cat(maps, 1)


def unet(
    a: int = 3, b: int = 3, width: int = 2, depth: int = 7, norm: str = "batch",
    bicycle: bool = False,
) -> nn.Module:  # fmt: skip
    """Of pix2pix; that of BicycleGAN has all biases, no gaps and its skips last."""
    bias = bicycle or norm == "instance"
    skip = "last" if bicycle else "first"
    sizes = [width * min(2**i, 8) for i in range(depth)]

    def normed(channels: int) -> list[nn.Module]:
        return [] if bicycle and norm == "none" else norm_layers(norm, channels)

    def down(i: int, o: int) -> nn.Module:
        return nn.Conv2d(i, o, 4, 2, 1, bias=bias)

    def up(i: int, o: int) -> nn.Module:
        return nn.ConvTranspose2d(i, o, 4, 2, 1, bias=bias)

    inner, outer = sizes[-1], sizes[-2]
    layers = [nn.LeakyReLU(0.2), down(outer, inner), nn.ReLU(), up(inner, outer), *normed(outer)]
    for inner, outer in zip(sizes[-2:0:-1], sizes[-3::-1], strict=True):
        ends = [nn.ReLU(), up(2 * inner, outer), *normed(outer)]
        start = [nn.LeakyReLU(0.2), down(outer, inner), *normed(inner)]
        layers = [*start, Level(layers, skip), *ends]
    last = nn.ConvTranspose2d(2 * width, b, 4, 2, 1)
    layers = [down(a, width), Level(layers, skip), nn.ReLU(), last, nn.Tanh()]
    network = nn.Module()
    network.model = Level(layers, "none")
    network.forward = network.model.forward
    return network


class CodeLevel(nn.Module):
    """A level of BicycleGAN's U-Net that takes the code itself."""

    def __init__(
        self,
        down: list[nn.Module],
        up: list[nn.Module],
        submodule: nn.Module | None,
        outermost: bool,
    ) -> None:
        super().__init__()
        self.down, self.submodule, self.up = nn.Sequential(*down), submodule, nn.Sequential(*up)
        self.outermost = outermost

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        y = self.down(with_maps(x, z))
        y = self.up(y if self.submodule is None else self.submodule(y, z))
        return y if self.outermost else torch.cat([y, x], 1)


def with_maps(x: Tensor, z: Tensor) -> Tensor:
    return torch.cat([x, z[:, :, None, None].expand(*z.shape, *x.shape[2:])], 1)


def code_unet(
    a: int = 3, b: int = 3, width: int = 2, depth: int = 7, norm: str = "instance", nz: int = 8
) -> nn.Module:
    sizes = [width * min(2**i, 8) for i in range(depth)]

    def normed(channels: int) -> list[nn.Module]:
        return [] if norm == "none" else norm_layers(norm, channels)

    level = None
    for i in reversed(range(depth)):
        inner, outer = sizes[i], sizes[i - 1] if i else b
        down = [nn.Conv2d((outer if i else a) + nz, inner, 4, 2, 1)]
        up = [nn.ReLU(), nn.ConvTranspose2d(inner * (1 + (i < depth - 1)), outer, 4, 2, 1)]
        if i:
            down = [nn.LeakyReLU(0.2), *down, *(normed(inner) if level else [])]
        up += normed(outer) if i else [nn.Tanh()]
        level = CodeLevel(down, up, level, not i)
    network = nn.Module()
    network.model = level
    network.forward = level.forward
    return network


class HalvingBlock(nn.Module):
    def __init__(self, i: int, o: int, norm: str) -> None:
        super().__init__()
        normed = [] if norm == "none" else [norm_layers(norm, i)[0], norm_layers(norm, i)[0]]
        last = nn.Sequential(nn.Conv2d(i, o, 3, 1, 1), nn.AvgPool2d(2))
        convs = [nn.Conv2d(i, i, 3, 1, 1), last]
        layers = [
            [*normed[k : k + 1], nn.LeakyReLU(0.2, inplace=True), conv]
            for k, conv in enumerate(convs)
        ]
        self.conv = nn.Sequential(*layers[0], *layers[1])
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(i, o, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) + self.shortcut(x)


class Encoder(nn.Module):
    def __init__(
        self, b: int = 3, width: int = 2, halvings: int = 4, norm: str = "instance", nz: int = 8,
        residual: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        sizes = [width * min(1 + i if residual else 2**i, 4) for i in range(halvings)]
        layers = [nn.Conv2d(b, width, 4, 2, 1)]
        for i, o in zip(sizes, sizes[1:], strict=False):
            if residual:
                layers.append(HalvingBlock(i, o, norm))
            else:
                normed = [] if norm == "none" else norm_layers(norm, o)
                layers += [nn.LeakyReLU(0.2), nn.Conv2d(i, o, 4, 2, 1), *normed]
        self.conv = nn.Sequential(*layers, nn.LeakyReLU(0.2), nn.AvgPool2d(8))
        self.fc = nn.Sequential(nn.Linear(sizes[-1], nz))
        self.fcVar = nn.Sequential(nn.Linear(sizes[-1], nz))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv(x).flatten(1))


def patch_layers(
    c: int, width: int, layers: int, norm: str, *, always_bias: bool = False
) -> list[nn.Module]:
    bias = always_bias or norm == "instance"
    sizes = [width * min(2**i, 8) for i in range(layers + 1)]
    modules: list[nn.Module] = [nn.Conv2d(c, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    for n in range(layers):
        stride = 2 if n < layers - 1 else 1
        modules.append(nn.Conv2d(sizes[n], sizes[n + 1], 4, stride, 1, bias=bias))
        modules += [*norm_layers(norm, sizes[n + 1]), nn.LeakyReLU(0.2)]
    return [*modules, nn.Conv2d(sizes[-1], 1, 4, 1, 1)]


def patch(c: int = 3, width: int = 4, layers: int = 3, norm: str = "instance") -> nn.Module:
    return Model(*patch_layers(c, width, layers, norm))


def pixel(c: int = 3, width: int = 4, norm: str = "instance") -> nn.Module:
    bias = norm == "instance"
    layers = [nn.Conv2d(c, width, 1), nn.LeakyReLU(0.2), nn.Conv2d(width, 2 * width, 1, bias=bias)]
    layers += [*norm_layers(norm, 2 * width), nn.LeakyReLU(0.2)]
    return Model(*layers, nn.Conv2d(2 * width, 1, 1, bias=bias), name="net")


class Scales(nn.Module):
    """BicycleGAN's discriminator of several scales."""

    def __init__(
        self, c: int = 3, width: int = 4, layers: int = 2, scales: int = 2, norm: str = "instance"
    ) -> None:
        super().__init__()
        for i in range(scales):
            network = patch_layers(c, round(width / 2**i), layers, norm, always_bias=True)
            self.add_module(f"model_{i}", nn.Sequential(*network))
        self.scales = scales

    def forward(self, x: Tensor) -> list[Tensor]:
        scores = []
        for i in range(self.scales):
            scores.append(getattr(self, f"model_{i}")(x))
            x = nn.functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        return scores


@torch.no_grad()
def randomise(network: nn.Module) -> nn.Module:
    """Draw random weights and statistics."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
            if layer.bias is not None:
                layer.bias.normal_(0, 0.3)
        if isinstance(layer, nn.BatchNorm2d):
            layer.weight.uniform_(0.5, 1.5)
            layer.bias.normal_(0, 0.3)
            layer.running_mean.normal_(0, 0.3)
            layer.running_var.uniform_(0.5, 1.5)
    return network


def saved(network: nn.Module, path: Path, *, module: bool = False) -> Path:
    """Random weights and statistics, written as the official code does."""
    state = randomise(network).state_dict()
    if module:
        state = {f"module.{name}": value for name, value in state.items()}
    torch.save(state, path)
    return path
