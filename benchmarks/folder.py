"""Compare the speed of translating a folder with that of the networks alone.

    python benchmarks/folder.py [MODEL|RECIPE|METHOD] [--size N] [--count N] [--format F]

A folder of JPEG files is decoded, translated and encoded, alternating with the networks alone,
which get as many images from memory in the same batches. For a recipe or method (MUNIT by default),
the networks have random weights.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

from crossimage.config import build
from crossimage.inference.load import load
from crossimage.inference.predictor import Precision
from crossimage.inference.translator import Translator
from crossimage.methods import METHODS
from crossimage.recipes import resolve
from crossimage.utils.memory import keep_memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="munit", metavar="MODEL|RECIPE|METHOD")
    parser.add_argument("--size", type=int, default=256, help="height and width of the images")
    parser.add_argument("--count", type=int, default=32, help="images in the folder")
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--format", help="format of the outputs: png, jpg, ...; jpg by default")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    keep_memory()  # as the command line does
    model = open_model(options.model, options.precision)
    with TemporaryDirectory() as folder:
        compare(model, Path(folder), options)


def open_model(name: str, precision: Precision) -> Translator:
    """Return a trained model, or one with random weights."""
    if Path(name).exists():
        return load(name, precision=precision)
    method, settings = resolve(name)
    torch.manual_seed(0)
    networks = METHODS[method](build(METHODS[method].Config, settings), training=False)
    return Translator(networks, precision=precision)


def compare(model: Translator, folder: Path, options: argparse.Namespace) -> None:
    to, size, count, together = model.targets[-1], options.size, options.count, options.batch_size
    generator = np.random.default_rng(0)
    inputs, results = folder / "in", folder / "out"
    inputs.mkdir()
    for number in range(count):
        coarse = Image.fromarray(generator.integers(0, 256, (32, 32, 3), np.uint8))
        coarse.resize((size, size)).save(inputs / f"{number:05}.jpg", quality=95)
    target = model.target(to)
    channels = model.channels(target.source)
    x = model.fit_size(torch.rand(together, channels, size, size) * 2 - 1).to(model.device)
    styles = model.sample_style(together) if model.networks.style_dim else None
    goal = target.encode(together)

    def networks() -> None:
        for _ in range(count // together):
            model.translate_batch(
                x, goal, None if styles is None else styles.to(model.device)
            ).cpu()

    def files() -> None:
        report = model.translate_files(
            inputs, results, to, batch_size=together, format=options.format
        )
        assert len(report.written) == count

    ways: dict[str, Callable[[], None]] = {"networks alone": networks, "folder": files}
    rates: dict[str, list[float]] = {name: [] for name in ways}
    networks()
    for _ in range(options.rounds):
        for name, work in ways.items():
            began = time.perf_counter()
            work()
            rates[name].append(count / (time.perf_counter() - began))
    print(f"{options.model}, {count} images of {size}x{size}, batches of {together}")
    for name, found in rates.items():
        print(f"{name:16}{describe(found)} images/s")
    alone, folder_rates = rates.values()
    print(f"{'ratio':16}{describe([b / a for a, b in zip(alone, folder_rates, strict=True)])}")


def describe(values: list[float]) -> str:
    """Format the median and the extremes."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
