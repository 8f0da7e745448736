"""DTN: unpaired translation that keeps the output of a given function f constant.

Taigman, Polyak, Wolf: Unsupervised Cross-Domain Image Generation. ICLR 2017,
https://arxiv.org/abs/1611.02200. The paper's domains S and T are the source a and the target b.

f represents an image by a vector: the last features of a classifier that learns the source's
labels, in the first ``classifier_steps`` of the run or before it. It stays fixed afterwards. The
generator G(x) = g(f(x)) generates an image of the target from that vector, for x of either domain:
x_ab = G(x_a), x_bb = G(x_b). A discriminator with three classes distinguishes 1: images generated
from the source, 2: images generated from the target, 3: real images of the target; D_i is the
probability of class i.

Objective::

    f:   min  w.classification  cross_entropy(C(f(x_a)), y_a)       in the first steps, then
    D:   min  w.adversarial    (-log D_1(x_ab) - log D_2(x_bb) - log D_3(x_b))
    g:   min  w.adversarial    (-log D_3(x_ab) - log D_3(x_bb))
              + w.const        |f(x_ab) - f(x_a)|^2
              + w.tid          |x_bb - x_b|^2
              + w.tv           (TV(x_ab) + TV(x_bb)) / 2

|.|^2 is a mean over the values of a vector or an image, and TV the total variation; all are means
over images. f takes as many channels as the domain with more channels; single channels are
repeated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss

from crossimage.config import (
    ClassesConfig,
    FilePath,
    Items,
    Names,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    SideOrZero,
    Size,
    Width,
    settings,
)
from crossimage.losses import total_variation
from crossimage.methods.base import Batch, Method, Noise, Update
from crossimage.methods.settings import check_doublings, fitting
from crossimage.networks.augmentation.discriminators import note_real
from crossimage.networks.dcgan import ImageDiscriminator, VectorGenerator
from crossimage.networks.features import FeatureNetwork, read_features
from crossimage.networks.layers.blocks import initialise
from crossimage.utils.contact_sheet import Panel

FROM_SOURCE, FROM_TARGET, TARGET = range(3)
"""The discriminator's classes, 1 to 3 in the paper."""


@settings
class LossWeights:
    """Weights of the loss terms.

    Attributes:
        classification: Classification of the source's images, from which f learns.
        adversarial: Distinguishing the three kinds of images, and passing for real.
        const: Constancy of f: distance between f of an image and of its translation.
        tid: Identity on the target: distance between its images and their translations.
        tv: Total variation of generated images.
    """

    classification: NonNegativeFloat = 1.0
    adversarial: NonNegativeFloat = 1.0
    const: NonNegativeFloat = 15.0
    tid: NonNegativeFloat = 15.0
    tv: NonNegativeFloat = 0.0


@settings
class DTNConfig(ClassesConfig):
    """Configuration of DTN; the defaults are those for SVHN to MNIST, published or (see docs) ours.

    Attributes:
        classes: Names of the classes; training takes them from the folders of the source.
        classifier_steps: Steps at the start of the run in which f learns the source's classes.
        features: Model file whose f is used unchanged; requires ``classifier_steps`` 0.
        classifier_width: Channels of f's first layer; its vectors are twice as long.
        width: Channels of the generator's last hidden layer; earlier ones have up to 8 times as
            many.
        discriminator_width: Channels of the discriminator's first layer; later ones have up to 8
            times as many.
        weights: Weights of the loss terms.
    """

    stages: ClassVar[tuple[str, ...]] = ("classifier_steps",)

    resize: SideOrZero = 32
    crop: Size = (32, 32)
    flip: bool = False
    steps: PositiveInt = 60_000
    batch_size: Items = 128
    learning_rate: NonNegativeFloat = 3e-4

    classes: Names = tuple("0123456789")
    classifier_steps: NonNegativeInt = 10_000
    features: FilePath | None = None
    classifier_width: Width = 64
    width: Width = 128
    discriminator_width: Width = 128
    weights: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        """Refuse sizes that the networks cannot have, and two sources of f or none."""
        super().__post_init__()
        if len(self.channels) != 2 or (1 not in self.channels and len(set(self.channels)) > 1):
            raise ValueError(
                "channels must be two numbers, one per domain, that are equal or one of them 1, "
                f"found {self.channels}"
            )
        check_doublings(self)
        if bool(self.classifier_steps) == bool(self.features):
            raise ValueError(
                "f is either trained or given: set classifier_steps to more than 0, or to 0 and "
                "features to a model file"
            )


class DTN(Method):
    """See the module's docstring for the paper and its objective.

    Args:
        config: The hyper-parameters.
        training: Also build the discriminator.
    """

    Config = DTNConfig
    config: DTNConfig
    player_order = ("classifier", "discriminators", "generators")
    inference_players = ("classifier", "generators")
    labelled = ("a",)
    run_settings = ("classifier_steps", "features")
    targets = ("b",)

    def __init__(self, config: DTNConfig, *, training: bool = True) -> None:
        super().__init__(config)
        self.fixed_size = config.crop
        c, size, channels = config, config.crop[0], config.channels[1]
        self.classifier = FeatureNetwork(max(c.channels), size, c.classifier_width, len(c.classes))
        self.generators = VectorGenerator(self.classifier.dim, channels, c.width, size)
        initialise(self.generators, "gaussian")
        if training:
            self.discriminators = ImageDiscriminator(channels, c.discriminator_width, size, 3)
            initialise(self.discriminators, "gaussian")

    @classmethod
    def needs_labels(cls, config: DTNConfig) -> tuple[str, ...]:
        """Return the source, whose classes are needed unless f is given."""
        return () if config.features else cls.labelled

    def build_fixed_networks(self) -> None:
        """Read f if it is given.

        Raises:
            ValueError: The file holds no feature network, or one of another shape.
            FileNotFoundError: The file does not exist.
        """
        c = self.config
        if c.features is None:
            return
        f = read_features(c.features, c.crop[0], max(c.channels))
        given = {"classifier_width": f.dim // 2, "classes": f.classes.out_features}
        expected = {"classifier_width": c.classifier_width, "classes": len(c.classes)}
        for key, value in expected.items():
            if given[key] != value:
                raise ValueError(
                    f"the feature network in {c.features} has {key} {given[key]}, and this run "
                    f"{value}; both must be the same"
                )
        self.classifier.load_state_dict(f.state_dict())

    def training_step(self, batch: Batch) -> Iterator[Update]:
        """Move f in the first steps; then the discriminator and g, on the same images."""
        f, g, w = self.classifier, self.generators, self.config.weights
        x_a, x_b = batch.images["a"], batch.images["b"]
        if batch.step < self.config.classifier_steps:
            loss = cross_entropy(f.classify(x_a).float(), batch.labels["a"])
            yield Update("classifier", {"classification": loss})
            return
        with torch.no_grad():
            codes = torch.cat([f(x_a), f(x_b)])
        generated = g(codes)
        x_ab, x_bb = generated.tensor_split([len(x_a)])

        on_b = self._logits(x_b)
        note_real([_margin(on_b)])
        real = _cross_entropy(on_b, TARGET)
        fake = _cross_entropy(self._logits(x_ab.detach()), FROM_SOURCE) + _cross_entropy(
            self._logits(x_bb.detach()), FROM_TARGET
        )
        yield Update("discriminators", {"adversarial": fake + real})

        losses = {
            "adversarial": _cross_entropy(self._logits(x_ab), TARGET)
            + _cross_entropy(self._logits(x_bb), TARGET)
        }
        if w.const:
            losses["const"] = mse_loss(f(x_ab).float(), codes[: len(x_a)].float())
        if w.tid:
            losses["tid"] = mse_loss(x_bb.float(), x_b)
        if w.tv:
            losses["tv"] = total_variation(generated)
        yield Update("generators", losses)

    def _logits(self, x: Tensor) -> Tensor:
        """Return the logits (N, 3, 1, 1) of the kinds of images."""
        (logits,) = self.discriminators(x)
        return logits

    def translate(self, x: Tensor, to: str, style: Tensor | None = None) -> Tensor:
        """Return G(x) = g(f(x)) for images of either domain."""
        return self.generators(self.classifier(fitting(x, self.config.crop)))

    def classify(self, x: Tensor, domain: str) -> Tensor:
        """Return the logits (N, classes) of the classifier that f belongs to."""
        return self.classifier.classify(fitting(x, self.config.crop))

    def discriminate(self, x: Tensor, domain: str, condition: Tensor | None = None) -> list[Tensor]:
        """Return scores (N, 1, 1, 1), above 0 for images classified as real ones of the target."""
        if domain != "b":
            raise ValueError(f"dtn has no discriminator of {self.names[domain]}, the source")
        return [_margin(self._logits(fitting(x, self.config.crop)))]

    def preview(self, fixed: Batch, fresh: Noise) -> list[Panel]:
        """Show translations of the source, and of the target to itself."""
        x_a, x_b = fixed.images["a"], fixed.images["b"]
        return [
            self.panel("a", "b", [("input", x_a), ("translation", self.translate(x_a, "b"))]),
            Panel(
                f"{self.names['b']} to itself",
                [("input", x_b), ("translation", self.translate(x_b, "b"))],
            ),
        ]


def _cross_entropy(logits: Tensor, kind: int) -> Tensor:
    """Return -log D_kind(x) from the logits of images x."""
    return -logits.flatten(1).float().log_softmax(1)[:, kind].mean()


def _margin(logits: Tensor) -> Tensor:
    """Return scores (N, 1, 1, 1), above 0 for images classified as real ones of the target."""
    return logits[:, TARGET:] - logits[:, :TARGET].logsumexp(1, keepdim=True)
