"""Strips of thumbnails for the report."""

import base64
import io

import torch
from PIL import Image

from crossimage.evaluation.report.strips import Extremes, Strip, strip, thumbnail


def test_extremes_keep_the_ends_and_make_no_others() -> None:
    made: list[float] = []

    def strip(value: float) -> Strip:
        made.append(value)
        return Strip(str(value), [])

    extremes = Extremes()
    for value in [*range(100, 0, -1), 50, 1]:
        extremes.add(float(value), lambda v=float(value): strip(v))
    low, high = extremes.blocks("low", "high")
    assert [s.caption for s in low.strips] == ["1.0", "1.0", "2.0", "3.0", "4.0", "5.0"]
    assert [s.caption for s in high.strips] == ["100.0", "99.0", "98.0", "97.0", "96.0", "95.0"]
    assert made.count(50.0) == 1


def test_thumbnails_are_small() -> None:
    data = thumbnail(torch.zeros(3, 400, 300, dtype=torch.uint8), "real").url
    with Image.open(io.BytesIO(base64.b64decode(data.split(",")[1]))) as image:
        assert image.size == (96, 128)


def test_of_many_outputs_a_strip_shows_the_first_ten() -> None:
    image = torch.zeros(3, 4, 4, dtype=torch.uint8)
    shown = strip("a.png", None, image.expand(12, 3, 4, 4), image)
    assert [picture.kind for picture in shown.images] == ["output"] * 10 + ["real"]
