"""Train a GAN on one folder of images, and sample new ones from noise."""

from __future__ import annotations

from pathlib import Path

import tyro

import crossimage
from crossimage.data.make.outlines import make_outlines


def main(
    folder: Path = Path("example"), images: int = 400, steps: int = 1000, samples: int = 64
) -> None:
    """Make images, train on them, and sample.

    Args:
        folder: Where to put the images and the run.
        images: Training images.
        steps: Training steps; the default takes minutes on a CPU.
        samples: Images to sample.
    """
    data = folder / "shapes"
    if not data.exists():
        make_outlines(data, count=images, size=32)
    result = crossimage.train(
        "gan/fashion",
        data=data / "trainB",
        out=folder / "gan",
        channels=3,
        batch_size=16,
        steps=steps,
        on_progress=print,
    )
    paths = result.load().sample_files(samples, folder / "samples", seed=0)
    print(f"{len(paths)} images, side by side in {paths[0].with_name('sheet.png')}")


if __name__ == "__main__":
    tyro.cli(main)
