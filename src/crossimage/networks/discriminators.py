"""Discriminators of images: multi-scale, patch-wise and whole-image."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossimage.networks.augmentation.discriminators import is_augmenting
from crossimage.networks.layers.blocks import (
    ActivationName,
    BatchNorm,
    ConvBlock,
    NormName,
    Padding,
)
from crossimage.networks.layers.convolution import PaddedConv2d


class MultiScaleDiscriminator(nn.Module):
    """Patch discriminators of the same shape at several resolutions of the image.

    Args:
        channels: Channels of the image.
        width: Channels of the first layer; every further layer doubles them.
        layers: 4x4 convolutions of stride 2 per scale.
        scales: Number of resolutions, each half the one before.
        norm: Normalisation of all layers except the first.
        activation: Activation of every layer.
        pad: Padding mode.
        spectral: Spectral normalisation of all convolutions except the first and the last.
        antialias: Halve the resolution in the first layer by a blur after the activation rather
            than by a convolution of stride 2.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        layers: int,
        scales: int,
        *,
        norm: NormName = "none",
        activation: ActivationName = "lrelu",
        pad: Padding = "reflect",
        spectral: bool = False,
        antialias: bool = False,
    ) -> None:
        super().__init__()

        def block(
            inputs: int, outputs: int, norm: NormName, spectral: bool, antialias: bool = False
        ) -> ConvBlock:
            return ConvBlock(
                inputs, outputs, 4, 2, 1,
                norm=norm, activation=activation, pad=pad, spectral=spectral, antialias=antialias,
            )  # fmt: skip

        sizes = [width * 2**i for i in range(layers)]

        self.scales = nn.ModuleList(
            nn.Sequential(
                block(channels, width, "none", False, antialias),
                *(block(size, 2 * size, norm, spectral) for size in sizes[:-1]),
                nn.Conv2d(sizes[-1], 1, 1),
            )
            for _ in range(scales)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Score images (N, channels, H, W): maps (N, 1, h, w), the finest scale first."""
        return _score_per_scale(self.scales, x)


class PatchDiscriminator(nn.Module):
    """PatchGAN: every score rates one patch of the image (Isola et al. 2017, section 3.2.2).

    Args:
        channels: Channels of the image, plus those of the condition if there is one.
        width: Channels of the first layer; every further layer doubles them, up to eight times.
        layers: Convolutions of stride 2, which determine the patch: 1 for 16x16 pixels, 3 for
            70x70, 5 for 286x286; 0 for single pixels.
        scales: Number of resolutions, each half the one before, with networks half as wide
            (BicycleGAN uses two).
        norm: Normalisation of all layers except the first and the last.
        antialias: Halve the resolution by blurs after the activations rather than by convolutions
            of stride 2.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        layers: int = 3,
        *,
        scales: int = 1,
        norm: NormName = "instance",
        antialias: bool = False,
    ) -> None:
        super().__init__()
        self.scales = nn.ModuleList(
            _patch_network(channels, max(1, round(width / 2**i)), layers, norm, antialias)
            for i in range(scales)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Score images (N, channels, H, W): maps (N, 1, h, w), the finest scale first."""
        return _score_per_scale(self.scales, x)


def _score_per_scale(networks: nn.ModuleList, x: Tensor) -> list[Tensor]:
    """Score images by one network per scale, each scale half the one before."""
    scores = []
    for i, network in enumerate(networks):
        if i:
            x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
        scores.append(network(x))
    return scores


def _patch_network(
    channels: int, width: int, layers: int, norm: NormName, antialias: bool
) -> nn.Sequential:
    def block(inputs: int, outputs: int, stride: int, norm: NormName) -> ConvBlock:
        kernel, padding = (4, 1) if layers else (1, 0)
        return ConvBlock(
            inputs, outputs, kernel, stride, padding,
            norm=norm, activation="lrelu", pad="zeros", antialias=antialias,
        )  # fmt: skip

    if not layers:
        return nn.Sequential(
            block(channels, width, 1, "none"),
            block(width, 2 * width, 1, norm),
            nn.Conv2d(2 * width, 1, 1),
        )
    sizes = [width * min(2**i, 8) for i in range(layers + 1)]
    return nn.Sequential(
        block(channels, width, 2, "none"),
        *(block(sizes[i], sizes[i + 1], 2 if i + 1 < layers else 1, norm) for i in range(layers)),
        PaddedConv2d(sizes[-1], 1, 4, 1, 1),
    )


class AttributeDiscriminator(nn.Module):
    """Whole-image discriminator that exposes its feature maps.

    Args:
        channels: Channels of the image.
        width: Channels of the first layer; every further layer doubles them, up to eight times.
        layers: 4x4 convolutions of stride 2.
        size: Height and width of the images that get one score; larger ones get a map of scores.
        norm: Normalisation of all layers except the first.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        layers: int,
        size: tuple[int, int],
        *,
        norm: NormName = "instance",
    ) -> None:
        super().__init__()
        sizes = [channels, *(width * min(2**i, 8) for i in range(layers))]
        self.layers = nn.ModuleList(
            ConvBlock(
                sizes[i], sizes[i + 1], 4, 2, 1,
                norm=norm if i else "none", activation="lrelu", pad="zeros",
            )
            for i in range(layers)
        )  # fmt: skip
        height, width_left = (side >> layers for side in size)
        self.last = nn.Conv2d(sizes[-1], 1, (height, width_left))

    def maps(self, x: Tensor) -> list[Tensor]:
        """Return the feature maps (N, c, h, w) of every layer for images (N, channels, H, W)."""
        maps = []
        for layer in self.layers:
            x = layer(x)
            maps.append(x)
        return maps

    def forward(self, x: Tensor) -> list[Tensor]:
        """Score images: one map (N, 1, h, w), 1 x 1 for images of the given size."""
        return [self.last(self.maps(x)[-1])]


def score_real_and_fake(
    discriminator: nn.Module, real: Tensor, fake: Tensor
) -> tuple[list[Tensor], list[Tensor]]:
    """Return a discriminator's score maps of real and of generated images.

    Both pass through it as one batch, unless they are augmented or it contains batch norms: real
    and generated images are then normalised separately, as in all published code.

    Args:
        discriminator: Images to score maps, one per scale.
        real: Real images (N, C, H, W).
        fake: Generated images of the same shape; they are detached.
    """
    fake = fake.detach()
    if is_augmenting() or any(isinstance(part, BatchNorm) for part in discriminator.modules()):
        return discriminator(real), discriminator(fake)
    scores = [s.split([len(real), len(fake)]) for s in discriminator(torch.cat([real, fake]))]
    return [s[0] for s in scores], [s[1] for s in scores]
