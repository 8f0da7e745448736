"""Settings and checks shared by several papers."""

from __future__ import annotations

from dataclasses import field
from typing import TypedDict

from torch import Tensor

from crossimage.config import (
    Config,
    Depth,
    DepthOrZero,
    Epochs,
    FilePath,
    HalvingsOrZero,
    NonNegativeFloat,
    NonNegativeInt,
    SideOrZero,
    Size,
    Width,
    flatten,
    settings,
)
from crossimage.networks.discriminators import MultiScaleDiscriminator, PatchDiscriminator
from crossimage.networks.layers.blocks import ActivationName, Initialisation, NormName, Padding


@settings
class MultiScaleShape:
    """Shape of multi-scale discriminators.

    Attributes:
        width: Channels of the first layer; every further layer doubles them.
        layers: Convolutions of stride 2 per scale.
        scales: Number of resolutions, each half the one before.
        norm: Normalisation of all layers except the first.
        activation: Activation of every layer.
        padding: Padding mode of the convolutions.
        spectral: Spectral normalisation of all convolutions except the first and the last.
        antialias: The first layer halves the resolution by a blur after its activation rather than
            by a convolution of stride 2, which takes a mesh of 3 pixels for one of 6.
    """

    width: Width = 64
    layers: Depth = 4
    scales: Depth = 3
    norm: NormName = "none"
    activation: ActivationName = "lrelu"
    padding: Padding = "reflect"
    spectral: bool = False
    antialias: bool = False

    @property
    def downsamples(self) -> int:
        """Number of times the coarsest scale halves the resolution."""
        return self.layers + self.scales - 1

    def build(self, channels: int) -> MultiScaleDiscriminator:
        """Build a discriminator of images with this many channels."""
        return MultiScaleDiscriminator(
            channels, self.width, self.layers, self.scales, norm=self.norm,
            activation=self.activation, pad=self.padding, spectral=self.spectral,
            antialias=self.antialias,
        )  # fmt: skip


class Layers(TypedDict):
    """Keyword arguments of ``networks`` for all layers of a network."""

    activation: ActivationName
    pad: Padding


@settings
class AutoEncoderConfig(Config):
    """Settings shared by MUNIT and UNIT as published together in 2018.

    Attributes:
        width: Channels of the first convolution of the encoders.
        downsamples: Halvings of the resolution in the encoders.
        residual_blocks: Residual blocks in each encoder and in each decoder.
        activation: Activation of the encoders and decoders.
        padding: Padding mode of their convolutions.
        init: Initialisation of their weights; discriminators are always initialised ``gaussian``.
        discriminator: Shape of the discriminators.
        perceptual_weights: File with torchvision's VGG16 weights, used if ``weights.perceptual``
            is above 0; by default torchvision's own cache.
    """

    weight_decay: NonNegativeFloat = 1e-4
    decay_every: NonNegativeInt = 100_000

    width: Width = 64
    downsamples: HalvingsOrZero = 2
    residual_blocks: DepthOrZero = 4
    activation: ActivationName = "relu"
    padding: Padding = "reflect"
    init: Initialisation = "kaiming"
    discriminator: MultiScaleShape = field(default_factory=MultiScaleShape)
    perceptual_weights: FilePath | None = None

    @property
    def layers(self) -> Layers:
        """Activation and padding of all layers of the encoders and decoders."""
        return {"activation": self.activation, "pad": self.padding}


@settings
class Schedule256(Config):
    """Published schedule of pix2pix, CycleGAN and BicycleGAN for 256 px.

    200 epochs of random crops from images of 286 px, with a learning rate that falls during the
    last 100.
    """

    resize: SideOrZero = 286
    crop: Size = (256, 256)
    epochs: Epochs = 200.0
    decay_epochs: Epochs = 100.0
    learning_rate: NonNegativeFloat = 2e-4


@settings
class PatchShape:
    """Shape of patch discriminators.

    Attributes:
        width: Channels of the first layer; every further layer doubles them, up to eight times.
        layers: Convolutions of stride 2, which determine the patch: 0 for single pixels, 1 for
            16x16, 3 for 70x70, 5 for 286x286.
        scales: Number of resolutions, each half the one before, with networks half as wide.
        norm: Normalisation of all layers except the first and the last.
    """

    width: Width = 64
    layers: DepthOrZero = 3
    scales: Depth = 1
    norm: NormName = "instance"

    @property
    def smallest(self) -> int:
        """Height and width of the smallest images that get a score at every scale."""
        return (3 if self.layers else 1) << (self.layers + self.scales - 1)

    def build(self, channels: int, *, antialias: bool = False) -> PatchDiscriminator:
        """Build a discriminator of images with this many channels."""
        return PatchDiscriminator(
            channels, self.width, self.layers,
            scales=self.scales, norm=self.norm, antialias=antialias,
        )  # fmt: skip


_HALVINGS = (
    "downsamples",
    "style_downsamples",
    "discriminator.layers",
    "discriminator.scales",
    "discriminator_layers",
    "discriminator_blocks",
)
"""Settings that determine how often networks halve the resolution."""


def check_images(config: Config, multiple: int, smallest: int) -> None:
    """Refuse images that the networks of two domains cannot process.

    Args:
        config: The settings.
        multiple: Height and width of the crop must be multiples of this.
        smallest: Smallest side, in pixels, that the networks can process.

    Raises:
        ValueError: There are not two domains, or the crop has an unsuitable size.
    """
    if len(config.channels) != 2:
        raise ValueError(f"channels must be two numbers, one per domain, found {config.channels}")
    check_crop(config, multiple, smallest)


def check_crop(config: Config, multiple: int, smallest: int) -> None:
    """Refuse crops that the networks cannot process.

    Args:
        config: The settings.
        multiple: Height and width of the crop must be multiples of this.
        smallest: Smallest side, in pixels, that the networks can process.

    Raises:
        ValueError: The crop has an unsuitable size.
    """
    if any(side % multiple for side in config.crop):
        raise ValueError(f"crop must be a multiple of {multiple}, found {config.crop}")
    if min(config.crop) < smallest:
        values = flatten(config)
        lower = [f"a lower {key}" for key in _HALVINGS if values.get(key, 0) > 1]
        raise ValueError(
            f"crop {config.crop} is too small: the networks halve the resolution so often that "
            f"they need at least {smallest} pixels; use {' or '.join(['a larger crop', *lower])}"
        )


def check_doublings(config: Config) -> None:
    """Refuse crops that are not squares of 4 times a power of two pixels."""
    height, width = config.crop
    if height != width or height < 8 or height & (height - 1):
        raise ValueError(
            f"crop must be a square of side 8, 16, 32, 64, 128, ... pixels, found {config.crop}"
        )


def fitting(x: Tensor, crop: tuple[int, int]) -> Tensor:
    """Return images (N, C, H, W) unchanged, refusing all sizes but the networks' own."""
    if x.shape[2:] != crop:
        (height, width), size = x.shape[2:], crop[0]
        raise ValueError(
            f"found images of {width}x{height} pixels, and this model can only read "
            f"{size}x{size}; resize them first (size={size})"
        )
    return x


def check_perceptual(config: Config, weight: float) -> None:
    """Refuse a perceptual loss on images that VGG cannot process."""
    if weight and not set(config.channels) <= {1, 3}:
        raise ValueError(
            f"the perceptual loss needs images of 1 or 3 channels, found channels "
            f"{config.channels}; set weights.perceptual=0"
        )
