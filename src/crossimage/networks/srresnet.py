"""Generator and discriminator of SRResNet and SRGAN."""

from __future__ import annotations

from torch import Tensor, nn

from crossimage.networks.layers.activations import PReLU
from crossimage.networks.layers.blocks import ConvBlock, NormName, ResidualBlock
from crossimage.networks.layers.convolution import PaddedConv2d


class SRResNet(nn.Module):
    """Super-resolution generator: residual blocks, then sub-pixel convolutions.

    Args:
        channels: Channels of the images.
        width: Channels of the feature maps.
        blocks: Residual blocks.
        doublings: Number of times height and width are doubled.
        norm: Normalisation in the residual blocks.
    """

    def __init__(
        self, channels: int, width: int, blocks: int, doublings: int, norm: NormName = "batch"
    ) -> None:
        super().__init__()
        self.first = ConvBlock(channels, width, 9, 1, 4, activation="prelu", pad="zeros")
        self.blocks = nn.Sequential(
            *(
                ResidualBlock(width, norm=norm, activation="prelu", pad="zeros")
                for _ in range(blocks)
            ),
            ConvBlock(width, width, 3, 1, 1, norm=norm, activation="none", pad="zeros"),
        )
        self.enlarge = nn.Sequential(*(_Doubling(width) for _ in range(doublings)))
        self.last = PaddedConv2d(width, channels, 9, 1, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge images (N, C, H, W) in [-1, 1] to (N, C, H 2^d, W 2^d), of any range."""
        maps = self.first((x + 1) / 2)
        return self.last(self.enlarge(maps + self.blocks(maps)))


class _Doubling(nn.Sequential):
    """Sub-pixel convolution: four maps per output map, interleaved at twice the resolution."""

    def __init__(self, width: int) -> None:
        super().__init__(nn.Conv2d(width, 4 * width, 3, 1, 1), nn.PixelShuffle(2), PReLU())


class DenseDiscriminator(nn.Module):
    """Whole-image discriminator for one image size: eight convolutions and two dense layers.

    Args:
        channels: Channels of the images.
        width: Channels of the first convolution; the last has eight times as many.
        size: Height and width of the images.
    """

    def __init__(self, channels: int, width: int, size: tuple[int, int]) -> None:
        super().__init__()
        widths = [width * 2 ** (i // 2) for i in range(8)]
        self.layers = nn.Sequential(*(
            ConvBlock(
                inputs, outputs, 3, 1 + i % 2, 1,
                norm="batch" if i else "none", activation="lrelu", pad="zeros",
            )
            for i, (inputs, outputs) in enumerate(zip([channels, *widths], widths, strict=False))
        ))  # fmt: skip
        height, width_ = (-(-side // 16) for side in size)
        self.dense = nn.Sequential(
            nn.Flatten(), nn.Linear(8 * width * height * width_, 16 * width),
            nn.LeakyReLU(0.2, inplace=True), nn.Linear(16 * width, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> list[Tensor]:
        """Score images: a list of one map (N, 1, 1, 1)."""
        scores: Tensor = self.dense(self.layers(x))
        return [scores[:, :, None, None]]
