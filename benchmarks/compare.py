"""Compare trained models: a sheet of their translations of the same inputs, and figures.

    python benchmarks/compare.py --data DIR --out SHEET.png RUN [RUN ...]

Prints for each run, over test images of its source domain, the diversity (the mean absolute
difference between two outputs for one input) and, with ``--paired``, the mean absolute distance
between the outputs and the true image, and that of the closest output; all in levels of 0 to 255.
All runs must translate in the same direction at the same size.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

import crossimage
from crossimage.config import Config
from crossimage.data.samples.datasets import PairedImages
from crossimage.data.samples.unpaired import UnpairedImages
from crossimage.data.sources.domains.scan import scan_domains
from crossimage.inference.translator import Translator
from crossimage.utils.contact_sheet import Panel, sheet

SHOWN = 3  # outputs per model on the sheet, if it has several


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", required=True, help="data set with test images")
    parser.add_argument("--out", required=True, type=Path, help="PNG file for the sheet")
    parser.add_argument("--paired", action="store_true", help="the domains' images are pairs")
    parser.add_argument("--inputs", type=int, default=20, help="test images to evaluate")
    parser.add_argument("--rows", type=int, default=6, help="test images on the sheet")
    parser.add_argument("--outputs", type=int, default=8, help="outputs per input")
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
        y = outputs(model, x, options.outputs)
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
    """Return test images of the model's source and target domain."""
    c = model.config
    config = Config(channels=c.channels, crop=c.crop, resize=min(c.crop), value_range=c.value_range)
    kind = PairedImages if options.paired else UnpairedImages
    images = kind(scan_domains(options.data), config).fixed("test", options.inputs).images
    source, target = "ab" if model.networks.targets[-1] == "b" else "ba"
    return images[source], images[target]


def outputs(model: Translator, x: Tensor, count: int) -> Tensor:
    """Return outputs (N, count, C, H, W), each drawn with its own seed."""
    return torch.stack([model.translate(x, seed=seed) for seed in range(count)], 1)


def diversity(y: Tensor) -> float:
    """Return the mean absolute difference between two of an input's k outputs, in levels of 255."""
    first, second = torch.combinations(torch.arange(y.shape[1])).T
    return float((y[:, first] - y[:, second]).abs().mean() * 127.5)


if __name__ == "__main__":
    main()
