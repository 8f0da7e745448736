"""MUNIT: multimodal unsupervised image-to-image translation.

Huang, Liu, Belongie, Kautz: Multimodal Unsupervised Image-to-Image Translation. ECCV 2018,
https://arxiv.org/abs/1804.04732. The paper's domains 1 and 2 are a and b here.

An image x_a is represented by a content code c_a = E^c_a(x_a), which is shared by the domains, and
a style code s_a = E^s_a(x_a), which is specific to its domain. A translation combines its content
with a style of the other domain, drawn from N(0, I) or encoded from an example:
x_ab = G_b(c_a, s_b).

Objective (equation 6)::

    min_{E, G} max_D  adversarial(x_ab) + adversarial(x_ba)                  equation 4
                      + w.image   (|G_a(c_a, s_a') - x_a| + ...)             equation 1
                      + w.content (|E^c_b(x_ab) - c_a| + ...)                equation 2
                      + w.style   (|E^s_b(x_ab) - s_b| + ...)                equation 3
                      + w.cycle   (|G_a(E^c_b(x_ab), s_a') - x_a| + ...)     section 5.1
                      + w.perceptual (|IN(VGG(x_ab)) - IN(VGG(x_a))|^2 + ...)  section 5.1
                      + w.ink     (|G_a(c_a, s_a') - x_a| over ink + ...)      ours, for thin lines;
                                  of cycles too, if w.cycle

where s_a' = E^s_a(x_a) is the encoded and s_b ~ N(0, I) the random style; all |.| are means.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

import torch
from torch import Tensor, nn

from crossimage.config import (
    HalvingsOrZero,
    NonNegativeFloat,
    Width,
    settings,
)
from crossimage.losses import (
    Adversarial,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    ink_l1_loss,
    l1_loss,
    perceptual_distance,
)
from crossimage.methods.base import Batch, Method, Noise, Update, repeat_per_style
from crossimage.methods.settings import AutoEncoderConfig, check_images, check_perceptual
from crossimage.networks.autoencoders import AdaINDecoder, ContentEncoder, StyleEncoder
from crossimage.networks.discriminators import score_real_and_fake
from crossimage.networks.layers.blocks import initialise
from crossimage.networks.layers.containers import NetworkDict
from crossimage.networks.pretrained import VGG16Features
from crossimage.utils.contact_sheet import Panel


@settings
class LossWeights:
    """Weights of the loss terms.

    Attributes:
        adversarial: Fooling the discriminators.
        image: Reconstruction of an image from its own codes.
        style: Reconstruction of the random style from the translation.
        content: Reconstruction of the content code from the translation.
        cycle: Style-augmented cycle consistency (published: 10 for Yosemite and street scenes).
        perceptual: Domain-invariant perceptual loss (published: 1 from 512 px on).
        ink: Reconstruction of dark pixels, see :func:`~crossimage.losses.ink_l1_loss`. Lines that
            cover a few per cent of white paper hardly count in ``image``, which leaves the paper
            blank. With a weight of ``cycle``, also that of the cycles. Ours, not the paper's.
        gradient_penalty: Gradient penalty of the critics, only with ``adversarial: wgan-gp``.
    """

    adversarial: NonNegativeFloat = 1.0
    image: NonNegativeFloat = 10.0
    style: NonNegativeFloat = 1.0
    content: NonNegativeFloat = 1.0
    cycle: NonNegativeFloat = 0.0
    perceptual: NonNegativeFloat = 0.0
    ink: NonNegativeFloat = 0.0
    gradient_penalty: NonNegativeFloat = 10.0


@settings
class MUNITConfig(AutoEncoderConfig):
    """Configuration of MUNIT; the defaults are the published edges-to-shoes settings.

    Attributes:
        style_dim: Length of a style code.
        style_downsamples: Halvings of the resolution in the style encoder.
        mlp_width: Width of the network that maps a style to AdaIN parameters.
        equal_start: Start both generators from the same weights. Otherwise what is light in one
            domain can become dark in the other, which no loss term forbids. Ours, not the paper's.
        adversarial: Adversarial objective.
        weights: Weights of the loss terms.
    """

    style_dim: Width = 8
    style_downsamples: HalvingsOrZero = 4
    mlp_width: Width = 256
    equal_start: bool = False
    adversarial: Adversarial = "lsgan"
    weights: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        """Refuse sizes that the networks cannot have."""
        super().__post_init__()
        halvings = max(self.discriminator.downsamples, self.style_downsamples, self.downsamples + 1)
        check_images(self, 2**self.downsamples, 2 ** max(halvings, 2))
        check_perceptual(self, self.weights.perceptual)
        if self.equal_start and len(set(self.channels)) > 1:
            raise ValueError(
                f"equal_start needs the same number of channels in both domains, found "
                f"{self.channels}"
            )


class AutoEncoder(nn.Module):
    """The generator of one domain: content encoder E^c, style encoder E^s and decoder G."""

    def __init__(self, config: MUNITConfig, channels: int) -> None:
        super().__init__()
        c, how = config, config.layers
        self.content = ContentEncoder(channels, c.width, c.downsamples, c.residual_blocks, **how)
        self.style = StyleEncoder(channels, c.width, c.style_downsamples, c.style_dim, **how)
        self.decode = AdaINDecoder(
            channels, c.width, c.downsamples, c.residual_blocks, c.style_dim, c.mlp_width, **how
        )


class MUNIT(Method):
    """See the module's docstring for the paper and its objective.

    Args:
        config: The hyper-parameters.
        training: Also build the discriminators.
    """

    Config = MUNITConfig
    config: MUNITConfig
    run_settings = ("equal_start",)

    def __init__(self, config: MUNITConfig, *, training: bool = True) -> None:
        super().__init__(config)
        self.style_dim = config.style_dim
        self.multiple = 2**config.downsamples
        self.min_size = 2 * self.multiple  # for the residual blocks to have pixels to reflect
        self.min_style_size = 2**config.style_downsamples
        self.generators = NetworkDict({d: AutoEncoder(config, self.channels[d]) for d in "ab"})
        initialise(self.generators, config.init)
        if config.equal_start:
            self.generators["b"].load_state_dict(self.generators["a"].state_dict())
        if training:
            self.discriminators = nn.ModuleDict(
                {d: config.discriminator.build(self.channels[d]) for d in "ab"}
            )
            initialise(self.discriminators, "gaussian")

    def build_fixed_networks(self) -> None:
        """Build the VGG of the perceptual loss if it has a weight."""
        if self.config.weights.perceptual:
            self.features = VGG16Features(
                self.config.perceptual_weights, "the perceptual loss of MUNIT", "perceptual_weights"
            )

    def training_step(self, batch: Batch) -> Iterator[Update]:
        """Move the discriminators, then the generators, on the same translations."""
        G_a, G_b = self.generators["a"], self.generators["b"]
        D_a, D_b = self.discriminators["a"], self.discriminators["b"]
        w, kind = self.config.weights, self.config.adversarial
        x_a, x_b = batch.images["a"], batch.images["b"]

        # encode once; reconstruction and translation share a pass through each decoder
        s_a, s_b = batch.noise(self.style_dim), batch.noise(self.style_dim)
        c_a, c_b = G_a.content(x_a), G_b.content(x_b)
        s_a_own, s_b_own = G_a.style(x_a), G_b.style(x_b)
        x_aa, x_ba = G_a.decode(torch.cat([c_a, c_b]), torch.cat([s_a_own, s_a])).chunk(2)
        x_bb, x_ab = G_b.decode(torch.cat([c_b, c_a]), torch.cat([s_b_own, s_b])).chunk(2)

        losses = {
            "adversarial": self._discriminator_loss(D_a, x_a, x_ba)
            + self._discriminator_loss(D_b, x_b, x_ab)
        }
        if kind == "wgan-gp":
            mix = batch.noise.uniform(1, 1, 1)
            losses["gradient_penalty"] = gradient_penalty(
                D_a, x_a, x_ba.detach(), mix
            ) + gradient_penalty(D_b, x_b, x_ab.detach(), mix)
        yield Update("discriminators", losses)

        c_b_again, s_a_again = G_a.content(x_ba), G_a.style(x_ba)
        c_a_again, s_b_again = G_b.content(x_ab), G_b.style(x_ab)
        losses = {
            "adversarial": generator_loss(D_a(x_ba), kind) + generator_loss(D_b(x_ab), kind),
            "image": l1_loss(x_aa, x_a) + l1_loss(x_bb, x_b),
            "style": l1_loss(s_a_again, s_a) + l1_loss(s_b_again, s_b),
            "content": l1_loss(c_a_again, c_a) + l1_loss(c_b_again, c_b),
        }
        if w.cycle:
            x_aba, x_bab = G_a.decode(c_a_again, s_a_own), G_b.decode(c_b_again, s_b_own)
            losses["cycle"] = l1_loss(x_aba, x_a) + l1_loss(x_bab, x_b)
        if w.ink:
            losses["ink"] = ink_l1_loss(x_aa, x_a) + ink_l1_loss(x_bb, x_b)
            if w.cycle:
                losses["ink"] += ink_l1_loss(x_aba, x_a) + ink_l1_loss(x_bab, x_b)
        if w.perceptual:
            losses["perceptual"] = perceptual_distance(
                self.features, x_ba, x_b
            ) + perceptual_distance(self.features, x_ab, x_a)
        yield Update("generators", losses)

    def _discriminator_loss(self, discriminator: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        return discriminator_loss(
            *score_real_and_fake(discriminator, real, fake), self.config.adversarial
        )

    def translate(self, x: Tensor, to: str, style: Tensor | None = None) -> Tensor:
        """Return G_to(E^c(x), style): k translations of each of N images from N k styles."""
        assert style is not None
        content = self.encode_content(x, self.other(to))
        return self.decode(repeat_per_style(content, style), to, style)

    def encode_content(self, x: Tensor, domain: str) -> Tensor:
        """Encode images into content (N, width * 2^d, H / 2^d, W / 2^d), d the downsamples."""
        return self.generators[domain].content(x)

    def encode_style(self, x: Tensor, domain: str) -> Tensor:
        """Encode images into style codes (N, style_dim)."""
        return self.generators[domain].style(x)

    def decode(self, content: Tensor, domain: str, style: Tensor | None = None) -> Tensor:
        """Decode content and style codes into images (N, C, H, W) in [-1, 1]."""
        return self.generators[domain].decode(content, style)

    def preview(self, fixed: Batch, fresh: Noise) -> list[Panel]:
        """Show input, reconstruction, fixed and fresh styles, a reference and its style."""
        panels = []
        for source, target in (("a", "b"), ("b", "a")):
            x, reference = fixed.images[source], fixed.images[target]
            content = self.encode_content(x, source)
            own = self.decode(content, source, self.encode_style(x, source))
            columns = [("input", x), ("reconstruction", own)]
            for name, noise, count in (("style", fixed.noise, 3), ("fresh style", fresh, 2)):
                for i in range(count):
                    translation = self.decode(content, target, noise(self.style_dim))
                    columns.append((f"{name} {i + 1}", translation))
            guided = self.decode(content, target, self.encode_style(reference, target))
            columns += [("reference", reference), ("guided", guided)]
            panels.append(self.panel(source, target, columns))
        return panels
