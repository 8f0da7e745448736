"""Translate a folder of images, with several random styles each (run train_munit.py first)."""

from __future__ import annotations

from pathlib import Path

import tyro

import crossimage


def main(folder: Path = Path("example"), samples: int = 4) -> None:
    """Translate the test images.

    Args:
        folder: Where train_munit.py put the data set and the run.
        samples: Outputs per image.
    """
    model = crossimage.load(folder / "munit")
    print(model)
    results = model.translate_files(
        folder / "outlines" / "testA",
        folder / "translated",
        to="shapes",
        samples=samples,
        seed=0,  # the same styles every time
    )
    print(f"{len(results.written)} images written to {folder / 'translated'}")
    for _, reason in results.skipped:
        print(f"skipped: {reason}")


if __name__ == "__main__":
    tyro.cli(main)
