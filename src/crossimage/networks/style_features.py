"""Fixed VGG-19 features whose means and standard deviations describe an image's style.

Huang and Belongie, Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization, ICCV
2017. The weights of its code (``vgg_normalised.pth``) are those of VGG-19, scaled so that the mean
activation of every layer is 1, behind a 1x1 convolution that turns RGB into the colours that the
network was trained on. Layers are numbered as there, with the reflecting paddings.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from crossimage.networks.layers.convolution import PaddedConv2d
from crossimage.utils.tensor_files import read_pickle

LAYERS = (("0", "2"), ("5", "9"), ("12", "16"), ("19", "22", "25"))
"""Names of the convolutions of each part in the file of weights."""

_EPS = 1e-5


class StyleFeatures(nn.Module):
    """VGG-19 up to relu3_4, in four parts that end in relu1_1, relu2_1, relu3_1 and relu3_4.

    Its weights are fixed: random ones until :meth:`load` or a model file sets them.

    Args:
        width: Channels of the first layer: 64 in VGG-19.

    Attributes:
        channels: Channels of the last layer.
        known: Whether the weights are those of a file, (), saved with them.
    """

    known: Tensor

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.channels = 4 * width
        parts: list[list[nn.Module]] = [
            [nn.Conv2d(3, 3, 1), *_conv(3, width)],
            [*_conv(width, width), _pool(), *_conv(width, 2 * width)],
            [*_conv(2 * width, 2 * width), _pool(), *_conv(2 * width, 4 * width)],
            [layer for _ in range(3) for layer in _conv(4 * width, 4 * width)],
        ]
        self.parts = nn.ModuleList(nn.Sequential(*part) for part in parts)
        self.register_buffer("known", torch.zeros((), dtype=torch.bool))
        for layer in self.convolutions():
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        nn.init.dirac_(self.convolutions()[0].weight)
        self.requires_grad_(False)

    def convolutions(self) -> list[nn.Conv2d]:
        """Return the convolutions in the order of :data:`LAYERS`."""
        return [layer for layer in self.modules() if isinstance(layer, nn.Conv2d)]

    def load(self, file: Path) -> None:
        """Load ``vgg_normalised.pth`` of AdaIN, with or without the layers after relu3_4.

        Raises:
            FileNotFoundError: The file does not exist.
            ValueError: It holds other weights.
        """
        state = read_pickle(file)
        names = [name for part in LAYERS for name in part]
        for name, layer in zip(names, self.convolutions(), strict=True):
            for kind, tensor in (("weight", layer.weight), ("bias", layer.bias)):
                assert tensor is not None
                found = _tensor(state, f"{name}.{kind}", list(tensor.shape), file)
                tensor.data.copy_(found)
        self.known.fill_(True)

    def maps(self, x: Tensor) -> list[Tensor]:
        """Return the maps relu1_1, relu2_1, relu3_1 and relu3_4 of images (N, 3, H, W)."""
        maps = []
        for part in self.parts:
            x = part(x)
            maps.append(x)
        return maps

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps (N, 4 width, H / 4, W / 4) of images (N, 1 or 3, H, W)."""
        return self.maps(x.expand(-1, 3, -1, -1))[-1]


def mean_and_std(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return means and standard deviations (N, C) of maps (N, C, h, w), in float32.

    The variance is unbiased, and 1e-5 is added to it.
    """
    values = features.float().flatten(2)
    spread = values.var(2) if values.shape[2] > 1 else torch.zeros_like(values[:, :, 0])
    return values.mean(2), (spread + _EPS).sqrt()


def with_statistics(features: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Give maps (N, C, h, w) the means and standard deviations (N, C) of others (AdaIN)."""
    own_mean, own_std, mean, std = (
        values[:, :, None, None] for values in (*mean_and_std(features), mean, std)
    )
    result = (features.float() - own_mean) / own_std * std + mean
    return result.to(features.dtype)


def _conv(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module]:
    return PaddedConv2d(inputs, outputs, 3, 1, 1, padding_mode="reflect"), nn.ReLU()


def _pool() -> nn.Module:
    return nn.MaxPool2d(2, ceil_mode=True)


def _tensor(state: Mapping[str, object], name: str, shape: list[int], file: Path) -> Tensor:
    value = state.get(name)
    if isinstance(value, Tensor) and list(value.shape) == shape:
        return value
    found = f"has the shape {list(value.shape)}" if isinstance(value, Tensor) else "is missing"
    raise ValueError(
        f"{file} does not hold the weights of VGG-19 in the form of AdaIN's vgg_normalised.pth "
        f"(the tensor '{name}' {found}, expected {shape}); give that file, or set "
        "encoder=random to learn from random features"
    )
