"""GAN: images generated from noise.

Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio: Generative Adversarial
Nets. NIPS 2014, https://arxiv.org/abs/1406.2661. Networks and settings are those of DCGAN: Radford,
Metz, Chintala: Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
Networks. ICLR 2016, https://arxiv.org/abs/1511.06434.

A noise vector z ~ N(0, I) is mapped to the image G(z), and D(x) is the probability that x is real.

Objective (equation 1)::

    min_G max_D  E log D(x) + E log(1 - D(G(z)))                    adversarial

The discriminator minimises -log D(x) - log(1 - D(G(z))). The generator's loss is a setting::

    minimax:         log(1 - D(G(z)))     equation 1 itself
    non-saturating:  -log D(G(z))         section 3: the same fixed point, with stronger gradients
                                          while the discriminator still distinguishes the images
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Literal

from torch import Tensor

from crossimage.config import (
    Channels,
    Config,
    Epochs,
    Items,
    NonNegativeFloat,
    SideOrZero,
    Size,
    Width,
    settings,
)
from crossimage.losses import discriminator_loss, generator_loss
from crossimage.methods.base import Batch, Method, Noise, Update
from crossimage.methods.settings import check_doublings
from crossimage.networks.dcgan import ImageDiscriminator, VectorGenerator
from crossimage.networks.discriminators import score_real_and_fake
from crossimage.networks.layers.blocks import initialise
from crossimage.utils.contact_sheet import Panel

_COLUMNS = 4  # per sheet, for fixed noise and again for fresh noise


@settings
class LossWeights:
    """Weights of the loss terms.

    Attributes:
        adversarial: Distinguishing real from generated images, and fooling the discriminator.
    """

    adversarial: NonNegativeFloat = 1.0


@settings
class GANConfig(Config):
    """Configuration of GAN; the defaults are DCGAN's settings for 64 px.

    Attributes:
        z_dim: Length of the noise vector.
        width: Channels of the layers next to the image in both networks; every layer further away
            doubles them, up to eight times.
        objective: Loss of the generator; the discriminator's is the same for both.
        weights: Weights of the loss terms.
    """

    channels: Channels = (3,)
    resize: SideOrZero = 64
    crop: Size = (64, 64)
    flip: bool = False
    epochs: Epochs = 25.0
    batch_size: Items = 128
    learning_rate: NonNegativeFloat = 2e-4

    z_dim: Width = 100
    width: Width = 128
    objective: Literal["minimax", "non-saturating"] = "non-saturating"
    weights: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        """Refuse sizes that the networks cannot have."""
        super().__post_init__()
        if len(self.channels) != 1:
            raise ValueError(f"channels must be one number, found {self.channels}")
        check_doublings(self)


class GAN(Method):
    """See the module's docstring for the paper and its objective.

    Args:
        config: The hyper-parameters.
        training: Also build the discriminator.
    """

    Config = GANConfig
    config: GANConfig
    letters = ("x",)
    layout = "single"
    targets = ()

    def __init__(self, config: GANConfig, *, training: bool = True) -> None:
        super().__init__(config)
        self.style_dim, self.fixed_size = config.z_dim, config.crop
        (channels,), size = config.channels, config.crop[0]
        self.generators = VectorGenerator(config.z_dim, channels, config.width, size)
        initialise(self.generators, "gaussian")
        if training:
            self.discriminators = ImageDiscriminator(channels, config.width, size)
            initialise(self.discriminators, "gaussian")

    def training_step(self, batch: Batch) -> Iterator[Update]:
        """Move the discriminator, then the generator, on the same generated images."""
        G, D = self.generators, self.discriminators
        fake = G(batch.noise(self.style_dim))

        real_scores, fake_scores = score_real_and_fake(D, batch.images["x"], fake)
        loss = discriminator_loss(real_scores, fake_scores, "nsgan")
        yield Update("discriminators", {"adversarial": loss})

        kind: Literal["minimax", "nsgan"] = "nsgan"
        if self.config.objective == "minimax":
            kind = "minimax"
        yield Update("generators", {"adversarial": generator_loss(D(fake), kind)})

    def generate(self, z: Tensor) -> Tensor:
        """Return G(z)."""
        return self.generators(z)

    def translate(self, x: Tensor, to: str, style: Tensor | None = None) -> Tensor:
        """Refuse: images are generated from noise alone."""
        raise ValueError("GAN generates images from noise and does not translate; use sample")

    def preview(self, fixed: Batch, fresh: Noise) -> list[Panel]:
        """Show real images, and images generated from fixed and from fresh noise."""
        columns = [("real", fixed.images["x"])]
        for title, noise in (("fixed noise", fixed.noise), ("fresh noise", fresh)):
            for number in range(_COLUMNS):
                columns.append(("" if number else title, self.generate(noise(self.style_dim))))
        return [Panel(self.names["x"], columns)]
