"""BicycleGAN: multimodal image-to-image translation from pairs.

Zhu, Zhang, Pathak, Darrell, Efros, Wang, Shechtman: Toward Multimodal Image-to-Image Translation.
NIPS 2017, https://arxiv.org/abs/1711.11586. A is the input domain, B the output domain.

What an input does not determine about its output is a code z ~ N(0, I): B = G(A, z). Two cycles
keep G from ignoring it. cVAE-GAN, B -> z -> B: an encoder infers the code of the ground truth, from
which G must reconstruct the ground truth. cLR-GAN, z -> B -> z: the encoder must recover a random
code from the image that G generated with it.

Objective (section 3.4)::

    min_{G, E} max_D  w.adversarial_vae (D(B), D(G(A, E(B))))                 section 3.2
                      + w.l1 |B - G(A, E(B))|                                 section 3.2
                      + w.kl KL(E(B) || N(0, I))                              section 3.2
                      + w.adversarial (D_2(B), D_2(G(A, z)))                  section 3.3
                      + w.latent |z - mu(G(A, z))|                            section 3.3, G alone

where the adversarial objective is least squares, E(B) ~ N(mu, sigma^2) is the encoder's
distribution, and |.| are means. The divergence is summed over the dimensions of the code. The
latent term does not update the encoder, so that G and E cannot agree on hiding the code in the
image (section 4).

Half of a batch is encoded; the second discriminator compares random translations of its inputs with
the ground truth of the other half.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from crossimage.config import (
    Depth,
    Fraction,
    Halvings,
    Items,
    NonNegativeFloat,
    Width,
    micro_batch_size,
    settings,
)
from crossimage.losses import discriminator_loss, generator_loss, l1_loss
from crossimage.methods.base import Batch, Method, Noise, Update, repeat_per_style
from crossimage.methods.settings import PatchShape, Schedule256, check_images
from crossimage.networks.discriminators import score_real_and_fake
from crossimage.networks.encoders import VariationalEncoder
from crossimage.networks.generators import Upsampling
from crossimage.networks.layers.blocks import Initialisation, NormName, initialise
from crossimage.networks.unet import Injection, UNet
from crossimage.utils.contact_sheet import Panel


@settings
class LossWeights:
    """Weights of the loss terms; 0 leaves a term out, as in section 5.

    Attributes:
        adversarial_vae: Fooling the discriminator with the code of the ground truth.
        l1: Distance to the ground truth with its own code (the paper's lambda).
        kl: Divergence of the encoded codes from N(0, I).
        adversarial: Fooling the second discriminator with random codes.
        latent: Distance between a random code and that of its translation; updates G only.
    """

    adversarial_vae: NonNegativeFloat = 1.0
    l1: NonNegativeFloat = 10.0
    kl: NonNegativeFloat = 0.01
    adversarial: NonNegativeFloat = 1.0
    latent: NonNegativeFloat = 0.5


@settings
class DiscriminatorShape(PatchShape):
    """Shape of the two discriminators, which score images without their inputs."""

    scales: Depth = 2


@settings
class BicycleGANConfig(Schedule256):
    """Configuration of BicycleGAN; the defaults are the published ones for 256 px.

    Attributes:
        direction: Which domain is the input and which the output.
        width: Channels of the generator's first convolution.
        downsamples: Halvings of the resolution in the U-Net (published: 7 at 128 px).
        upsampling: How the generator doubles the resolution: by transposed convolutions, as
            published, or by nearest-neighbour or bilinear upsampling before a convolution, which
            leaves no grid of dots.
        style_dim: Length of the code z.
        inject: Where the code enters the generator: at ``all`` layers of its encoder, or with the
            ``input`` only.
        dropout: Dropout rate in the generator during training.
        encoder: Whether E has residual blocks or plain convolutions.
        encoder_width: Channels of its first convolution.
        encoder_downsamples: Its halvings of the resolution (published: 4 at 128 px).
        norm: Normalisation in generator and encoder.
        discriminator: Shape of the discriminators.
        init: Initialisation of all weights.
        weights: Weights of the loss terms.
    """

    batch_size: Items = 2

    direction: Literal["a-to-b", "b-to-a"] = "a-to-b"
    width: Width = 64
    downsamples: Halvings = 8
    upsampling: Upsampling = "transposed"
    style_dim: Width = 8
    inject: Injection = "all"
    dropout: Fraction = 0.5
    encoder: Literal["resnet", "conv"] = "resnet"
    encoder_width: Width = 64
    encoder_downsamples: Halvings = 5
    norm: NormName = "instance"
    discriminator: DiscriminatorShape = field(default_factory=DiscriminatorShape)
    init: Initialisation = "xavier"
    weights: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        """Refuse sizes that the networks cannot have."""
        super().__post_init__()
        # one half of a batch is encoded, and compared with the other
        micro_batch_size(self.batch_size, self.accumulate, multiple=2)
        smallest = max(self.discriminator.smallest, 2 ** (self.encoder_downsamples + 1))
        check_images(self, 2**self.downsamples, smallest)


class BicycleGAN(Method):
    """See the module's docstring for the paper and its objective.

    Args:
        config: The hyper-parameters.
        training: Also build the discriminators.
    """

    Config = BicycleGANConfig
    config: BicycleGANConfig
    player_order = ("generators", "discriminators")
    layout = "paired"
    batch_multiple = 2

    def __init__(self, config: BicycleGANConfig, *, training: bool = True) -> None:
        super().__init__(config)
        self.source, self.target = "ab" if config.direction == "a-to-b" else "ba"
        self.targets = (self.target,)
        self.style_dim = config.style_dim
        self.multiple = self.min_size = 2**config.downsamples
        self.min_style_size = 2 ** (config.encoder_downsamples + 1)
        inputs, outputs = self.channels[self.source], self.channels[self.target]
        self.generators = nn.ModuleDict({
            "G": UNet(
                inputs, outputs, config.width, config.downsamples, norm=config.norm,
                dropout=config.dropout, code_dim=config.style_dim, inject=config.inject,
                upsampling=config.upsampling,
            ),
            "E": VariationalEncoder(
                outputs, config.encoder_width, config.encoder_downsamples, config.style_dim,
                residual=config.encoder == "resnet", norm=config.norm,
            ),
        })  # fmt: skip
        if training:
            self.discriminators = nn.ModuleDict(
                {name: config.discriminator.build(outputs) for name in ("D", "D_2")}
            )
        initialise(self, config.init)

    def training_step(self, batch: Batch) -> Iterator[Update]:
        """Move generator and encoder, then the discriminators, on the same translations."""
        E = self.generators["E"]
        D, D_2 = self.discriminators["D"], self.discriminators["D_2"]
        w = self.config.weights

        # samples 0, 2, ... are encoded, so that micro-batches split the same halves as one batch
        A, B = batch.images[self.source][0::2], batch.images[self.target][0::2]
        B_other = batch.images[self.target][1::2]
        noise = batch.noise(self.style_dim)
        mu, log_variance = E(B)
        z_encoded, z = mu + noise[0::2] * (log_variance / 2).exp(), noise[1::2]
        B_encoded, B_random = self._generate_both(A, z_encoded, z)

        losses = {}
        if w.adversarial_vae:
            losses["adversarial_vae"] = generator_loss(D(B_encoded), "lsgan")
        if w.l1:
            losses["l1"] = l1_loss(B_encoded, B)
        if w.kl:
            losses["kl"] = _divergence(mu.float(), log_variance.float())
        if w.adversarial:
            losses["adversarial"] = generator_loss(D_2(B_random), "lsgan")
        if w.latent:
            # gradients flow through E to G, but not into E
            fixed = {name: parameter.detach() for name, parameter in E.named_parameters()}
            z_again, _ = functional_call(E, fixed, (B_random,))
            losses["latent"] = l1_loss(z_again, z)
        yield Update("generators", losses)

        losses = {}
        if w.adversarial_vae:
            losses["adversarial_vae"] = discriminator_loss(
                *score_real_and_fake(D, B, B_encoded), "lsgan"
            )
        if w.adversarial:
            losses["adversarial"] = discriminator_loss(
                *score_real_and_fake(D_2, B_other, B_random), "lsgan"
            )
        yield Update("discriminators", losses)

    def _generate_both(self, A: Tensor, z_encoded: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return G(A, z_encoded) and G(A, z), in one pass unless a batch norm would mix them."""
        G = self.generators["G"]
        if self.config.norm == "batch":
            return G(A, z_encoded), G(A, z)
        encoded, random = G(torch.cat([A, A]), torch.cat([z_encoded, z])).chunk(2)
        return encoded, random

    def translate(self, x: Tensor, to: str, style: Tensor | None = None) -> Tensor:
        """Return G(A, z): k translations of each of N images from N k codes."""
        assert to == self.target and style is not None
        return self.generators["G"](repeat_per_style(x, style), style)

    def encode_style(self, x: Tensor, domain: str) -> Tensor:
        """Encode images of the target domain into codes (N, style_dim), the encoder's means."""
        self._check_target(domain)
        return self.generators["E"](x)[0]

    def discriminate(self, x: Tensor, domain: str, condition: Tensor | None = None) -> list[Tensor]:
        """Return score maps (N, 1, h, w) of D, the discriminator of encoded codes, finest first."""
        self._check_target(domain)
        return self.discriminators["D"](x)

    def _check_target(self, domain: str) -> None:
        if domain != self.target:
            raise ValueError(
                f"this BicycleGAN translates to {self.names[self.target]}; it encodes and scores "
                f"images of that domain only, not of {self.names[domain]}"
            )

    def preview(self, fixed: Batch, fresh: Noise) -> list[Panel]:
        """Show input, ground truth, reconstruction, fixed and fresh codes, another image's code."""
        if self.source not in fixed.images:
            return []
        x, y = fixed.images[self.source], fixed.images.get(self.target)
        columns = [("input", x)]
        if y is not None:
            codes = self.encode_style(y, self.target)
            columns.append(("ground truth", y))
            columns.append(("reconstruction", self.translate(x, self.target, codes)))
        for name, noise, count in (("style", fixed.noise, 3), ("fresh style", fresh, 2)):
            for i in range(count):
                translation = self.translate(x, self.target, noise(self.style_dim))
                columns.append((f"{name} {i + 1}", translation))
        if y is not None:
            guided = self.translate(x, self.target, codes.roll(1, 0))
            columns += [("reference", y.roll(1, 0)), ("guided", guided)]
        return [self.panel(self.source, self.target, columns)]


def _divergence(mu: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mu, sigma^2) || N(0, I)), summed over the code and averaged over samples."""
    return (mu.square() + log_variance.expm1() - log_variance).sum(1).mean() / 2
