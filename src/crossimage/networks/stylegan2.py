"""Translation by StyleGAN2's layers: a generator without styles, and a discriminator.

Karras et al.: Analyzing and Improving the Image Quality of StyleGAN. CVPR 2020, as SinCUT (Park et
al., ECCV 2020, appendix C) uses its layers for crops of a single image.

All weights are standard normal and scaled at run time, so that a step of the optimizer has the same
effect in every layer. Activations are leaky ReLUs times sqrt 2, after a bias.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.2
"""Slope of the leaky ReLUs for negative values."""


class Blur4(nn.Module):
    """Filter [1, 3, 3, 1] in both directions, of sum 1, with zeros around the maps.

    Args:
        padding: Zeros on every side.
        stride: 2 to halve the resolution.
        gain: Multiplies the filter; 4 after maps are doubled by zeros between their pixels.

    Attributes:
        kernel: The filter (4, 4), not part of the saved state.
    """

    kernel: Tensor

    def __init__(self, padding: int, stride: int = 1, gain: float = 1.0) -> None:
        super().__init__()
        self.padding, self.stride = padding, stride
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        self.register_buffer("kernel", gain * torch.outer(taps, taps), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Filter maps (N, C, H, W)."""
        kernel = self.kernel.to(x.dtype).expand(x.shape[1], 1, 4, 4)
        return F.conv2d(x, kernel, stride=self.stride, padding=self.padding, groups=x.shape[1])


class ScaledConv(nn.Module):
    """Convolution whose weights are divided by the square root of their number per output.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        kernel: Height and width of the kernel; zeros keep the resolution.
        halves: Blur, and halve the resolution.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, *, halves: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.scale = 1 / math.sqrt(inputs * kernel**2)
        self.halves, self.padding, self.stride = halves, kernel // 2, 1
        self.blur: nn.Module = nn.Identity()
        if halves and kernel == 1:  # the order of a blur and a 1x1 convolution does not matter
            self.blur = Blur4(1, 2)
        elif halves:
            self.blur, self.padding, self.stride = Blur4((kernel + 1) // 2), 0, 2

    def forward(self, x: Tensor) -> Tensor:
        """Convolve maps (N, inputs, H, W)."""
        return F.conv2d(
            self.blur(x), self.weight * self.scale, stride=self.stride, padding=self.padding
        )


class ScaledLinear(nn.Module):
    """Linear layer whose weights are divided by the square root of the number of inputs.

    Args:
        inputs: Length of the input.
        outputs: Length of the output.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = 1 / math.sqrt(inputs)

    def forward(self, x: Tensor) -> Tensor:
        """Transform vectors (N, inputs)."""
        return F.linear(x, self.weight * self.scale, self.bias)


class Activation(nn.Module):
    """Bias, leaky ReLU, and a factor of sqrt 2.

    Args:
        channels: Channels of the maps.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Activate maps (N, channels, H, W)."""
        return F.leaky_relu(x + self.bias, SLOPE) * math.sqrt(2)


class ActivatedConv(nn.Sequential):
    """Scaled convolution and activation; see :class:`ScaledConv` for the arguments."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, halves: bool = False) -> None:
        super().__init__()
        self.conv = ScaledConv(inputs, outputs, kernel, halves=halves)
        self.activation = Activation(outputs)


class ScaledResidualBlock(nn.Module):
    """Two activated 3x3 convolutions and a shortcut, whose sum is divided by sqrt 2.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        halves: Halve the resolution, and let the shortcut change the channels.
    """

    def __init__(self, inputs: int, outputs: int, *, halves: bool = False) -> None:
        super().__init__()
        self.first = ActivatedConv(inputs, inputs, 3)
        self.second = ActivatedConv(inputs, outputs, 3, halves=halves)
        self.shortcut = ScaledConv(inputs, outputs, 1, halves=True) if halves else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Transform maps (N, inputs, H, W)."""
        return (self.second(self.first(x)) + self.shortcut(x)) / math.sqrt(2)


class DoublingConv(nn.Module):
    """Transposed 3x3 convolution of unit kernels, blur, noise and activation.

    StyleGAN2's modulated convolution without a style: every output's kernel has length 1.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.

    Attributes:
        noise_strength: Multiplies the noise, which all channels share; 0 at first.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.scale = 1 / math.sqrt(inputs * 9)
        self.blur = Blur4(1, gain=4.0)
        self.noise_strength = nn.Parameter(torch.zeros(1))
        self.activation = Activation(outputs)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """Transform maps (N, inputs, h, w) with noise (N, 1, 2 h, 2 w)."""
        weight = self.scale * self.weight
        weight = weight * torch.rsqrt(weight.square().sum((1, 2, 3), keepdim=True) + 1e-8)
        x = self.blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2))
        return self.activation(x + self.noise_strength * noise)


class StyleGAN2Translator(nn.Module):
    """Encoder of halvings and residual blocks, and its mirror image as the decoder.

    The last layer is a leaky ReLU: outputs are not limited to [-1, 1].

    Args:
        channels: Channels of the images.
        widths: Channels of the maps at the resolution of the image, at half of it, and so on.
        residual_blocks: Residual blocks at the lowest resolution, in the encoder and again in the
            decoder.
    """

    def __init__(self, channels: int, widths: Sequence[int], residual_blocks: int) -> None:
        super().__init__()
        width, deepest = widths[0], widths[-1]
        self.encoder = nn.Sequential(
            ActivatedConv(channels, width, 1),
            *(ScaledResidualBlock(i, o, halves=True) for i, o in pairwise(widths)),
            *(ScaledResidualBlock(deepest, deepest) for _ in range(residual_blocks)),
        )
        self.decoder = nn.Sequential(
            *(ScaledResidualBlock(deepest, deepest) for _ in range(residual_blocks))
        )
        self.doublings = nn.ModuleList(DoublingConv(i, o) for i, o in pairwise(widths[::-1]))
        self.last = ActivatedConv(width, channels, 1)
        self._widths = [channels, width, *widths[1:], *[deepest] * residual_blocks]

    def widths(self) -> list[int]:
        """Return the channels of the image, and of the maps of the encoder's layers."""
        return self._widths

    def noise_shapes(self, x: Tensor) -> list[tuple[int, int, int]]:
        """Return the shapes (1, h, w) of the noise that :meth:`forward` needs per image of x."""
        halvings = [2**i for i in reversed(range(len(self.doublings)))]
        return [(1, x.shape[2] // n, x.shape[3] // n) for n in halvings]

    def forward(self, x: Tensor, noise: Sequence[Tensor] = (), layers: Sequence[int] = ()) -> Any:
        """Translate images, or compute feature maps.

        Args:
            x: Images (N, channels, H, W), of sides that the halvings divide.
            noise: Standard normal noise of each doubling; see :meth:`noise_shapes`.
            layers: Increasing numbers of layers of the encoder; 0 is the image itself.

        Returns:
            The translations (N, channels, H, W); with ``layers``, the list of these layers' feature
            maps (N, c, h, w), and no layer after the last of them is computed.
        """
        if layers:
            return self._maps(x, layers)
        x = self.decoder(self.encoder(x))
        for layer, own in zip(self.doublings, noise, strict=True):
            x = layer(x, own)
        return self.last(x)

    def _maps(self, x: Tensor, layers: Sequence[int]) -> list[Tensor]:
        maps = [x]
        for layer in self.encoder[: layers[-1]]:
            maps.append(layer(maps[-1]))
        return [maps[number] for number in layers]


class StyleGAN2Discriminator(nn.Module):
    """Residual halvings down to 4x4 pixels, a convolution and two linear layers.

    Args:
        channels: Channels of the images.
        widths: Channels of the maps at the resolution of the image, at half of it, and so on to
            4x4 pixels: images have a side of 2 to the power of their number plus 1.
    """

    def __init__(self, channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        width, deepest = widths[0], widths[-1]
        self.layers = nn.Sequential(
            ActivatedConv(channels, width, 1),
            *(ScaledResidualBlock(i, o, halves=True) for i, o in pairwise(widths)),
            ActivatedConv(deepest, deepest, 3),
        )
        self.hidden = ScaledLinear(16 * deepest, deepest)
        self.score = ScaledLinear(deepest, 1)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Score images: one map (N, 1, 1, 1)."""
        hidden = self.hidden(self.layers(x).flatten(1))
        scores = self.score(F.leaky_relu(hidden, SLOPE) * math.sqrt(2))
        return [scores[:, :, None, None]]
