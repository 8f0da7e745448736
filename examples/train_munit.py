"""Train MUNIT on two unpaired folders of images.

Makes a small data set of outlines and coloured shapes first. Interrupt it whenever you like; the
next call continues the run.
"""

from __future__ import annotations

from pathlib import Path

import tyro

import crossimage
from crossimage.data.make.outlines import make_outlines


def main(folder: Path = Path("example"), images: int = 400, steps: int = 700) -> None:
    """Make data and train.

    Args:
        folder: Where to put the data set and the run.
        images: Training images per domain.
        steps: Training steps; the default takes minutes on a CPU.
    """
    data = folder / "outlines"
    if not data.exists():
        make_outlines(data, count=images)
    result = crossimage.train(
        "munit/outlines",
        data=data,
        out=folder / "munit",
        domains=("outlines", "shapes"),
        steps=steps,
        on_progress=print,
    )
    losses = result.history[-1].losses
    print(", ".join(f"{name} {value:.3g}" for name, value in losses.items()))
    print(f"{result.step} steps completed; model: {result.model_path}, page: {result.page_path}")


if __name__ == "__main__":
    tyro.cli(main)
