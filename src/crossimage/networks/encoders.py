"""Encoders from an image to the distribution of a code."""

from __future__ import annotations

from torch import Tensor, nn

from crossimage.networks.blocks import NormName, norm_layer
from crossimage.networks.unet import DownBlock


class VariationalEncoder(nn.Module):
    """Image to the mean and the log variance of a code (BicycleGAN's E, section 4).

    A 4x4 convolution of stride 2, further halvings, the average over all pixels, and a linear
    layer each for mean and log variance.

    Args:
        channels: Channels of the image.
        width: Channels after the first convolution.
        downsamples: Halvings of the resolution: 4 for 128 px and 5 for 256 px in the paper.
        code_dim: Length of the code.
        residual: Halve by residual blocks, whose channels are 2, 3, then 4 times ``width``, rather
            than by plain convolutions, whose channels are 2, then 4 times ``width``.
        norm: Normalisation of all halvings but the first.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        downsamples: int,
        code_dim: int,
        *,
        residual: bool = True,
        norm: NormName = "instance",
    ) -> None:
        super().__init__()
        sizes = [width * min(1 + i if residual else 2**i, 4) for i in range(downsamples)]
        block = _ResidualDownBlock if residual else DownBlock
        self.features = nn.Sequential(
            nn.Conv2d(channels, width, 4, 2, 1),
            *(block(sizes[i], sizes[i + 1], norm) for i in range(downsamples - 1)),
            nn.LeakyReLU(0.2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.mean = nn.Linear(sizes[-1], code_dim)
        self.log_variance = nn.Linear(sizes[-1], code_dim)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance, each (N, code_dim), of images (N, channels, H, W)."""
        features = self.features(x)
        return self.mean(features), self.log_variance(features)


class _ResidualDownBlock(nn.Module):
    """Two 3x3 convolutions, each after a norm and an activation, beside a 1x1 one, all halved.

    The published activations work in place: without norms, the 1x1 convolution sees the first one.
    """

    def __init__(self, inputs: int, outputs: int, norm: NormName) -> None:
        super().__init__()
        self.path = nn.Sequential(
            norm_layer(norm, inputs),
            nn.LeakyReLU(0.2, inplace=norm == "none"),
            nn.Conv2d(inputs, inputs, 3, 1, 1),
            norm_layer(norm, inputs),
            nn.LeakyReLU(0.2),
            nn.Conv2d(inputs, outputs, 3, 1, 1),
            nn.AvgPool2d(2),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(inputs, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.path(x) + self.shortcut(x)
