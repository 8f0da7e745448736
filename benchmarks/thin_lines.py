"""Compare the drawings that models make of photos with the true drawings.

    python benchmarks/thin_lines.py RUN [RUN ...] --pairs FOLDER --to edges

FOLDER holds pairs side by side, the drawing left and its photo right, which no run has seen. Prints
a row per model:

- lines: how much darker pixels (means over 3x3) are than their neighbourhood (11x11), where they
  are; the mean over all drawings, divided by that of the true ones;
- correlation of these maps with the true ones, blurred over 5x5 pixels; the mean over drawings;
- blank: drawings with less than a quarter of the true lines.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

import crossimage
from crossimage.data.images.files import read_image
from crossimage.data.images.resize import resize_to_cover
from crossimage.data.sources.folders import find_images


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("runs", nargs="+", help="run folders or model files")
    parser.add_argument("--pairs", type=Path, required=True, help="folder of pairs side by side")
    parser.add_argument("--to", required=True, help="the domain of the drawings")
    parser.add_argument("--size", type=int, default=64, help="side in pixels (64)")
    options = parser.parse_args()
    drawings, photos = read(options.pairs, options.size)
    true = lines(drawings)
    print("| | lines | correlation | blank |\n|---|---|---|---|")
    for run in options.runs:
        model = crossimage.load(run, device="cpu")
        outputs = [model.translate(x[None], to=options.to, seed=i) for i, x in enumerate(photos)]
        own = lines(torch.cat(outputs).clamp(-1, 1))
        correlations = [correlation(x, y) for x, y in zip(own, true, strict=True)]
        blank = (own.mean((1, 2, 3)) < true.mean((1, 2, 3)) / 4).float().mean()
        print(
            f"| {run} | {own.mean() / true.mean():.2f} "
            f"| {sum(correlations) / len(correlations):.2f} | {blank:.0%} |"
        )


def read(folder: Path, size: int) -> tuple[Tensor, Tensor]:
    """Return the left and the right halves (N, 3, size, size) of all images, in [-1, 1]."""
    left, right = [], []
    for path in find_images(str(folder)).train:
        image = read_image(path)[None]
        half = image.shape[3] // 2
        left.append(resize_to_cover(image[..., :half], (size, size)))
        right.append(resize_to_cover(image[..., half:], (size, size)))
    return torch.cat(left), torch.cat(right)


def lines(x: Tensor) -> Tensor:
    """Return where drawings (N, C, H, W) are darker than around (N, 1, H, W), blurred."""
    ink = (1 - x.mean(1, keepdim=True)) / 2
    dark = F.avg_pool2d(ink, 3, 1, 1) - F.avg_pool2d(ink, 11, 1, 5)
    return F.avg_pool2d(dark.clamp_min(0), 5, 1, 2)


def correlation(x: Tensor, y: Tensor) -> float:
    """Return the correlation of two maps, 0 if one is constant."""
    x, y = x - x.mean(), y - y.mean()
    return float((x * y).sum() / (x.norm() * y.norm()).clamp_min(1e-9))


if __name__ == "__main__":
    main()
