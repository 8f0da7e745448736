"""Train SRResNet and SRGAN on a folder of large images, and enlarge small ones."""

from __future__ import annotations

from pathlib import Path

import tyro
from PIL import Image

import crossimage
from crossimage.data.make.outlines import make_outlines


def main(folder: Path = Path("example"), images: int = 200, steps: int = 1000) -> None:
    """Make images, train on them, and enlarge a small one.

    Args:
        folder: Where to put the images and the run.
        images: Training images.
        steps: Training steps; SRResNet alone takes the first four fifths.
    """
    data = folder / "large"
    if not data.exists():
        make_outlines(data, count=images, size=96)
    result = crossimage.train(
        "srgan/x4_small",
        data=data / "trainB",  # one folder: the small versions are made from it
        out=folder / "srgan",
        steps=steps,
        mse_steps=max(1, steps * 4 // 5),
        on_progress=print,
    )
    with Image.open(sorted((data / "testB").glob("*.png"))[0]) as large:
        small = large.convert("RGB").resize((24, 24), Image.Resampling.BICUBIC)
    enlarged = result.load().translate(small)
    enlarged.save(folder / "enlarged.png")
    print(f"{small.size} -> {enlarged.size}: {folder / 'enlarged.png'}")


if __name__ == "__main__":
    tyro.cli(main)
