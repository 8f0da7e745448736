"""Unsupervised sketch-to-photo synthesis: the shape of a photo first, its colours second.

Liu, Yu, Yu: Unsupervised Sketch to Photo Synthesis. ECCV 2020, https://arxiv.org/abs/1909.08313.
The domain of sketches S is a here, and that of photos is b: a photo I is x_b, its lightness G is
g_b. A translation is x_ab = C(T(x_a)) or, with a reference r, C_r(T(x_a)).

A run has two stages. The first, of ``shape_steps``, learns T from sketches to gray photos, and T'
from gray photos to sketches, as CycleGAN does. T sees sketches with strokes that do not belong to
them, and learns to leave them out: half of the sketches are multiplied by a noise sketch or by a
patch of another sketch, a^, while all targets are the clean ones. Attention suppresses features of
sketches between the two halves of T, but not in passes from drawn sketches or gray photos.

Objective of the first stage (equations 1 to 4)::

    min_{T,T'} max_D  adversarial(T(a^)) + adversarial(T'(g_b))
                      + w.cycle    (|T'(T(a^)) - a| + |T(T'(g_b)) - g_b|)
                      + w.identity (|T(g_b) - g_b| + |T'(a) - a|)

The second stage learns C, a decoder of the fixed features phi of a gray photo. In a fifth of the
samples these features get the statistics of a reference's (AdaIN), so that C_r adopts its style.

Objective of the second stage (equations 5 to 8), where L is the lightness of an image::

    min_C max_D  adversarial(C(g_b)) + w.intensity |L(C(g_b)) - g_b|
                 + w.content |phi(C_r(g_b)) - AdaIN(phi(g_b), phi(r))|^2
                 + w.style   sum over layers (|mean - mean_r|^2 + |std - std_r|^2)

where all |.| are means. Losses of discriminators, which see a history of generated images, are the
mean of their real and their generated part. The attention of the paper is a softmax over two
channels; that of the published code and weights runs over the rows of the image by mistake, and is
the default, since it gave the published results.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import field, replace
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from crossimage.config import (
    Channels,
    Companion,
    Config,
    DepthOrZero,
    Epochs,
    FilePath,
    ItemsOrZero,
    NonNegativeFloat,
    NonNegativeInt,
    Share,
    Side,
    SideOrZero,
    Size,
    Width,
    settings,
)
from crossimage.losses import discriminator_loss, generator_loss, l1_loss
from crossimage.methods.base import Batch, Method, Noise, Update, repeat_per_style
from crossimage.methods.settings import PatchShape, check_images
from crossimage.networks.discriminators import score_real_and_fake
from crossimage.networks.generators import Attention, AttentiveGenerator, ResnetDecoder
from crossimage.networks.history import History
from crossimage.networks.layers.blocks import initialise
from crossimage.networks.pretrained import StyleFeatures, mean_and_std, with_statistics
from crossimage.utils.contact_sheet import Panel

Statistics = tuple[Tensor, Tensor]
"""Means and standard deviations (N, C) of feature maps."""


@settings
class LossWeights:
    """Weights of the loss terms.

    Attributes:
        adversarial: Fooling the discriminators, in both stages.
        cycle: First stage: reconstruction of an image by both generators.
        identity: First stage: reconstruction of an image that belongs to the target domain.
        intensity: Second stage: lightness of the coloured photo.
        content: Second stage: features of a photo with a reference's style.
        style: Second stage: statistics of the reference's features.
    """

    adversarial: NonNegativeFloat = 1.0
    cycle: NonNegativeFloat = 10.0
    identity: NonNegativeFloat = 5.0
    intensity: NonNegativeFloat = 10.0
    content: NonNegativeFloat = 0.05
    style: NonNegativeFloat = 0.1


@settings
class SketchToPhotoConfig(Config):
    """Configuration of sketch-to-photo; the defaults are the published ones for 128 px.

    Attributes:
        channels: Channels of sketches and photos, which must be 1 and 3.
        shape_steps: Steps of the first stage. At 0 the run learns colours only; with at least as
            many as the run has, shapes only.
        shape_epochs: Length of the first stage in epochs; of the two, the one set last applies.
        decay_epochs: Length of the decay of the learning rate at the end of each stage.
        width: Channels of the first and the last convolution of the generators of shapes.
        residual_blocks: Residual blocks of the generators of shapes.
        color_width: Channels of the last convolution of the decoder of colours, and of the first
            layer of the fixed features.
        color_blocks: Residual blocks of the decoder of colours.
        attention: What the softmax of the attention runs over: ``channels``, as in the paper,
            ``rows``, as in the published code and weights, or ``none`` for no attention.
        noise_sketches: Folder of sketches of unrelated strokes, one of which may be laid over a
            sketch; by default other sketches.
        noise_share: Share of the sketches over which a noise sketch is laid.
        patch_share: Share of the sketches over which a patch of another sketch is laid.
        patch: Height and width of this patch, in pixels.
        encoder: Fixed features that colours are decoded from: those of ``vgg`` (VGG-19), or of a
            network of ``random`` weights, which needs no file but knows nothing of photos.
        encoder_weights: File of VGG-19 as scaled for AdaIN, ``vgg_normalised.pth``; needed to train
            the second stage with ``encoder=vgg``, unless the run starts from a model that has it.
        reference_share: Share of the photos that learn to take the style of a reference.
        discriminator: Shape of the discriminators.
        history: Generated images kept for each discriminator (0: it sees only the newest).
        weights: Weights of the loss terms.
    """

    stages: ClassVar[tuple[str, ...]] = ("shape_steps",)

    channels: Channels = (1, 3)
    resize: SideOrZero = 140
    crop: Size = (128, 128)
    epochs: Epochs = 1400.0
    decay_epochs: Epochs = 600.0
    learning_rate: NonNegativeFloat = 2e-4

    shape_steps: NonNegativeInt = 0
    shape_epochs: Epochs = 700.0
    width: Width = 64
    residual_blocks: DepthOrZero = 9
    color_width: Width = 64
    color_blocks: DepthOrZero = 12
    attention: Attention = "rows"
    noise_sketches: FilePath | None = None
    noise_share: Share = 0.2
    patch_share: Share = 0.3
    patch: Side = 50
    encoder: Literal["vgg", "random"] = "vgg"
    encoder_weights: FilePath | None = None
    reference_share: Share = 0.2
    discriminator: PatchShape = field(default_factory=PatchShape)
    history: ItemsOrZero = 50
    weights: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        """Refuse sizes that the networks cannot have, and shares above 1."""
        super().__post_init__()
        check_images(self, multiple=4, smallest=max(8, self.discriminator.smallest))
        if self.channels != (1, 3):
            raise ValueError(
                f"channels must be 1,3, for sketches and colour photos, found {self.channels}; "
                "images of other kinds are converted when they are read"
            )
        if self.noise_share + self.patch_share > 1:
            raise ValueError(
                f"noise_share and patch_share must be at most 1 together, found "
                f"{self.noise_share:g} and {self.patch_share:g}"
            )
        if self.encoder_weights and (self.encoder == "random" or self.color_width != 64):
            raise ValueError(
                f"encoder_weights are those of VGG-19, which needs encoder=vgg and color_width=64, "
                f"found encoder={self.encoder} and color_width={self.color_width}; change them, or "
                "leave encoder_weights out"
            )

    def in_steps(self, images: int) -> Self:
        """Return the config with its epochs, those of the first stage included, as steps."""
        config = super().in_steps(images)
        if self.shape_epochs:
            steps = math.ceil(self.shape_epochs * images / self.samples)
            config = replace(config, shape_steps=steps, shape_epochs=0.0)
        return config


class ShapeGenerator(AttentiveGenerator):
    """T, which knows whether its stage has begun: ``begun`` (), saved with its weights."""

    begun: Tensor

    def __init__(self, config: SketchToPhotoConfig) -> None:
        super().__init__(1, 1, config.width, config.residual_blocks, config.attention)
        self.register_buffer("begun", torch.zeros((), dtype=torch.bool))


class ColorDecoder(ResnetDecoder):
    """The trained part of C, which knows whether its stage has begun."""

    begun: Tensor

    def __init__(self, config: SketchToPhotoConfig) -> None:
        super().__init__(3, config.color_width, config.color_blocks)
        self.register_buffer("begun", torch.zeros((), dtype=torch.bool))


class SketchToPhoto(Method):
    """See the module's docstring for the paper and its objective.

    A model passes images on unchanged in a stage that it has not learned: with the first alone it
    makes gray photos, with the second alone it colours gray photos.

    Args:
        config: The hyper-parameters.
        training: Also build T', the discriminators and their histories.
    """

    Config = SketchToPhotoConfig
    config: SketchToPhotoConfig
    player_order = ("shape", "redrawing", "color", "discriminators")
    inference_players = ("shape", "color")
    inference_fixed = ("encoder",)
    run_settings = (
        "shape_steps", "shape_epochs", "noise_sketches", "noise_share", "patch_share", "patch",
        "encoder_weights", "reference_share", "history",
    )  # fmt: skip
    targets = ("b",)
    optional_style = True
    multiple, min_size = 4, 8

    def __init__(self, config: SketchToPhotoConfig, *, training: bool = True) -> None:
        super().__init__(config)
        c = config
        self.encoder = StyleFeatures(c.color_width)
        self.style_dim = 2 * self.encoder.channels
        self.shape = ShapeGenerator(c)
        self.color = ColorDecoder(c)
        if training:
            self.redrawing = AttentiveGenerator(1, 1, c.width, c.residual_blocks, "none")
            self.discriminators = nn.ModuleDict(
                {name: c.discriminator.build(n) for name, n in _DISCRIMINATED.items()}
            )
        stores = _DISCRIMINATED if training and c.history else {}
        self.history = nn.ModuleDict(
            {name: History(c.history, n, *c.crop) for name, n in stores.items()}
        )
        for player in self.players().values():
            initialise(player, "gaussian")

    @classmethod
    def companions(cls, config: SketchToPhotoConfig) -> dict[str, Companion]:
        """Return the further sketches and photos of each sample."""
        return {
            "noise": Companion("a", config.noise_sketches),
            "patch": Companion("a"),
            "photo": Companion("b"),
            "reference": Companion("b"),
        }

    def build_fixed_networks(self) -> None:
        """Read VGG-19 if the run reaches the second stage and does not have it yet.

        Raises:
            ValueError: No file is named, or it holds something else.
            FileNotFoundError: The file does not exist.
        """
        c = self.config
        if c.encoder == "random" or c.shape_steps >= c.steps or self.encoder.known:
            return
        if c.encoder_weights is None:
            raise ValueError(
                "the second stage colours photos by the features of VGG-19, and no file of them is "
                "named; set encoder_weights=FILE to AdaIN's vgg_normalised.pth, encoder=random for "
                f"random features, or shape_steps={c.steps} to learn only shapes, in gray"
            )
        self.encoder.load(c.encoder_weights)

    def memory(self) -> dict[str, Tensor]:
        """Return the generated images that the discriminators will see again."""
        return {f"history.{name}": value for name, value in self.history.state_dict().items()}

    def rate_factor(self, step: int) -> float:
        """Let the learning rate fall at the end of the first stage as well as of the run."""
        c = self.config
        if not c.decay_steps or not step < c.shape_steps < c.steps:
            return 1.0
        of_stage, of_run = (
            min(1.0, (end - step) / c.decay_steps) for end in (c.shape_steps, c.steps)
        )
        return of_stage / of_run  # the trainer multiplies by the latter

    def training_step(self, batch: Batch) -> Iterator[Update]:
        """Move the networks of the step's stage: generators first, then discriminators."""
        if batch.step < self.config.shape_steps:
            yield from self._learn_shapes(batch)
        else:
            yield from self._learn_colors(batch)

    def _learn_shapes(self, batch: Batch) -> Iterator[Update]:
        w, D_a, D_b = self.config.weights, self.discriminators["a"], self.discriminators["gray"]
        T, T_prime = self.shape, self.redrawing
        T.begun.fill_(True)
        x_a, g_b = batch.images["a"], lightness(batch.images["b"])
        g_ab = T(self._with_noise(batch), attend=True)
        x_ba = T_prime(g_b)
        losses = {
            "adversarial": generator_loss(D_b(g_ab), "lsgan") + generator_loss(D_a(x_ba), "lsgan")
        }
        if w.cycle:
            losses["cycle"] = l1_loss(T_prime(g_ab), x_a) + l1_loss(T(x_ba), g_b)
        if w.identity:
            losses["identity"] = l1_loss(T(g_b), g_b) + l1_loss(T_prime(x_a), x_a)
        yield Update(("shape", "redrawing"), losses)

        on_b = self._score("gray", g_b, g_ab, batch.noise)
        on_a = self._score("a", x_a, x_ba, batch.noise)
        yield Update("discriminators", {"adversarial": on_a + on_b})

    def _with_noise(self, batch: Batch) -> Tensor:
        """Return a^: sketches, some multiplied by a noise sketch or a patch of another sketch."""
        c, x = self.config, batch.images["a"]
        chance, *corner = batch.noise.uniform(3)[:, :, None, None, None].unbind(1)
        inside = torch.ones_like(chance, dtype=torch.bool)
        for dim, u in zip((2, 3), corner, strict=True):
            side = min(c.patch, x.shape[dim])
            first = (u * (x.shape[dim] - side + 1)).floor().clamp(max=x.shape[dim] - side)
            at = torch.arange(x.shape[dim], device=x.device)
            at = at[:, None] if dim == 2 else at
            inside = inside & (at >= first) & (at < first + side)
        with_noise = chance < c.noise_share
        with_patch = ~with_noise & (chance < c.noise_share + c.patch_share)
        laid = torch.where(with_noise, batch.images["noise"], torch.ones_like(x))
        return x * torch.where(with_patch & inside, batch.images["patch"], laid)

    def _learn_colors(self, batch: Batch) -> Iterator[Update]:
        c, w, D = self.config, self.config.weights, self.discriminators["b"]
        self.color.begun.fill_(True)
        gray = lightness(batch.images["photo"])
        styled = batch.noise.uniform() < c.reference_share  # (N,)
        references = self._statistics(batch.images["reference"])
        features = self._with_style(self.encoder(gray), references[-1], styled)
        fake = self.color(features)
        losses = {"adversarial": generator_loss(D(fake), "lsgan")}
        if w.intensity:
            losses["intensity"] = l1_loss(lightness(fake), gray)
        if w.content or w.style:
            losses |= self._compare(fake, features, references, styled)
        yield Update("color", losses)
        on_b = self._score("b", batch.images["b"], fake, batch.noise)
        yield Update("discriminators", {"adversarial": on_b})

    def _compare(
        self, fake: Tensor, features: Tensor, references: list[Statistics], styled: Tensor
    ) -> dict[str, Tensor]:
        """Return the content and style losses of the photos with a reference's style.

        They are sums over these photos, divided by the number of all.
        """
        maps = self.encoder.maps(fake)
        content = (maps[-1] - features).float().square().mean((1, 2, 3))
        style = torch.zeros_like(content)
        for found, wanted in zip(map(mean_and_std, maps), references, strict=True):
            for one, other in zip(found, wanted, strict=True):
                style = style + (one - other).square().mean(1)
        shares = {"content": content, "style": style}
        return {name: torch.where(styled, term, 0).mean() for name, term in shares.items()}

    def _statistics(self, x: Tensor) -> list[Statistics]:
        with torch.no_grad():
            return [mean_and_std(maps) for maps in self.encoder.maps(x)]

    @staticmethod
    def _with_style(features: Tensor, style: Statistics, styled: Tensor) -> Tensor:
        """Return feature maps with the statistics of a style where ``styled`` (N,) says so."""
        adapted = with_statistics(features, *style)
        return torch.where(styled[:, None, None, None], adapted, features)

    def _score(self, name: str, real: Tensor, fake: Tensor, noise: Noise) -> Tensor:
        """Return the loss of a discriminator."""
        if self.config.history:
            fake = self.history[name](fake, noise.uniform(2))
        scores = score_real_and_fake(self.discriminators[name], real, fake)
        return discriminator_loss(*scores, "lsgan") / 2

    def encode_style(self, x: Tensor, domain: str) -> Tensor:
        """Return the means and standard deviations of the features of photos."""
        if domain != "b":
            raise ValueError(f"styles are those of {self.names['b']}, not of {self.names[domain]}")
        return torch.cat(mean_and_std(self.encoder(x)), 1)

    def translate(self, x: Tensor, to: str, style: Tensor | None = None) -> Tensor:
        """Return C(T(x)), with the styles of references unless a style is all zeros."""
        assert to == "b"
        gray = self.shape(x, attend=True) if self.shape.begun else x
        style = x.new_zeros(x.shape[0], self.style_dim) if style is None else style
        return self.colorize(repeat_per_style(gray, style), style)

    def colorize(self, gray: Tensor, style: Tensor) -> Tensor:
        """Colour gray photos (N, 1, H, W) in styles (N, style_dim); zeros: of no reference."""
        if not self.color.begun:
            return gray.expand(-1, 3, -1, -1)
        mean, std = style.float().chunk(2, 1)
        styled = (style != 0).any(1)
        return self.color(self._with_style(self.encoder(gray), (mean, std), styled))

    def preview(self, fixed: Batch, fresh: Noise) -> list[Panel]:
        """Show sketches, their gray and their colour photos, and what photos become."""
        x_a, x_b = fixed.images["a"], fixed.images["b"]
        gray, real = self.shape(x_a, attend=True), lightness(x_b)
        plain = x_a.new_zeros(len(x_a), self.style_dim)
        style = self.encode_style(x_b, "b")
        first = [("sketch", x_a), ("gray photo", gray)]
        second = [("photo", x_b)]
        if self.color.begun:
            first += [("colours", self.colorize(gray, plain)), ("reference", x_b)]
            first += [("with its style", self.colorize(gray, style))]
            second += [("gray", real), ("colours", self.colorize(real, plain))]
            second += [("with style", self.colorize(real, style.roll(1, 0)))]
        elif "redrawing" in self.players():
            first += [("redrawn", self.redrawing(gray))]
            second += [("drawn", self.redrawing(real))]
        panels = [self.panel("a", "b", first), self.panel("b", "b", second)]
        return panels if second[1:] else panels[:1]


_DISCRIMINATED = {"a": 1, "gray": 1, "b": 3}
"""Channels of what each discriminator scores: sketches, gray photos and colour photos."""


def lightness(x: Tensor) -> Tensor:
    """Return 0.299 R + 0.587 G + 0.114 B (N, 1, H, W) of images (N, 3, H, W).

    Images without colours keep their values to the last bit.
    """
    red, green, blue = x[:, :1], x[:, 1:2], x[:, 2:]
    return red + 0.587 * (green - red) + 0.114 * (blue - red)
