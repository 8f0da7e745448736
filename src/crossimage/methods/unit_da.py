"""UNIT for domain adaptation: a classifier learns from labelled and adapts to unlabelled images.

Liu, Breuel, Kautz: Unsupervised Image-to-Image Translation Networks. NIPS 2017, section on domain
adaptation, https://arxiv.org/abs/1703.00848. The paper's domains 1 and 2 are a and b here: images
of the source a are labelled, those of the target b are not.

Two variational autoencoders share a latent space: E(x) = N(mu, sigma^2), and a code z is decoded
into both domains, so that x_a becomes x_aa = G_a(z) and x_ab = G_b(z). Two discriminators share all
layers except the first, and a classifier C uses the same final features f that tell real from
generated images. C learns from the labels of a; it carries over to b because x_ab keeps the
features of x_aa and x_b passes through the same layers.

Objective::

    D:   min  -log D(x) - log(1 - D(G(z)))              mean over both domains
              + w.classification  cross_entropy(C(x_a), y_a)
              + w.features (|f(x_ab) - f(x_aa)|^2 + |f(x_ba) - f(x_bb)|^2)
    E,G: min  -log D(x_ab, x_ba) - log D(x_aa, x_bb)    means over both domains
              + w.image (|x_aa - x_a|^2 + |x_bb - x_b|^2)
              + w.kl    (2 KL(E(x_a) || N(0, 1)) + 2 KL(E(x_b) || N(0, 1)))

All |.|^2 and KL are sums over an image's values and means over images.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import field

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from crossimage.config import (
    ClassesConfig,
    Items,
    Names,
    NonNegativeFloat,
    PositiveInt,
    SideOrZero,
    Size,
    Width,
    settings,
)
from crossimage.losses import discriminator_loss, generator_loss
from crossimage.methods.base import Batch, Method, Noise, Update
from crossimage.methods.settings import fitting
from crossimage.networks.coupled import CoupledDiscriminator, CoupledVAE
from crossimage.networks.layers.blocks import initialise
from crossimage.utils.contact_sheet import Panel


@settings
class LossWeights:
    """Weights of the loss terms.

    Attributes:
        adversarial: Distinguishing real from generated images, and fooling the discriminators.
        classification: Classification of the source's images.
        features: Distance between the features of an image's versions in both domains.
        image: Reconstruction of an image from its own code.
        kl: Divergence of the codes from N(0, 1).
    """

    adversarial: NonNegativeFloat = 1.0
    classification: NonNegativeFloat = 10.0
    features: NonNegativeFloat = 1e-4
    image: NonNegativeFloat = 1e-3
    kl: NonNegativeFloat = 1e-4


@settings
class UNITDAConfig(ClassesConfig):
    """Configuration of UNIT-DA; the defaults are the published SVHN-to-MNIST settings.

    Attributes:
        classes: Names of the classes; training takes them from the folders of the labelled domain.
        width: Channels of the autoencoders' first layer.
        discriminator_width: Channels of the discriminators' first layer.
        invert: Invert half of the target's training images (published for MNIST as the target of
            SVHN, where digits are dark on light as often as light on dark).
        same_start: Initialise the layers of both domains equally, so that an untrained translation
            is a reconstruction (not published; for short runs between similar domains).
        weights: Weights of the loss terms.
    """

    resize: SideOrZero = 32
    crop: Size = (32, 32)
    flip: bool = False
    steps: PositiveInt = 200_000
    batch_size: Items = 64
    learning_rate: NonNegativeFloat = 2e-4
    weight_decay: NonNegativeFloat = 5e-4

    classes: Names = tuple("0123456789")
    width: Width = 96
    discriminator_width: Width = 64
    invert: bool = False
    same_start: bool = False
    weights: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        """Refuse sizes that the networks cannot have."""
        super().__post_init__()
        if len(self.channels) != 2:
            raise ValueError(f"channels must be two numbers, one per domain, found {self.channels}")
        height, width = self.crop
        if height != width or height % 16:
            raise ValueError(f"crop must be a square of a multiple of 16, found {self.crop}")
        if self.same_start and len(set(self.channels)) > 1:
            raise ValueError(
                f"same_start needs as many channels in both domains, found {self.channels}"
            )


class UNITDA(Method):
    """See the module's docstring for the paper and its objective.

    Args:
        config: The hyper-parameters.
        training: Has no effect; the discriminators, which classify, are always built.
    """

    Config = UNITDAConfig
    config: UNITDAConfig
    inference_players = ("generators", "discriminators")
    labelled = ("a",)

    def __init__(self, config: UNITDAConfig, *, training: bool = True) -> None:
        super().__init__(config)
        self.fixed_size = config.crop
        c, size = config, config.crop[0]
        self.generators = CoupledVAE(self.channels, c.width, size)
        initialise(self.generators, "gaussian")
        self.discriminators = CoupledDiscriminator(
            self.channels, len(c.classes), c.discriminator_width, size
        )
        for layer in self.discriminators.modules():
            if isinstance(layer, nn.Conv2d) and layer.bias is not None:
                nn.init.xavier_uniform_(layer.weight, gain=math.sqrt(2))
                nn.init.constant_(layer.bias, 0.1)
        if c.same_start:
            for own in (self.generators.first, self.generators.last, self.discriminators.first):
                own["b"].load_state_dict(own["a"].state_dict())

    def discriminator_networks(self) -> list[nn.Module]:
        """Return the first layers of the discriminators, one per domain."""
        return list(self.discriminators.first.values())

    def training_step(self, batch: Batch) -> Iterator[Update]:
        """Move discriminators and classifier, then the generators, on the same images."""
        G, D, w = self.generators, self.discriminators, self.config.weights
        x_a, x_b = batch.images["a"], batch.images["b"]
        if self.config.invert:
            x_b = torch.where(batch.noise(1, 1, 1) > 0, -x_b, x_b)

        # every code is decoded into both domains: those of x_a first, then those of x_b
        mu, sigma = G.encode({"a": x_a, "b": x_b})
        z_a, z_b = batch.noise(*mu.shape[1:]), batch.noise(*mu.shape[1:])
        to_a, to_b = G.decode(mu + sigma * torch.cat([z_a, z_b]), "a", "b")
        (x_aa, _), (_, x_bb) = to_a.chunk(2), to_b.chunk(2)

        real = D.features({"a": x_a, "b": x_b})
        fake = {"a": to_a.detach(), "b": to_b.detach()}
        losses = {
            "adversarial": discriminator_loss(
                [D.score(real)], [D.score(D.features(fake))], "nsgan"
            ),
            "classification": cross_entropy(D.classify(real[: len(x_a)]), batch.labels["a"]),
        }
        if w.features:
            f_a, f_b = D.features(fake, drop=False).chunk(2)
            losses["features"] = 2 * _distance(f_a, f_b)  # the sum of both halves' means
        yield Update("discriminators", losses)

        scores = D.score(D.features({"a": to_a, "b": to_b}))
        yield Update("generators", {
            "adversarial": 2 * generator_loss([scores], "nsgan"),  # likewise
            "image": _distance(x_aa, x_a) + _distance(x_bb, x_b),
            "kl": 2 * _twice_kl(mu, sigma),
        })  # fmt: skip

    def translate(self, x: Tensor, to: str, style: Tensor | None = None) -> Tensor:
        """Return G_to(mu(x)): the mean of the code decoded into the other domain."""
        (x_to,) = self.generators.decode(self.encode_content(x, self.other(to)), to)
        return x_to

    def encode_content(self, x: Tensor, domain: str) -> Tensor:
        """Encode images into means of latent codes (N, 8 * width, 1, 1)."""
        mu, _ = self.generators.encode({domain: fitting(x, self.config.crop)})
        return mu

    def classify(self, x: Tensor, domain: str) -> Tensor:
        """Return logits (N, classes) of images of a domain, in the order of config.classes."""
        D = self.discriminators
        return D.classify(D.features({domain: fitting(x, self.config.crop)}))

    def discriminate(self, x: Tensor, domain: str, condition: Tensor | None = None) -> list[Tensor]:
        """Return scores (N, 1, 1, 1) of a domain's discriminator."""
        D = self.discriminators
        return [D.score(D.features({domain: fitting(x, self.config.crop)}))]

    def preview(self, fixed: Batch, fresh: Noise) -> list[Panel]:
        """Show input, reconstruction and translation."""
        panels = []
        for source, target in (("a", "b"), ("b", "a")):
            x = fixed.images[source]
            own, other = self.generators.decode(self.encode_content(x, source), source, target)
            columns = [("input", x), ("reconstruction", own), ("translation", other)]
            panels.append(self.panel(source, target, columns))
        return panels


def _distance(x: Tensor, y: Tensor) -> Tensor:
    """Return the squared distance, summed over a sample's values, mean over samples."""
    return (x.float() - y.float()).square().flatten(1).sum(1).mean()


def _twice_kl(mu: Tensor, sigma: Tensor) -> Tensor:
    """Return 2 KL(N(mu, sigma^2) || N(0, 1)), summed over values, mean over samples."""
    variance = sigma.float().square()
    return (mu.float().square() + variance - variance.log() - 1).flatten(1).sum(1).mean()
