"""The landmark network of faces (FAN), and masks of faces from its heatmaps.

Wang, Bo, Fuxin: Adaptive Wing Loss for Robust Face Alignment via Heatmap Regression. ICCV 2019,
https://arxiv.org/abs/1904.07399. StarGAN v2 takes the network as it is, with 98 landmarks.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossimage.networks.stargan_v2.generator import Masks
from crossimage.utils.tensor_files.published import read_weights

LANDMARKS = 98
_SIDE = 256  # pixels of the images that the network sees; heatmaps are a quarter
_DEPTH = 4
_PUBLISHED = "wing.ckpt"


class LandmarkNetwork(nn.Module):
    """Heatmaps of 98 landmarks of a face: a stem, one hourglass, and a head.

    Args:
        width: Channels of the hourglass, a multiple of 16; 256 as published.
    """

    def __init__(self, width: int = 256) -> None:
        super().__init__()
        quarter, half = width // 4, width // 2
        self.first = nn.Conv2d(3 + 3, quarter, 7, 2, 3)
        self.first_norm = nn.BatchNorm2d(quarter)
        self.stem = nn.ModuleList([_Block(quarter, half), _Block(half, half), _Block(half, width)])
        self.coordinates = nn.Conv2d(width + 3, width, 1)
        # from the highest resolution to the lowest
        self.across, self.down, self.up = (
            nn.ModuleList(_Block(width, width) for _ in range(_DEPTH)) for _ in range(3)
        )
        self.bottom = _Block(width, width)
        self.top = _Block(width, width)
        self.last = nn.Conv2d(width, width, 1)
        self.last_norm = nn.BatchNorm2d(width)
        self.heads = nn.Conv2d(width, LANDMARKS + 1, 1)  # and of the face's outline
        self.requires_grad_(False).eval()

    def forward(self, x: Tensor) -> Tensor:
        """Return heatmaps (N, 98, 64, 64) of images (N, 3, 256, 256) in [0, 1]."""
        out = F.relu(self.first_norm(self.first(with_coordinates(x))))
        out = F.avg_pool2d(self.stem[0](out), 2)
        out = self.stem[2](self.stem[1](out))
        out = self.top(self._hourglass(self.coordinates(with_coordinates(out)), 0))
        out = F.relu(self.last_norm(self.last(out)))
        return self.heads(out)[:, :LANDMARKS]

    def _hourglass(self, x: Tensor, level: int) -> Tensor:
        if level == _DEPTH:
            out: Tensor = self.bottom(x)
            return out
        low = self._hourglass(self.down[level](F.avg_pool2d(x, 2)), level + 1)
        return self.across[level](x) + F.interpolate(self.up[level](low), scale_factor=2)

    @torch.no_grad()
    def masks(self, x: Tensor) -> Masks:
        """Return masks (N, 1, 256, 256) in [0, 1] of face images (N, 1 or 3, H, W) in [-1, 1].

        Returns:
            The mask of all parts of the face, and one without its outline, brows and mouth.
        """
        with torch.autocast(x.device.type, enabled=False):
            x = F.interpolate(x.float(), size=_SIDE, mode="bilinear") / 2 + 0.5
            heatmaps = self(x.expand(-1, 3, -1, -1))
            heatmaps = F.interpolate(heatmaps, scale_factor=4, mode="bilinear", align_corners=True)
            return masks_of(heatmaps)


def masks_of(heatmaps: Tensor) -> Masks:
    """Make the two masks of a face from the heatmaps (N, 98, 256, 256) of its landmarks."""
    x = heatmaps.where(heatmaps >= 0.1, 0)
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    x = (x - low) / (high - low + 1e-6)

    def moved(first: int, end: int, up: int) -> Tensor:
        return x[:, first:end].roll(-up, 2)

    outline, brows = moved(8, 25, 0) ** 3, moved(33, 51, -7) ** 2
    brows[:, [0, 46 - 33]] = 0
    nose = [moved(51, 52, 0), moved(52, 55, 4), moved(55, 60, 8) ** 4]
    eyes = moved(60, 76, -8) ** 3 + moved(60, 76, -24)
    mouth = [moved(77, 82, -8) ** 4, moved(83, 88, 8) ** 4, moved(88, 96, -2) ** 3]
    middle = torch.cat([*nose, eyes, moved(96, 98, 0)], 1).sum(1, keepdim=True)
    rest = torch.cat([outline, brows, *mouth], 1).sum(1, keepdim=True)
    return (middle + rest).clamp(0, 1), middle.clamp(0, 1)


def with_coordinates(x: Tensor) -> Tensor:
    """Add to feature maps (N, C, H, W) their rows and columns in [-1, 1] and the radius in [0, 1].

    Returns:
        Feature maps (N, C + 3, H, W).
    """
    height, width = x.shape[2:]
    rows = torch.linspace(-1, 1, height, device=x.device)[:, None].expand(height, width)
    columns = torch.linspace(-1, 1, width, device=x.device).expand(height, width)
    radius = torch.hypot(rows, columns)
    maps = torch.stack([rows, columns, radius / radius.max()]).to(x.dtype)
    return torch.cat([x, maps.expand(x.shape[0], -1, -1, -1)], 1)


def official_names() -> dict[str, str]:
    """Return the names of the layers in the official checkpoints by ours."""
    names = {
        "first": "conv1.conv", "first_norm": "bn1", "coordinates": "m0.coordconv.conv",
        "last": "conv_last0", "last_norm": "bn_end0", "heads": "l0",
    }  # fmt: skip
    blocks = {f"stem.{i}": f"conv{i + 2}" for i in range(3)} | {"top": "top_m_0"}
    blocks["bottom"] = "m0.b2_plus_1"
    for level in range(_DEPTH):
        for ours, theirs in (("across", "b1"), ("down", "b2"), ("up", "b3")):
            blocks[f"{ours}.{level}"] = f"m0.{theirs}_{_DEPTH - level}"
    for ours, theirs in blocks.items():
        for i in range(3):
            names[f"{ours}.norms.{i}"] = f"{theirs}.bn{i + 1}"
            names[f"{ours}.convs.{i}"] = f"{theirs}.conv{i + 1}"
        names[f"{ours}.shortcut.0"] = f"{theirs}.downsample.0"
        names[f"{ours}.shortcut.2"] = f"{theirs}.downsample.2"
    return names


def landmark_width(file: Path) -> int:
    """Return the width of the landmark network in a file.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It holds something else.
    """
    return _read(file)["l0.weight"].shape[1]


def _read(file: Path) -> dict[str, Tensor]:
    """Read the tensors of a landmark network, by their official names."""
    needed_by = "the landmark network of StarGAN v2"
    state = read_weights(_PUBLISHED, file, needed_by, "").state
    inside = {name.removeprefix("fan."): t for name, t in state.items() if name.startswith("fan.")}
    state = inside or dict(state)
    for name in (f"{layer}.weight" for layer in official_names().values()):
        if name not in state and ".downsample." not in name:
            raise ValueError(
                f"{file} does not hold {needed_by}: it has no tensor '{name}'; give {_PUBLISHED} "
                "of the official code, or its *_nets_ema.ckpt with fan"
            )
    return state


def read_landmark_weights(network: LandmarkNetwork, file: Path, setting: str) -> None:
    """Load the weights of a file: ``wing.ckpt``, or a checkpoint of StarGAN v2 that holds them.

    Args:
        network: The network.
        file: The file.
        setting: The setting of its width, for the error message.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It holds something else, or a network of another width.
    """
    state, names, weights = _read(file), official_names(), {}
    width, expected = state["l0.weight"].shape[1], network.heads.in_channels
    if width != expected:
        raise ValueError(
            f"{file} holds a landmark network of width {width}, expected {expected}; set "
            f"{setting}={width}"
        )
    for ours, tensor in network.state_dict().items():
        layer, _, kind = ours.rpartition(".")
        theirs = f"{names[layer]}.{kind}"
        if kind == "num_batches_tracked":
            continue
        if theirs not in state or state[theirs].shape != tensor.shape:
            raise ValueError(
                f"{file} does not hold the landmark network of StarGAN v2: '{theirs}' is missing "
                f"or has another shape than {list(tensor.shape)}"
            )
        weights[ours] = state[theirs]
    network.load_state_dict(weights, strict=False)


class _Block(nn.Module):
    """Three norms, ReLUs and 3x3 convolutions, whose outputs are joined and added to the input."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        sizes = [inputs, outputs // 2, outputs // 4, outputs // 4]
        self.norms = nn.ModuleList(nn.BatchNorm2d(size) for size in sizes[:3])
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3, 1, 1, bias=False) for a, b in zip(sizes, sizes[1:], strict=False)
        )
        self.shortcut: nn.Module = nn.Identity()
        if inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 1, bias=False)
            )

    def forward(self, x: Tensor) -> Tensor:
        out, parts = x, []
        for norm, conv in zip(self.norms, self.convs, strict=True):
            out = conv(F.relu(norm(out)))
            parts.append(out)
        return torch.cat(parts, 1) + self.shortcut(x)
