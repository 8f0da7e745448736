"""Kept lines: whether outputs have their edges where their input has them.

The F-score of edges as in the Berkeley segmentation benchmark (Martin et al., "Learning to Detect
Natural Image Boundaries Using Local Brightness, Color, and Texture Cues", 2004), with the edges of
the input for those that people drew. Edges count as found within a tolerance, of any number of
edges nearby, where the benchmark matches them one to one.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from crossimage.evaluation.galleries.base import GalleryItem
from crossimage.evaluation.metrics.base import GalleryKind, Metric, Setup
from crossimage.evaluation.report.figures import HIGHER, Figure, library, mean_of

TOLERANCE = 0.0075
"""Distance, as a share of the image's diagonal, within which an edge is found; at least 1 pixel."""

_STRONG = 0.2  # edges have at least this share of the image's strongest gradients
_WEAKEST = 6.0  # levels per pixel, of 255; noise and JPEG artefacts stay below
_SIGMA = 1.0  # of the blur before gradients, in pixels
_LUMA = (0.299, 0.587, 0.114)


class Edges(Metric):
    """F-score, recall and precision of the output's edges with respect to the input's.

    ``edges_recall`` is the share of the input's edges that the output has too: kept lines.
    ``edges_precision`` is the share of the output's edges that the input has too; new texture
    lowers it. ``edges`` is the F-score of both, their harmonic mean.
    """

    name = "edges"
    directions: ClassVar = dict.fromkeys(("edges", "edges_recall", "edges_precision"), HIGHER)

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._values: dict[str, list[float]] = {name: [] for name in self.directions}
        self._tolerances: set[float] = set()
        self._plain = 0

    @classmethod
    def misfit(cls, kind: GalleryKind) -> str | None:
        """Return why the metric does not apply; see :meth:`Metric.misfit`."""
        if not kind.has_inputs:
            return "the inputs of these images are not known, so their edges can't be compared"
        return None

    def update(self, item: GalleryItem) -> None:
        """Add an input with its outputs; an input of another size is resized to theirs."""
        assert item.input is not None
        size = item.outputs.shape[2:]
        tolerance = max(1.0, TOLERANCE * math.hypot(*size))
        wanted = item.input[None].float()
        if wanted.shape[2:] != size:
            wanted = functional.interpolate(wanted, size, mode="bilinear", antialias=True)
        expected, found = edges_of(wanted), edges_of(item.outputs)
        if not expected.any():
            self._plain += 1
            return
        recall = _share(expected.expand_as(found), found, tolerance)
        precision = _share(found, expected.expand_as(found), tolerance)
        f_score = 2 * recall * precision / (recall + precision).clamp_min(1e-9)
        self._tolerances.add(round(tolerance, 2))
        for name, value in zip(self._values, (f_score, recall, precision), strict=True):
            self._values[name].append(float(value.mean()))

    def figures(self) -> list[Figure]:
        """Return the means over the inputs.

        Raises:
            ValueError: No input has an edge.
        """
        if not self._values["edges"]:
            raise ValueError("no input has an edge that an output could keep")
        tolerances = " and ".join(f"{pixels:g}" for pixels in sorted(self._tolerances))
        note = f"{self._plain} inputs without edges do not count" if self._plain else ""
        what = {
            "edges": "F-score of edges",
            "edges_recall": "share of the input's edges that the output has",
            "edges_precision": "share of the output's edges that the input has",
        }
        return [
            Figure(
                name, *mean_of(values), len(values),
                f"{what[name]}, within {tolerances} pixels; mean over {len(values)} inputs",
                None, library("torch"), note=note,
            )
            for name, values in self._values.items()
        ]  # fmt: skip


def edges_of(images: Tensor) -> Tensor:
    """Return the edges of images: maxima of the gradient of the blurred luma, one pixel wide.

    An edge has at least a fifth of the image's strongest gradients (the 99th percentile), and at
    least 6 levels per pixel, so that an image without structure has none.

    Args:
        images: Images (N, 3, H, W) in 0 to 255.

    Returns:
        Booleans (N, 1, H, W).
    """
    luma = (images.float() * images.new_tensor(_LUMA, dtype=torch.float32)[:, None, None]).sum(
        1, keepdim=True
    )
    taps = torch.arange(-3.0, 4.0, device=luma.device)
    blur = torch.exp(-taps.square() / (2 * _SIGMA**2))
    blur = (blur / blur.sum())[None, None, None]
    padded = functional.pad(luma, (4, 4, 4, 4), mode="replicate")
    smooth = functional.conv2d(functional.conv2d(padded, blur), blur.mT)
    x = (smooth[..., 1:-1, 2:] - smooth[..., 1:-1, :-2]) / 2
    y = (smooth[..., 2:, 1:-1] - smooth[..., :-2, 1:-1]) / 2
    strength = torch.hypot(x, y)
    around = functional.pad(strength, (1, 1, 1, 1))
    height, width = strength.shape[2:]
    octant = torch.round(torch.atan2(y, x) / (math.pi / 4)).long() % 4
    largest = torch.zeros_like(strength, dtype=torch.bool)
    for direction, (dy, dx) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = around[..., 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        behind = around[..., 1 - dy : 1 - dy + height, 1 - dx : 1 - dx + width]
        largest |= (octant == direction) & (strength >= ahead) & (strength > behind)
    strong = strength.flatten(1).quantile(0.99, dim=1) * _STRONG
    return largest & (strength >= strong.clamp_min(_WEAKEST)[:, None, None, None])


def _share(edges: Tensor, others: Tensor, tolerance: float) -> Tensor:
    """Return the share of edges (N, 1, H, W) near one of the others, 0 without edges: (N,)."""
    reach = int(tolerance)
    taps = torch.arange(-reach, reach + 1, device=edges.device)
    disc = (taps[:, None].square() + taps.square() <= tolerance**2).float()[None, None]
    near = functional.conv2d(others.float(), disc, padding=reach) > 0
    return (edges & near).sum((1, 2, 3)) / edges.sum((1, 2, 3)).clamp_min(1)
