"""Encoders from an image to the distribution of a code, and from feature maps to descriptors."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from crossimage.networks.layers.blocks import NormName, norm_layer
from crossimage.networks.unet import DownBlock


class VariationalEncoder(nn.Module):
    """Encoder from an image to mean and log variance of a code (BicycleGAN's E, section 4).

    A 4x4 convolution of stride 2, further halvings, an average over all pixels, and a linear layer
    each for mean and log variance.

    Args:
        channels: Channels of the image.
        width: Channels after the first convolution.
        downsamples: Halvings of the resolution: 4 for 128 px and 5 for 256 px in the paper.
        code_dim: Length of the code.
        residual: Halve by residual blocks with 2, 3, then 4 times ``width`` channels, rather than
            by plain convolutions with 2, then 4 times ``width`` channels.
        norm: Normalisation of all halvings except the first.
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
        """Return mean and log variance, each (N, code_dim), for images (N, channels, H, W)."""
        features = self.features(x)
        return self.mean(features), self.log_variance(features)


class _ResidualDownBlock(nn.Module):
    """Pre-activated pair of 3x3 convolutions with a 1x1 shortcut, both average-pooled to half size.

    The published activations work in place: without norms, the shortcut sees the activated input.
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


class PatchHeads(nn.Module):
    """Heads that describe positions of feature maps by unit vectors (CUT's H_l, section 3.2).

    Every map has its own head: two linear layers with a ReLU between them.

    Args:
        channels: Channels of each map.
        width: Channels of the layers, and length of a descriptor.
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(c, width), nn.ReLU(), nn.Linear(width, width)) for c in channels
        )

    def forward(self, maps: Sequence[Tensor], positions: Sequence[Tensor]) -> list[Tensor]:
        """Describe positions.

        Args:
            maps: Feature maps (N, c, h, w).
            positions: For each map the indices (P,) of positions, counted row by row; the same for
                all images.

        Returns:
            Descriptors (N, P, width) of each map, in fp32.
        """
        descriptors = []
        for head, x, chosen in zip(self.heads, maps, positions, strict=True):
            patches = x.permute(0, 2, 3, 1).flatten(1, 2).index_select(1, chosen)
            y = head(patches).float()
            descriptors.append(y / (y.norm(dim=2, keepdim=True) + 1e-7))
        return descriptors
