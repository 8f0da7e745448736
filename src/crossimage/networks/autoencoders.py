"""Encoders from images to content and style codes, and decoders back to images."""

from __future__ import annotations

from torch import Tensor, nn

from crossimage.networks.layers.blocks import (
    ActivationName,
    AdaptiveResidualBlock,
    ConvBlock,
    NormName,
    Padding,
    ResidualBlock,
    activation_layer,
)
from crossimage.networks.layers.upsampling import UpsampleBlock


class ContentEncoder(nn.Sequential):
    """Encoder from images (N, channels, H, W) to content (N, width * 2^d, H / 2^d, W / 2^d).

    Args:
        channels: Channels of the image.
        width: Channels after the first convolution.
        downsamples: Halvings of the resolution, d.
        blocks: Residual blocks at the low resolution.
        norm: Normalisation of every layer.
        activation: Activation of every layer.
        pad: Padding mode.
        dropout: Dropout rate of what each residual block adds.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        downsamples: int,
        blocks: int,
        *,
        norm: NormName = "instance",
        activation: ActivationName = "relu",
        pad: Padding = "reflect",
        dropout: float = 0.0,
    ) -> None:
        layers: list[nn.Module] = [
            ConvBlock(channels, width, 7, 1, 3, norm=norm, activation=activation, pad=pad)
        ]
        for i in range(downsamples):
            size = width * 2**i
            layers.append(
                ConvBlock(size, 2 * size, 4, 2, 1, norm=norm, activation=activation, pad=pad)
            )
        size = width * 2**downsamples
        layers += [
            ResidualBlock(size, norm=norm, activation=activation, pad=pad, last_dropout=dropout)
            for _ in range(blocks)
        ]
        super().__init__(*layers)


class StyleEncoder(nn.Sequential):
    """Encoder from images (N, channels, H, W) to style codes (N, style_dim).

    No layer is normalised: the mean and variance that a norm removes carry the style.

    Args:
        channels: Channels of the image.
        width: Channels after the first convolution; doubled by the first two halvings.
        downsamples: Halvings of the resolution.
        style_dim: Length of the code.
        activation: Activation of every layer except the last.
        pad: Padding mode.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        downsamples: int,
        style_dim: int,
        *,
        activation: ActivationName = "relu",
        pad: Padding = "reflect",
    ) -> None:
        layers: list[nn.Module] = [
            ConvBlock(channels, width, 7, 1, 3, activation=activation, pad=pad)
        ]
        size = width
        for i in range(downsamples):
            grown = 2 * size if i < 2 else size
            layers.append(ConvBlock(size, grown, 4, 2, 1, activation=activation, pad=pad))
            size = grown
        layers += [nn.AdaptiveAvgPool2d(1), nn.Conv2d(size, style_dim, 1), nn.Flatten()]
        super().__init__(*layers)


class Upsampler(nn.Sequential):
    """Second half of a decoder: feature maps to images in [-1, 1].

    Args:
        channels: Channels of the image.
        width: Channels before the last convolution.
        upsamples: Doublings of the resolution; the input has ``width * 2^upsamples`` channels.
        norm: Normalisation of every layer except the last.
        activation: Activation of every layer except the last.
        pad: Padding mode.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        upsamples: int,
        *,
        norm: NormName = "layer",
        activation: ActivationName = "relu",
        pad: Padding = "reflect",
    ) -> None:
        layers: list[nn.Module] = []
        for i in reversed(range(upsamples)):
            size = width * 2**i
            layers.append(UpsampleBlock(2 * size, size, norm=norm, activation=activation, pad=pad))
        layers.append(ConvBlock(width, channels, 7, 1, 3, activation="tanh", pad=pad))
        super().__init__(*layers)


class Decoder(nn.Sequential):
    """Decoder from content (N, width * 2^u, h, w) to images (N, channels, h * 2^u, w * 2^u).

    Args:
        channels: Channels of the image.
        width: Channels before the last convolution.
        upsamples: Doublings of the resolution, u.
        blocks: Residual blocks with instance norm at the low resolution.
        activation: Activation of every convolution except the last.
        pad: Padding mode.
        dropout: Dropout rate of what each residual block adds.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        upsamples: int,
        blocks: int,
        *,
        activation: ActivationName = "relu",
        pad: Padding = "reflect",
        dropout: float = 0.0,
    ) -> None:
        size = width * 2**upsamples
        super().__init__(
            *(
                ResidualBlock(size, activation=activation, pad=pad, last_dropout=dropout)
                for _ in range(blocks)
            ),
            Upsampler(channels, width, upsamples, activation=activation, pad=pad),
        )


class AdaINDecoder(nn.Module):
    """Decoder from content and style codes; the style sets the affine maps of the AdaIN layers.

    Args:
        channels: Channels of the image.
        width: Channels before the last convolution.
        upsamples: Doublings of the resolution.
        blocks: Residual blocks with AdaIN at the low resolution.
        style_dim: Length of the style code.
        mlp_width: Width of the hidden layers that map a style to AdaIN parameters.
        mlp_layers: Linear layers of that map, at least 2: all but the last are hidden.
        norm: Normalisation of the layers that double the resolution.
        activation: Activation of these, of the hidden layers and of the residual blocks.
        pad: Padding mode.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        upsamples: int,
        blocks: int,
        style_dim: int,
        mlp_width: int,
        *,
        mlp_layers: int = 3,
        norm: NormName = "layer",
        activation: ActivationName = "relu",
        pad: Padding = "reflect",
    ) -> None:
        super().__init__()
        size = width * 2**upsamples
        hidden: list[nn.Module] = []
        for inputs in (style_dim, *[mlp_width] * (mlp_layers - 2)):
            hidden += [nn.Linear(inputs, mlp_width), activation_layer(activation)]
        self.mlp = nn.Sequential(
            *hidden,
            nn.Linear(mlp_width, blocks * 2 * 2 * size),
            nn.Unflatten(1, (blocks, 2, 2, size)),
        )
        self.blocks = nn.ModuleList(
            AdaptiveResidualBlock(size, activation=activation, pad=pad) for _ in range(blocks)
        )
        self.upsampler = Upsampler(
            channels, width, upsamples, norm=norm, activation=activation, pad=pad
        )

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        """Decode content (N, C, h, w) and styles (N, style_dim) to images (N, channels, H, W)."""
        affine = self.mlp(style)
        for i, block in enumerate(self.blocks):
            content = block(content, affine[:, i])
        return self.upsampler(content)
