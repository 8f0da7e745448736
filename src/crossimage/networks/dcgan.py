"""The networks of DCGAN: an image from a vector, and a score from an image.

Radford, Metz, Chintala: Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks. ICLR 2016, https://arxiv.org/abs/1511.06434, section 3 and figure 1.
"""

from __future__ import annotations

from torch import Tensor, nn

from crossimage.networks.blocks import BatchNorm

_WIDEST = 8  # times the width
_CORE = 4  # pixels a side between the vector and the maps


def layer_channels(width: int, size: int) -> list[int]:
    """Channels of the maps of size / 2, size / 4, ... 4 pixels a side.

    Raises:
        ValueError: The size is not 4 times a power of two, or below 8.
    """
    doublings = size.bit_length() - _CORE.bit_length()
    if doublings < 1 or size != _CORE << doublings:
        raise ValueError(f"the size must be one of 8, 16, 32, 64, 128, ..., found {size}")
    return [width * min(1 << i, _WIDEST) for i in range(doublings)]


class VectorGenerator(nn.Module):
    """Vectors to images: transposed 4x4 convolutions, which double the size, from 4x4 pixels on.

    Batch norm and ReLU follow all of them but the last, which tanh follows.

    Args:
        length: Length of the vectors.
        channels: Channels of the images.
        width: Channels of the last maps before the image; twice as many in every layer before, up
            to eight times.
        size: Height and width of the images: 4 times a power of two.
    """

    def __init__(self, length: int, channels: int, width: int, size: int) -> None:
        super().__init__()
        *inner, first = layer_channels(width, size)
        layers: list[nn.Module] = [*_normed(nn.ConvTranspose2d(length, first, _CORE, bias=False))]
        before = first
        for after in reversed(inner):
            layers += _normed(nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False))
            before = after
        self.layers = nn.Sequential(
            *layers, nn.ConvTranspose2d(before, channels, 4, 2, 1), nn.Tanh()
        )

    def forward(self, z: Tensor) -> Tensor:
        """Vectors (N, length) to images (N, C, size, size) in [-1, 1]."""
        return self.layers(z[:, :, None, None])


def _normed(conv: nn.ConvTranspose2d) -> list[nn.Module]:
    return [conv, BatchNorm(conv.out_channels), nn.ReLU(inplace=True)]


class ImageDiscriminator(nn.Module):
    """Images to one score each, or more: 4x4 convolutions, which halve the size to 4x4 pixels.

    Leaky ReLU of slope 0.2 follows all of them but the last, which sees all that is left; batch
    norm is before it, but in the first.

    Args:
        channels: Channels of the images.
        width: Channels of the first layer; twice as many in every further one, up to eight times.
        size: Height and width of the images: 4 times a power of two.
        scores: Scores an image.
    """

    def __init__(self, channels: int, width: int, size: int, scores: int = 1) -> None:
        super().__init__()
        before, *inner = layer_channels(width, size)
        layers: list[nn.Module] = [nn.Conv2d(channels, before, 4, 2, 1), _leaky()]
        for after in inner:
            conv = nn.Conv2d(before, after, 4, 2, 1, bias=False)
            layers += [conv, BatchNorm(after), _leaky()]
            before = after
        self.layers = nn.Sequential(*layers, nn.Conv2d(before, scores, _CORE))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Images (N, C, size, size) to scores (N, scores, 1, 1); a single one above 0: real."""
        return [self.layers(x)]


def _leaky() -> nn.Module:
    return nn.LeakyReLU(0.2, inplace=True)
