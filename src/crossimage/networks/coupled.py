"""Coupled networks of small images: two domains share all layers but those next to the images."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossimage.networks.layers.blocks import BatchNorm, Dropout


def with_coordinates(x: Tensor) -> Tensor:
    """Append two channels to images (N, C, H, W): each pixel's row and column in [-1, 1)."""
    height, width = x.shape[2:]
    rows = torch.arange(height, device=x.device, dtype=x.dtype) * (2 / height) - 1
    columns = torch.arange(width, device=x.device, dtype=x.dtype) * (2 / width) - 1
    xy = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))
    return torch.cat([x, xy.expand(x.shape[0], -1, -1, -1)], 1)


class CoupledVAE(nn.Module):
    """Two variational autoencoders that share a latent space of one vector per image.

    Only the first layer of the encoders and the last two of the decoders are specific to a domain.
    The encoders get the pixel coordinates as two additional channels.

    Args:
        channels: Channels of the images by domain.
        width: Channels of the first layer.
        size: Height and width of the images, a multiple of 8.
    """

    def __init__(self, channels: Mapping[str, int], width: int, size: int) -> None:
        super().__init__()
        w = width
        self.first = nn.ModuleDict(
            {d: _Normed(nn.Conv2d(c + 2, w, 5, 2, 2, bias=False)) for d, c in channels.items()}
        )
        self.encoder = nn.Sequential(
            _Normed(nn.Conv2d(w, 2 * w, 5, 2, 2, bias=False)),
            _Normed(nn.Conv2d(2 * w, 4 * w, size // 4, bias=False)),
            _Normed(nn.Conv2d(4 * w, 8 * w, 1, bias=False)),
        )
        self.mean = nn.Conv2d(8 * w, 8 * w, 1)
        self.deviation = nn.Conv2d(8 * w, 8 * w, 1)
        self.decoder = nn.Sequential(
            _Normed(nn.ConvTranspose2d(8 * w, 8 * w, size // 8, bias=False)),
            _Normed(nn.ConvTranspose2d(8 * w, 4 * w, 4, 2, 1, bias=False)),
            _Normed(nn.ConvTranspose2d(4 * w, 2 * w, 4, 2, 1, bias=False)),
        )
        self.last = nn.ModuleDict({
            d: nn.Sequential(
                _Normed(nn.ConvTranspose2d(2 * w, w, 4, 2, 1, bias=False)),
                nn.Conv2d(w, c, 1),
                nn.Tanh(),
            )
            for d, c in channels.items()
        })  # fmt: skip

    def encode(self, images: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of the latent codes, each (all N, 8 * width, 1, 1).

        Args:
            images: Images (N, C, size, size) by domain; their codes are concatenated in this order.
        """
        h = torch.cat([self.first[d](with_coordinates(x)) for d, x in images.items()])
        h = self.encoder(h)
        return self.mean(h), F.softplus(self.deviation(h))

    def decode(self, z: Tensor, *domains: str) -> list[Tensor]:
        """Decode latent codes into images (N, C, size, size) in [-1, 1] of each of the domains."""
        h = self.decoder(z)
        return [self.last[d](h) for d in domains]


class _Normed(nn.Sequential):
    """Convolution, batch norm without a scale, leaky ReLU of slope 0.01."""

    def __init__(self, conv: nn.Conv2d | nn.ConvTranspose2d) -> None:
        super().__init__()
        self.conv = conv
        self.norm = BatchNorm(conv.out_channels)
        self.norm.register_parameter("weight", None)
        self.activation = nn.LeakyReLU(0.01, inplace=True)


class CoupledDiscriminator(nn.Module):
    """Two discriminators that also classify and share all layers except the first.

    Args:
        channels: Channels of the images by domain.
        classes: Number of classes.
        width: Channels of the first layer; every further layer doubles them.
        size: Height and width of the images, a multiple of 16.
    """

    def __init__(self, channels: Mapping[str, int], classes: int, width: int, size: int) -> None:
        super().__init__()
        w = width
        self.first = nn.ModuleDict({d: _Pooled(c, w) for d, c in channels.items()})
        self.shared = nn.ModuleList(
            [_Pooled(w, 2 * w), _Pooled(2 * w, 4 * w), _Pooled(4 * w, 8 * w)]
        )
        self.dropouts = nn.ModuleList(Dropout(p) for p in (0.1, 0.3, 0.5, 0.5))
        self.real = nn.Conv2d(8 * w, 1, size // 16)
        self.classes = nn.Conv2d(8 * w, classes, size // 16)

    def features(self, images: Mapping[str, Tensor], *, drop: bool = True) -> Tensor:
        """Return the last shared feature maps, (all N, 8 * width, size / 16, size / 16).

        Args:
            images: Images (N, C, size, size) by domain; their maps are concatenated in this order.
            drop: Apply dropout before every shared layer and after the last.
        """
        h = torch.cat([self.first[d](x) for d, x in images.items()])
        for dropout, layer in zip(self.dropouts, (*self.shared, nn.Identity()), strict=True):
            h = layer(dropout(h) if drop else h)
        return h

    def score(self, features: Tensor) -> Tensor:
        """Score features: (N, 1, 1, 1), above 0 for images classified as real."""
        return self.real(features)

    def classify(self, features: Tensor) -> Tensor:
        """Return class logits (N, classes) of features."""
        return self.classes(features).flatten(1)


class _Pooled(nn.Sequential):
    """5x5 convolution, 2x2 max-pool, ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 5, padding=2), nn.MaxPool2d(2), nn.ReLU(inplace=True)
        )
