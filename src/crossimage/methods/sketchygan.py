"""SketchyGAN: sketches of many classes to photos.

Chen, Hays: SketchyGAN: Towards Diverse and Realistic Sketch to Image Synthesis. CVPR 2018,
https://arxiv.org/abs/1801.02753.

A sketch s of class c becomes a photo G(s, c, z), where z is random noise. Sketches are few, so edge
maps of further photos y train G too: their share falls over the run. Networks see the distance of
every pixel to the nearest stroke. All blocks are masked residual units, and the norms of G have a
scale and a shift per class. The discriminator has two heads: D_src tells photos from translations,
and D_cls predicts the class. Its photos y' are drawn on their own.

Objective (sections 4.2 and 4.3)::

    min_D  adversarial     sp(D_src(G(s, c, z))) + sp(-D_src(y'))
           + w.classification   -(1 - p)^2 log p,  p = D_cls(c' | y')       focal loss
           + w.penalty          max(0, |grad D_src(y_hat)| - 1)^2           DRAGAN only
           + w.decay            |D|^2 / 2
    min_G  adversarial     sp(-D_src(G(s, c, z)))
           + w.classification   -log D_cls(c | G(s, c, z)) / 2
           + w.reconstruction   |G(s, c, z) - y|
           + w.perceptual       sum over layers |phi(G(s, c, z)) - phi(y)|  Inception-v4
           - w.diversity        |G(s, c, z) - G(s, c, z')| / |z - z'|_2
           + w.decay            |G|^2 / 2

where sp is softplus, |.| of images and maps is a mean, and y_hat is a photo with some noise. The
released code is later than the paper: spectral norm keeps D smooth, and scores are means over
patches. In the paper's form (``stabilisation=dragan``) a penalty keeps D smooth, scores are summed
over the patches, and D's adversarial term is halved.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from crossimage.config import (
    Betas,
    Channels,
    FilePath,
    Items,
    NonNegativeFloat,
    PositiveInt,
    Share,
    SideOrZero,
    Size,
    Width,
    settings,
)
from crossimage.labels import ClassPairsConfig, Labels
from crossimage.losses import (
    discriminator_loss,
    focal_loss,
    generator_loss,
    local_gradient_penalty,
)
from crossimage.methods.base import Batch, Method, Noise, Update, repeat_per_style
from crossimage.methods.optimizers import Adam, Optimizer
from crossimage.networks.inception_v4 import InceptionV4Features
from crossimage.networks.masked_residual import (
    HALVINGS,
    MaskedResidualDiscriminator,
    MaskedResidualGenerator,
    l2_of_units,
)
from crossimage.networks.strokes import distance_maps
from crossimage.utils.contact_sheet import Panel

_STEEPNESS = 0.9  # of the learning rates: their loss over the run, if nothing stopped it


@settings
class LossWeights:
    """Weights of the loss terms.

    Attributes:
        adversarial: Scores of the discriminator.
        classification: Classes of photos and of translations.
        penalty: Gradient penalty of the discriminator; with ``stabilisation=dragan`` only.
        reconstruction: Distance of a translation from the photo.
        perceptual: Distance of their features in Inception-v4 (0: the network is not needed).
        diversity: Difference of two translations of a sketch.
        decay: Squared weights of the masked residual units.
    """

    adversarial: NonNegativeFloat = 1.0
    classification: NonNegativeFloat = 1.0
    penalty: NonNegativeFloat = 10.0
    reconstruction: NonNegativeFloat = 10.0
    perceptual: NonNegativeFloat = 3.0
    diversity: NonNegativeFloat = 10.0
    decay: NonNegativeFloat = 1e-5


@settings
class SketchyGANConfig(ClassPairsConfig):
    """Configuration of SketchyGAN; the defaults are those of the released code.

    Attributes:
        channels: Channels of all images, one number.
        learning_rate: Adam's step size of the generator.
        discriminator_learning_rate: That of the discriminator.
        lowest_rate: The learning rates fall evenly until they are this share of themselves, which
            0.2 is after eight ninths of the run (1: they stay).
        width: Channels after the generator's first masked residual unit.
        z_dim: Length of the noise.
        stabilisation: What keeps the discriminator smooth: ``spectral``, spectral normalisation, as
            in the released code; or ``dragan``, a gradient penalty near photos, as in the paper.
        test_statistics: What batch norms use when translating: ``running`` statistics of training,
            so that an output depends on nothing but its input; or those of the ``batch`` that is
            translated together, as published.
        perceptual_weights: File with the weights of Inception-v4, used if ``weights.perceptual`` is
            above 0; by default from torch's cache.
        weights: Weights of the loss terms.
    """

    channels: Channels = (3,)
    resize: SideOrZero = 64
    crop: Size = (64, 64)
    flip: bool = False
    contrast: Share = 0.2
    steps: PositiveInt = 300_000
    batch_size: Items = 32
    learning_rate: NonNegativeFloat = 2e-4
    discriminator_learning_rate: NonNegativeFloat = 4e-4
    lowest_rate: Share = 0.2
    betas: Betas = (0.0, 0.9)

    width: Width = 64
    z_dim: Width = 256
    stabilisation: Literal["spectral", "dragan"] = "spectral"
    test_statistics: Literal["running", "batch"] = "running"
    perceptual_weights: FilePath | None = None
    weights: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        """Refuse sizes that the networks cannot have."""
        super().__post_init__()
        if any(side % 2**HALVINGS for side in self.crop):
            raise ValueError(f"crop must be a multiple of {2**HALVINGS} pixels, found {self.crop}")
        if len(self.channels) != 1:
            raise ValueError(f"channels must be one number, for all images, found {self.channels}")
        if self.weights.perceptual and self.channels != (3,):
            raise ValueError(
                f"weights.perceptual needs images of 3 channels, found channels {self.channels}; "
                "set weights.perceptual=0"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes; without data, two that stand for them."""
        return super().names or ("class_0", "class_1")


class SketchyGAN(Method):
    """See the module's docstring for the paper and its objective.

    Args:
        config: The hyper-parameters.
        training: Also build the discriminator.
    """

    Config = SketchyGANConfig
    config: SketchyGANConfig
    letters = ("x",)
    layout = "class_pairs"
    run_settings = ("label_sets", "categorical")
    test_settings = ("test_statistics",)
    targets = ("x",)
    labels: Labels

    def __init__(self, config: SketchyGANConfig, *, training: bool = True) -> None:
        super().__init__(config)
        self.labels = config.labels
        self.style_dim, self.fixed_size = config.z_dim, config.crop
        (channels,) = config.channels
        self.generators = MaskedResidualGenerator(
            channels, channels, config.width, self.labels.size, config.z_dim, config.crop
        )
        if training:
            self.discriminators = MaskedResidualDiscriminator(
                channels, config.width, self.labels.size,
                spectral=config.stabilisation == "spectral",
            )  # fmt: skip
        self.apply_test_settings()

    def apply_test_settings(self) -> None:
        """Let the norms follow ``test_statistics``."""
        self.generators.use_batch_statistics(self.config.test_statistics == "batch")

    def build_fixed_networks(self) -> None:
        """Build Inception-v4 if the perceptual loss needs it."""
        if self.config.weights.perceptual:
            self.features = InceptionV4Features(
                self.config.perceptual_weights,
                "the perceptual loss of SketchyGAN",
                "name a file with perceptual_weights=FILE, or set weights.perceptual=0",
            )

    def optimizers(self) -> dict[str, Optimizer]:
        """Return Adam with a step size for each player."""
        c = self.config
        rates = {"generators": c.learning_rate, "discriminators": c.discriminator_learning_rate}
        return {name: Adam(rates[name], c.betas, c.weight_decay) for name in self.players()}

    def rate_factor(self, step: int) -> float:
        """Return the share of the learning rates that is left."""
        c = self.config
        return max(c.lowest_rate, 1 - _STEEPNESS * step / c.steps)

    def training_step(self, batch: Batch) -> Iterator[Update]:
        """Move the discriminator, then the generator, on the same translations."""
        G, D, w = self.generators, self.discriminators, self.config.weights
        dragan = self.config.stabilisation == "dragan"
        classes, real_classes = (batch.labels[name].argmax(1) for name in ("x", "real"))
        seen = self._seen(batch.images["x"])
        size = batch.images["x"].shape[1:]
        y = stretched(batch.images["photo"], batch.noise.uniform(*size))
        real = stretched(batch.images["real"], batch.noise.uniform(*size))
        z, z_2 = batch.noise(self.config.z_dim), batch.noise(self.config.z_dim)
        mix, near = batch.noise.uniform(1, 1, 1), batch.noise.uniform(*size)

        fake = G(seen, classes, z)
        on_real, logits = D(real)
        on_fake, _ = D(fake.detach())
        # means over a patch become sums over the patches
        patches = on_real[0].numel() / 2 if dragan else 1
        losses = {
            "adversarial": patches * discriminator_loss([on_real], [on_fake], "nsgan"),
            "classification": focal_loss(logits, real_classes),
        }
        if dragan and w.penalty:
            losses["penalty"] = local_gradient_penalty(lambda x: D(x)[0], real, mix, near)
        if w.decay:
            losses["decay"] = l2_of_units(D)
        yield Update("discriminators", losses)

        on_fake, logits = D(fake)
        losses = {
            "adversarial": (2 * patches if dragan else 1) * generator_loss([on_fake], "nsgan"),
            "classification": F.cross_entropy(logits.float(), classes) / 2,
            "reconstruction": F.l1_loss(fake.float(), y),
        }
        if w.perceptual:
            pairs = zip(self.features(fake.float()), self.features(y), strict=True)
            losses["perceptual"] = torch.stack([F.l1_loss(a, b) for a, b in pairs]).sum()
        if w.diversity:
            losses["diversity"] = diversity(fake, G(seen, classes, z_2), z, z_2)
        if w.decay:
            losses["decay"] = l2_of_units(G)
        yield Update("generators", losses)

    def translate(self, x: Tensor, to: Tensor, style: Tensor | None = None) -> Tensor:
        """Return G(s, c, z) of sketches, for label vectors c (N, L) and noise z (N k, z_dim)."""
        assert style is not None
        seen = repeat_per_style(self._seen(x), style)
        classes = repeat_per_style(to.expand(x.shape[0], -1).argmax(1), style)
        return self.generators(seen, classes, style)

    def _seen(self, x: Tensor) -> Tensor:
        """Return drawings (N, C, H, W) as the networks see them."""
        return distance_maps(x).expand(-1, x.shape[1], -1, -1)

    def discriminate(self, x: Tensor, domain: str, condition: Tensor | None = None) -> list[Tensor]:
        """Return the score map (N, 1, h, w) of photos."""
        self.check_discriminators()
        return [self.discriminators(x)[0]]

    def classify(self, x: Tensor, domain: str) -> Tensor:
        """Return the logits (N, classes) of photos."""
        self.check_discriminators()
        logits: Tensor = self.discriminators(x)[1]
        return logits

    def preview(self, fixed: Batch, fresh: Noise) -> list[Panel]:
        """Show every drawing, what the networks see, three translations, and its photo."""
        x, labels = fixed.images["x"], fixed.labels["x"]
        columns = [("drawing", x), ("distance", self._seen(x))]
        for number in range(1, 4):
            z = fixed.noise(self.style_dim)
            columns.append((f"output {number}", self.translate(x, labels, z)))
        if "photo" in fixed.images:
            columns.append(("photo", fixed.images["photo"]))
        return [Panel("sketches to photos", columns)]


def stretched(x: Tensor, noise: Tensor) -> Tensor:
    """Stretch the values of each photo to the whole range.

    Args:
        x: Photos (N, C, H, W) in [-1, 1].
        noise: Uniform in [0, 1], of the same shape; fills the steps of 256 levels.

    Returns:
        Photos whose lowest value is -1 and whose highest is almost 1.
    """
    gray = x.float() * 127.5
    low, high = gray.amin((1, 2, 3), keepdim=True), gray.amax((1, 2, 3), keepdim=True)
    return ((gray - low) / (high - low + 1) + noise / 256) * 2 - 1


def diversity(x: Tensor, other: Tensor, z: Tensor, z_other: Tensor) -> Tensor:
    """Return minus the difference of two translations per distance of their noise.

    Args:
        x: Translations (N, C, H, W).
        other: Translations of the same inputs.
        z: Noise (N, Z) of the first.
        z_other: Noise of the second.
    """
    apart = (z - z_other).norm(dim=1)
    return -((x.float() - other.float()).abs().mean((1, 2, 3)) / apart).mean()
