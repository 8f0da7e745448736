"""UNIT: unsupervised image-to-image translation through a shared latent space.

Liu, Breuel, Kautz: Unsupervised Image-to-Image Translation Networks. NIPS 2017,
https://arxiv.org/abs/1703.00848. The paper's domains 1 and 2 are a and b here.

Images of both domains share one latent space. Two variational autoencoders encode and decode them:
the encoders return the mean h_a = E_a(x_a) of a Gaussian of variance 1, from which training draws
z_a = h_a + n_a with n_a ~ N(0, I). Every code is decoded twice: x_aa = G_a(z_a) is the
reconstruction, x_ab = G_b(z_a) the translation. At test time the mean itself is decoded.

Objective, with the paper's names of the terms::

    min_{E, G} max_D  adversarial(x_ab) + adversarial(x_ba)                     L_GAN
                      + w.image    (|x_aa - x_a| + |x_bb - x_b|)                L_VAE
                      + w.kl       (KL(z_a || N(0, I)) + KL(z_b || N(0, I)))    L_VAE
                      + w.cycle    (|x_aba - x_a| + |x_bab - x_b|)              L_CC
                      + w.kl_cycle (KL(z_a' || N(0, I)) + KL(z_b' || N(0, I)))  L_CC
                      + w.perceptual (|IN(VGG(x_ab)) - IN(VGG(x_a))|^2 + ...)   2018

where z_a' = E_b(x_ab) + n_a' is the code of a translation and x_aba = G_a(z_a') the translation
back. All |.| are means, and KL is the mean of h^2: the divergence at variance 1 up to a factor.

The defaults are the version that the authors published with MUNIT in 2018: its networks, least
squares and no shared weights. The version of 2017 shares the last residual blocks of the encoders
and the first ones of the decoders (``share_latent_blocks``) and uses cross-entropy
(``adversarial: nsgan``).

One input has one translation. With ``dropout`` in the residual blocks, kept active by ``test_mode:
train``, it has many: the baseline whose diversity MUNIT's paper measures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Literal

import torch
from torch import Tensor, nn

from crossimage.config import (
    DepthOrZero,
    Fraction,
    NonNegativeFloat,
    settings,
)
from crossimage.losses import discriminator_loss, generator_loss, l1_loss, perceptual_distance
from crossimage.methods.base import Batch, Method, Noise, Update
from crossimage.methods.settings import AutoEncoderConfig, check_images, check_perceptual
from crossimage.networks.autoencoders import ContentEncoder, Decoder
from crossimage.networks.discriminators import score_real_and_fake
from crossimage.networks.layers.blocks import ResidualBlock, TestMode, initialise, set_test_mode
from crossimage.networks.layers.containers import NetworkDict
from crossimage.networks.pretrained import VGG16Features
from crossimage.utils.contact_sheet import Panel


@settings
class LossWeights:
    """Weights of the loss terms.

    Attributes:
        adversarial: Fooling the discriminators.
        image: Reconstruction of an image from its own code.
        kl: Divergence of that code's distribution from N(0, I).
        cycle: Reconstruction of an image from the code of its translation.
        kl_cycle: Divergence of the translation's code from N(0, I).
        perceptual: Domain-invariant perceptual loss (published: 1 for street scenes).
    """

    adversarial: NonNegativeFloat = 1.0
    image: NonNegativeFloat = 10.0
    kl: NonNegativeFloat = 0.01
    cycle: NonNegativeFloat = 10.0
    kl_cycle: NonNegativeFloat = 0.01
    perceptual: NonNegativeFloat = 0.0


@settings
class UNITConfig(AutoEncoderConfig):
    """Configuration of UNIT; the defaults are the settings published with MUNIT in 2018.

    Attributes:
        share_latent_blocks: Number of residual blocks next to the latent code that both domains
            share (2017: 1).
        dropout: Dropout rate of what each residual block of encoders and decoders adds (the
            baseline in MUNIT's paper: 0.5).
        test_mode: With ``train``, dropout stays active when translating, so that an input has
            many translations.
        adversarial: Adversarial objective: least squares, or cross-entropy (2017).
        weights: Weights of the loss terms.
    """

    share_latent_blocks: DepthOrZero = 0
    dropout: Fraction = 0.0
    test_mode: TestMode = "eval"
    adversarial: Literal["lsgan", "nsgan"] = "lsgan"
    weights: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        """Refuse sizes that the networks cannot have."""
        super().__post_init__()
        halvings = max(self.discriminator.downsamples, self.downsamples + 1, 2)
        check_images(self, 2**self.downsamples, 2**halvings)
        check_perceptual(self, self.weights.perceptual)
        if self.share_latent_blocks > self.residual_blocks:
            raise ValueError(
                f"share_latent_blocks ({self.share_latent_blocks}) must be at most residual_blocks "
                f"({self.residual_blocks}), which they are part of"
            )


class AutoEncoder(nn.Module):
    """The domain-specific layers: the beginning of encoder E and the end of decoder G."""

    def __init__(self, config: UNITConfig, channels: int) -> None:
        super().__init__()
        c, own = config, config.residual_blocks - config.share_latent_blocks
        shape = channels, c.width, c.downsamples, own
        self.encode = ContentEncoder(*shape, dropout=c.dropout, **c.layers)
        self.decode = Decoder(*shape, dropout=c.dropout, **c.layers)


class Shared(nn.Module):
    """The shared layers, if any: the end of the encoders and the beginning of the decoders."""

    def __init__(self, config: UNITConfig) -> None:
        super().__init__()
        c, size = config, config.width * 2**config.downsamples

        def blocks() -> nn.Sequential:
            count = range(c.share_latent_blocks)
            return nn.Sequential(
                *(ResidualBlock(size, last_dropout=c.dropout, **c.layers) for _ in count)
            )

        self.encode, self.decode = blocks(), blocks()


class Generators(NetworkDict[AutoEncoder]):
    """The autoencoders of both domains by letter, and their shared layers."""

    def __init__(self, config: UNITConfig, channels: dict[str, int]) -> None:
        super().__init__({letter: AutoEncoder(config, count) for letter, count in channels.items()})
        self.shared = Shared(config)


class UNIT(Method):
    """See the module's docstring for the paper and its objective.

    Args:
        config: The hyper-parameters.
        training: Also build the discriminators.
    """

    Config = UNITConfig
    config: UNITConfig
    test_settings = ("test_mode",)

    def __init__(self, config: UNITConfig, *, training: bool = True) -> None:
        super().__init__(config)
        self.multiple = 2**config.downsamples
        self.min_size = 2 * self.multiple  # for the residual blocks to have pixels to reflect
        self.generators = Generators(config, self.channels)
        initialise(self.generators, config.init)
        self.apply_test_settings()
        if training:
            self.discriminators = nn.ModuleDict(
                {d: config.discriminator.build(self.channels[d]) for d in "ab"}
            )
            initialise(self.discriminators, "gaussian")

    def build_fixed_networks(self) -> None:
        """Build the VGG of the perceptual loss if it has a weight."""
        if self.config.weights.perceptual:
            self.features = VGG16Features(
                self.config.perceptual_weights, "the perceptual loss of UNIT", "perceptual_weights"
            )

    def apply_test_settings(self) -> None:
        """Let the layers follow ``test_mode``."""
        self.stochastic = set_test_mode(self.generators, self.config.test_mode)

    def training_step(self, batch: Batch) -> Iterator[Update]:
        """Move the discriminators, then the generators, on the same translations."""
        D_a, D_b = self.discriminators["a"], self.discriminators["b"]
        w, kind = self.config.weights, self.config.adversarial
        x_a, x_b = batch.images["a"], batch.images["b"]

        h_a, h_b = self.encode_content(x_a, "a"), self.encode_content(x_b, "b")
        z = torch.cat([_sample(h_a, batch.noise), _sample(h_b, batch.noise)])
        x_aa, x_ba = self.decode(z, "a").chunk(2)
        x_ab, x_bb = self.decode(z, "b").chunk(2)

        on_a = discriminator_loss(*score_real_and_fake(D_a, x_a, x_ba), kind)
        on_b = discriminator_loss(*score_real_and_fake(D_b, x_b, x_ab), kind)
        yield Update("discriminators", {"adversarial": on_a + on_b})

        losses = {
            "adversarial": generator_loss(D_a(x_ba), kind) + generator_loss(D_b(x_ab), kind),
            "image": l1_loss(x_aa, x_a) + l1_loss(x_bb, x_b),
        }
        if w.kl:
            losses["kl"] = _kl(h_a) + _kl(h_b)
        if w.cycle or w.kl_cycle:
            h_a_again, h_b_again = self.encode_content(x_ab, "b"), self.encode_content(x_ba, "a")
        if w.cycle:
            x_aba = self.decode(_sample(h_a_again, batch.noise), "a")
            x_bab = self.decode(_sample(h_b_again, batch.noise), "b")
            losses["cycle"] = l1_loss(x_aba, x_a) + l1_loss(x_bab, x_b)
        if w.kl_cycle:
            losses["kl_cycle"] = _kl(h_a_again) + _kl(h_b_again)
        if w.perceptual:
            losses["perceptual"] = perceptual_distance(
                self.features, x_ba, x_b
            ) + perceptual_distance(self.features, x_ab, x_a)
        yield Update("generators", losses)

    def translate(self, x: Tensor, to: str, style: Tensor | None = None) -> Tensor:
        """Return G_to(E(x)): the latent mean decoded into the other domain, without noise."""
        return self.decode(self.encode_content(x, self.other(to)), to)

    def encode_content(self, x: Tensor, domain: str) -> Tensor:
        """Encode images into latent means (N, width * 2^d, H / 2^d, W / 2^d), d the downsamples."""
        return self.generators.shared.encode(self.generators[domain].encode(x))

    def decode(self, z: Tensor, domain: str) -> Tensor:
        """Decode latent codes into images (N, C, H, W) in [-1, 1] of a domain."""
        return self.generators[domain].decode(self.generators.shared.decode(z))

    def preview(self, fixed: Batch, fresh: Noise) -> list[Panel]:
        """Show input, reconstruction, one or several translations, and the translation back."""
        several = ("translation 1", "translation 2", "translation 3")
        panels = []
        for source, target in ("ab", "ba"):
            x = fixed.images[source]
            h = self.encode_content(x, source)
            columns = [("input", x), ("reconstruction", self.decode(h, source))]
            for title in several if self.stochastic else ("translation",):
                columns.append((title, self.translate(x, target)))
            columns.append(("cycle", self.translate(columns[2][1], source)))
            panels.append(self.panel(source, target, columns))
        return panels


def _sample(h: Tensor, noise: Noise) -> Tensor:
    """Draw a code z ~ N(h, I) for each latent mean."""
    return h + noise(*h.shape[1:])


def _kl(h: Tensor) -> Tensor:
    """Return KL(N(h, I) || N(0, I)) up to a factor: the mean of h^2, not half the sum."""
    return h.float().square().mean()
