"""The first layers of Inception-v4 with published weights (Szegedy et al. 2017)."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from crossimage.utils.tensor_files.published import read_weights

_SIZE = 299
_ADDRESS = "http://data.lip6.fr/cadene/pretrainedmodels/inceptionv4-8e4777a0.pth"


class InceptionV4Features(nn.Module):
    """Inception-v4 up to Mixed_5b; its layers have the names of Cadene's and timm's models.

    Args:
        weights: A file of such weights; by default those published by Cadene, from the cache or
            downloaded.
        needed_by: What needs the features, for the error message.
        alternative: What else to do if the weights are missing, likewise.

    Raises:
        FileNotFoundError: The given file does not exist, or the weights are not in the cache and
            cannot be downloaded.
        ValueError: The file holds something else.
    """

    def __init__(self, weights: Path | None, needed_by: str, alternative: str) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _Conv(3, 32, 3, 2), _Conv(32, 32, 3), _Conv(32, 64, 3, padding=1), _Mixed3a(),
            _Mixed4a(), _Mixed5a(), _Mixed5b(),
        )  # fmt: skip
        state = read_weights(_ADDRESS, weights, needed_by, alternative).state
        own = {k: v for k, v in self.state_dict().items() if not k.endswith("tracked")}
        fitting = {name: value for name, value in state.items() if name in own}
        missing = next(
            (n for n, v in own.items() if n not in fitting or fitting[n].shape != v.shape), None
        )
        if missing:
            raise ValueError(
                f"{weights} does not hold the weights of Inception-v4 ('{missing}' is missing or "
                f"has another shape), which {needed_by} needs; expected a file like "
                f"{_ADDRESS.rsplit('/', 1)[-1]}"
            )
        self.load_state_dict(fitting, strict=False)
        self.requires_grad_(False).eval()

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the maps Conv2d_2a, Mixed_4a and Mixed_5b of images (N, 3, H, W) in [-1, 1].

        As in SketchyGAN's code, the network sees values from 0 to 1 at 299 x 299 pixels.
        """
        h, maps = resize_from_corner((x + 1) / 2, _SIZE), []
        for index, layer in enumerate(self.features):
            h = layer(h)
            if index in (1, 4, 6):
                maps.append(h)
        return maps


def resize_from_corner(x: Tensor, size: int) -> Tensor:
    """Resize (N, C, H, W) to a square, bilinearly, with the grids' first pixels on each other.

    TensorFlow 1 resized this way by default.
    """
    rows, columns = (_weights(side, size, x) for side in x.shape[2:])
    return rows @ x @ columns.T


def _weights(old: int, new: int, like: Tensor) -> Tensor:
    """Return the weights (new, old) of the old pixels in the new ones."""
    position = torch.arange(new, device=like.device, dtype=torch.float32) * (old / new)
    before = position.floor().long().clamp_max(old - 1)
    share = position - before
    weights = torch.zeros(new, old, device=like.device)
    rows = torch.arange(new, device=like.device)
    weights[rows, before] = 1 - share
    weights[rows, (before + 1).clamp_max(old - 1)] += share
    return weights.to(like.dtype)


class _Conv(nn.Sequential):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)
        self.relu = nn.ReLU(inplace=False)


class _Mixed3a(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.maxpool = nn.MaxPool2d(3, 2)
        self.conv = _Conv(64, 96, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.maxpool(x), self.conv(x)], 1)


class _Mixed4a(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.branch0 = nn.Sequential(_Conv(160, 64, 1), _Conv(64, 96, 3))
        self.branch1 = nn.Sequential(
            _Conv(160, 64, 1), _Conv(64, 64, (1, 7), padding=(0, 3)),
            _Conv(64, 64, (7, 1), padding=(3, 0)), _Conv(64, 96, 3),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch0(x), self.branch1(x)], 1)


class _Mixed5a(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = _Conv(192, 192, 3, 2)
        self.maxpool = nn.MaxPool2d(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.conv(x), self.maxpool(x)], 1)


class _Mixed5b(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.branch0 = _Conv(384, 96, 1)
        self.branch1 = nn.Sequential(_Conv(384, 64, 1), _Conv(64, 96, 3, padding=1))
        self.branch2 = nn.Sequential(
            _Conv(384, 64, 1), _Conv(64, 96, 3, padding=1), _Conv(96, 96, 3, padding=1)
        )
        self.branch3 = nn.Sequential(
            nn.AvgPool2d(3, 1, 1, count_include_pad=False), _Conv(384, 96, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        branches = (self.branch0, self.branch1, self.branch2, self.branch3)
        return torch.cat([branch(x) for branch in branches], 1)
