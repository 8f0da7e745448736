"""The networks of SRResNet and SRGAN: one that upscales images, one that judges them."""

from __future__ import annotations

from torch import Tensor, nn

from crossimage.networks.blocks import ConvBlock, ResidualBlock


class SRResNet(nn.Module):
    """Enlarges images: residual blocks at the low resolution, then sub-pixel convolutions.

    Args:
        channels: Channels of the images.
        width: Channels of the feature maps.
        blocks: Residual blocks.
        doublings: How often height and width are doubled.
    """

    def __init__(self, channels: int, width: int, blocks: int, doublings: int) -> None:
        super().__init__()
        self.first = ConvBlock(channels, width, 9, 1, 4, activation="prelu", pad="zeros")
        self.blocks = nn.Sequential(
            *(
                ResidualBlock(width, norm="batch", activation="prelu", pad="zeros")
                for _ in range(blocks)
            ),
            ConvBlock(width, width, 3, 1, 1, norm="batch", activation="none", pad="zeros"),
        )
        self.enlarge = nn.Sequential(*(_Doubling(width) for _ in range(doublings)))
        self.last = nn.Conv2d(width, channels, 9, 1, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] to images (N, C, H 2^d, W 2^d), of any range."""
        maps = self.first((x + 1) / 2)
        return self.last(self.enlarge(maps + self.blocks(maps)))


class _Doubling(nn.Sequential):
    """Four maps for each wanted one, interleaved to one twice as high and wide."""

    def __init__(self, width: int) -> None:
        super().__init__(nn.Conv2d(width, 4 * width, 3, 1, 1), nn.PixelShuffle(2), nn.PReLU())


class DenseDiscriminator(nn.Module):
    """Judges an image of a fixed size as a whole: eight convolutions and two dense layers.

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
        """One score an image, as a list of one map (N, 1, 1, 1)."""
        scores: Tensor = self.dense(self.layers(x))
        return [scores[:, :, None, None]]
