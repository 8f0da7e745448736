"""SRResNet and SRGAN: photo-realistic super-resolution of single images.

Ledig, Theis, Huszar, Caballero, Cunningham, Acosta, Aitken, Tejani, Totz, Wang, Shi:
Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network. CVPR 2017,
https://arxiv.org/abs/1609.04802. Its low-resolution images I^LR are x_a here, the high-resolution
ones I^HR are x_b, and x_ab = G(x_a).

A run has two stages. In the first, of ``mse_steps``, the generator learns alone; the result is
SRResNet. In the second it continues against a discriminator; the result is SRGAN.

Objective::

    first stage   min_G        w.mse |x_ab - x_b|^2                                    equation 4
                               + w.l1 |x_ab - x_b|                            not in the paper

    second stage  min_D        w.adversarial (-log D(x_b) - log(1 - D(x_ab)))          equation 2
                  min_G        w.content |phi(x_ab) - phi(x_b)|^2                      equation 5
                               - w.adversarial log D(x_ab)                             equation 6

where all |.|^2 are means, and phi are the features of VGG19 before its fifth pooling, divided by
12.75 (SRGAN-VGG54), or the image itself (SRGAN-MSE).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import ClassVar, Literal

from torch import Tensor, nn
from torch.nn.functional import interpolate, l1_loss, mse_loss

from crossimage.config import (
    Betas,
    DepthOrZero,
    FilePath,
    Items,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SideOrZero,
    Size,
    SuperResolutionConfig,
    Width,
    settings,
)
from crossimage.losses import discriminator_loss, generator_loss
from crossimage.methods.base import Batch, Method, Noise, Update
from crossimage.networks.discriminators import score_real_and_fake
from crossimage.networks.features import FeatureNetwork, read_features
from crossimage.networks.layers.blocks import initialise
from crossimage.networks.pretrained import VGG19Features
from crossimage.networks.srresnet import DenseDiscriminator, SRResNet
from crossimage.utils.contact_sheet import Panel


@settings
class LossWeights:
    """Weights of the loss terms.

    Attributes:
        mse: First stage: squared error of the image.
        l1: First stage: absolute error of the image, which the paper does not have.
        content: Second stage: squared error of the features, or of the image.
        adversarial: Second stage: fooling the discriminator.
    """

    mse: NonNegativeFloat = 1.0
    l1: NonNegativeFloat = 0.0
    content: NonNegativeFloat = 1.0
    adversarial: NonNegativeFloat = 1e-3


@settings
class SRGANConfig(SuperResolutionConfig):
    """Configuration of SRGAN; the defaults are the published ones for enlarging four times.

    Attributes:
        resize: Has no effect; images are cropped without resizing.
        scale: Factor by which height and width are enlarged; the crop refers to the large images.
        width: Channels of the generator's feature maps.
        residual_blocks: Residual blocks of the generator.
        norm: Normalisation in the generator's residual blocks. Without it, as in EDSR, small
            batches train well.
        discriminator_width: Channels of the discriminator's first layer.
        mse_steps: Steps of the first stage. With at least as many as the run has, the run trains
            SRResNet only.
        content: What the content loss compares: VGG19 features (``vgg``) or the images themselves
            (``mse``).
        features: File of the content loss's network: torchvision's VGG19 (``.pth``), or a feature
            network that DTN has trained on images of the crop's size (its run or model file). By
            default torchvision's VGG19, from its cache or downloaded.
        weights: Weights of the loss terms.
    """

    stages: ClassVar[tuple[str, ...]] = ("mse_steps",)

    resize: SideOrZero = 0
    crop: Size = (96, 96)
    steps: PositiveInt = 1_200_000
    batch_size: Items = 16
    betas: Betas = (0.9, 0.999)
    decay_every: NonNegativeInt = 1_100_000
    decay_factor: PositiveFloat = 0.1

    scale: Literal[2, 4] = 4
    width: Width = 64
    residual_blocks: DepthOrZero = 16
    norm: Literal["batch", "none"] = "batch"
    discriminator_width: Width = 64
    mse_steps: NonNegativeInt = 1_000_000
    content: Literal["vgg", "mse"] = "vgg"
    features: FilePath | None = None
    weights: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        """Refuse images that the networks cannot process."""
        super().__post_init__()
        if len(self.channels) != 2 or len(set(self.channels)) > 1:
            raise ValueError(
                f"channels must be the same number twice, for small and large images, found "
                f"{self.channels}"
            )
        if self.uses_features and self.features and len(set(self.crop)) > 1:
            raise ValueError(f"features needs a square crop, found {self.crop}")
        if any(side % self.scale for side in self.crop):
            raise ValueError(f"crop must be a multiple of {self.scale}, found {self.crop}")
        if min(self.crop) < 16:
            raise ValueError(
                f"crop must be at least 16 pixels, which the discriminator halves four times, "
                f"found {self.crop}"
            )
        if self.uses_features and not set(self.channels) <= {1, 3}:
            raise ValueError(
                f"VGG19 needs images of 1 or 3 channels, found channels {self.channels}; set "
                f"content=mse"
            )

    @property
    def uses_features(self) -> bool:
        """Whether the run reaches a content loss on features."""
        return bool(self.content == "vgg" and self.weights.content and self.mse_steps < self.steps)


class SRGAN(Method):
    """See the module's docstring for the paper and its objective.

    Args:
        config: The hyper-parameters.
        training: Also build the discriminator.
    """

    Config = SRGANConfig
    config: SRGANConfig
    layout = "super_resolution"
    run_settings = ("mse_steps", "features")
    targets = ("b",)

    def __init__(self, config: SRGANConfig, *, training: bool = True) -> None:
        super().__init__(config)
        self.upscales = config.scale
        channels, doublings = config.channels[1], config.scale.bit_length() - 1
        G = SRResNet(channels, config.width, config.residual_blocks, doublings, config.norm)
        self.generators = nn.ModuleDict({"G": G})
        if training:
            D = DenseDiscriminator(channels, config.discriminator_width, config.crop)
            self.discriminators = nn.ModuleDict({"D": D})
        initialise(self, "gaussian")

    def build_fixed_networks(self) -> None:
        """Build the network of the content loss if the run reaches it."""
        if self.config.uses_features:
            file, crop = self.config.features, self.config.crop
            self.features: nn.Module
            if file is None or file.suffix == ".pth":
                self.features = VGG19Features(file, "the content loss of SRGAN", "features")
            else:
                self.features = read_features(file, crop[0], self.config.channels[1])

    def training_step(self, batch: Batch) -> Iterator[Update]:
        """Move the generator alone; later the discriminator, then the generator."""
        c, w = self.config, self.config.weights
        x_a, x_b = batch.images["a"], batch.images["b"]
        x_ab = self.generators["G"](x_a)
        losses = {}
        if batch.step < c.mse_steps:
            if w.mse:
                losses["mse"] = mse_loss(x_ab, x_b)
            if w.l1:
                losses["l1"] = l1_loss(x_ab, x_b)
            yield Update("generators", losses)
            return

        D = self.discriminators["D"]
        if w.adversarial:
            on_images = discriminator_loss(*score_real_and_fake(D, x_b, x_ab), "nsgan")
            yield Update("discriminators", {"adversarial": on_images})
            losses["adversarial"] = generator_loss(D(x_ab), "nsgan")
        if w.content:
            losses["content"] = mse_loss(self._content(x_ab), self._content(x_b))
        yield Update("generators", losses)

    def _content(self, x: Tensor) -> Tensor:
        """Return the values that the content loss compares."""
        if not self.config.uses_features:
            return x
        if isinstance(self.features, FeatureNetwork):
            return self.features.maps(x)[-2]  # the last maps before the vector
        maps: Tensor = self.features(x)
        return maps / 12.75

    def translate(self, x: Tensor, to: str, style: Tensor | None = None) -> Tensor:
        """Return G(x), ``scale`` times as high and wide."""
        assert to == "b"
        return self.generators["G"](x).clamp(-1, 1)

    def discriminate(self, x: Tensor, domain: str, condition: Tensor | None = None) -> list[Tensor]:
        """Return scores (N, 1, 1, 1) of large images of the size of the training crops."""
        if domain != "b":
            raise ValueError("SRGAN has a discriminator of large images only")
        if x.shape[2:] != self.config.crop:
            (height, width), size = x.shape[2:], self.config.crop
            raise ValueError(
                f"found images of {width}x{height} pixels, and this discriminator can only score "
                f"{size[1]}x{size[0]}; crop them first"
            )
        return self.discriminators["D"](x)

    def preview(self, fixed: Batch, fresh: Noise) -> list[Panel]:
        """Show the input enlarged bicubically, the output, and the ground truth."""
        x, truth = fixed.images["a"], fixed.images["b"]
        bicubic = interpolate(x, truth.shape[2:], mode="bicubic", antialias=True).clamp(-1, 1)
        columns = [("bicubic", bicubic), ("output", self.translate(x, "b")), ("truth", truth)]
        return [self.panel("a", "b", columns)]
