"""pix2pix: image-to-image translation from pairs with a conditional GAN.

Isola, Zhu, Zhou, Efros: Image-to-Image Translation with Conditional Adversarial Networks. CVPR
2017, https://arxiv.org/abs/1611.07004.

An input image x and its ground truth y are a pair, and a generator learns to predict y from x:
G(x, z). The noise z is dropout in the generator. The discriminator sees an output together with its
input, so it also scores whether they belong together: D(x, y).

Objective (equation 4)::

    min_G max_D  w.adversarial (log D(x, y) + log(1 - D(x, G(x, z))))        equation 1
                 + w.l1 |y - G(x, z)|                                        equation 3

The generator minimises -log D(x, G(x, z)) instead, and the discriminator's loss is halved
(section 3.3). |.| is a mean over pixels.

For colourisation (``color_space: lab``), x is the lightness L* of an image and y its colours a* and
b*. A translation keeps the lightness of its input.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from crossimage.config import (
    DepthOrZero,
    Facts,
    Fraction,
    Halvings,
    NonNegativeFloat,
    Width,
    WidthOrZero,
    settings,
)
from crossimage.losses import discriminator_loss, generator_loss, l1_loss
from crossimage.methods.base import Batch, Method, Noise, Update
from crossimage.methods.settings import PatchShape, Schedule256, check_images
from crossimage.networks.color_spaces import lab_to_rgb, rgb_to_lab
from crossimage.networks.discriminators import score_real_and_fake
from crossimage.networks.generators import ResnetGenerator, Upsampling
from crossimage.networks.layers.blocks import NormName, TestMode, initialise, set_test_mode
from crossimage.networks.unet import UNet
from crossimage.utils.contact_sheet import Panel

_LIGHTNESS, _COLORS = 50.0, 110.0
"""Half the range of L*, and about the largest |a*| and |b*|: they map to 1 (official code)."""


@settings
class LossWeights:
    """Weights of the loss terms; 0 leaves a term out, as in section 4.2.

    Attributes:
        adversarial: Fooling the discriminator.
        l1: Distance to the ground truth (the paper's lambda).
    """

    adversarial: NonNegativeFloat = 1.0
    l1: NonNegativeFloat = 100.0


@settings
class DiscriminatorShape(PatchShape):
    """Shape of the patch discriminator."""

    norm: NormName = "batch"


@settings
class Pix2PixConfig(Schedule256):
    """Configuration of pix2pix; the defaults are the published settings of the facades.

    Attributes:
        direction: Which domain is the input and which the output.
        color_space: What the networks see: ``rgb``, the images as they are; or ``lab``, for
            colourisation: the lightness of the input, to which the generator adds colours.
        generator: U-Net, or the generator with residual blocks.
        width: Channels of the generator's first convolution.
        downsamples: Halvings of the resolution in the U-Net (published: 7 at 128 px).
        residual_blocks: Residual blocks of the generator that has them.
        residual_downsamples: Halvings of the resolution in the generator with residual blocks (3 or
            4 in pix2pixHD's global generator).
        upsampling: How the generator doubles the resolution: by transposed convolutions, as
            published, or by nearest-neighbour or bilinear upsampling before a convolution, which
            leaves no grid of dots.
        classes: If the inputs are label maps, their number of classes: each is a channel, and one
            further channel, if there is one, marks the borders between instances (0: images).
            Imported models have them; training reads images only.
        norm: Normalisation in the generator.
        dropout: Dropout rate in the generator, its source of noise (0: no dropout).
        test_mode: With ``train``, dropout stays active when translating and batch norms use each
            image's own statistics, as published; with ``eval``, there is no dropout, and batch
            norms use running statistics.
        discriminator: Shape of the discriminator.
        adversarial: Adversarial objective: cross-entropy as in equation 1, or least squares.
        weights: Weights of the loss terms.
    """

    direction: Literal["a-to-b", "b-to-a"] = "a-to-b"
    color_space: Literal["rgb", "lab"] = "rgb"
    generator: Literal["unet", "resnet"] = "unet"
    width: Width = 64
    downsamples: Halvings = 8
    residual_blocks: DepthOrZero = 9
    residual_downsamples: Halvings = 2
    upsampling: Upsampling = "transposed"
    classes: WidthOrZero = 0
    norm: NormName = "batch"
    dropout: Fraction = 0.5
    test_mode: TestMode = "train"
    discriminator: DiscriminatorShape = field(default_factory=DiscriminatorShape)
    adversarial: Literal["nsgan", "lsgan"] = "nsgan"
    weights: LossWeights = field(default_factory=LossWeights)

    @property
    def multiple(self) -> int:
        """Height and width must be multiples of this for the generator."""
        return 2 ** (self.downsamples if self.generator == "unet" else self.residual_downsamples)

    def __post_init__(self) -> None:
        """Refuse sizes that the networks cannot have."""
        super().__post_init__()
        check_images(self, self.multiple, max(8, self.discriminator.smallest))
        inputs, outputs = self.channels if self.direction == "a-to-b" else self.channels[::-1]
        if self.classes and inputs not in (self.classes, self.classes + 1):
            raise ValueError(
                f"classes={self.classes} takes as many channels of the inputs, or one more for "
                f"borders, found {inputs}"
            )
        if self.color_space == "lab" and (inputs not in (1, 3) or outputs != 3):
            raise ValueError(
                "color_space=lab turns gray or colour images into colour images: the input needs 1 "
                f"or 3 channels and the output 3, found channels {self.channels}"
            )

    def fields_from(self, facts: Facts) -> dict[str, Any]:
        """Return the settings that the data determines; label maps of class numbers are none."""
        if self.classes:
            raise ValueError(
                f"classes={self.classes} is of imported models, which translate label maps of "
                "class numbers, and a data set is read as images; leave out classes, and give "
                "label maps in colours"
            )
        return super().fields_from(facts)


class Pix2Pix(Method):
    """See the module's docstring for the paper and its objective.

    Args:
        config: The hyper-parameters.
        training: Also build the discriminator.
    """

    Config = Pix2PixConfig
    config: Pix2PixConfig
    test_settings = ("test_mode",)
    layout = "paired"
    conditional = True

    def __init__(self, config: Pix2PixConfig, *, training: bool = True) -> None:
        super().__init__(config)
        self.source, self.target = "ab" if config.direction == "a-to-b" else "ba"
        self.targets = (self.target,)
        self.classes = config.classes
        self.multiple = config.multiple
        self.min_size = config.multiple if config.generator == "unet" else 2 * config.multiple
        inputs, outputs = self.channels[self.source], self.channels[self.target]
        if config.color_space == "lab":
            inputs, outputs = 1, 2
        if config.generator == "unet":
            G: nn.Module = UNet(
                inputs, outputs, config.width, config.downsamples,
                norm=config.norm, dropout=config.dropout, upsampling=config.upsampling,
            )  # fmt: skip
        else:
            G = ResnetGenerator(
                inputs, outputs, config.width, config.residual_blocks,
                norm=config.norm, dropout=config.dropout, downsamples=config.residual_downsamples,
                upsampling=config.upsampling,
            )  # fmt: skip
        self.generators = nn.ModuleDict({"G": G})
        if training:
            self.condition_channels = inputs
            D = config.discriminator.build(inputs + outputs)
            self.discriminators = nn.ModuleDict({"D": D})
        initialise(self, "gaussian")
        self.apply_test_settings()

    def apply_test_settings(self) -> None:
        """Let the layers follow ``test_mode``."""
        self.stochastic = set_test_mode(self, self.config.test_mode)

    def training_step(self, batch: Batch) -> Iterator[Update]:
        """Move the discriminator, then the generator, on the same translations."""
        D = self.discriminators["D"]
        w, kind = self.config.weights, self.config.adversarial
        x = self._seen(batch.images[self.source])
        y = self._predicted(batch.images[self.target])

        G_x = self.generators["G"](x)
        fake = torch.cat([x, G_x], 1)
        if w.adversarial:
            on_pairs = discriminator_loss(*score_real_and_fake(D, torch.cat([x, y], 1), fake), kind)
            yield Update("discriminators", {"adversarial": on_pairs / 2})

        losses = {}
        if w.adversarial:
            losses["adversarial"] = generator_loss(D(fake), kind)
        if w.l1:
            losses["l1"] = l1_loss(G_x, y)
        yield Update("generators", losses)

    def translate(self, x: Tensor, to: str, style: Tensor | None = None) -> Tensor:
        """Return G(x, z), where z is dropout."""
        assert to == self.target
        seen = self._seen(x)
        G_x: Tensor = self.generators["G"](seen)
        if self.config.color_space == "rgb":
            return G_x
        return lab_to_rgb(torch.cat([(seen + 1) * _LIGHTNESS, G_x.float() * _COLORS], 1))

    def _seen(self, x: Tensor) -> Tensor:
        """Return input images as the networks see them."""
        if self.config.color_space == "rgb":
            return x
        return rgb_to_lab(x.expand(-1, 3, -1, -1))[:, :1] / _LIGHTNESS - 1

    def _predicted(self, y: Tensor) -> Tensor:
        """Return output images in the form in which the generator predicts them."""
        return y if self.config.color_space == "rgb" else rgb_to_lab(y)[:, 1:] / _COLORS

    def discriminate(self, x: Tensor, domain: str, condition: Tensor | None = None) -> list[Tensor]:
        """Return the score map (N, 1, h, w) of outputs ``x`` with their inputs ``condition``."""
        if domain != self.target:
            raise ValueError("pix2pix scores only images of the domain that it translates to")
        if condition is None:
            raise ValueError(
                "pix2pix scores an image together with the input it belongs to; give the input "
                "images as condition"
            )
        pair = [self._seen(condition), self._predicted(x)]
        return self.discriminators["D"](torch.cat(pair, 1))

    def preview(self, fixed: Batch, fresh: Noise) -> list[Panel]:
        """Show input, one or several outputs, and the ground truth."""
        if self.source not in fixed.images:
            return []
        x = fixed.images[self.source]
        titles = ("output 1", "output 2", "output 3") if self.stochastic else ("output",)
        outputs = [(title, self.translate(x, self.target)) for title in titles]
        columns = [("input", x), *outputs]
        if self.target in fixed.images:
            columns.append(("ground truth", fixed.images[self.target]))
        return [self.panel(self.source, self.target, columns)]
