"""StarGAN: one generator for all domains, of one data set or several.

Choi, Choi, Kim, Ha, Kim, Choo: StarGAN: Unified Generative Adversarial Networks for Multi-Domain
Image-to-Image Translation. CVPR 2018, https://arxiv.org/abs/1711.09020.

An image x has the labels c', and its translation G(x, c) should have other labels c. The
discriminator has two heads: D_src distinguishes real from translated images, and D_cls predicts the
labels. With several data sets a label vector is [c_1, ..., c_n, m]: the labels of all data sets
except the image's own are zeros, and the mask m says which is its own (section 3.2).

Objective (equations 5 and 6)::

    min_D  adversarial   D_src(G(x, c)) - D_src(x)                            equation 8
           + w.penalty        (|grad D_src(x_hat)| - 1)^2
           + w.classification  -log D_cls(c' | x)                             equation 2
    min_G  adversarial   -D_src(G(x, c))
           + w.classification  -log D_cls(c | G(x, c))                        equation 3
           + w.reconstruction  |x - G(G(x, c), c')|                           equation 4

where x_hat is a random point between a real and a translated image, |.| of images is a mean, and
scores are means over patches. The classification loss of attributes is a sum of binary
cross-entropies, that of classes a cross-entropy, over the labels of the image's data set only.

A step consists of ``critic_moves`` moves of D, each on its own images, and one move of G on the
images of the last of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from crossimage.config import (
    Channels,
    Depth,
    DepthOrZero,
    Items,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    SideOrZero,
    Size,
    Width,
    settings,
)
from crossimage.labels import LabelledConfig, Labels
from crossimage.losses import discriminator_loss, generator_loss, gradient_penalty
from crossimage.methods.base import Batch, Method, Noise, Update
from crossimage.networks.discriminators import score_real_and_fake
from crossimage.networks.labelled import LabelledDiscriminator, LabelledGenerator
from crossimage.utils.contact_sheet import Panel

CELEBA = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")

_PREVIEWED = 40
"""Labels on a sample sheet at most."""


@settings
class LossWeights:
    """Weights of the loss terms.

    Attributes:
        adversarial: Scores of the critic.
        penalty: Gradient penalty of the critic (the paper's lambda_gp).
        classification: Labels of real and of translated images (lambda_cls).
        reconstruction: Reconstruction of an image translated there and back (lambda_rec).
    """

    adversarial: NonNegativeFloat = 1.0
    penalty: NonNegativeFloat = 10.0
    classification: NonNegativeFloat = 1.0
    reconstruction: NonNegativeFloat = 10.0


@settings
class DiscriminatorShape:
    """Shape of the discriminator.

    Attributes:
        width: Channels of the first layer; every further layer doubles them.
        layers: Convolutions of stride 2.
    """

    width: Width = 64
    layers: Depth = 6


@settings
class StarGANConfig(LabelledConfig):
    """Configuration of StarGAN; the defaults are the published ones for CelebA at 128 px.

    Attributes:
        batch_size: Images per move; a step sees ``critic_moves`` times as many.
        channels: Channels of all images, one number.
        critic_moves: Moves of the discriminator before each of the generator.
        width: Channels of the generator's first convolution.
        residual_blocks: Residual blocks of the generator.
        discriminator: Shape of the discriminator.
        weights: Weights of the loss terms.
    """

    blends: ClassVar[bool] = True
    channels: Channels = (3,)
    resize: SideOrZero = 128
    crop: Size = (128, 128)
    steps: PositiveInt = 40_000
    decay_steps: NonNegativeInt = 20_000
    batch_size: Items = 16

    critic_moves: Items = 5
    width: Width = 64
    residual_blocks: DepthOrZero = 6
    discriminator: DiscriminatorShape = field(default_factory=DiscriminatorShape)
    weights: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        """Refuse sizes that the networks cannot have."""
        super().__post_init__()
        multiple = max(4, 2**self.discriminator.layers)
        if any(side % multiple for side in self.crop):
            raise ValueError(
                f"crop must be a multiple of {multiple} pixels for {self.discriminator.layers} "
                f"layers of the discriminator, found {self.crop}; use another crop or "
                f"discriminator.layers"
            )
        if len(self.channels) != 1:
            raise ValueError(f"channels must be one number, for all images, found {self.channels}")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the labels; without data, those published for CelebA."""
        return self.domains or self.attributes or CELEBA

    @property
    def samples(self) -> int:
        """Images per step: those of all moves of the discriminator."""
        return self.batch_size * self.critic_moves


class StarGAN(Method):
    """See the module's docstring for the paper and its objective.

    Args:
        config: The hyper-parameters.
        training: Also build the discriminator.
    """

    Config = StarGANConfig
    config: StarGANConfig
    letters = ("x",)
    layout = "labelled"
    run_settings = ("label_sets", "categorical")
    targets = ("x",)
    multiple, min_size = 4, 8
    labels: Labels

    def __init__(self, config: StarGANConfig, *, training: bool = True) -> None:
        super().__init__(config)
        self.labels = config.labels
        (channels,) = config.channels
        self.generators = LabelledGenerator(
            channels, self.labels.size, config.width, config.residual_blocks
        )
        if training:
            shape, names = config.discriminator, self.labels.names
            self.discriminators = LabelledDiscriminator(
                channels, len(names), shape.width, shape.layers, config.crop
            )

    def training_step(self, batch: Batch) -> Iterator[Update]:
        """Move the discriminator several times, then the generator once."""
        G, D, w, moves = (
            self.generators, self.discriminators, self.config.weights, self.config.critic_moves,
        )  # fmt: skip
        mix = batch.noise.uniform(1, 1, 1)
        for move in range(moves):
            # strided, so that the moves of micro-batches together see what those of one batch do
            part = slice(move, None, moves)
            x, own = batch.images["x"][part], batch.labels["x"][part]
            wanted = batch.labels["target"][part]
            # the translations of the last move are also used to move the generator
            with torch.set_grad_enabled(move == moves - 1):
                translated = G(x, wanted)
            (on_real, logits), (on_fake, _) = score_real_and_fake(D, x, translated)
            losses = {
                "adversarial": discriminator_loss([on_real], [on_fake], "wgan-gp"),
                "classification": self._classification(logits, own),
            }
            if w.penalty:
                losses["penalty"] = gradient_penalty(
                    lambda between: D(between)[:1], x, translated.detach(), mix[part]
                )
            yield Update("discriminators", losses)

        on_fake, logits = D(translated)
        losses = {
            "adversarial": generator_loss([on_fake], "wgan-gp"),
            "classification": self._classification(logits, wanted),
        }
        if w.reconstruction:
            losses["reconstruction"] = F.l1_loss(G(translated, own), x)
        yield Update("generators", losses)

    def _classification(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy of the labels of the images' own data sets, mean over images."""
        total = torch.zeros((), device=logits.device)
        for number, (span, known) in enumerate(
            zip(self.labels.slices, self.labels.sets, strict=True)
        ):
            predicted, expected = logits[:, span].float(), labels[:, span]
            if known.categorical:
                loss = F.cross_entropy(predicted, expected, reduction="none")
            else:
                loss = F.binary_cross_entropy_with_logits(
                    predicted, expected, reduction="none"
                ).sum(1)
            if len(self.labels.sets) > 1:
                loss = loss * labels[:, len(self.labels.names) + number]
            total = total + loss.mean()
        return total

    def translate(self, x: Tensor, to: Tensor, style: Tensor | None = None) -> Tensor:
        """Return G(x, c) for label vectors c (N, L)."""
        return self.generators(x, to)

    def classify(self, x: Tensor, domain: str) -> Tensor:
        """Return the logits (N, labels) of the labels of all data sets."""
        if "discriminators" not in self.players():
            raise ValueError(
                "the classifier is part of the discriminator, which is not loaded; use "
                "load(path, discriminators=True) on the run folder"
            )
        return self.discriminators(x)[1]

    def preview(self, fixed: Batch, fresh: Noise) -> list[Panel]:
        """Show every image with each of its labels changed; one panel per data set.

        Of many labels, only the first ones are shown.
        """
        x = fixed.images["x"]
        changed = self.labels.switched(fixed.labels["x"])
        panels = []
        for number, span in enumerate(self.labels.slices):
            columns = [("input", x)]
            own = changed[span]
            columns += [(name, self.translate(x, labels)) for name, labels in own[:_PREVIEWED]]
            several = len(self.labels.slices) > 1
            title = f"labels of data set {number + 1}" if several else "labels"
            if len(own) > _PREVIEWED:
                title += f", {_PREVIEWED} of {len(own):,}"
            panels.append(Panel(title, columns))
        return panels
