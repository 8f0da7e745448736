"""A small image-to-image network that predicts a correction, such as the removal of noise."""

from __future__ import annotations

from torch import Tensor, nn

from crossimage.networks.layers.blocks import ConvBlock


class Refiner(nn.Module):
    """Two 3x3 convolutions whose output is added to the image.

    The second one starts at zero, so an untrained network is the identity.

    Args:
        channels: Channels of the image.
        width: Channels between the two convolutions.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.first = ConvBlock(channels, width, 3, 1, 1)
        self.second = ConvBlock(width, channels, 3, 1, 1, activation="none")
        nn.init.zeros_(self.second.conv.weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.second.conv.bias)  # type: ignore[arg-type]

    def correction(self, x: Tensor) -> Tensor:
        """Return the correction of images (N, C, H, W)."""
        return self.second(self.first(x))

    def forward(self, x: Tensor) -> Tensor:
        """Correct images (N, C, H, W) of any size."""
        return x + self.correction(x)
