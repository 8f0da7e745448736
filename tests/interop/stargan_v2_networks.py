"""The networks of StarGAN v2 in plain PyTorch, their layers under their official names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def widths(width: int, largest: int, halvings: int) -> list[int]:
    return [min(width * 2**i, largest) for i in range(halvings + 1)]


class Down(nn.Module):
    def __init__(self, a: int, b: int, norm: bool = False, half: bool = True) -> None:
        super().__init__()
        self.half = half
        self.conv1, self.conv2 = nn.Conv2d(a, a, 3, padding=1), nn.Conv2d(a, b, 3, padding=1)
        if norm:
            self.norm1, self.norm2 = (nn.InstanceNorm2d(a, affine=True) for _ in range(2))
        if a != b:
            self.conv1x1 = nn.Conv2d(a, b, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        pool = nn.AvgPool2d(2) if self.half else nn.Identity()
        norms = [getattr(self, name, nn.Identity()) for name in ("norm1", "norm2")]
        y = pool(self.conv1(F.leaky_relu(norms[0](x), 0.2)))
        y = self.conv2(F.leaky_relu(norms[1](y), 0.2))
        return (y + pool(getattr(self, "conv1x1", nn.Identity())(x))) * 0.5**0.5


class Norm(nn.Module):
    def __init__(self, channels: int, style: int) -> None:
        super().__init__()
        self.fc = nn.Linear(style, 2 * channels)

    def forward(self, x: Tensor, s: Tensor) -> Tensor:
        gamma, beta = self.fc(s)[..., None, None].split(x.shape[1], 1)
        return F.instance_norm(x) * (1 + gamma) + beta


class Up(nn.Module):
    def __init__(self, a: int, b: int, style: int, double: bool, faces: bool) -> None:
        super().__init__()
        self.double, self.faces = double, faces
        self.conv1, self.conv2 = nn.Conv2d(a, b, 3, padding=1), nn.Conv2d(b, b, 3, padding=1)
        self.norm1, self.norm2 = Norm(a, style), Norm(b, style)
        if a != b:
            self.conv1x1 = nn.Conv2d(a, b, 1, bias=False)  # of faces too, though never used

    def forward(self, x: Tensor, s: Tensor) -> Tensor:
        up = nn.Upsample(scale_factor=2) if self.double else nn.Identity()
        y = self.conv1(up(F.leaky_relu(self.norm1(x, s), 0.2)))
        y = self.conv2(F.leaky_relu(self.norm2(y, s), 0.2))
        if self.faces:
            return y
        return (y + getattr(self, "conv1x1", nn.Identity())(up(x))) * 0.5**0.5


class Generator(nn.Module):
    def __init__(self, side: int, width: int, largest: int, style: int, faces: bool) -> None:
        super().__init__()
        halvings = side.bit_length() - 1 - (3 if faces else 4)
        sizes = widths(width, largest, halvings)
        pairs, last = list(zip(sizes, sizes[1:], strict=False)), sizes[-1]
        self.from_rgb = nn.Conv2d(3, width, 3, padding=1)
        self.encode = nn.ModuleList(Down(a, b, norm=True) for a, b in pairs)
        self.encode.extend(Down(last, last, norm=True, half=False) for _ in range(2))
        self.decode = nn.ModuleList(Up(last, last, style, False, faces) for _ in range(2))
        self.decode.extend(Up(b, a, style, True, faces) for a, b in reversed(pairs))
        self.to_rgb = nn.Sequential(
            nn.InstanceNorm2d(width, affine=True), nn.LeakyReLU(0.2), nn.Conv2d(width, 3, 1)
        )

    def forward(self, x: Tensor, s: Tensor) -> Tensor:
        """Translate without masks."""
        x = self.from_rgb(x)
        for block in self.encode:
            x = block(x)
        for block in self.decode:
            x = block(x, s)
        return self.to_rgb(x)


def mlp(*sizes: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers)


class Mapping(nn.Module):
    def __init__(self, latent: int, style: int, domains: int, hidden: int) -> None:
        super().__init__()
        self.shared = mlp(latent, *[hidden] * 4)
        self.unshared = nn.ModuleList(mlp(*[hidden] * 4, style)[:-1] for _ in range(domains))

    def forward(self, z: Tensor, domain: int) -> Tensor:
        return self.unshared[domain](self.shared(z))


def body(side: int, width: int, largest: int) -> list[nn.Module]:
    sizes = widths(width, largest, side.bit_length() - 3)
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1)]
    layers += [Down(a, b) for a, b in zip(sizes, sizes[1:], strict=False)]
    return [*layers, nn.LeakyReLU(0.2), nn.Conv2d(sizes[-1], sizes[-1], 4), nn.LeakyReLU(0.2)]


class StyleEncoder(nn.Module):
    def __init__(self, side: int, width: int, largest: int, style: int, domains: int) -> None:
        super().__init__()
        self.shared = nn.Sequential(*body(side, width, largest))
        last = self.shared[-2].out_channels
        self.unshared = nn.ModuleList(nn.Linear(last, style) for _ in range(domains))

    def forward(self, x: Tensor, domain: int) -> Tensor:
        return self.unshared[domain](self.shared(x).flatten(1))


class Discriminator(nn.Module):
    def __init__(self, side: int, width: int, largest: int, domains: int) -> None:
        super().__init__()
        layers = body(side, width, largest)
        self.main = nn.Sequential(*layers, nn.Conv2d(layers[-2].out_channels, domains, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.main(x).flatten(1)


def build(
    side: int = 32, width: int = 4, largest: int = 8, style: int = 5, latent: int = 3,
    hidden: int = 6, domains: int = 3, faces: bool = False,
) -> dict[str, nn.Module]:  # fmt: skip
    networks: dict[str, nn.Module] = {
        "generator": Generator(side, width, largest, style, faces),
        "mapping_network": Mapping(latent, style, domains, hidden),
        "style_encoder": StyleEncoder(side, width, largest, style, domains),
        "discriminator": Discriminator(side, width, largest, domains),
    }
    with torch.no_grad():
        for network in networks.values():
            for parameter in network.parameters():
                parameter += 0.1 * torch.randn_like(parameter) * (parameter.dim() == 1)
    return networks


def saved(networks: dict[str, Any], path: Path, *names: str, module: bool = False) -> Path:
    start = "module." if module else ""
    content = {
        name: {f"{start}{key}": value for key, value in networks[name].state_dict().items()}
        for name in names
    }
    torch.save(content, path)
    return path
