"""Residual discriminator with one map of scores for each class."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from crossimage.networks.layers.convolution import PaddedConv2d, padded

SLOPE = 0.2
"""Slope of the leaky ReLU for negative values."""
_WIDEST = 1024


class ClassMapsDiscriminator(nn.Module):
    """Discriminator that scores patches of an image as real images of each class.

    A 7x7 convolution, then pairs of residual blocks, of which the second doubles the channels up to
    1024. Between pairs, an average over 3x3 pixels halves the resolution.

    Args:
        channels: Channels of the image.
        width: Channels of the first layer.
        blocks: Residual blocks, an even number.
        classes: Number of classes.
    """

    def __init__(self, channels: int, width: int, blocks: int, classes: int) -> None:
        super().__init__()
        self.first = PaddedConv2d(channels, width, 7, 1, 3, padding_mode="reflect")
        sizes = [min(width << i, _WIDEST) for i in range(blocks // 2 + 1)]
        self.pairs = nn.ModuleList(
            nn.Sequential(ActivatedBlock(before, before), ActivatedBlock(before, after))
            for before, after in zip(sizes, sizes[1:], strict=False)
        )
        self.last = nn.Conv2d(sizes[-1], classes, 1)

    def features(self, x: Tensor) -> Tensor:
        """Return the feature maps (N, C, h, w) that the scores are linear functions of.

        They follow the last activation. h and w are those of the image, halved once for each pair
        of blocks but the last.
        """
        x = self.first(x)
        for index, pair in enumerate(self.pairs):
            if index:
                x = F.avg_pool2d(padded(x, (1, 1, 1, 1), "reflect"), 3, stride=2)
            x = pair(x)
        return F.leaky_relu(x, SLOPE)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Score images (N, channels, H, W).

        Returns:
            Maps (N, classes, h, w) of scores, and the :meth:`features`.
        """
        features = self.features(x)
        return self.last(features), features


class ActivatedBlock(nn.Module):
    """Residual block of two 3x3 convolutions, each after a leaky ReLU.

    Where the channels stay the same, the shortcut carries the activated input: the published
    activation works in place.

    Args:
        inputs: Channels of the input, and of the hidden layer.
        outputs: Channels of the output; if they differ, a 1x1 convolution is the shortcut.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = PaddedConv2d(inputs, inputs, 3, 1, 1, padding_mode="reflect")
        self.second = PaddedConv2d(inputs, outputs, 3, 1, 1, padding_mode="reflect")
        self.shortcut = None if inputs == outputs else nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Transform feature maps (N, inputs, H, W)."""
        activated = F.leaky_relu(x, SLOPE)
        out: Tensor = self.second(F.leaky_relu(self.first(activated), SLOPE))
        return out + (activated if self.shortcut is None else self.shortcut(x))
