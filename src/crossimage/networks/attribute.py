"""A discriminator of whole images whose feature maps others may look at."""

from __future__ import annotations

from torch import Tensor, nn

from crossimage.networks.blocks import ConvBlock, NormName


class AttributeDiscriminator(nn.Module):
    """Halving convolutions and one score of the whole image.

    Args:
        channels: Channels of the image.
        width: Channels of the first layer, doubled by every further one up to eight times.
        layers: 4x4 convolutions of stride 2.
        size: Height and width of the images that have one score; larger ones have a map of them.
        norm: Normalisation of all layers but the first.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        layers: int,
        size: tuple[int, int],
        *,
        norm: NormName = "instance",
    ) -> None:
        super().__init__()
        sizes = [channels, *(width * min(2**i, 8) for i in range(layers))]
        self.layers = nn.ModuleList(
            ConvBlock(
                sizes[i], sizes[i + 1], 4, 2, 1,
                norm=norm if i else "none", activation="lrelu", pad="zeros",
            )
            for i in range(layers)
        )  # fmt: skip
        height, width_left = (side >> layers for side in size)
        self.last = nn.Conv2d(sizes[-1], 1, (height, width_left))

    def maps(self, x: Tensor) -> list[Tensor]:
        """The feature maps (N, c, h, w) of every layer for images (N, channels, H, W)."""
        found = []
        for layer in self.layers:
            x = layer(x)
            found.append(x)
        return found

    def forward(self, x: Tensor) -> list[Tensor]:
        """One map of scores (N, 1, h, w), 1 x 1 for images of the given size."""
        return [self.last(self.maps(x)[-1])]
