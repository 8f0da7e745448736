"""Coloured objects in class folders, by what they are or by how they look.

They train classifiers that judge translations of drawn outlines: by the kind of the shape, which an
outline determines, or by hue and texture, which it leaves open.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from crossimage.data.make.made import MadeDataset, command
from crossimage.data.make.outlines import TEXTURES, DrawnObject, draw_object
from crossimage.data.make.shapes import KINDS
from crossimage.utils.files import new_folder
from crossimage.utils.writing.pictures import save_png

HUES = ("red", "yellow", "lime", "green", "cyan", "blue", "violet", "pink")
"""Names of the eighths of the hues, from red on."""

_TRAIN, _TEST = 6, 7  # streams of random numbers that no image of `outlines` is drawn from


def make_object_classes(
    out: Path,
    *,
    class_of: Callable[[DrawnObject], str],
    classes: int,
    seed: int = 0,
    count: int = 6000,
    test_count: int = 1000,
    size: int = 64,
) -> MadeDataset:
    """Write train/CLASS and test/CLASS with new objects of the kinds that ``outlines`` draws.

    Args:
        out: The folder to create; removed after an error.
        class_of: Returns the class of an object.
        classes: How many there are.
        seed: Seed of all shapes and styles.
        count: Training images of all classes together.
        test_count: Test images of all classes together.
        size: Height and width in pixels.

    Returns:
        What was written, and the command that trains a classifier on it.

    Raises:
        ValueError: ``out`` exists and is not empty, a number is too small, or a class has no
            training image.
    """
    if count < 1 or test_count < 1 or size < 16:
        raise ValueError(
            f"expected count and test_count of at least 1 and size of at least 16, found {count}, "
            f"{test_count}, {size}"
        )
    with new_folder(out) as parent:
        for folder, stream, number in (("train", _TRAIN, count), ("test", _TEST, test_count)):
            for index in range(number):
                drawn = draw_object(np.random.default_rng([seed, stream, index]), size)
                own = parent / folder / class_of(drawn)
                own.mkdir(parents=True, exist_ok=True)
                save_png(drawn.image, own / f"{index:05d}.png")
        found = len(list((parent / "train").iterdir()))
        if found < classes:
            raise ValueError(
                f"{count} images show only {found} of {classes} classes; give a larger --count"
            )
    summary = f"{count} training and {test_count} test images of {classes} classes, {size} px"
    words = ("--data", out, "--out", Path(f"{out.resolve().name}.safetensors"), "--size", str(size))
    return MadeDataset(summary, command("evaluate", "fit-classifier", *words))


def _kind(drawn: DrawnObject) -> str:
    return drawn.kind


def _style(drawn: DrawnObject) -> str:
    return f"{HUES[int(drawn.hue * len(HUES))]}_{drawn.texture}"


MAKERS: dict[str, Callable[..., MadeDataset]] = {
    "object_kinds": partial(make_object_classes, class_of=_kind, classes=len(KINDS)),
    "object_styles": partial(
        make_object_classes, class_of=_style, classes=len(HUES) * len(TEXTURES)
    ),
}
