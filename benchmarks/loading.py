"""Compare the speed of loading training images with that of torchvision's usual pipeline.

    python benchmarks/loading.py [DIR] [--rounds N]

Both read the same JPEG files, resize the shortest side to 286 pixels, crop 256 x 256 at random,
mirror half of them and return float32 tensors in [-1, 1]. The files are those in DIR, or generated:
noise with the spectrum of photos, 512 to 1024 pixels per side. The two alternate in one process
with one thread. CPU time is measured, which other programs do not affect.
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
from torchvision import transforms

from crossimage.config import Config
from crossimage.data.samples.datasets import SingleImages
from crossimage.data.sources.folders import find_images

COUNT, SHORTEST, CROP = 64, 286, 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with TemporaryDirectory() as made:
        folder = options.folder or make_photos(Path(made))
        compare(folder, options.rounds)


def compare(folder: Path, rounds: int) -> None:
    data = SingleImages(
        [find_images(str(folder))], Config(resize=SHORTEST, crop=(CROP, CROP), channels=(3,))
    )
    files = data.domains[0].train
    pipeline = transforms.Compose(
        [
            transforms.Resize(SHORTEST),
            transforms.RandomCrop(CROP),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize((0.5,) * 3, (0.5,) * 3),
        ]
    )

    def ours() -> None:
        for number in range(len(files)):
            item = data[number]
            assert item.error is None and not item.unreadable

    def torchvision() -> None:
        for path in files:
            with Image.open(path) as image:
                pipeline(image.convert("RGB"))

    ways = {"crossimage": ours, "torchvision": torchvision}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, load in ways.items():
            spent = timed(load)
            if turn:  # the first round warms up
                seconds[name].append(spent)
    for name, spent in seconds.items():
        print(f"{name:12}{describe([len(files) / s for s in spent])} images/s")
    ratios = [b / a for a, b in zip(*seconds.values(), strict=True)]
    print(f"{'ratio':12}{describe(ratios, 2)}, {len(files)} files, {rounds} rounds")


def timed(load: Callable[[], None]) -> float:
    began = time.process_time()
    load()
    return time.process_time() - began


def describe(values: list[float], digits: int = 0) -> str:
    """Format the median and the quartiles."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def make_photos(folder: Path) -> Path:
    """Write JPEG files with the spectrum of photos: noise at every scale, less at finer ones."""
    generator = np.random.default_rng(0)
    for number in range(COUNT):
        width, height = generator.integers(512, 1025, 2).tolist()
        image = generator.normal(128, 4, (height, width, 3))
        for octave in range(2, 9):
            noise = generator.normal(0, 50 * 0.57 ** (octave - 2), (2**octave, 2**octave, 3))
            layers = [
                Image.fromarray(layer.astype(np.float32)).resize(
                    (width, height), Image.Resampling.BICUBIC
                )
                for layer in np.moveaxis(noise, 2, 0)
            ]
            image += np.stack(layers, 2)
        pixels = image.clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.jpg", quality=90)
    return folder


if __name__ == "__main__":
    main()
