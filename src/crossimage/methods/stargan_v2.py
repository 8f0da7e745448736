"""StarGAN v2: many domains, each with many styles.

Choi, Uh, Yoo, Ha: StarGAN v2: Diverse Image Synthesis for Multiple Domains. CVPR 2020,
https://arxiv.org/abs/1912.01865.

A style s belongs to a domain y: s = F_y(z), of a random code z, or s = E_y(x'), of a reference. The
generator G(x, s) gives an image x the style s, and D_y tells real images of y from generated ones.

Objective (equations 1 to 6), for an image x of domain y', a target domain y and its style s::

    min_D      w.adversarial  softplus(-D_y'(x)) + softplus(D_y(G(x, s)))
               + w.r1             |grad D_y'(x)|^2 / 2
    min_G,F,E  w.adversarial  softplus(-D_y(G(x, s)))                          equation 1
               + w.style          |s - E_y(G(x, s))|                            equation 2
               - w.diversity      |G(x, s) - G(x, s_2)|                         equation 3
               + w.cycle          |x - G(G(x, s), E_y'(x))|                     equation 4

where |.| is a mean. The weight of the diversity falls linearly to 0 over ``diversity_steps``.

A step has four moves on the same images: D against styles F(z); D against styles E(x'); G, F and
E together with s = F(z), s_2 = F(z_2); G alone with the styles of two references of the target
domain.

On faces (``w_hpf`` above 0), edges of the input are added to the decoder around the landmarks that
a fixed network finds. The official average of the weights starts from other random weights; ours
starts from the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field, replace
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from crossimage.config import (
    Betas,
    Channels,
    FilePath,
    Fraction,
    Items,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    Share,
    SideOrZero,
    Size,
    Width,
    WidthOrZero,
    settings,
)
from crossimage.labels import Labels, ReferencesConfig
from crossimage.losses import discriminator_loss, generator_loss, l1_loss, r1_penalty
from crossimage.methods.base import Batch, Method, Noise, Update
from crossimage.methods.optimizers import Adam, Optimizer
from crossimage.networks.layers.blocks import initialise
from crossimage.networks.stargan_v2.generator import Masks, StyledGenerator, halvings
from crossimage.networks.stargan_v2.landmarks import LandmarkNetwork, read_landmark_weights
from crossimage.networks.stargan_v2.styles import (
    MappingNetwork,
    MultiDomainDiscriminator,
    StyleEncoder,
)
from crossimage.utils.contact_sheet import Panel

AFHQ = ("cat", "dog", "wild")
_PUBLISHED_WIDTH = 2**14  # times the side of the images


@settings
class LossWeights:
    """Weights of the loss terms.

    Attributes:
        adversarial: Scores of the discriminator.
        r1: Gradient penalty of the discriminator (lambda_reg).
        style: Reconstruction of styles (lambda_sty).
        diversity: Difference of the images of two styles, at the first step (lambda_ds); its term
            is negative.
        cycle: Reconstruction of images translated there and back (lambda_cyc).
    """

    adversarial: NonNegativeFloat = 1.0
    r1: NonNegativeFloat = 1.0
    style: NonNegativeFloat = 1.0
    diversity: NonNegativeFloat = 1.0
    cycle: NonNegativeFloat = 1.0


@settings
class StarGANv2Config(ReferencesConfig):
    """Configuration of StarGAN v2; the defaults are the published ones for 256 px.

    Attributes:
        channels: Channels of all images, one number.
        crop: Side of the square images, a power of two from 16 on.
        mapping_learning_rate: Adam's step size for the mapping network.
        latent_dim: Length of a random code z.
        style_dim: Length of a style.
        width: Channels of the first convolutions of G, E and D; 0: 16384 / side, which is 64 for
            256 px.
        max_width: Largest number of channels.
        mapping_width: Width of the layers of the mapping network.
        diversity_steps: Steps over which the weight of the diversity falls to 0 (0: never).
        w_hpf: Divisor of the high-pass skips of faces; 0: no skips. CelebA-HQ: 1.
        landmarks: File of the landmark network, needed to train with ``w_hpf`` above 0: wing.ckpt,
            or a checkpoint of StarGAN v2 that holds it.
        landmark_width: Channels of the hourglass of the landmark network.
        weights: Weights of the loss terms.
    """

    stages: ClassVar[tuple[str, ...]] = ("diversity_steps",)

    references: ClassVar[int] = 2

    channels: Channels = (3,)
    resize: SideOrZero = 256
    crop: Size = (256, 256)
    resized_crop: Share = 0.5
    steps: PositiveInt = 100_000
    batch_size: Items = 8
    learning_rate: NonNegativeFloat = 1e-4
    betas: Betas = (0.0, 0.99)
    weight_decay: NonNegativeFloat = 1e-4
    ema_decay: Fraction = 0.999

    mapping_learning_rate: NonNegativeFloat = 1e-6
    latent_dim: Width = 16
    style_dim: Width = 64
    width: WidthOrZero = 0
    max_width: Width = 512
    mapping_width: Width = 512
    diversity_steps: NonNegativeInt = 100_000
    w_hpf: NonNegativeFloat = 0.0
    landmarks: FilePath | None = None
    landmark_width: Width = 256
    weights: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        """Refuse images that the networks cannot process."""
        super().__post_init__()
        height, width = self.crop
        if height != width or height < 16 or height & (height - 1):
            raise ValueError(
                f"crop must be a square of side 16, 32, 64, 128, ... pixels, found {self.crop}"
            )
        if len(self.channels) != 1:
            raise ValueError(f"channels must be one number, for all images, found {self.channels}")
        if self.w_hpf and self.channels[0] not in (1, 3):
            raise ValueError(
                f"the landmark network needs images of 1 or 3 channels, found {self.channels[0]}; "
                "set w_hpf=0"
            )
        if self.landmark_width % 16:
            raise ValueError(
                f"landmark_width must be a multiple of 16, found {self.landmark_width}"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the domains; without data, those of AFHQ."""
        return self.domains or self.attributes or AFHQ

    @property
    def first_width(self) -> int:
        """Channels of the first convolutions."""
        return self.width or max(1, min(self.max_width, _PUBLISHED_WIDTH // self.crop[0]))


class StarGANv2(Method):
    """See the module's docstring for the paper and its objective.

    Args:
        config: The hyper-parameters.
        training: Also build the discriminator.
    """

    Config = StarGANv2Config
    config: StarGANv2Config
    letters = ("x",)
    layout = "classes"
    run_settings = ("label_sets", "categorical", "landmarks", "balanced")
    targets = ("x",)
    player_order = ("discriminators", "generators", "mapping_network", "style_encoder")
    inference_players = ("generators", "mapping_network", "style_encoder")
    inference_fixed = ("landmark_network",)
    labels: Labels

    def __init__(self, config: StarGANv2Config, *, training: bool = True) -> None:
        super().__init__(config)
        c, (channels,) = config, config.channels
        side, width, domains = c.crop[0], c.first_width, len(c.names)
        self.labels, self.style_dim, self.fixed_size = c.labels, c.style_dim, c.crop
        depth = halvings(side, c.w_hpf > 0)
        self.multiple = self.min_size = 2**depth
        self.generators = StyledGenerator(channels, width, c.max_width, depth, c.style_dim, c.w_hpf)
        self.mapping_network = MappingNetwork(c.latent_dim, c.style_dim, domains, c.mapping_width)
        self.style_encoder = StyleEncoder(channels, width, c.max_width, side, c.style_dim, domains)
        if training:
            self.discriminators = MultiDomainDiscriminator(
                channels, width, c.max_width, side, domains
            )
        for player in self.players().values():
            initialise(player, "kaiming")
        if c.w_hpf:
            self.landmark_network = LandmarkNetwork(c.landmark_width)

    @property
    def latent_dim(self) -> int:
        """Length of the random codes that the mapping network takes."""
        return self.config.latent_dim

    def optimizers(self) -> dict[str, Optimizer]:
        """Return Adam for all players, with a rate of its own for the mapping network."""
        c = self.config
        adam = Adam(c.mapping_learning_rate, c.betas, c.weight_decay)
        return super().optimizers() | {"mapping_network": adam}

    def loss_weights(self, step: int) -> LossWeights:
        """Return the weights of the loss terms; that of diversity falls linearly to 0."""
        w, steps = self.config.weights, self.config.diversity_steps
        left = max(0.0, 1 - step / steps) if steps else 1.0
        return replace(w, diversity=w.diversity * left)

    def build_fixed_networks(self) -> None:
        """Read the landmark network if there are high-pass skips.

        Raises:
            ValueError: No file is named, or it holds something else.
            FileNotFoundError: The file does not exist.
        """
        c = self.config
        if not c.w_hpf or "landmark_network" in self.loaded:
            return
        if c.landmarks is None:
            raise ValueError(
                f"w_hpf={c.w_hpf:g} needs a landmark network, and no file of one is named; set "
                "landmarks=FILE, such as the official wing.ckpt, or w_hpf=0, which needs none"
            )
        read_landmark_weights(self.landmark_network, c.landmarks, "landmark_width")

    def training_step(self, batch: Batch) -> Iterator[Update]:
        """Move D twice, then G, F and E together, then G alone."""
        G, F, E = self.generators, self.mapping_network, self.style_encoder
        x, own = batch.images["x"], batch.labels["x"]
        references = batch.images["reference"], batch.images["reference_2"]
        to, masks = batch.labels["target"], self._masks(x)
        z = [batch.noise(self.latent_dim) for _ in range(2)]

        with torch.no_grad():
            fake = G(x, F(z[0], to), masks)
        yield Update("discriminators", self._discriminator_terms(x, own, fake, to))
        with torch.no_grad():
            fake = G(x, E(references[0], to), masks)
        yield Update("discriminators", self._discriminator_terms(x, own, fake, to))

        styles = [F(code, to) for code in z]
        yield Update(
            ("generators", "mapping_network", "style_encoder"),
            self._generator_terms(x, own, to, styles, masks),
        )
        with torch.no_grad():
            styles = [E(reference, to) for reference in references]
        yield Update("generators", self._generator_terms(x, own, to, styles, masks))

    def _discriminator_terms(
        self, x: Tensor, own: Tensor, fake: Tensor, to: Tensor
    ) -> dict[str, Tensor]:
        D, real = self.discriminators, x.detach().requires_grad_()
        on_real, on_fake = self._score(D(real), own), self._score(D(fake), to)
        losses = {"adversarial": discriminator_loss([on_real], [on_fake], "nsgan")}
        if self.config.weights.r1:
            losses["r1"] = r1_penalty(on_real, real)
        return losses

    def _generator_terms(
        self, x: Tensor, own: Tensor, to: Tensor, styles: list[Tensor], masks: Masks | None
    ) -> dict[str, Tensor]:
        """Return the terms of a move of G; the second style is for the diversity alone."""
        G, E, w = self.generators, self.style_encoder, self.config.weights
        fake = G(x, styles[0], masks)
        on_fake = self._score(self.discriminators(fake), to)
        losses = {"adversarial": generator_loss([on_fake], "nsgan")}
        if w.style:
            losses["style"] = (E(fake, to).float() - styles[0]).abs().mean()
        if w.diversity:
            with torch.no_grad():
                other = G(x, styles[1], masks)
            losses["diversity"] = -(fake - other).float().abs().mean()
        if w.cycle:
            back = G(fake, E(x, own), self._masks(fake))
            losses["cycle"] = l1_loss(back.float(), x)
        return losses

    @staticmethod
    def _score(scores: Tensor, domain: Tensor) -> Tensor:
        """Return the score (N,) of each image in its domain."""
        return (scores * domain).sum(1)

    def _masks(self, x: Tensor) -> Masks | None:
        """Return where the high-pass skips act; None without skips."""
        return self.landmark_network.masks(x) if self.config.w_hpf else None

    def style_from(self, z: Tensor, to: Tensor) -> Tensor:
        """Return F_y(z), the styles (N, style_dim) of codes (N, latent_dim) in domains (N, L)."""
        return self.mapping_network(z, to)

    def encode_style(self, x: Tensor, domain: Tensor) -> Tensor:
        """Return E_y(x), the styles (N, style_dim) of images in domains (N, L)."""
        return self.style_encoder(x, domain)

    def translate(self, x: Tensor, to: Tensor, style: Tensor | None = None) -> Tensor:
        """Return G(x, s); the domain is in the style."""
        assert style is not None
        return self.generators(x, style, self._masks(x))

    def discriminate(self, x: Tensor, domain: str, condition: Tensor | None = None) -> list[Tensor]:
        """Return one map (N, L, 1, 1): the scores of the images in each of the domains."""
        self.check_discriminators()
        return [self.discriminators(x)[:, :, None, None]]

    def preview(self, fixed: Batch, fresh: Noise) -> list[Panel]:
        """Show every image with the style of a reference, and with random styles of each domain."""
        x, references, to = fixed.images["x"], fixed.images["reference"], fixed.labels["target"]
        with_reference = self.translate(x, to, self.encode_style(references, to))
        panels = [
            Panel(
                "styles of references",
                [("input", x), ("reference", references), ("translation", with_reference)],
            )
        ]
        columns = [("input", x)]
        codes = fixed.noise(self.latent_dim), fresh(self.latent_dim)
        for index, name in enumerate(self.labels.names):
            domain = one_hot(torch.full((len(x),), index), len(self.labels.names)).to(to)
            columns += [
                (name, self.translate(x, domain, self.style_from(z, domain))) for z in codes
            ]
        return [*panels, Panel("random styles", columns)]
