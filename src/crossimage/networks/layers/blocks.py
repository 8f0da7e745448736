"""Convolution and residual blocks, normalisation, activation and initialisation by name."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrize import is_parametrized

from crossimage.networks.layers.activations import PReLU, ReLU
from crossimage.networks.layers.blur import Blur
from crossimage.networks.layers.convolution import PaddedConv2d
from crossimage.networks.layers.normalisation import (
    AffineInstanceNorm,
    InstanceNorm,
    LayerNorm,
    adaptive_instance_norm,
    instance_norm,
    layout_of,
)

NormName = Literal["none", "instance", "affine_instance", "layer", "batch"]
ActivationName = Literal["none", "relu", "lrelu", "prelu", "selu", "tanh"]
Padding = Literal["reflect", "replicate", "zeros"]
Initialisation = Literal["kaiming", "gaussian", "xavier"]
TestMode = Literal["train", "eval"]


class BatchNorm(nn.BatchNorm2d):
    """Batch norm that, in evaluation mode, uses running statistics or those of each image.

    Attributes:
        test_mode: ``eval``: evaluation mode uses the running statistics. ``train``: evaluation
            mode normalises every image by its own statistics, as the official test scripts do
            that leave the networks in training mode and translate one image at a time.
    """

    test_mode: TestMode = "eval"

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, H, W)."""
        if self.training or self.test_mode == "eval":
            y = super().forward(x)
            if y.requires_grad and y.device.type == "cpu" and not torch.compiler.is_compiling():
                # a part of a larger gradient, as that of a skip connection, takes 30 times as long
                layout = layout_of(y)
                y.register_hook(  # type: ignore[no-untyped-call]
                    lambda gradient: gradient.contiguous(memory_format=layout)
                )
            return y
        samples = x.shape[0], -1
        return instance_norm(x, self.weight.expand(samples), self.bias.expand(samples), self.eps)


class Dropout(nn.Module):
    """Dropout that may stay active when translating, as a source of noise.

    Args:
        p: Fraction of the values set to 0.

    Attributes:
        test_mode: ``train``: values are also dropped in evaluation mode.
    """

    test_mode: TestMode = "eval"

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Drop values of (N, C, H, W)."""
        return F.dropout(x, self.p, training=self.training or self.test_mode == "train")


def set_test_mode(module: nn.Module, mode: TestMode) -> bool:
    """Set how batch norms and dropouts in a network behave in evaluation mode.

    Returns:
        Whether it drops values in evaluation mode, so that equal inputs have different outputs.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, BatchNorm | Dropout)]
    for layer in layers:
        layer.test_mode = mode
    return mode == "train" and any(isinstance(layer, Dropout) for layer in layers)


def norm_layer(name: NormName, channels: int) -> nn.Module:
    """Build a normalisation layer from its name in the configs."""
    match name:
        case "none":
            return nn.Identity()
        case "instance":
            return InstanceNorm()
        case "affine_instance":
            return AffineInstanceNorm(channels)
        case "layer":
            return LayerNorm(channels)
        case "batch":
            return BatchNorm(channels)


def activation_layer(name: ActivationName) -> nn.Module:
    """Build an activation from its name in the configs; the leaky slope is 0.2."""
    match name:
        case "none":
            return nn.Identity()
        case "relu":
            return ReLU()
        case "lrelu":
            return nn.LeakyReLU(0.2, inplace=True)
        case "prelu":
            return PReLU()
        case "selu":
            return nn.SELU(inplace=True)
        case "tanh":
            return nn.Tanh()


class ConvBlock(nn.Sequential):
    """Padded convolution, normalisation, activation.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        kernel: Kernel size.
        stride: Stride of the convolution.
        padding: Pixels added on every side.
        norm: Normalisation after the convolution.
        activation: Activation after the normalisation.
        pad: Padding mode.
        spectral: Apply spectral normalisation to the kernel.
        antialias: Convolve with stride 1 even if ``stride`` is 2, and halve the resolution by a
            blur after the activation instead.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        padding: int = 0,
        *,
        norm: NormName = "none",
        activation: ActivationName = "relu",
        pad: Padding = "reflect",
        spectral: bool = False,
        antialias: bool = False,
    ) -> None:
        blurred = antialias and stride == 2
        conv: nn.Module = PaddedConv2d(
            inputs, outputs, kernel, 1 if blurred else stride, padding,
            padding_mode=pad if padding else "zeros",
        )  # fmt: skip
        if spectral:
            conv = nn.utils.parametrizations.spectral_norm(conv)
        super().__init__()
        self.conv = conv
        self.norm = norm_layer(norm, outputs)
        self.activation = activation_layer(activation)
        if blurred:
            self.blur = Blur(outputs)


class ResidualBlock(nn.Module):
    """Residual block of two 3x3 convolutions, the second without activation.

    Args:
        channels: Channels of input and output.
        norm: Normalisation after each convolution.
        activation: Activation after the first normalisation.
        pad: Padding mode.
        dropout: Dropout rate between the convolutions, as in CycleGAN.
        last_dropout: Dropout rate after both, before the input is added, as in UNIT.
    """

    def __init__(
        self,
        channels: int,
        *,
        norm: NormName = "instance",
        activation: ActivationName = "relu",
        pad: Padding = "reflect",
        dropout: float = 0.0,
        last_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.first = ConvBlock(
            channels, channels, 3, 1, 1, norm=norm, activation=activation, pad=pad
        )
        self.dropout = Dropout(dropout) if dropout else nn.Identity()
        self.second = ConvBlock(channels, channels, 3, 1, 1, norm=norm, activation="none", pad=pad)
        self.last_dropout = Dropout(last_dropout) if last_dropout else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Transform feature maps (N, C, H, W)."""
        out: Tensor = self.last_dropout(self.second(self.dropout(self.first(x))))
        return out + x


class AdaptiveResidualBlock(nn.Module):
    """Residual block whose two norms take their affine maps from a style (AdaIN).

    Args:
        channels: Channels of input and output.
        activation: Activation after the first norm.
        pad: Padding mode.
    """

    def __init__(
        self, channels: int, *, activation: ActivationName = "relu", pad: Padding = "reflect"
    ) -> None:
        super().__init__()
        self.first = PaddedConv2d(channels, channels, 3, 1, 1, padding_mode=pad)
        self.second = PaddedConv2d(channels, channels, 3, 1, 1, padding_mode=pad)
        self.activation = activation_layer(activation)

    def forward(self, x: Tensor, affine: Tensor) -> Tensor:
        """Modulate feature maps (N, C, H, W) by ``affine`` (N, 2, 2, C).

        ``affine[:, i]`` holds the shift and the scale of norm ``i``.
        """
        out = adaptive_instance_norm(self.first(x), affine[:, 0, 0], affine[:, 0, 1])
        out = self.activation(out)
        return x + adaptive_instance_norm(self.second(out), affine[:, 1, 0], affine[:, 1, 1])


def raw_weight(layer: nn.Module) -> nn.Parameter:
    """Return the weight of a layer before spectral normalisation, if it has that."""
    normalised = is_parametrized(layer, "weight")
    return layer.get_parameter("parametrizations.weight.original" if normalised else "weight")


def initialise(module: nn.Module, how: Initialisation) -> None:
    """Initialise the weights of all convolutions and linear layers; biases become 0.

    Args:
        module: Initialised with all its submodules.
        how: ``kaiming``: normal with variance 2 / fan_in; ``gaussian``: normal with standard
            deviation 0.02; ``xavier``: 0.02 times a normal with variance
            2 / (fan_in + fan_out), as in BicycleGAN. With the last two, the scales of batch norms
            are normal with mean 1 and standard deviation 0.02.
    """
    for layer in module.modules():
        if isinstance(layer, BatchNorm) and layer.weight is not None and how != "kaiming":
            nn.init.normal_(layer.weight, 1.0, 0.02)
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            weight = raw_weight(layer)
            if how == "kaiming":
                nn.init.kaiming_normal_(weight, mode="fan_in")
            elif how == "xavier":
                nn.init.xavier_normal_(weight, gain=0.02)
            else:
                nn.init.normal_(weight, 0.0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
