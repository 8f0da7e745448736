"""Mapping network, style encoder and discriminator: one head per domain."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from crossimage.networks.stargan_v2.blocks import SLOPE, PoolingBlock


class MappingNetwork(nn.Module):
    """Random codes to styles: shared layers, then layers of each domain.

    Args:
        latent_dim: Length of a code.
        style_dim: Length of a style.
        domains: Number of domains.
        width: Width of all layers between.
    """

    def __init__(self, latent_dim: int, style_dim: int, domains: int, width: int) -> None:
        super().__init__()
        self.shared = _layers([latent_dim, width, width, width, width], last=nn.ReLU())
        self.heads = nn.ModuleList(
            _layers([width, width, width, width, style_dim], last=nn.Identity())
            for _ in range(domains)
        )

    def forward(self, z: Tensor, to: Tensor) -> Tensor:
        """Return the styles (N, style_dim) of codes (N, latent_dim) and one-hot domains (N, L)."""
        out = self.shared(z)
        return of_domain([head(out) for head in self.heads], to)


class StyleEncoder(nn.Module):
    """Images to the styles that they have in a domain.

    Args:
        channels: Channels of the images.
        width: Channels after the first convolution; they double with each halving.
        max_width: Channels never exceed this.
        side: Height and width of the images, a power of two from 8 on.
        style_dim: Length of a style.
        domains: Number of domains.
    """

    def __init__(
        self, channels: int, width: int, max_width: int, side: int, style_dim: int, domains: int
    ) -> None:
        super().__init__()
        self.trunk, size = trunk(channels, width, max_width, side)
        self.heads = nn.ModuleList(nn.Linear(size, style_dim) for _ in range(domains))

    def forward(self, x: Tensor, domain: Tensor) -> Tensor:
        """Return the styles (N, style_dim) of images (N, C, side, side) of domains (N, L)."""
        out = self.trunk(x).flatten(1)
        return of_domain([head(out) for head in self.heads], domain)


class MultiDomainDiscriminator(nn.Module):
    """Scores of images, one per domain.

    Args:
        channels: Channels of the images.
        width: Channels after the first convolution; they double with each halving.
        max_width: Channels never exceed this.
        side: Height and width of the images, a power of two from 8 on.
        domains: Number of domains.
    """

    def __init__(self, channels: int, width: int, max_width: int, side: int, domains: int) -> None:
        super().__init__()
        self.trunk, size = trunk(channels, width, max_width, side)
        self.heads = nn.Conv2d(size, domains, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores (N, L) of images (N, C, side, side), real ones above 0."""
        return self.heads(self.trunk(x)).flatten(1)


def trunk(channels: int, width: int, max_width: int, side: int) -> tuple[nn.Sequential, int]:
    """Build the layers from an image to a vector: halvings to 4x4, and a convolution over these.

    Returns:
        The layers, to (N, size, 1, 1), and the size.
    """
    depth = side.bit_length() - 3
    sizes = [min(width << i, max_width) for i in range(depth + 1)]
    layers = nn.Sequential(nn.Conv2d(channels, sizes[0], 3, 1, 1))
    for a, b in zip(sizes, sizes[1:], strict=False):
        layers.append(PoolingBlock(a, b, halves=True))
    layers.extend([
        nn.LeakyReLU(SLOPE), nn.Conv2d(sizes[-1], sizes[-1], 4), nn.LeakyReLU(SLOPE),
    ])  # fmt: skip
    return layers, sizes[-1]


def of_domain(values: Sequence[Tensor], domain: Tensor) -> Tensor:
    """Choose one of the values (N, D) of all domains for each row.

    Args:
        values: The values of each of L domains.
        domain: One-hot domains (N, L).
    """
    rows = torch.arange(domain.shape[0], device=domain.device)
    return torch.stack(list(values), 1)[rows, domain.argmax(1)]


def _layers(sizes: Sequence[int], last: nn.Module) -> nn.Sequential:
    """Build linear layers with ReLUs between and ``last`` after them."""
    layers = nn.Sequential()
    for a, b in zip(sizes, sizes[1:], strict=False):
        layers.extend([nn.Linear(a, b), nn.ReLU()])
    layers[-1] = last
    return layers
