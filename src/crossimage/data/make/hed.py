"""Edges of photos by a network, holistically-nested edge detection (HED).

Xie, Tu: Holistically-Nested Edge Detection, ICCV 2015. The convolutions of VGG16 have a side output
after each of their five stages, and a 1x1 convolution combines these. The edges of edges2shoes and
edges2handbags were found so, and then thinned. Weights are read in the layout of the common PyTorch
version of the authors' Caffe model: ``moduleVggOne.0.weight`` to ``moduleCombine.0.bias``, or with
``net`` in place of ``module``. It takes blue, green and red from 0 to 255 minus their means.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate

from crossimage.data.make.edges import SIDE, drawn, opencv, without_specks
from crossimage.data.make.sketches import ridges
from crossimage.utils.tensor_files.safetensors_files import is_safetensors, read_safetensors
from crossimage.utils.tensor_files.torch_files import read_pickle

_MEAN = (104.00698793, 116.66876762, 122.67891434)
_STAGES = (("One", 64, 2), ("Two", 128, 2), ("Three", 256, 3), ("Four", 512, 3), ("Five", 512, 3))
"""Name, channels and convolutions of each stage of VGG16."""
_LEAST = 0.1  # probability of an edge
_BLUR = 1.0  # standard deviation before ridges are found, in pixels


class HedNetwork(nn.Module):
    """VGG16 with five side outputs and their combination; its names are those of published files.

    The input (N, 3, H, W) holds blue, green and red from 0 to 255. The result (N, 1, H, W) is the
    probability of an edge, from 0 to 1.
    """

    def __init__(self) -> None:
        super().__init__()
        before = 3
        for name, channels, count in _STAGES:
            layers: list[nn.Module] = [] if before == 3 else [nn.MaxPool2d(2)]
            for _ in range(count):
                layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU()]
                before = channels
            self.add_module(f"netVgg{name}", nn.Sequential(*layers))
            self.add_module(f"netScore{name}", nn.Conv2d(channels, 1, 1))
        self.netCombine = nn.Sequential(nn.Conv2d(len(_STAGES), 1, 1), nn.Sigmoid())
        self.register_buffer("mean", torch.tensor(_MEAN).view(3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the probability of an edge at each pixel."""
        size, scores = x.shape[2:], []
        features = x - self.get_buffer("mean")
        for name, _, _ in _STAGES:
            features = self.get_submodule(f"netVgg{name}")(features)
            score = self.get_submodule(f"netScore{name}")(features)
            scores.append(interpolate(score, size, mode="bilinear", align_corners=False))
        return self.netCombine(torch.cat(scores, 1))


class HedEdges:
    """Finds the edges of photos with a network, thins them and removes specks.

    Args:
        weights: A file of its weights, a PyTorch state dict or safetensors.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, or holds another network.
    """

    def __init__(self, weights: Path) -> None:
        self._network = HedNetwork().eval().requires_grad_(False)
        self._network.load_state_dict(_read(weights, self._network))

    def __call__(self, photo: NDArray[np.uint8], _: np.random.Generator) -> NDArray[np.uint8]:
        """Return the edges (H, W) of a photo (H, W, 3), black on white and one pixel wide."""
        height, width = photo.shape[:2]
        if min(height, width) < 16:  # the pools need that many pixels
            return drawn(np.zeros((height, width), bool))
        x = torch.from_numpy(photo[:, :, ::-1].copy()).permute(2, 0, 1)[None].float()
        with torch.inference_mode():
            found = self._network(x)[0, 0].double().numpy()
        return drawn(without_specks(_thin(found), min(height, width) / SIDE))


def _thin(found: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the ridges of probabilities (H, W) that are edges likely enough."""
    cv2 = opencv()
    smooth = cv2.GaussianBlur(found, (0, 0), _BLUR, borderType=cv2.BORDER_REPLICATE)
    down, right = np.gradient(np.pad(smooth, 2, "edge"))
    inner = np.s_[2:-2, 2:-2]
    (yy, yx), xx = np.gradient(down), np.gradient(right, axis=1)
    yy, yx, xx = yy[inner], yx[inner], xx[inner]
    across = np.arctan2(2 * yx, xx - yy) / 2 + np.pi / 2  # where the curvature is most negative
    ridged = xx + yy < 0  # it is stronger than that along the ridge
    peaks = ridges(smooth, np.sin(across), np.cos(across))
    edges: NDArray[np.bool_] = peaks & ridged & (found >= _LEAST)
    return edges


def _read(path: Path, network: nn.Module) -> dict[str, Tensor]:
    """Return the weights of the network from a file; refuse any others."""
    expected = "the weights of HED in PyTorch's layout, with names such as moduleVggOne.0.weight"
    content = read_safetensors(path, expected)[1] if is_safetensors(path) else read_pickle(path)
    given = {re.sub("^module(?=[A-Z])", "net", str(name)): x for name, x in content.items()}
    wanted = network.state_dict()
    for name, tensor in wanted.items():
        found = given.get(name)
        if not isinstance(found, Tensor) or found.shape != tensor.shape:
            has = tuple(found.shape) if isinstance(found, Tensor) else "no such tensor"
            raise ValueError(
                f"{path} is not an edge network: as '{name}' it has {has}, expected "
                f"{tuple(tensor.shape)}; give {expected}"
            )
    if further := [name for name in given if name not in wanted]:
        raise ValueError(
            f"{path} is not an edge network: it holds '{further[0]}' as well; give {expected}"
        )
    return {name: given[name] for name in wanted}
