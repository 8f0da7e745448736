"""Several trained models side by side: a sheet of their answers to the same inputs, and figures.

    python benchmarks/compare.py --data DIR --out SHEET.png RUN [RUN ...]

prints for each run, over test images of its source domain: the diversity, which is the mean
absolute difference between two of its answers to one input, and, where the images are pairs
(``--paired``), the mean absolute distance of its answers to the true image, and that of the nearest
of them; all in levels of 0 to 255. All runs must translate in the same direction at the same size.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

import crossimage
from crossimage.config import Config
from crossimage.data.datasets import PairedImages, UnpairedImages
from crossimage.data.sources.folders import scan_domains
from crossimage.inference.translator import Translator
from crossimage.utils.contact_sheet import Panel, sheet

SHOWN = 3  # answers a model on the sheet, where it has several


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", required=True, help="data set with test images")
    parser.add_argument("--out", required=True, type=Path, help="PNG file for the sheet")
    parser.add_argument("--paired", action="store_true", help="the domains' images are pairs")
    parser.add_argument("--inputs", type=int, default=20, help="test images the figures are over")
    parser.add_argument("--rows", type=int, default=6, help="test images on the sheet")
    parser.add_argument("--answers", type=int, default=8, help="answers an input")
    parser.add_argument("runs", nargs="+", type=Path)
    options = parser.parse_args()
    models = {run.name: crossimage.load(run) for run in options.runs}
    x, truth = test_images(next(iter(models.values())), options)
    columns = [("input", x[: options.rows])]
    if options.paired:
        columns.append(("truth", truth[: options.rows]))
    print("| run | diversity |" + (" distance | nearest |" if options.paired else ""))
    print("|---|---|" + ("---|---|" if options.paired else ""))
    for name, model in models.items():
        y = answers(model, x, options.answers)
        row = f"| {name} | {diversity(y):.2f} |"
        if options.paired:
            distance = (y - truth[:, None]).abs().mean((2, 3, 4)) * 127.5
            row += f" {distance.mean():.1f} | {distance.amin(1).mean():.1f} |"
        print(row)
        several = SHOWN if model.networks.style_dim or model.networks.stochastic else 1
        for i in range(several):
            title = f"{name} {i + 1}" if several > 1 else name
            columns.append((title, y[: options.rows, i]))
    sheet([Panel("", columns)]).save(options.out)


def test_images(model: Translator, options: argparse.Namespace) -> tuple[Tensor, Tensor]:
    """Test images of the model's source and target domain."""
    c = model.config
    config = Config(channels=c.channels, crop=c.crop, resize=min(c.crop), value_range=c.value_range)
    kind = PairedImages if options.paired else UnpairedImages
    images = kind(scan_domains(options.data), config).fixed("test", options.inputs).images
    source, target = "ab" if model.networks.targets[-1] == "b" else "ba"
    return images[source], images[target]


def answers(model: Translator, x: Tensor, count: int) -> Tensor:
    """Answers (N, count, C, H, W), each drawn with its own seed."""
    return torch.stack([model.translate(x, seed=seed) for seed in range(count)], 1)


def diversity(y: Tensor) -> float:
    """Mean absolute difference of two answers (N, k, C, H, W) to an input, in levels of 255."""
    first, second = torch.combinations(torch.arange(y.shape[1])).T
    return float((y[:, first] - y[:, second]).abs().mean() * 127.5)


if __name__ == "__main__":
    main()
