"""Compare enlarged test images with the true ones: PSNR and SSIM, and crops to look at.

    python benchmarks/super_resolution.py --data Set5 Set14 BSD100 --out CROPS.png RUN [RUN ...]

Prints a table of the means of every data set, for bicubic interpolation and every run, computed on
luma without a border as wide as the scale. The sheet shows, for every data set, crops where
interpolation errs most. Gray images are compared by their own values.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

import crossimage
from crossimage.data.images.files import probe, read_image
from crossimage.data.images.resize import enlarge, shrink
from crossimage.data.sources.folders import find_images
from crossimage.evaluation.metrics.paired import psnr, ssim
from crossimage.inference.translator import Translator
from crossimage.utils.contact_sheet import Panel, sheet


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", required=True, nargs="+", help="folders of images")
    parser.add_argument("--out", required=True, type=Path, help="PNG file for the crops")
    parser.add_argument("--rows", type=int, default=3, help="crops per data set")
    parser.add_argument("--size", type=int, default=128, help="height and width of a crop")
    parser.add_argument("runs", nargs="+", type=Path)
    options = parser.parse_args()
    models = {run.stem: crossimage.load(run) for run in options.runs}
    scales = {model.networks.upscales for model in models.values()}
    if len(models) < len(options.runs) or len(scales) > 1:
        parser.error("the runs must have different names and enlarge by the same scale")
    (scale,) = scales
    print(f"| PSNR / SSIM, enlarged {scale} times | " + " | ".join(["bicubic", *models]) + " |")
    print("|---" * (len(models) + 2) + "|")
    panels = []
    for folder in options.data:
        name, paths = Path(folder).name, find_images(folder).train
        figures = []
        shown: list[dict[str, Tensor]] = []
        for path in paths:
            versions = enlarged(path, models, scale)
            truth = versions["truth"]
            figures.append([
                (float(psnr(y, truth, scale)), float(ssim(y, truth, scale)))
                for title, y in versions.items() if title != "truth"
            ])  # fmt: skip
            if len(shown) < options.rows:
                shown.append(worst(versions, options.size))
        means = torch.tensor(figures, dtype=torch.float64).mean(0)
        row = " | ".join(f"{ratio:.2f} / {similarity:.4f}" for ratio, similarity in means.tolist())
        print(f"| {name} ({len(paths)}) | {row} |", flush=True)
        columns = [(title, [crops[title] for crops in shown]) for title in versions]
        panels.append(Panel(name, columns))  # type: ignore[arg-type]
    sheet(panels).save(options.out)


def enlarged(path: Path, models: dict[str, Translator], scale: int) -> dict[str, Tensor]:
    """Return an image (1, C, H, W), and its versions shrunk and enlarged again by each method."""
    gray = probe(path).channels < 3
    truth = read_image(path, 1 if gray else 3)[None]
    height, width = (side - side % scale for side in truth.shape[2:])
    truth = truth[:, :, :height, :width]
    small = shrink(truth, scale)
    versions = {"bicubic": enlarge(small, scale)}
    for name, model in models.items():
        channels = model.config.channels[0]
        y = model.translate(small.expand(-1, channels, -1, -1))
        versions[name] = y.mean(1, keepdim=True) if gray else y
    return versions | {"truth": truth}


def worst(versions: dict[str, Tensor], size: int) -> dict[str, Tensor]:
    """Return the crop (C, H, W) of every version of an image where interpolation errs most."""
    truth = versions["truth"]
    side = min(size, *truth.shape[2:])
    error = (versions["bicubic"] - truth).square().mean(1, keepdim=True)
    means = avg_pool2d(error, side, stride=8)[0, 0]
    top, left = (8 * int(place) for place in divmod(int(means.argmax()), means.shape[1]))
    return {k: y[0, :, top : top + side, left : left + side] for k, y in versions.items()}


if __name__ == "__main__":
    main()
