"""A generator of StyleGAN2's layers that translates images, and a discriminator."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from crossimage.networks.stylegan2.blocks import (
    SLOPE,
    ActivatedConv,
    DoublingConv,
    ScaledLinear,
    ScaledResidualBlock,
)


class StyleGAN2Translator(nn.Module):
    """Encoder of halvings and residual blocks, and its mirror image as the decoder.

    The last layer is a leaky ReLU: outputs are not limited to [-1, 1].

    Args:
        channels: Channels of the images.
        widths: Channels of the maps at the resolution of the image, at half of it, and so on.
        residual_blocks: Residual blocks at the lowest resolution, in the encoder and again in the
            decoder.
    """

    def __init__(self, channels: int, widths: Sequence[int], residual_blocks: int) -> None:
        super().__init__()
        width, deepest = widths[0], widths[-1]
        self.encoder = nn.Sequential(
            ActivatedConv(channels, width, 1),
            *(ScaledResidualBlock(i, o, halves=True) for i, o in pairwise(widths)),
            *(ScaledResidualBlock(deepest, deepest) for _ in range(residual_blocks)),
        )
        self.decoder = nn.Sequential(
            *(ScaledResidualBlock(deepest, deepest) for _ in range(residual_blocks))
        )
        self.doublings = nn.ModuleList(DoublingConv(i, o) for i, o in pairwise(widths[::-1]))
        self.last = ActivatedConv(width, channels, 1)
        self._widths = [channels, width, *widths[1:], *[deepest] * residual_blocks]

    def widths(self) -> list[int]:
        """Return the channels of the image, and of the maps of the encoder's layers."""
        return self._widths

    def noise_shapes(self, x: Tensor) -> list[tuple[int, int, int]]:
        """Return the shapes (1, h, w) of the noise that :meth:`forward` needs per image of x."""
        halvings = [2**i for i in reversed(range(len(self.doublings)))]
        return [(1, x.shape[2] // n, x.shape[3] // n) for n in halvings]

    def forward(self, x: Tensor, noise: Sequence[Tensor] = (), layers: Sequence[int] = ()) -> Any:
        """Translate images, or compute feature maps.

        Args:
            x: Images (N, channels, H, W), of sides that the halvings divide.
            noise: Standard normal noise of each doubling; see :meth:`noise_shapes`.
            layers: Increasing numbers of layers of the encoder; 0 is the image itself.

        Returns:
            The translations (N, channels, H, W); with ``layers``, the list of these layers' feature
            maps (N, c, h, w), and no layer after the last of them is computed.
        """
        if layers:
            return self._maps(x, layers)
        x = self.decoder(self.encoder(x))
        for layer, own in zip(self.doublings, noise, strict=True):
            x = layer(x, own)
        return self.last(x)

    def _maps(self, x: Tensor, layers: Sequence[int]) -> list[Tensor]:
        maps = [x]
        for layer in self.encoder[: layers[-1]]:
            maps.append(layer(maps[-1]))
        return [maps[number] for number in layers]


class StyleGAN2Discriminator(nn.Module):
    """Residual halvings down to 4x4 pixels, a convolution and two linear layers.

    Args:
        channels: Channels of the images.
        widths: Channels of the maps at the resolution of the image, at half of it, and so on to
            4x4 pixels: images have a side of 2 to the power of their number plus 1.
    """

    def __init__(self, channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        width, deepest = widths[0], widths[-1]
        self.layers = nn.Sequential(
            ActivatedConv(channels, width, 1),
            *(ScaledResidualBlock(i, o, halves=True) for i, o in pairwise(widths)),
            ActivatedConv(deepest, deepest, 3),
        )
        self.hidden = ScaledLinear(16 * deepest, deepest)
        self.score = ScaledLinear(deepest, 1)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Score images: one map (N, 1, 1, 1)."""
        hidden = self.hidden(self.layers(x).flatten(1))
        scores = self.score(F.leaky_relu(hidden, SLOPE) * math.sqrt(2))
        return [scores[:, :, None, None]]
