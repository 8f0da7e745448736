"""Networks that tell real images from translated ones."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from crossimage.networks.blocks import ActivationName, ConvBlock, NormName, Padding


class MultiScaleDiscriminator(nn.Module):
    """The same kind of patch discriminator at several resolutions of the image.

    Args:
        channels: Channels of the image.
        width: Channels of the first layer, doubled by every further one.
        layers: 4x4 convolutions of stride 2 a scale.
        scales: Number of resolutions, each half the one before.
        norm: Normalisation of all layers but the first.
        activation: Activation of every layer.
        pad: What the padding holds.
        spectral: Spectral normalisation of the convolutions.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        layers: int,
        scales: int,
        *,
        norm: NormName = "none",
        activation: ActivationName = "lrelu",
        pad: Padding = "reflect",
        spectral: bool = False,
    ) -> None:
        super().__init__()

        def block(inputs: int, outputs: int, norm: NormName) -> ConvBlock:
            return ConvBlock(
                inputs, outputs, 4, 2, 1,
                norm=norm, activation=activation, pad=pad, spectral=spectral,
            )  # fmt: skip

        self.scales = nn.ModuleList(
            nn.Sequential(
                block(channels, width, "none"),
                *(block(width * 2**i, width * 2 ** (i + 1), norm) for i in range(layers - 1)),
                nn.Conv2d(width * 2 ** (layers - 1), 1, 1),
            )
            for _ in range(scales)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Score maps (N, 1, h, w) of images (N, channels, H, W), the finest scale first."""
        scores = []
        for i, network in enumerate(self.scales):
            if i:
                x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
            scores.append(network(x))
        return scores
