"""Translate in the style of a reference image, and walk from one style to another.

Run train_munit.py first.
"""

from __future__ import annotations

from pathlib import Path

import tyro
from PIL import Image

import crossimage


def main(folder: Path = Path("example"), steps: int = 6) -> None:
    """Write a row of images for the references, and one for the walk.

    Args:
        folder: Where train_munit.py put the data set and the run.
        steps: Images of the walk, both ends included.
    """
    model = crossimage.load(folder / "munit")
    outline = sorted((folder / "outlines" / "testA").glob("*.png"))[0]
    references = sorted((folder / "outlines" / "testB").glob("*.png"))[:4]

    guided = [model.translate(outline, to="shapes", reference=image) for image in references]
    row([Image.open(outline), *guided]).save(folder / "guided.png")

    first = model.encode_style(references[0], domain="shapes")  # (1, style_dim)
    last = model.sample_style(1, seed=0)
    walk = model.interpolate(outline, first, last, steps=steps, to="shapes")
    row(walk).save(folder / "walk.png")
    print(f"written: {folder / 'guided.png'}, {folder / 'walk.png'}")


def row(images: list[Image.Image]) -> Image.Image:
    """Put images of one size side by side."""
    width, height = images[0].size
    canvas = Image.new("RGB", (width * len(images), height), "white")
    for column, image in enumerate(images):
        canvas.paste(image, (column * width, 0))
    return canvas


if __name__ == "__main__":
    tyro.cli(main)
