"""CycleGAN: unpaired image-to-image translation with cycle consistency.

Zhu, Park, Isola, Efros: Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial
Networks. ICCV 2017, https://arxiv.org/abs/1703.10593. The paper's domains X and Y are a and b
here, its generators G: X -> Y and F: Y -> X are G_ab and G_ba.

A translation is one pass through a generator, x_ab = G_ab(x_a), and translating back should
recover the input: G_ba(G_ab(x_a)) = x_a.

Objective (equation 3)::

    min_G max_D  adversarial(x_ab) + adversarial(x_ba)                       equation 1, section 4
                 + w.cycle    (|G_ba(x_ab) - x_a| + |G_ab(x_ba) - x_b|)      equation 2
                 + w.identity (|G_ba(x_a) - x_a| + |G_ab(x_b) - x_b|)        section 5.2

where all |.| are means. The discriminators score real images and a history of generated ones, and
their loss is the mean of the two, half of the usual sum.

CycleGAN* is the variant that Huang et al. 2018 (MUNIT), section 5.2, compare with: both generators
take noise as an additional input, x_ab = G_ab(x_a, z_b) with z_b ~ N(0, I).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Literal

from torch import Tensor, nn

from crossimage.config import (
    DepthOrZero,
    Fraction,
    Halvings,
    ItemsOrZero,
    NonNegativeFloat,
    Width,
    WidthOrZero,
    settings,
)
from crossimage.losses import discriminator_loss, generator_loss, l1_loss
from crossimage.methods.base import Batch, Method, Noise, Update, repeat_per_style
from crossimage.methods.settings import PatchShape, Schedule256, check_images
from crossimage.networks.discriminators import score_real_and_fake
from crossimage.networks.generators import ResnetGenerator, Upsampling, with_code
from crossimage.networks.history import History
from crossimage.networks.layers.blocks import NormName, TestMode, initialise, set_test_mode
from crossimage.utils.contact_sheet import Panel


@settings
class LossWeights:
    """Weights of the loss terms.

    Attributes:
        adversarial: Fooling the discriminators.
        cycle: Reconstruction of an image by both generators (the paper's lambda).
        identity: Reconstruction of an image that already belongs to the target domain. The paper
            uses it for paintings to photos only, the official PyTorch code always.
    """

    adversarial: NonNegativeFloat = 1.0
    cycle: NonNegativeFloat = 10.0
    identity: NonNegativeFloat = 5.0


@settings
class CycleGANConfig(Schedule256):
    """Configuration of CycleGAN; the defaults are the published ones for 256 px.

    Attributes:
        width: Channels of the first convolution of the generators.
        residual_blocks: Residual blocks of the generators (published: 6 at 128 px).
        residual_downsamples: Halvings of the resolution in the generators.
        antialias: Generators and discriminators halve the resolution by blurs after the activations
            rather than by convolutions of stride 2, as in CUT.
        upsampling: How the generators double the resolution: by transposed convolutions, as
            published, or by nearest-neighbour or (as in CUT) bilinear upsampling before a
            convolution.
        norm: Normalisation in the generators.
        dropout: Dropout rate in the residual blocks (0: no dropout).
        test_mode: With ``train``, dropout stays active when translating, so that an input has
            several translations, and batch norms use each image's own statistics; with ``eval``,
            neither.
        noise_dim: CycleGAN*: length of the noise that enters the generators as constant maps beside
            the image (0: none).
        discriminator: Shape of the discriminators.
        adversarial: Adversarial objective: least squares, or cross-entropy as in equation 1.
        history: Generated images kept for each discriminator (0: it sees only the newest).
        weights: Weights of the loss terms.
    """

    width: Width = 64
    residual_blocks: DepthOrZero = 9
    residual_downsamples: Halvings = 2
    antialias: bool = False
    upsampling: Upsampling = "transposed"
    norm: NormName = "instance"
    dropout: Fraction = 0.0
    test_mode: TestMode = "eval"
    noise_dim: WidthOrZero = 0
    discriminator: PatchShape = field(default_factory=PatchShape)
    adversarial: Literal["lsgan", "nsgan"] = "lsgan"
    history: ItemsOrZero = 50
    weights: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        """Refuse sizes that the networks cannot have."""
        super().__post_init__()
        multiple = 2**self.residual_downsamples
        check_images(self, multiple, smallest=max(2 * multiple, self.discriminator.smallest))
        if self.weights.identity and len(set(self.channels)) > 1:
            raise ValueError(
                f"the identity loss needs domains with the same number of channels, found channels "
                f"{self.channels}; set weights.identity=0"
            )


class CycleGAN(Method):
    """See the module's docstring for the paper and its objective.

    Args:
        config: The hyper-parameters.
        training: Also build the discriminators and their histories.
    """

    Config = CycleGANConfig
    config: CycleGANConfig
    test_settings = ("test_mode",)
    player_order = ("generators", "discriminators")

    def __init__(self, config: CycleGANConfig, *, training: bool = True) -> None:
        super().__init__(config)
        self.multiple = 2**config.residual_downsamples
        self.min_size = 2 * self.multiple
        self.style_dim = config.noise_dim
        self.generators = nn.ModuleDict({
            source + target: ResnetGenerator(
                self.channels[source] + config.noise_dim, self.channels[target], config.width,
                config.residual_blocks, norm=config.norm, dropout=config.dropout,
                downsamples=config.residual_downsamples, antialias=config.antialias,
                upsampling=config.upsampling,
                # with reflection the first norm would remove constant maps completely
                pad="zeros" if config.noise_dim else "reflect",
            )
            for source, target in ("ab", "ba")
        })  # fmt: skip
        initialise(self.generators, "gaussian")
        self.apply_test_settings()
        if training:
            self.discriminators = nn.ModuleDict(
                {
                    d: config.discriminator.build(self.channels[d], antialias=config.antialias)
                    for d in "ab"
                }
            )
            initialise(self.discriminators, "gaussian")
        stores = "ab" if training and config.history else ""
        self.history = nn.ModuleDict(
            {d: History(config.history, self.channels[d], *config.crop) for d in stores}
        )

    def memory(self) -> dict[str, Tensor]:
        """Return the generated images that the discriminators will see again."""
        return {f"history.{name}": value for name, value in self.history.state_dict().items()}

    def apply_test_settings(self) -> None:
        """Let the layers follow ``test_mode``."""
        self.stochastic = set_test_mode(self.generators, self.config.test_mode)

    def training_step(self, batch: Batch) -> Iterator[Update]:
        """Move the generators, then the discriminators, on the same translations and older ones."""
        D_a, D_b = self.discriminators["a"], self.discriminators["b"]
        w, kind = self.config.weights, self.config.adversarial
        x_a, x_b = batch.images["a"], batch.images["b"]

        z_a, z_b = self._noise(batch.noise), self._noise(batch.noise)
        x_ab, x_ba = self._generate("ab", x_a, z_b), self._generate("ba", x_b, z_a)
        losses = {"adversarial": generator_loss(D_a(x_ba), kind) + generator_loss(D_b(x_ab), kind)}
        if w.cycle:
            x_aba, x_bab = self._generate("ba", x_ab, z_a), self._generate("ab", x_ba, z_b)
            losses["cycle"] = l1_loss(x_aba, x_a) + l1_loss(x_bab, x_b)
        if w.identity:
            x_aa, x_bb = self._generate("ba", x_a, z_a), self._generate("ab", x_b, z_b)
            losses["identity"] = l1_loss(x_aa, x_a) + l1_loss(x_bb, x_b)
        yield Update("generators", losses)

        fake_a = self._remember("a", x_ba, batch.noise)
        fake_b = self._remember("b", x_ab, batch.noise)
        on_a = discriminator_loss(*score_real_and_fake(D_a, x_a, fake_a), kind)
        on_b = discriminator_loss(*score_real_and_fake(D_b, x_b, fake_b), kind)
        yield Update("discriminators", {"adversarial": (on_a + on_b) / 2})

    def _noise(self, noise: Noise) -> Tensor | None:
        return noise(self.style_dim) if self.style_dim else None

    def _generate(self, direction: str, x: Tensor, z: Tensor | None) -> Tensor:
        return self.generators[direction](x if z is None else with_code(x, z))

    def _remember(self, domain: str, fake: Tensor, noise: Noise) -> Tensor:
        """Return the generated images that a domain's discriminator sees."""
        if not self.config.history:
            return fake
        return self.history[domain](fake, noise.uniform(2))

    def translate(self, x: Tensor, to: str, style: Tensor | None = None) -> Tensor:
        """Return G(x), or k translations G(x, z) of each of N images from N k noise vectors."""
        if style is not None:
            x = repeat_per_style(x, style)
        return self._generate("ab" if to == "b" else "ba", x, style)

    def encode_style(self, x: Tensor, domain: str) -> Tensor:
        """Refuse: the noise of CycleGAN* can only be drawn."""
        raise ValueError("CycleGAN takes no style from images; its noise can only be drawn")

    def preview(self, fixed: Batch, fresh: Noise) -> list[Panel]:
        """Show input, one or several translations, the cycle, and the identity if weighted."""
        several = ("translation 1", "translation 2", "translation 3")
        panels = []
        for source, target in ("ab", "ba"):
            x = fixed.images[source]
            columns = [("input", x)]
            for title in several if self.style_dim or self.stochastic else ("translation",):
                columns.append((title, self.translate(x, target, self._noise(fixed.noise))))
            columns.append(
                ("cycle", self.translate(columns[1][1], source, self._noise(fixed.noise)))
            )
            if self.config.weights.identity:
                columns.append(("identity", self.translate(x, source, self._noise(fixed.noise))))
            panels.append(self.panel(source, target, columns))
        return panels
