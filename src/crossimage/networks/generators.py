"""Image-to-image generators without a latent code of their own."""

from __future__ import annotations

from typing import Literal

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

Upsampling = Literal["transposed", "nearest"]


class ResnetGenerator(nn.Sequential):
    """Residual generator of Johnson et al. 2016 as used by CycleGAN: image to image in [-1, 1].

    The layers of this ``Sequential``, each with its normalisation and activation, are: 0, a 7x7
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
        upsampling: How the resolution is doubled: transposed convolutions, or nearest-neighbour
            upsampling before a 3x3 convolution.
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
        upsampling: Upsampling = "transposed",
    ) -> None:
        sizes = [width << i for i in range(downsamples)]
        doubling = _Doubling if upsampling == "transposed" else _NearestDoubling
        layers: list[nn.Module] = [ConvBlock(inputs, width, 7, 1, 3, norm=norm, pad=pad)]
        for size in sizes:
            layers.append(ConvBlock(size, 2 * size, 3, 2, 1, norm=norm, pad="zeros"))
        layers += [
            ResidualBlock(width << downsamples, norm=norm, pad=pad, dropout=dropout)
            for _ in range(blocks)
        ]
        layers += [doubling(2 * size, size, norm) for size in reversed(sizes)]
        layers.append(ConvBlock(width, outputs, 7, 1, 3, activation="tanh", pad=pad))
        super().__init__(*layers)


class _Doubling(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, norm: NormName) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=1)
        self.norm = norm_layer(norm, outputs)
        self.activation = activation_layer("relu")


class _NearestDoubling(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, norm: NormName) -> None:
        super().__init__()
        self.upsample = nn.Upsample(scale_factor=2)
        self.conv = nn.Conv2d(inputs, outputs, 3, 1, 1)
        self.norm = norm_layer(norm, outputs)
        self.activation = activation_layer("relu")


def with_code(x: Tensor, code: Tensor) -> Tensor:
    """Append a code (N, D) to feature maps (N, C, H, W) as D constant maps."""
    maps = code[:, :, None, None].expand(-1, -1, *x.shape[2:])
    return torch.cat([x, maps], 1)
