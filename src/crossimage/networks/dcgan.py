"""DCGAN's networks: a generator from vectors to images and a discriminator of images.

Radford, Metz, Chintala: Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks. ICLR 2016, https://arxiv.org/abs/1511.06434, section 3 and figure 1.
"""

from __future__ import annotations

from torch import Tensor, nn

from crossimage.networks.layers.activations import ReLU
from crossimage.networks.layers.blocks import BatchNorm

_WIDEST = 8  # times the width
_CORE = 4  # side of the smallest feature maps, in pixels


def layer_channels(width: int, size: int) -> list[int]:
    """Return the channels of the feature maps of side size / 2, size / 4, ..., 4.

    Raises:
        ValueError: The size is not 4 times a power of two, or is below 8.
    """
    doublings = size.bit_length() - _CORE.bit_length()
    if doublings < 1 or size != _CORE << doublings:
        raise ValueError(f"the size must be one of 8, 16, 32, 64, 128, ..., found {size}")
    return [width * min(1 << i, _WIDEST) for i in range(doublings)]


class VectorGenerator(nn.Module):
    """Generator from vectors to images, by transposed 4x4 convolutions that double the size.

    The first one makes maps of 4x4 pixels. Batch norm and ReLU follow all convolutions except the
    last, which is followed by tanh.

    Args:
        length: Length of the vectors.
        channels: Channels of the images.
        width: Channels of the last maps before the image; every layer before has twice as many, up
            to eight times the width.
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
        """Turn vectors (N, length) into images (N, C, size, size) in [-1, 1]."""
        return self.layers(z[:, :, None, None])


def _normed(conv: nn.ConvTranspose2d) -> list[nn.Module]:
    return [conv, BatchNorm(conv.out_channels), ReLU()]


class ImageDiscriminator(nn.Module):
    """Discriminator of whole images, by 4x4 convolutions that halve the size down to 4x4 pixels.

    All convolutions except the last, which covers the remaining pixels, are followed by a leaky
    ReLU of slope 0.2, and all of these except the first by a batch norm before it.

    Args:
        channels: Channels of the images.
        width: Channels of the first layer; every further layer doubles them, up to eight times.
        size: Height and width of the images: 4 times a power of two.
        scores: Scores per image.
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
        """Score images (N, C, size, size): (N, scores, 1, 1), a single score above 0 for real."""
        return [self.layers(x)]


def _leaky() -> nn.Module:
    return nn.LeakyReLU(0.2, inplace=True)
