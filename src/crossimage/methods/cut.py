"""CUT and FastCUT: unpaired image-to-image translation by contrasting patches, in one direction.

Park, Efros, Zhang, Zhu: Contrastive Learning for Unpaired Image-to-Image Translation. ECCV 2020,
https://arxiv.org/abs/2007.15651.

A translation is one pass through a generator, x_ab = G(x_a). What stands at a position of x_ab
should have more to do with the same position of x_a than with other positions of x_a. Both are
described by the layers of G's first half and by a head H_l for each layer l::

    nce(y, x) = mean over l, positions s of  -log softmax over s' (y_l^s . x_l^s' / temperature) [s]
    y_l = H_l(G_l(y)),  x_l = H_l(G_l(x)) without gradients,  all of length 1    equations 2 and 3

Objective (equation 5)::

    min_{G,H} max_D  adversarial(x_ab)                                           equation 1
                     + w.nce          nce(x_ab, x_a)                             equation 3
                     + w.nce_identity nce(G(x_b), x_b)                           section 3.3

The discriminator's loss is the mean of its real and its generated part, half of the usual sum. The
official code weighs both contrastive terms by lambda / 2 with lambda = 1 where the paper writes 1;
its weights are the defaults here.

FastCUT has no identity term, a weight of 10, and demands that a mirrored image has a mirrored
translation: in half of the steps G translates mirrored images, and the positions of their
translations are contrasted with the same places of the images that were not mirrored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from crossimage.config import (
    DepthOrZero,
    Epochs,
    Fraction,
    Indices,
    Items,
    NonNegativeFloat,
    PositiveFloat,
    Width,
    settings,
)
from crossimage.losses import discriminator_loss, generator_loss, patch_nce
from crossimage.methods.base import Batch, Method, Noise, Update
from crossimage.methods.settings import PatchShape, Schedule256, check_images
from crossimage.networks.discriminators import score_real_and_fake
from crossimage.networks.encoders import PatchHeads
from crossimage.networks.generators import ResnetGenerator, Upsampling
from crossimage.networks.layers.blocks import NormName, TestMode, initialise, set_test_mode
from crossimage.utils.contact_sheet import Panel


@settings
class LossWeights:
    """Weights of the loss terms.

    Attributes:
        adversarial: Fooling the discriminator.
        nce: Correspondence of the patches of an image and of its translation (lambda_X in the
            paper; FastCUT: 10).
        nce_identity: Correspondence of the patches of an image of the target domain and of its
            translation (lambda_Y; FastCUT: 0).
    """

    adversarial: NonNegativeFloat = 1.0
    nce: NonNegativeFloat = 0.5
    nce_identity: NonNegativeFloat = 0.5


@settings
class CUTConfig(Schedule256):
    """Configuration of CUT; the defaults are the published ones for 256 px.

    Attributes:
        width: Channels of the first convolution of the generator.
        residual_blocks: Residual blocks of the generator.
        norm: Normalisation in the generator.
        dropout: Dropout rate in the residual blocks (0: no dropout).
        test_mode: With ``train``, dropout stays active when translating, so that an input has
            several translations, and batch norms use each image's own statistics; with ``eval``,
            neither.
        antialias: Generator and discriminator halve the resolution by blurs after the activations
            rather than by convolutions of stride 2.
        upsampling: How the generator doubles the resolution: by bilinear upsampling before a
            convolution, or by transposed convolutions as in CycleGAN.
        discriminator: Shape of the discriminator.
        adversarial: Adversarial objective: least squares, or cross-entropy.
        nce_layers: Layers of the generator whose patches are contrasted, counted as in the official
            code: by default the padded image, the convolutions of both halvings, and the first and
            the fifth residual block.
        patches: Positions per image and layer that are contrasted; all if a layer has fewer.
        head_width: Channels of the heads, and length of the descriptors of patches.
        temperature: Divides the similarities of descriptors (tau in the paper).
        flip_equivariance: FastCUT: mirror the images that the generator translates in half of the
            steps, and contrast the translations with what was not mirrored.
        weights: Weights of the loss terms.
    """

    epochs: Epochs = 400.0
    decay_epochs: Epochs = 200.0

    width: Width = 64
    residual_blocks: DepthOrZero = 9
    norm: NormName = "instance"
    dropout: Fraction = 0.0
    test_mode: TestMode = "eval"
    antialias: bool = True
    upsampling: Upsampling = "bilinear"
    discriminator: PatchShape = field(default_factory=PatchShape)
    adversarial: Literal["lsgan", "nsgan"] = "lsgan"
    nce_layers: Indices = (0, 4, 8, 12, 16)
    patches: Items = 256
    head_width: Width = 256
    temperature: PositiveFloat = 0.07
    flip_equivariance: bool = False
    weights: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        """Refuse sizes that the networks cannot have, and layers that they do not have."""
        super().__post_init__()
        check_images(self, multiple=4, smallest=max(8, self.discriminator.smallest))
        if len(set(self.channels)) > 1:
            raise ValueError(
                f"CUT compares the patches of both domains, so these need the same number of "
                f"channels, found channels {self.channels}"
            )
        layers = self.nce_layers
        if not layers or any(first >= second for first, second in pairwise(layers)):
            raise ValueError(
                f"nce_layers must be numbers of layers in increasing order, found {layers}"
            )


class CUT(Method):
    """See the module's docstring for the paper and its objective.

    Args:
        config: The hyper-parameters.
        training: Also build the discriminator and the heads.
    """

    Config = CUTConfig
    config: CUTConfig
    player_order = ("discriminators", "generators", "heads")
    targets = ("b",)
    test_settings = ("test_mode",)
    multiple, min_size = 4, 8

    def __init__(self, config: CUTConfig, *, training: bool = True) -> None:
        super().__init__(config)
        c = config
        channels = self.channels["b"]
        self.generators = ResnetGenerator(
            channels, channels, c.width, c.residual_blocks, norm=c.norm, dropout=c.dropout,
            antialias=c.antialias, upsampling=c.upsampling,
        )  # fmt: skip
        initialise(self.generators, "xavier")
        self.apply_test_settings()
        if training:
            D = c.discriminator.build(channels, antialias=c.antialias)
            self.discriminators = nn.ModuleDict({"b": D})
            initialise(self.discriminators, "xavier")
            self.heads = PatchHeads(self._widths(), c.head_width)
            initialise(self.heads, "xavier")

    def apply_test_settings(self) -> None:
        """Let the layers follow ``test_mode``."""
        self.stochastic = set_test_mode(self.generators, self.config.test_mode)

    def _widths(self) -> list[int]:
        """Return the channels of the maps that are contrasted."""
        widths, layers = self.generators.widths(), self.config.nce_layers
        if layers[-1] >= len(widths):
            raise ValueError(
                f"nce_layers has the layer {layers[-1]}, and the last one of a generator of "
                f"{self.config.residual_blocks} residual blocks is {len(widths) - 1}; set other "
                "nce_layers"
            )
        return [widths[layer] for layer in layers]

    def training_step(self, batch: Batch) -> Iterator[Update]:
        """Move the discriminator, then generator and heads, on the same translations."""
        c, w, (D,) = self.config, self.config.weights, self.discriminators.values()
        x_a, x_b = batch.images["a"], batch.images["b"]

        mirrored = batch.noise.shared(1) < 0 if c.flip_equivariance else None
        inputs = torch.cat([x_a, x_b]) if w.nce_identity else x_a
        if mirrored is not None:
            inputs = torch.where(mirrored, inputs.flip(3), inputs)
        x_ab, x_bb = self.generators(inputs).tensor_split([len(x_a)])
        on_ab = discriminator_loss(*score_real_and_fake(D, x_b, x_ab), c.adversarial)
        yield Update("discriminators", {"adversarial": on_ab / 2})

        losses = {"adversarial": generator_loss(D(x_ab), c.adversarial)}
        if w.nce:
            losses["nce"] = self._contrast(x_ab, x_a, mirrored, batch.noise)
        if w.nce_identity:
            losses["nce_identity"] = self._contrast(x_bb, x_b, mirrored, batch.noise)
        yield Update(("generators", "heads"), losses)

    def _contrast(self, y: Tensor, x: Tensor, mirrored: Tensor | None, noise: Noise) -> Tensor:
        """Return nce(y, x), where ``mirrored`` (1,) says whether y is a mirror image."""
        layers = self.config.nce_layers
        with torch.no_grad():
            keys = self.generators(x, layers)
        at = self._positions(keys, noise)
        where = at if mirrored is None else _mirror(at, keys, mirrored)
        queries = self.heads(self.generators(y, layers), where)
        with torch.no_grad():
            keys = self.heads(keys, at)
        losses = [
            patch_nce(q, k, self.config.temperature) for q, k in zip(queries, keys, strict=True)
        ]
        return torch.stack(losses).mean()

    def _positions(self, maps: Sequence[Tensor], noise: Noise) -> list[Tensor]:
        """Draw positions (P,) for each map, the same for all images of the step."""
        counts = [x.shape[2:].numel() for x in maps]
        return [noise.shared(count).argsort()[: self.config.patches] for count in counts]

    def translate(self, x: Tensor, to: str, style: Tensor | None = None) -> Tensor:
        """Return G(x)."""
        translation: Tensor = self.generators(x)
        return translation

    def preview(self, fixed: Batch, fresh: Noise) -> list[Panel]:
        """Show inputs and translations, and images of the target domain translated to itself."""
        x_a, x_b = fixed.images["a"], fixed.images["b"]
        panels = [self.panel("a", "b", [("input", x_a), ("translation", self.translate(x_a, "b"))])]
        if self.config.weights.nce_identity:
            columns = [("input", x_b), ("identity", self.translate(x_b, "b"))]
            panels.append(self.panel("b", "b", columns))
        return panels


def _mirror(positions: Sequence[Tensor], maps: Sequence[Tensor], mirrored: Tensor) -> list[Tensor]:
    """Return the same places in the mirror images of maps, where ``mirrored`` (1,) is true."""
    places = []
    for at, x in zip(positions, maps, strict=True):
        column = at % x.shape[3]
        places.append(torch.where(mirrored, at - column + (x.shape[3] - 1 - column), at))
    return places
