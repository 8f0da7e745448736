"""Train pix2pix on pairs, and measure how close it comes to the true images."""

from __future__ import annotations

from pathlib import Path

import tyro

import crossimage
from crossimage.data.make.outlines import make_outlines


def main(folder: Path = Path("example"), images: int = 400, steps: int = 1000) -> None:
    """Make pairs, train, translate a test image and evaluate.

    Args:
        folder: Where to put the data set and the run.
        images: Training pairs.
        steps: Training steps; the default takes minutes on a CPU.
    """
    data = folder / "pairs"
    if not data.exists():
        make_outlines(data, count=images, paired=True)
    result = crossimage.train(
        "pix2pix/outlines",
        data=data,
        out=folder / "pix2pix",
        steps=steps,
        decay_steps=steps // 2,
        on_progress=print,
    )
    model = result.load()
    outline = sorted((data / "testA").glob("*.png"))[0]
    model.translate(outline, seed=0).save(folder / "pix2pix.png")

    figures = crossimage.evaluate(model, data=data, metrics="psnr,ssim,l1")
    print(figures)


if __name__ == "__main__":
    tyro.cli(main)
