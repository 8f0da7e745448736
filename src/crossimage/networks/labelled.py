"""Label-conditioned generator and label-predicting discriminator (StarGAN, appendix 7.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from crossimage.networks.generators import with_code
from crossimage.networks.layers.activations import ReLU
from crossimage.networks.layers.convolution import BottleneckConv2d, PaddedConv2d
from crossimage.networks.layers.normalisation import AffineInstanceNorm


class LabelledGenerator(nn.Module):
    """Generator from an image and labels, which enter as constant maps beside the image.

    7x7 convolution, two 4x4 convolutions of stride 2, residual blocks, two transposed 4x4
    convolutions of stride 2, 7x7 convolution and tanh. All padding is zeros: with reflection the
    first norm would remove the constant maps completely.

    Args:
        channels: Channels of the image.
        labels: Length of a label vector.
        width: Channels after the first convolution.
        blocks: Residual blocks at the low resolution.
    """

    def __init__(self, channels: int, labels: int, width: int, blocks: int) -> None:
        super().__init__()
        self.first = _NormedConv(PaddedConv2d(channels + labels, width, 7, 1, 3, bias=False))
        self.down = nn.Sequential(*(
            _NormedConv(nn.Conv2d(size, 2 * size, 4, 2, 1, bias=False))
            for size in (width, 2 * width)
        ))  # fmt: skip
        self.blocks = nn.Sequential(*(_Residual(4 * width) for _ in range(blocks)))
        self.up = nn.Sequential(*(
            _NormedConv(nn.ConvTranspose2d(size, size // 2, 4, 2, 1, bias=False))
            for size in (4 * width, 2 * width)
        ))  # fmt: skip
        self.last = PaddedConv2d(width, channels, 7, 1, 3, bias=False)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Translate images (N, C, H, W) to label vectors (N, L); the results are in [-1, 1]."""
        out = self.down(self.first(with_code(x, labels)))
        return torch.tanh(self.last(self.up(self.blocks(out))))


class LabelledDiscriminator(nn.Module):
    """Critic of patches and classifier of whole images on shared features.

    4x4 convolutions of stride 2 with leaky ReLU of slope 0.01, without norms; then a 3x3
    convolution to the source map, and one over the whole image to the labels.

    Args:
        channels: Channels of the image.
        labels: Number of labels.
        width: Channels of the first layer; every further layer doubles them.
        layers: Convolutions of stride 2.
        size: Height and width of the images, multiples of ``2 ** layers``.
    """

    def __init__(
        self, channels: int, labels: int, width: int, layers: int, size: tuple[int, int]
    ) -> None:
        super().__init__()
        sizes = [channels, *(width * 2**i for i in range(layers))]
        self.features = nn.Sequential()
        for inputs, outputs in zip(sizes, sizes[1:], strict=False):
            self.features.append(BottleneckConv2d(inputs, outputs, 4, 2, 1))
            self.features.append(nn.LeakyReLU(0.01, inplace=True))
        self.source = nn.Conv2d(sizes[-1], 1, 3, 1, 1, bias=False)
        kernel = size[0] >> layers, size[1] >> layers
        self.classes = nn.Conv2d(sizes[-1], labels, kernel, bias=False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the source map (N, 1, h, w) and label logits (N, labels).

        The logits of larger images are means over all positions.
        """
        features = self.features(x)
        return [self.source(features), self.classes(features).mean((2, 3))]


class _NormedConv(nn.Sequential):
    def __init__(self, conv: nn.Conv2d | nn.ConvTranspose2d, activation: bool = True) -> None:
        super().__init__()
        self.conv = conv
        self.norm = AffineInstanceNorm(conv.out_channels)
        self.activation = ReLU() if activation else nn.Identity()


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = (
            _NormedConv(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), activation)
            for activation in (True, False)
        )

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.second(self.first(x))
        return x + change
