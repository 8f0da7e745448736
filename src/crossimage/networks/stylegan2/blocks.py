"""StyleGAN2's layers without styles.

Karras et al.: Analyzing and Improving the Image Quality of StyleGAN. CVPR 2020, as SinCUT (Park et
al., ECCV 2020, appendix C) uses its layers for crops of a single image.

All weights are standard normal and scaled at run time, so that a step of the optimizer has the same
effect in every layer. Activations are leaky ReLUs times sqrt 2, after a bias.
"""

from __future__ import annotations

import math

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
        taps = (1 / 8, 3 / 8, 3 / 8, 1 / 8)
        kernel = torch.tensor([[gain * row * column for column in taps] for row in taps])
        self.register_buffer("kernel", kernel, persistent=False)

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
