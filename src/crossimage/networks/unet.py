"""U-Net: an encoder and a decoder with skip connections between layers of equal resolution."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from crossimage.networks.generators import Upsampling, with_code
from crossimage.networks.layers.blocks import Dropout, NormName, activation_layer, norm_layer
from crossimage.networks.layers.convolution import BottleneckConv2d, BottleneckConvTranspose2d

Injection = Literal["all", "input"]


class UNet(nn.Module):
    """Image-to-image generator with skip connections (Isola et al. 2017, section 3.2.1).

    4x4 convolutions of stride 2 down to the bottleneck and as many transposed ones up again; the
    decoder also receives the encoder's feature maps of the same resolution. Neither the outermost
    layers nor the bottleneck are normalised: at 1x1 pixels a norm would leave 0.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the image.
        width: Channels after the first convolution; every further layer doubles them, up to eight
            times.
        downsamples: Halvings of the resolution: 7 for 128 px and 8 for 256 px in the papers,
            which leaves 1x1 pixels.
        norm: Normalisation of all layers except the outermost and the bottleneck.
        dropout: Dropout rate in the decoder's layers from ``8 width`` to ``8 width`` channels,
            except the bottleneck's: three layers at 8 halvings, none below 6.
        code_dim: Length of an additional input code; 0 for none.
        inject: Where the code enters as constant maps: before ``all`` convolutions of the encoder,
            or with the ``input`` only.
        upsampling: How the resolution is doubled: transposed convolutions, or nearest-neighbour or
            bilinear upsampling before a 3x3 convolution.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        width: int,
        downsamples: int,
        *,
        norm: NormName = "batch",
        dropout: float = 0.0,
        code_dim: int = 0,
        inject: Injection = "all",
        upsampling: Upsampling = "transposed",
    ) -> None:
        super().__init__()
        sizes = [width * min(2**i, 8) for i in range(downsamples)]
        coded = code_dim if inject == "all" else 0
        bottleneck = downsamples - 1
        self.inject = inject
        self.downs = nn.ModuleList([nn.Conv2d(inputs + code_dim, width, 4, 2, 1)])
        self.ups = nn.ModuleList([
            nn.Sequential(
                activation_layer("relu"),
                *_doubling(width * (2 if bottleneck else 1), outputs, upsampling).values(),
                nn.Tanh(),
            )
        ])  # fmt: skip
        for i in range(1, downsamples):
            outer, inner = sizes[i - 1], sizes[i]
            if i == bottleneck:
                self.downs.append(DownBlock(outer + coded, inner, "none"))
                self.ups.insert(0, _UpBlock(inner, outer, norm, upsampling))
            else:
                drops = dropout if outer == 8 * width else 0.0
                self.downs.append(DownBlock(outer + coded, inner, norm))
                self.ups.insert(0, _UpBlock(2 * inner, outer, norm, upsampling, drops))

    def forward(self, x: Tensor, code: Tensor | None = None) -> Tensor:
        """Translate images (N, inputs, H, W), with codes (N, code_dim), to (N, outputs, H, W).

        H and W are multiples of ``2^downsamples``; the results are in [-1, 1].
        """
        skips = []
        for i, down in enumerate(self.downs):
            if code is not None and (i == 0 or self.inject == "all"):
                x = with_code(x, code)
            x = down(x)
            skips.append(x)
        x = skips.pop()
        for up in self.ups:
            x = up(x)
            if skips:
                x = torch.cat([skips.pop(), x], 1)
        return x


class DownBlock(nn.Sequential):
    """Leaky ReLU, 4x4 convolution of stride 2, normalisation.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        norm: Normalisation after the convolution.
    """

    def __init__(self, inputs: int, outputs: int, norm: NormName) -> None:
        super().__init__()
        self.activation = nn.LeakyReLU(0.2)  # not in place: skip connections need its input
        self.conv = BottleneckConv2d(inputs, outputs, 4, 2, 1, bias=_needs_bias(norm))
        self.norm = norm_layer(norm, outputs)


class _UpBlock(nn.Sequential):
    def __init__(
        self,
        inputs: int,
        outputs: int,
        norm: NormName,
        upsampling: Upsampling,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.activation = activation_layer("relu")
        for name, layer in _doubling(inputs, outputs, upsampling, _needs_bias(norm)).items():
            self.add_module(name, layer)
        self.norm = norm_layer(norm, outputs)
        self.dropout = Dropout(dropout) if dropout else nn.Identity()


def _doubling(
    inputs: int, outputs: int, upsampling: Upsampling, bias: bool = True
) -> dict[str, nn.Module]:
    """Return the layers, by name, that double the resolution."""
    if upsampling == "transposed":
        return {"conv": BottleneckConvTranspose2d(inputs, outputs, 4, 2, 1, bias=bias)}
    return {
        "upsample": nn.Upsample(scale_factor=2, mode=upsampling),
        "conv": BottleneckConv2d(inputs, outputs, 3, 1, 1, bias=bias),
    }


def _needs_bias(norm: NormName) -> bool:
    """Whether a convolution needs a bias: norms of single channels would remove it again."""
    return norm not in ("batch", "instance", "affine_instance")
