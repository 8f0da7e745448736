"""FUNIT: few-shot translation to classes that are unseen in training.

Liu, Huang, Mallya, Karras, Aila, Lehtinen, Kautz: Few-Shot Unsupervised Image-to-Image
Translation. ICCV 2019, https://arxiv.org/abs/1905.01723.

A content encoder E_x and a class encoder E_y give the codes from which the decoder F_x makes an
image. The class code of K images is the mean of their codes, and their class may be one that no
training image has: x̄ = G(x, {y_1, ..., y_K}) = F_x(E_x(x), mean_k E_y(y_k)). Training
takes K = 1. The discriminator has one map of scores for each training class, D^c, and features
f(x), the mean over the pixels of its last layer but one.

Objective (equations 4 to 7), for an image x of class c_x and an image y of class c_y, both drawn at
random::

    min_D   w.adversarial  (max(0, 1 - D^c_y(y)) + max(0, 1 + D^c_y(x̄)))
            + w.gradient_penalty |grad mean D^c_y(y)|^2 / B
    min_G   w.adversarial  -(D^c_y(x̄) + D^c_x(x̂)) / 2                     equation 5
            + w.image      |x̂ - x|                                         equation 6
            + w.features   (|f(x̄) - f(y)| + |f(x̂) - f(x)|)                 equation 7

where x̂ = G(x, {x}) is the reconstruction, and all |.| in G's objective are means. The features of
the reconstruction are compared in the released code, and not in the paper. The code also takes
the mean of D over the B images of a step before its gradient, so that the penalty is B² times
weaker than the mean of the images' squared gradients; so do we.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import ClassVar

import torch
from torch import Tensor, nn

from crossimage.config import (
    Channels,
    Depth,
    DepthOrZero,
    Fraction,
    HalvingsOrZero,
    Items,
    NonNegativeFloat,
    PositiveInt,
    SideOrZero,
    Size,
    Width,
    settings,
)
from crossimage.labels import Labels, ReferencesConfig
from crossimage.losses import discriminator_loss, generator_loss, l1_loss, r1_penalty
from crossimage.methods.base import Batch, Method, Noise, Update, repeat_per_style
from crossimage.methods.optimizers import Optimizer, RMSprop
from crossimage.methods.settings import check_crop
from crossimage.networks.autoencoders import AdaINDecoder, ContentEncoder, StyleEncoder
from crossimage.networks.class_maps import ClassMapsDiscriminator
from crossimage.networks.layers.blocks import initialise
from crossimage.utils.contact_sheet import Panel
from crossimage.utils.numbers import whole

_ANIMALS = tuple(map(str, range(119)))


@settings
class LossWeights:
    """Weights of the loss terms.

    Attributes:
        adversarial: Scores of the discriminator.
        gradient_penalty: Gradient penalty of the discriminator, of real images.
        image: Reconstruction of an image from its own codes (the paper's lambda_R).
        features: Distance of the discriminator's features of a translation from those of its
            reference, and of a reconstruction from those of the image (lambda_F).
    """

    adversarial: NonNegativeFloat = 1.0
    gradient_penalty: NonNegativeFloat = 10.0
    image: NonNegativeFloat = 0.1
    features: NonNegativeFloat = 1.0


@settings
class FUNITConfig(ReferencesConfig):
    """Configuration of FUNIT; the defaults are the published ones for animal faces.

    Attributes:
        channels: Channels of all images, one number.
        learning_rate: RMSprop's step size.
        weight_decay: L2 penalty added to the gradients.
        width: Channels of the first convolution of both encoders.
        downsamples: Halvings of the resolution in the content encoder.
        residual_blocks: Residual blocks in the content encoder and in the decoder.
        style_dim: Length of a class code.
        style_downsamples: Halvings of the resolution in the class encoder.
        mlp_width: Width of the network that maps a class code to AdaIN parameters.
        mlp_layers: Layers of that network.
        discriminator_width: Channels of the discriminator's first convolution; every second block
            doubles them, up to 1024.
        discriminator_blocks: Residual blocks of the discriminator, an even number; the resolution
            is halved after every second one but the last.
        weights: Weights of the loss terms.
    """

    unseen_classes: ClassVar[bool] = True

    channels: Channels = (3,)
    resize: SideOrZero = 140
    crop: Size = (128, 128)
    balanced: bool = False
    steps: PositiveInt = 100_000
    batch_size: Items = 64
    learning_rate: NonNegativeFloat = 1e-4
    weight_decay: NonNegativeFloat = 1e-4
    ema_decay: Fraction = 0.999

    width: Width = 64
    downsamples: HalvingsOrZero = 3
    residual_blocks: DepthOrZero = 2
    style_dim: Width = 64
    style_downsamples: HalvingsOrZero = 4
    mlp_width: Width = 256
    mlp_layers: Depth = 3
    discriminator_width: Width = 64
    discriminator_blocks: Depth = 10
    weights: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        """Refuse images that the networks cannot process."""
        super().__post_init__()
        if len(self.channels) != 1:
            raise ValueError(f"channels must be one number, for all images, found {self.channels}")
        whole(self.mlp_layers, "mlp_layers", 2)
        if self.discriminator_blocks % 2:
            raise ValueError(
                f"discriminator_blocks must be an even number, found {self.discriminator_blocks}"
            )
        # reflection needs two pixels, and the first convolutions four
        halvings = (self.downsamples + 1, self.style_downsamples, self.discriminator_blocks // 2, 2)
        check_crop(self, 2**self.downsamples, 2 ** max(halvings))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the training classes; without data, as many numbers as were published."""
        return self.domains or self.attributes or _ANIMALS


class Generator(nn.Module):
    """The networks that translate: content encoder E_x, class encoder E_y and decoder F_x."""

    def __init__(self, config: FUNITConfig) -> None:
        super().__init__()
        c, (channels,) = config, config.channels
        self.content = ContentEncoder(channels, c.width, c.downsamples, c.residual_blocks)
        self.style = StyleEncoder(channels, c.width, c.style_downsamples, c.style_dim)
        self.decode = AdaINDecoder(
            channels, c.width, c.downsamples, c.residual_blocks, c.style_dim, c.mlp_width,
            mlp_layers=c.mlp_layers, norm="instance",
        )  # fmt: skip


class FUNIT(Method):
    """See the module's docstring for the paper and its objective.

    Args:
        config: The hyper-parameters.
        training: Also build the discriminator.
    """

    Config = FUNITConfig
    config: FUNITConfig
    letters = ("x",)
    layout = "classes"
    few_shot = True
    run_settings = ("attributes", "label_sets", "categorical", "balanced")
    targets = ("x",)
    labels: Labels

    def __init__(self, config: FUNITConfig, *, training: bool = True) -> None:
        super().__init__(config)
        c = config
        self.labels, self.style_dim = c.labels, c.style_dim
        self.multiple = 2**c.downsamples
        self.min_size = 2 * self.multiple  # for the residual blocks to have pixels to reflect
        self.min_style_size = 2**c.style_downsamples
        self.generators = Generator(c)
        initialise(self.generators, "kaiming")
        if training:
            (channels,) = c.channels
            self.discriminators = ClassMapsDiscriminator(
                channels, c.discriminator_width, c.discriminator_blocks, len(c.names)
            )
            initialise(self.discriminators, "kaiming")

    def optimizers(self) -> dict[str, Optimizer]:
        """Return RMSprop for both players."""
        c = self.config
        return dict.fromkeys(self.players(), RMSprop(c.learning_rate, weight_decay=c.weight_decay))

    def training_step(self, batch: Batch) -> Iterator[Update]:
        """Move the discriminator, then the generator, on the same translations."""
        G, D, w = self.generators, self.discriminators, self.config.weights
        x, y = batch.images["x"], batch.images["reference"]
        c_x, c_y = batch.labels["x"], batch.labels["target"]

        # encode once; translation and reconstruction share a pass through the decoder
        z_x = G.content(x)
        z_own, z_y = G.style(torch.cat([x, y])).chunk(2)
        translation, reconstruction = G.decode(
            torch.cat([z_x, z_x]), torch.cat([z_y, z_own])
        ).chunk(2)

        real = y.detach().requires_grad_()
        on_real, on_fake = _of_class(D(real)[0], c_y), _of_class(D(translation.detach())[0], c_y)
        losses = {"adversarial": discriminator_loss([on_real], [on_fake], "hinge")}
        if w.gradient_penalty:
            penalty = 2 * r1_penalty(on_real.float().mean((1, 2)), real)
            losses["gradient_penalty"] = penalty / batch.noise.total**2
        yield Update("discriminators", losses)

        with torch.no_grad():
            expected = _means(D(torch.cat([y, x]))[1])
        scores, features = D(torch.cat([translation, reconstruction]))
        scores = _of_class(scores, torch.cat([c_y, c_x]))
        losses = {
            "adversarial": generator_loss([scores], "hinge"),  # a mean: half the sum of both
            "image": l1_loss(reconstruction, x),
            "features": 2 * l1_loss(_means(features), expected),  # the sum of both means
        }
        yield Update("generators", losses)

    def translate(self, x: Tensor, to: str | Tensor, style: Tensor | None = None) -> Tensor:
        """Return F_x(E_x(x), style): k translations of each of N images from N k class codes."""
        assert style is not None
        return self.decode(repeat_per_style(self.encode_content(x, "x"), style), style)

    def encode_content(self, x: Tensor, domain: str) -> Tensor:
        """Encode images into content (N, width * 2^d, H / 2^d, W / 2^d), d the downsamples."""
        return self.generators.content(x)

    def encode_style(self, x: Tensor, domain: str | Tensor) -> Tensor:
        """Encode images into class codes (N, style_dim); a class's code is the mean of several."""
        return self.generators.style(x)

    def decode(self, content: Tensor, style: Tensor) -> Tensor:
        """Decode content and class codes into images (N, C, H, W) in [-1, 1]."""
        return self.generators.decode(content, style)

    def discriminate(self, x: Tensor, domain: str, condition: Tensor | None = None) -> list[Tensor]:
        """Return one map (N, L, h, w): the scores of the images in each training class."""
        self.check_discriminators()
        return [self.discriminators(x)[0]]

    def preview(self, fixed: Batch, fresh: Noise) -> list[Panel]:
        """Show every image, its reconstruction, and translations by references of other classes."""
        x, references = fixed.images["x"], fixed.images["reference"]
        content, codes = self.encode_content(x, "x"), self.encode_style(references, "x")
        columns = [
            ("input", x),
            ("reconstruction", self.decode(content, self.encode_style(x, "x"))),
        ]
        for shift in range(min(len(x), 3)):
            y, style = references.roll(shift, 0), codes.roll(shift, 0)
            columns += [("reference", y), ("translation", self.decode(content, style))]
        return [Panel("classes of references", columns)]


def _of_class(maps: Tensor, classes: Tensor) -> Tensor:
    """Return the map (N, h, w) of each image's class, of all maps (N, L, h, w)."""
    return maps[torch.arange(len(maps), device=maps.device), classes.argmax(1)]


def _means(features: Tensor) -> Tensor:
    """Return the means (N, C) of feature maps."""
    return features.float().mean((2, 3))
