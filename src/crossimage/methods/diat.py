"""DIAT and DIAT-A: identity-preserving transfer of a facial attribute.

Li, Zuo, Zhang: Deep Identity-aware Transfer of Facial Attributes. 2016,
https://arxiv.org/abs/1610.05586. Domain a holds faces without the attribute, b faces with it; the
translation goes from a to b only.

The first stage trains the transform network T, x_ab = T(x_a), against the attribute discriminator
D. The identity of x_a is preserved in the feature maps f_l of a network: a fixed face network
(DIAT), or D itself, whose features adapt as it learns (DIAT-A). A denoising network F learns to
remove Gaussian noise n from images and should find nothing to remove in x_ab. The second stage
trains the enhancement network E to restore the detail of a denoised image.

Objective::

    F:   min  w.denoise     |F(x_b + n) - x_b|^2
    D:   min  w.adversarial (-log D(x_b) - log(1 - D(x_ab)))
    T:   min  w.adversarial -log D(x_ab)                       attribute
              + w.identity  sum_l |f_l(x_ab) - f_l(x_a)|^2     identity, over the deepest maps
              + w.smooth    |x_ab - F(x_ab)|^2                 perceptual regularisation

    E:   min  w.enhancement |E(F(x_b)) - x_b|^2                second stage

where all |.|^2 are means. A translation is E(T(x_a)); E is the identity until its stage.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from crossimage.config import (
    Config,
    Depth,
    DepthOrZero,
    FilePath,
    Items,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    SideOrZero,
    Size,
    Width,
    settings,
)
from crossimage.losses import discriminator_loss, generator_loss
from crossimage.methods.base import Batch, Method, Noise, Update
from crossimage.methods.settings import check_images
from crossimage.networks.denoising import Refiner
from crossimage.networks.discriminators import AttributeDiscriminator, score_real_and_fake
from crossimage.networks.features import FeatureNetwork, read_features
from crossimage.networks.generators import ResnetGenerator
from crossimage.networks.layers.blocks import initialise
from crossimage.networks.pretrained import VGG16Features
from crossimage.utils.contact_sheet import Panel


@settings
class LossWeights:
    """Weights of the loss terms; the paper does not state them; these are ours.

    Attributes:
        adversarial: Distinguishing images with the attribute from translations, and fooling
            the discriminator.
        identity: Distance between feature maps of an image and its translation. Adaptive features
            are small; with ``identity=fixed`` a weight of about 1 suffices.
        smooth: Change that the denoising network would still make to a translation.
        denoise: Removal of noise, from which the denoising network learns. If 0, there is no such
            network, and ``smooth`` and ``enhancement`` must be 0 too.
        enhancement: Restoration of detail. If 0, there is no second stage.
    """

    adversarial: NonNegativeFloat = 1.0
    identity: NonNegativeFloat = 100.0
    smooth: NonNegativeFloat = 50.0
    denoise: NonNegativeFloat = 1.0
    enhancement: NonNegativeFloat = 1.0


@settings
class DIATConfig(Config):
    """Configuration of DIAT-A for aligned faces of 128 px; what the paper does not state is ours.

    Attributes:
        transform_steps: Steps of the first stage; the rest of the run trains the enhancement.
        width: Channels of the first convolution of the transform network.
        residual_blocks: Residual blocks of the transform network.
        discriminator_width: Channels of the first layer of the attribute discriminator.
        discriminator_layers: Its convolutions of stride 2.
        identity: Source of the feature maps that represent the identity: ``adaptive``, the
            discriminator (DIAT-A), or ``fixed``, a given network (DIAT).
        identity_layers: Number of feature maps to compare, the deepest ones.
        features: The given network: a model file of ``crossimage train`` with a classifier that
            takes images of this size, or a ``.pth`` file of VGG-Face (the paper's network:
            ``vgg_face_dag.pth``) or of torchvision's VGG16, which knows objects.
        denoising_width: Channels between the two convolutions of the denoising and of the
            enhancement network.
        noise: Standard deviation of the noise to remove, for images in [-1, 1].
        weights: Weights of the loss terms.
    """

    stages: ClassVar[tuple[str, ...]] = ("transform_steps",)

    resize: SideOrZero = 128
    crop: Size = (128, 128)
    steps: PositiveInt = 50_000
    batch_size: Items = 16
    learning_rate: NonNegativeFloat = 2e-4

    transform_steps: NonNegativeInt = 40_000
    width: Width = 32
    residual_blocks: DepthOrZero = 5
    discriminator_width: Width = 64
    discriminator_layers: Depth = 5
    identity: Literal["adaptive", "fixed"] = "adaptive"
    identity_layers: Depth = 2
    features: FilePath | None = None
    denoising_width: Width = 64
    noise: NonNegativeFloat = 0.1
    weights: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        """Refuse sizes that the networks cannot have."""
        super().__post_init__()
        check_images(self, multiple=4, smallest=max(8, 2 << self.discriminator_layers))
        if len(set(self.channels)) > 1:
            raise ValueError(
                f"the identity loss needs domains with the same number of channels, found "
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
        training: Also build the discriminator and the denoising network.
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
            # without norms, which would remove colours from the features to compare
            self.discriminators = AttributeDiscriminator(
                channels, c.discriminator_width, c.discriminator_layers, c.crop, norm="none"
            )
            initialise(self.discriminators, "gaussian")
        if training and c.weights.denoise:
            self.denoisers = Refiner(channels, c.denoising_width)
            initialise(self.denoisers, "gaussian")

    def build_fixed_networks(self) -> None:
        """Build the face network of DIAT if the identity has a weight."""
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
        """Move denoising network, discriminator and transform network; later enhancement alone."""
        T, D, w = self.generators, self.discriminators, self.config.weights
        x_a, x_b = batch.images["a"], batch.images["b"]
        if w.enhancement and batch.step >= self.config.transform_steps:
            with torch.no_grad():
                smooth = self.denoisers(x_b)
            yield Update("enhancers", {"enhancement": mse_loss(self.enhancers(smooth), x_b)})
            return

        if w.denoise:
            noisy = x_b + self.config.noise * batch.noise(*x_b.shape[1:])
            yield Update("denoisers", {"denoise": mse_loss(self.denoisers(noisy), x_b)})

        x_ab = T(x_a)
        on_b, on_ab = score_real_and_fake(D, x_b, x_ab)
        yield Update("discriminators", {"adversarial": discriminator_loss(on_b, on_ab, "nsgan")})

        losses = {"adversarial": generator_loss(D(x_ab), "nsgan")}
        if w.identity:
            losses["identity"] = self._identity(x_ab, x_a)
        if w.smooth:
            losses["smooth"] = self.denoisers.correction(x_ab).float().square().mean()
        yield Update("generators", losses)

    def _identity(self, x_ab: Tensor, x_a: Tensor) -> Tensor:
        """Return the squared distance between feature maps of a translation and its input."""
        c = self.config
        network = self.discriminators if c.identity == "adaptive" else self.features
        with torch.no_grad():
            own = network.maps(x_a)[-c.identity_layers :]
        translated = network.maps(x_ab)[-c.identity_layers :]
        return sum(map(mse_loss, translated, own), torch.zeros((), device=x_a.device))

    def translate(self, x: Tensor, to: str, style: Tensor | None = None) -> Tensor:
        """Return E(T(x))."""
        return self.enhancers(self.generators(x)).clamp(-1, 1)

    def discriminate(self, x: Tensor, domain: str, condition: Tensor | None = None) -> list[Tensor]:
        """Return the attribute discriminator's scores (N, 1, 1, 1) for the training size."""
        if domain == "a":
            raise ValueError(f"DIAT has a discriminator of {self.names['b']} only")
        return self.discriminators(x)

    def preview(self, fixed: Batch, fresh: Noise) -> list[Panel]:
        """Show input, transform and enhancement beside examples of the target."""
        x = fixed.images["a"]
        columns = [
            ("input", x),
            ("transform", self.generators(x)),
            ("enhanced", self.translate(x, "b")),
            (f"examples of {self.names['b']}", fixed.images["b"]),
        ]
        return [self.panel("a", "b", columns)]
