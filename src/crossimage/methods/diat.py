"""DIAT and DIAT-A: transfer of a facial attribute that keeps the identity.

Li, Zuo, Zhang: Deep Identity-aware Transfer of Facial Attributes. 2016,
https://arxiv.org/abs/1610.05586. Domain a are faces without the attribute, b faces with it; the
translation goes from a to b only.

The first stage trains the transform network T, x_ab = T(x_a), against the attribute discriminator
D. That x_ab keeps the identity of x_a is asked for in the feature maps f_l of a network: a fixed
face network (DIAT), or D itself, whose features adapt as it learns (DIAT-A). A denoising network F
learns to take Gaussian noise n from images; x_ab shall leave it nothing to remove. The second
stage trains the enhancement network E to give the denoised image its detail back.

Objective::

    F:   min  w.denoise     |F(x_b + n) - x_b|^2
    D:   min  w.adversarial (-log D(x_b) - log(1 - D(x_ab)))
    T:   min  w.adversarial -log D(x_ab)                       attribute
              + w.identity  sum_l |f_l(x_ab) - f_l(x_a)|^2     identity, over the deepest maps
              + w.smooth    |x_ab - F(x_ab)|^2                 perceptual regularisation

    E:   min  w.enhancement |E(F(x_b)) - x_b|^2                second stage

where all |.|^2 are means. A translation is E(T(x_a)); E changes nothing until its stage.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from crossimage.config import Config, NonNegativeFloat, NonNegativeInt, PositiveInt, Size, settings
from crossimage.losses import discriminator_loss, generator_loss
from crossimage.methods.base import Batch, Method, Noise, Update
from crossimage.methods.settings import check_images
from crossimage.networks.blocks import initialise
from crossimage.networks.denoising import Refiner
from crossimage.networks.discriminators import AttributeDiscriminator, score_real_and_fake
from crossimage.networks.features import FeatureNetwork, read_features
from crossimage.networks.generators import ResnetGenerator
from crossimage.networks.pretrained import VGG16Features
from crossimage.utils.contact_sheet import Panel


@settings
class LossWeights:
    """Weights of the loss terms; the paper leaves them open, these are ours.

    Attributes:
        adversarial: Telling images with the attribute from translations, and fooling who does.
        identity: Equal feature maps of an image and its translation. The adaptive ones are small;
            with ``identity=fixed`` about 1 does.
        smooth: What the denoising network would still change in a translation.
        denoise: Removal of noise, from which the denoising network learns. Where it is 0, there is
            none, and ``smooth`` and ``enhancement`` must be 0 too.
        enhancement: Detail of a denoised image. Where it is 0, there is no second stage.
    """

    adversarial: NonNegativeFloat = 1.0
    identity: NonNegativeFloat = 100.0
    smooth: NonNegativeFloat = 50.0
    denoise: NonNegativeFloat = 1.0
    enhancement: NonNegativeFloat = 1.0


@settings
class DIATConfig(Config):
    """Configuration of DIAT-A for aligned faces of 128 px; what the paper leaves open is ours.

    Attributes:
        transform_steps: Steps of the first stage; the rest of the run trains the enhancement.
        width: Channels of the first convolution of the transform network.
        residual_blocks: Residual blocks of the transform network.
        discriminator_width: Channels of the first layer of the attribute discriminator.
        discriminator_layers: Its convolutions of stride 2.
        identity: Whose feature maps tell the identity: ``adaptive``: those of the discriminator
            (DIAT-A); ``fixed``: those of a given network (DIAT).
        identity_layers: How many of them, the deepest.
        features: The given network: a model file of ``crossimage train`` with a classifier that
            takes images of this size, or a ``.pth`` file of torchvision's VGG16.
        denoising_width: Channels between the two convolutions of denoising and enhancement
            network.
        noise: Standard deviation of the noise that is removed; images reach from -1 to 1.
        weights: Weights of the loss terms.
    """

    resize: NonNegativeInt = 128
    crop: Size = (128, 128)
    steps: PositiveInt = 50_000
    batch_size: PositiveInt = 16
    learning_rate: NonNegativeFloat = 2e-4

    transform_steps: NonNegativeInt = 40_000
    width: PositiveInt = 32
    residual_blocks: NonNegativeInt = 5
    discriminator_width: PositiveInt = 64
    discriminator_layers: PositiveInt = 5
    identity: Literal["adaptive", "fixed"] = "adaptive"
    identity_layers: PositiveInt = 2
    features: Path | None = None
    denoising_width: PositiveInt = 64
    noise: NonNegativeFloat = 0.1
    weights: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        """Refuse shapes that the networks can't have."""
        super().__post_init__()
        check_images(self, multiple=4, smallest=max(8, 2 << self.discriminator_layers))
        if len(set(self.channels)) > 1:
            raise ValueError(
                f"the identity is compared between domains of equally many channels, found "
                f"channels {self.channels}"
            )
        if not self.weights.denoise and (self.weights.smooth or self.weights.enhancement):
            raise ValueError(
                "without weights.denoise there is no denoising network: set weights.smooth=0 and "
                "weights.enhancement=0 too"
            )
        if self.identity == "adaptive" and self.identity_layers > self.discriminator_layers:
            raise ValueError(
                f"identity_layers ({self.identity_layers}) must be at most the "
                f"discriminator_layers ({self.discriminator_layers})"
            )
        if self.identity == "fixed" and len(set(self.crop)) > 1:
            raise ValueError(f"identity=fixed needs a square crop, found {self.crop}")
        if self.identity == "fixed" and not set(self.channels) <= {1, 3}:
            raise ValueError(
                f"identity=fixed needs images of 1 or 3 channels, found channels {self.channels}"
            )


class DIAT(Method):
    """See the module's docstring for the paper and its objective.

    Args:
        config: The hyper-parameters.
        training: Build the discriminator and the denoising network too.
    """

    Config = DIATConfig
    config: DIATConfig
    player_order = ("denoisers", "discriminators", "generators", "enhancers")
    inference_players = ("generators", "enhancers")
    run_settings = ("transform_steps", "features")
    targets = ("b",)
    multiple, min_size = 4, 8

    def __init__(self, config: DIATConfig, *, training: bool = True) -> None:
        super().__init__(config)
        c, channels = config, config.channels[0]
        self.generators = ResnetGenerator(channels, channels, c.width, c.residual_blocks)
        initialise(self.generators, "gaussian")
        self.enhancers = Refiner(channels, c.denoising_width)
        if training:
            # without norms, which would take colours from the features that are compared
            self.discriminators = AttributeDiscriminator(
                channels, c.discriminator_width, c.discriminator_layers, c.crop, norm="none"
            )
            initialise(self.discriminators, "gaussian")
        if training and c.weights.denoise:
            self.denoisers = Refiner(channels, c.denoising_width)
            initialise(self.denoisers, "gaussian")

    def build_fixed_networks(self) -> None:
        """The face network of DIAT, where the identity has a weight."""
        c = self.config
        if c.identity == "adaptive" or not c.weights.identity:
            return
        if c.features is None:
            raise ValueError(
                "identity=fixed compares the feature maps of a face network; name its file with "
                "features=FILE, or set identity=adaptive"
            )
        if c.features.suffix == ".pth":
            self.features: VGG16Features | FeatureNetwork = VGG16Features(
                c.features, "the identity loss of DIAT", "features"
            )
        else:
            self.features = read_features(c.features, c.crop[0], c.channels[0])

    def training_step(self, batch: Batch) -> Iterator[Update]:
        """Denoising network, discriminator and transform network; later the enhancement alone."""
        w, x_a, x_b = self.config.weights, batch.images["a"], batch.images["b"]
        if w.enhancement and batch.step >= self.config.transform_steps:
            with torch.no_grad():
                smooth = self.denoisers(x_b)
            yield Update("enhancers", {"enhancement": mse_loss(self.enhancers(smooth), x_b)})
            return

        if w.denoise:
            noisy = x_b + self.config.noise * batch.noise(*x_b.shape[1:])
            yield Update("denoisers", {"denoise": mse_loss(self.denoisers(noisy), x_b)})

        x_ab = self.generators(x_a)
        on_b, on_ab = score_real_and_fake(self.discriminators, x_b, x_ab)
        yield Update("discriminators", {"adversarial": discriminator_loss(on_b, on_ab, "nsgan")})

        losses = {"adversarial": generator_loss(self.discriminators(x_ab), "nsgan")}
        if w.identity:
            losses["identity"] = self._identity(x_ab, x_a)
        if w.smooth:
            losses["smooth"] = self.denoisers.correction(x_ab).float().square().mean()
        yield Update("generators", losses)

    def _identity(self, x_ab: Tensor, x_a: Tensor) -> Tensor:
        """Squared distance of the chosen feature maps of a translation and its input."""
        c = self.config
        network = self.discriminators if c.identity == "adaptive" else self.features
        with torch.no_grad():
            wanted = network.maps(x_a)[-c.identity_layers :]
        found = network.maps(x_ab)[-c.identity_layers :]
        return sum(map(mse_loss, found, wanted), torch.zeros((), device=x_a.device))

    def translate(self, x: Tensor, to: str, style: Tensor | None = None) -> Tensor:
        """E(T(x))."""
        return self.enhancers(self.generators(x)).clamp(-1, 1)

    def discriminate(self, x: Tensor, domain: str, condition: Tensor | None = None) -> list[Tensor]:
        """The attribute discriminator's score (N, 1, 1, 1) of images of the training size."""
        if domain == "a":
            raise ValueError(f"DIAT has a discriminator of {self.names['b']} only")
        return self.discriminators(x)

    def preview(self, fixed: Batch, fresh: Noise) -> list[Panel]:
        """Input, transform and its enhancement, beside examples of the target."""
        x = fixed.images["a"]
        columns = [
            ("input", x),
            ("transform", self.generators(x)),
            ("enhanced", self.translate(x, "b")),
            (f"examples of {self.names['b']}", fixed.images["b"]),
        ]
        return [self.panel("a", "b", columns)]
