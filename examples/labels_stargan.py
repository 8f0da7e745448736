"""Train StarGAN on a table of attributes: one network for several changes to an image."""

from __future__ import annotations

import csv
from pathlib import Path

import tyro
from PIL import Image, ImageStat

import crossimage
from crossimage.data.make.outlines import make_outlines


def main(folder: Path = Path("example"), images: int = 400, steps: int = 1000) -> None:
    """Make a table, train on it, and change the labels of a test image.

    Args:
        folder: Where to put the data set and the run.
        images: Training images.
        steps: Training steps; the default takes minutes on a CPU.
    """
    data = folder / "attributes"
    if not data.exists():
        make_outlines(data, count=images)
        write_table(data / "labels.csv", [*data.glob("trainB/*.png"), *data.glob("testB/*.png")])
    result = crossimage.train(
        "stargan/faces",
        data=data / "labels.csv",
        out=folder / "stargan",
        attributes=("red", "blue"),
        steps=steps,
        decay_steps=steps // 2,
        on_progress=print,
    )
    model = result.load()
    shape = sorted((data / "testB").glob("*.png"))[0]
    for name, labels in (
        ("red", {"red": 1}),
        ("blue", {"blue": 1}),
        ("both", {"red": 1, "blue": 1}),
    ):
        model.translate(shape, to=labels).save(folder / f"{name}.png")


def write_table(path: Path, images: list[Path]) -> None:
    """Write whether an image has more red, and more blue, than green."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["file", "split", "red", "blue"])
        for image in sorted(images):
            red, green, blue = ImageStat.Stat(Image.open(image).convert("RGB")).mean
            name = image.relative_to(path.parent)
            split = image.parent.name.removesuffix("B")
            table.writerow([name, split, int(red > green), int(blue > green)])


if __name__ == "__main__":
    tyro.cli(main)
