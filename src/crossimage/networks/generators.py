"""Image-to-image generators without a latent code of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from crossimage.networks.layers.blocks import (
    ConvBlock,
    NormName,
    Padding,
    ResidualBlock,
    activation_layer,
    norm_layer,
)
from crossimage.networks.layers.convolution import PaddedConv2d

Upsampling = Literal["transposed", "nearest", "bilinear"]
Attention = Literal["rows", "channels", "none"]

_ENCODING = 3
"""Layers of a ResNet generator up to its second halving."""


class ResnetGenerator(nn.Sequential):
    """Residual generator of Johnson et al. 2016 as used by CycleGAN: image to image in [-1, 1].

    The blocks of this ``Sequential``, each with its normalisation and activation, are: 0, a 7x7
    convolution; then ``downsamples`` halvings, ``blocks`` residual blocks, and as many doublings as
    halvings; last, a 7x7 convolution with tanh.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the image.
        width: Channels after the first convolution.
        blocks: Residual blocks at the low resolution: 6 for 128 px and 9 for 256 px in the paper.
        norm: Normalisation of every layer except the last.
        dropout: Dropout rate inside every residual block.
        pad: Padding mode of the 7x7 convolutions and the residual blocks.
        downsamples: Halvings of the resolution, each with twice the channels (2 in the paper; 3 or
            4 in the global generator of pix2pixHD, Wang et al. 2018).
        antialias: Halve the resolution by blurs after the activations rather than by convolutions
            of stride 2.
        upsampling: How the resolution is doubled: transposed convolutions, or nearest-neighbour or
            bilinear upsampling before a 3x3 convolution.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        width: int,
        blocks: int,
        *,
        norm: NormName = "instance",
        dropout: float = 0.0,
        pad: Padding = "reflect",
        downsamples: int = 2,
        antialias: bool = False,
        upsampling: Upsampling = "transposed",
    ) -> None:
        sizes = [width << i for i in range(downsamples)]
        layers: list[nn.Module] = [ConvBlock(inputs, width, 7, 1, 3, norm=norm, pad=pad)]
        for size in sizes:
            layers.append(
                ConvBlock(size, 2 * size, 3, 2, 1, norm=norm, pad="zeros", antialias=antialias)
            )
        layers += ResnetDecoder(
            outputs, width, blocks, norm=norm, dropout=dropout, pad=pad, doublings=downsamples,
            upsampling=upsampling,
        )  # fmt: skip
        super().__init__(*layers)
        self.inputs = inputs

    def forward(self, x: Tensor, layers: Sequence[int] = ()) -> Any:
        """Translate images, or compute feature maps.

        Args:
            x: Images (N, inputs, H, W) in [-1, 1].
            layers: Increasing numbers of layers, counted as in the official code of CycleGAN and
                CUT, where every padding by reflection, convolution, upsampling, norm, activation
                and blur, and every residual block, is a layer. An activation overwrites its input,
                so that a norm before it yields activated maps, too, as it does there.

        Returns:
            The translations (N, outputs, H, W); with ``layers``, the list of these layers' feature
            maps (N, c, h, w), and no layer after the last of them is computed.
        """
        if layers:
            return self._maps(x, layers)
        for block in self:
            x = block(x)
        return x

    def _maps(self, x: Tensor, layers: Sequence[int]) -> list[Tensor]:
        maps, number = [], 0
        for layer in self._layers():
            if _pads(layer):
                if number in layers:
                    maps.append(layer.pad(x))
                number += 1
            x = layer(x)
            if number in layers:
                maps.append(x)
            number += 1
            if number > layers[-1]:
                break
        return maps

    def widths(self) -> list[int]:
        """Return the channels of every layer's maps, counted as in :meth:`forward`."""
        widths: list[int] = []
        channels = self.inputs
        for layer in self._layers():
            if _pads(layer):
                widths.append(channels)
            channels = getattr(layer, "out_channels", channels)
            widths.append(channels)
        return widths

    def _layers(self) -> Iterator[Any]:
        for block in self:
            yield from block if isinstance(block, nn.Sequential) else (block,)


class ResnetDecoder(nn.Sequential):
    """Second half of :class:`ResnetGenerator`: feature maps to images in [-1, 1].

    Args:
        outputs: Channels of the image.
        width: Channels before the last convolution; the input has ``width * 2^doublings``.
        blocks: Residual blocks at the low resolution.
        norm: Normalisation of every layer except the last.
        dropout: Dropout rate inside every residual block.
        pad: Padding mode of the 7x7 convolution and the residual blocks.
        doublings: Doublings of the resolution.
        upsampling: How the resolution is doubled, as in :class:`ResnetGenerator`.
    """

    def __init__(
        self,
        outputs: int,
        width: int,
        blocks: int,
        *,
        norm: NormName = "instance",
        dropout: float = 0.0,
        pad: Padding = "reflect",
        doublings: int = 2,
        upsampling: Upsampling = "transposed",
    ) -> None:
        sizes = [width << i for i in reversed(range(doublings))]
        super().__init__(
            *(
                ResidualBlock(width << doublings, norm=norm, pad=pad, dropout=dropout)
                for _ in range(blocks)
            ),
            *(_Doubling(2 * size, size, norm, upsampling) for size in sizes),
            ConvBlock(width, outputs, 7, 1, 3, activation="tanh", pad=pad),
        )


class AttentiveGenerator(nn.Module):
    """Residual generator that can suppress parts of its input by attention.

    Liu, Yu, Yu, Unsupervised Sketch to Photo Synthesis, ECCV 2020, section 3.1.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the image.
        width: Channels after the first convolution.
        blocks: Residual blocks at the low resolution.
        attention: What the attention's softmax runs over: the two channels, as in the paper, or
            the rows of the first one, as in the published code and weights; ``none``: there is
            no attention.
    """

    def __init__(
        self, inputs: int, outputs: int, width: int, blocks: int, attention: Attention
    ) -> None:
        super().__init__()
        self.network = ResnetGenerator(inputs, outputs, width, blocks)
        self.softmax_over = attention
        if attention != "none":
            self.attention = nn.Conv2d(4 * width, 2, 1)

    def forward(self, x: Tensor, attend: bool = False) -> Tensor:
        """Translate images (N, inputs, H, W) to (N, outputs, H, W), with attention or without."""
        y = self.encode(x)
        if attend and self.softmax_over != "none":
            y = (1 - self.weigh(y)) * y
        for block in list(self.network)[_ENCODING:]:
            y = block(y)
        return y

    def encode(self, x: Tensor) -> Tensor:
        """Return feature maps (N, 4 width, H / 4, W / 4), to which attention is applied."""
        for block in list(self.network)[:_ENCODING]:
            x = block(x)
        return x

    def weigh(self, features: Tensor) -> Tensor:
        """Return the attention (N, 1, h, w) that features lose: 0 keeps them, 1 removes them."""
        scores = self.attention(features).float()
        weights = scores.softmax(1 if self.softmax_over == "channels" else 2)
        return weights[:, :1].to(features.dtype)


def _pads(layer: nn.Module) -> bool:
    """Return whether a convolution counts as two layers, the first of which pads."""
    return isinstance(layer, PaddedConv2d) and layer.padding_mode != "zeros"


class _Doubling(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, norm: NormName, upsampling: Upsampling) -> None:
        super().__init__()
        if upsampling == "transposed":
            self.conv: nn.Module = nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=1)
        else:
            self.upsample = nn.Upsample(scale_factor=2, mode=upsampling)
            self.conv = nn.Conv2d(inputs, outputs, 3, 1, 1)
        self.norm = norm_layer(norm, outputs)
        self.activation = activation_layer("relu")


def with_code(x: Tensor, code: Tensor) -> Tensor:
    """Append a code (N, D) to feature maps (N, C, H, W) as D constant maps."""
    maps = code[:, :, None, None].expand(-1, -1, *x.shape[2:])
    return torch.cat([x, maps], 1)
