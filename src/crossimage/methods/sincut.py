"""SinCUT: translation of a single image to the style of another one.

Park, Efros, Zhang, Zhu: Contrastive Learning for Unpaired Image-to-Image Translation. ECCV 2020,
section 4.4 and appendix C, https://arxiv.org/abs/2007.15651.

Both domains are one large image each. Training sees random crops of it at random zoom, and G
translates the whole image afterwards. With CUT's contrast of descriptors, for layers l, crops n::

    nce(y, x) = mean over l, n of  -log softmax over n' (y_ln . x_ln' / temperature) [n]
    y_l = H_l(G_l(y)),  x_l = H_l(G_l(x)) without gradients,  at one random position per layer

where the n' are the other crops of the batch, not other positions of the same one.

Objective::

    min_{G,H}  w.adversarial  softplus(-D(x_ab))
               + w.nce          nce(x_ab, x_a)
               + w.nce_identity nce(G(x_b), x_b)
               + w.identity     |G(x_b) - x_b|
    min_D      w.adversarial  (softplus(-D(x_b)) + softplus(D(x_ab))) / 2
               + w.r1           |grad D(x_b)|^2 / 2

G and D consist of StyleGAN2's layers. The official code weighs both contrastive terms by lambda / 2
with lambda = 4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossimage.config import (
    Betas,
    Config,
    Counts,
    DepthOrZero,
    Indices,
    Items,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Share,
    SideOrZero,
    Size,
    Width,
    settings,
)
from crossimage.losses import discriminator_loss, generator_loss, patch_nce, r1_penalty
from crossimage.methods.base import Batch, Method, Noise, Update
from crossimage.networks.encoders import PatchHeads
from crossimage.networks.layers.blocks import initialise
from crossimage.networks.stylegan2.networks import StyleGAN2Discriminator, StyleGAN2Translator
from crossimage.utils.contact_sheet import Panel


@settings
class LossWeights:
    """Weights of the loss terms.

    Attributes:
        adversarial: Fooling the discriminator.
        r1: Gradient penalty of the discriminator (lambda_R1).
        nce: Correspondence of the crops of the image and of their translations.
        nce_identity: Correspondence of the crops of the target image and of their translations.
        identity: Translating crops of the target image to themselves.
    """

    adversarial: NonNegativeFloat = 1.0
    r1: NonNegativeFloat = 1.0
    nce: NonNegativeFloat = 2.0
    nce_identity: NonNegativeFloat = 2.0
    identity: NonNegativeFloat = 1.0


@settings
class SinCUTConfig(Config):
    """Configuration of SinCUT; the defaults are the published ones.

    Attributes:
        crop: Side of the square crops, a power of two; ``discriminator_widths`` has one number for
            each of the resolutions from it down to 4 px.
        widths: Channels of the generator at the resolution of the image, at half of it, and so on.
        residual_blocks: Residual blocks of the encoder, and again of the decoder.
        discriminator_widths: Channels of the discriminator at the resolution of the crop, at half
            of it, and so on down to 4 px.
        noise: Add noise to the maps that the decoder doubles, so that an image has several
            translations.
        nce_layers: Layers of the encoder whose patches are contrasted: 0 is the image, 1 the first
            convolution, 2 the first halving.
        patches: Positions per crop and layer that are contrasted.
        contrasted_crops: Crops whose patches are contrasted with one another; the number of crops
            that a process sees at a time must be a multiple.
        head_width: Channels of the heads, and length of the descriptors of patches.
        temperature: Divides the similarities of descriptors.
        weights: Weights of the loss terms.
    """

    resize: SideOrZero = 0
    crop: Size = (64, 64)
    smallest_zoom: Share = 1 / 3
    steps: PositiveInt = 100_000
    decay_steps: NonNegativeInt = 50_000
    batch_size: Items = 16
    learning_rate: NonNegativeFloat = 2e-3
    betas: Betas = (0.0, 0.99)

    widths: Counts = (80, 160)
    residual_blocks: DepthOrZero = 3
    discriminator_widths: Counts = (32, 64, 128, 256, 384)
    noise: bool = True
    nce_layers: Indices = (0, 2, 4)
    patches: Items = 1
    contrasted_crops: Items = 16
    head_width: Width = 256
    temperature: PositiveFloat = 0.07
    weights: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        """Refuse sizes that the networks cannot have, and layers that they do not have."""
        super().__post_init__()
        if len(self.channels) != 2 or len(set(self.channels)) > 1:
            raise ValueError(
                f"channels must be two equal numbers, one per domain, found {self.channels}"
            )
        side = 2 ** (len(self.discriminator_widths) + 1)
        if self.crop != (side, side):
            raise ValueError(
                f"a discriminator of {len(self.discriminator_widths)} discriminator_widths takes "
                f"crops of {side}x{side} pixels, found crop {self.crop}; expected one number for "
                "each resolution from the crop, a power of two, down to 4 pixels"
            )
        if side % self.multiple:
            raise ValueError(
                f"{len(self.widths)} widths halve crops of {side} pixels "
                f"{len(self.widths) - 1} times; give fewer widths"
            )
        if self.batch_size % self.contrasted_crops:
            raise ValueError(
                f"batch_size ({self.batch_size}) must be a multiple of contrasted_crops "
                f"({self.contrasted_crops})"
            )
        if self.contrasted_crops * self.patches < 2:
            raise ValueError(
                "contrasted_crops=1 with patches=1 leaves nothing to contrast a patch with; set a "
                "larger contrasted_crops"
            )
        layers, last = self.nce_layers, len(self.widths) + self.residual_blocks
        if not layers or any(i >= k for i, k in pairwise(layers)) or layers[-1] > last:
            raise ValueError(
                f"nce_layers must be numbers of layers in increasing order, at most {last} with "
                f"{len(self.widths)} widths and {self.residual_blocks} residual blocks, found "
                f"{layers}"
            )

    @property
    def multiple(self) -> int:
        """Sides of images must be multiples of this many pixels."""
        return 2 ** (len(self.widths) - 1)


class SinCUT(Method):
    """See the module's docstring for the paper and its objective.

    Args:
        config: The hyper-parameters.
        training: Also build the discriminator and the heads.
    """

    Config = SinCUTConfig
    config: SinCUTConfig
    player_order = ("discriminators", "generators", "heads")
    targets = ("b",)

    def __init__(self, config: SinCUTConfig, *, training: bool = True) -> None:
        super().__init__(config)
        c, channels = config, config.channels[0]
        self.stochastic = c.noise and len(c.widths) > 1
        self.multiple = self.min_size = c.multiple
        self.generators = StyleGAN2Translator(channels, c.widths, c.residual_blocks)
        if training:
            D = StyleGAN2Discriminator(channels, c.discriminator_widths)
            self.discriminators = nn.ModuleDict({"b": D})
            widths = self.generators.widths()
            self.heads = PatchHeads([widths[layer] for layer in c.nce_layers], c.head_width)
            initialise(self.heads, "xavier")

    @classmethod
    def needs_batches_of(cls, config: SinCUTConfig) -> int:
        """Return the number of crops that are contrasted with one another."""
        return config.contrasted_crops

    def training_step(self, batch: Batch) -> Iterator[Update]:
        """Move the discriminator, then generator and heads, on the same translations."""
        G, (D,), w = self.generators, self.discriminators.values(), self.config.weights
        x_a, x_b = batch.images["a"], batch.images["b"]
        noise = [self._noise(x_a, batch.noise) for _ in range(2)]
        both = [torch.cat(pair) for pair in zip(*noise, strict=True)]
        x_ab, x_bb = G(torch.cat([x_a, x_b]), both).tensor_split([len(x_a)])

        real = x_b.detach().requires_grad_()
        on_b, on_ab = D(real), D(x_ab.detach())
        losses = {"adversarial": discriminator_loss(on_b, on_ab, "nsgan") / 2}
        if w.r1:
            losses["r1"] = r1_penalty(on_b[0], real)
        yield Update("discriminators", losses)

        losses = {"adversarial": generator_loss(D(x_ab), "nsgan")}
        if w.nce:
            losses["nce"] = self._contrast(x_ab, x_a, batch.noise)
        if w.nce_identity:
            losses["nce_identity"] = self._contrast(x_bb, x_b, batch.noise)
        if w.identity:
            losses["identity"] = F.l1_loss(x_bb.float(), x_b)
        yield Update(("generators", "heads"), losses)

    def _contrast(self, y: Tensor, x: Tensor, noise: Noise) -> Tensor:
        """Return nce(y, x)."""
        c, G = self.config, self.generators
        with torch.no_grad():
            maps = G(x, layers=c.nce_layers)
        counts = [of_layer.shape[2:].numel() for of_layer in maps]
        at = [noise.shared(count).argsort()[: c.patches] for count in counts]
        with torch.no_grad():
            keys = self.heads(maps, at)
        queries = self.heads(G(y, layers=c.nce_layers), at)
        together = -1, c.contrasted_crops
        losses = [
            patch_nce(
                q.unflatten(0, together).flatten(1, 2),
                k.unflatten(0, together).flatten(1, 2),
                c.temperature,
            )
            for q, k in zip(queries, keys, strict=True)
        ]
        return torch.stack(losses).mean()

    def _noise(self, x: Tensor, draw: Noise) -> list[Tensor]:
        """Draw the noise of a pass of x through G: that of ``draw``, or zeros without noise."""
        shapes = self.generators.noise_shapes(x)
        if not self.config.noise:
            return [x.new_zeros(len(x), *shape) for shape in shapes]
        return [draw(*shape) for shape in shapes]

    def translate(self, x: Tensor, to: str, style: Tensor | None = None) -> Tensor:
        """Return G(x), with new noise each time."""
        make = torch.randn if self.config.noise else torch.zeros
        shapes = self.generators.noise_shapes(x)
        noise = [make(x.shape[0], *shape, device=x.device) for shape in shapes]
        translation: Tensor = self.generators(x, noise)
        return translation

    def preview(self, fixed: Batch, fresh: Noise) -> list[Panel]:
        """Show crops and their translations, and crops of the target translated to themselves."""
        x_a, x_b = fixed.images["a"], fixed.images["b"]
        return [
            self.panel("a", "b", [("input", x_a), ("translation", self.translate(x_a, "b"))]),
            self.panel("b", "b", [("input", x_b), ("identity", self.translate(x_b, "b"))]),
        ]
