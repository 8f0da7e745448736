"""Contact sheets show every image, of any size and number of channels."""

import pytest
import torch
from PIL import Image
from torch import Tensor

from crossimage.utils.contact_sheet import Panel, sheet

RED = (255, 0, 0)


def _plain(colour: tuple[float, ...], n: int = 1, height: int = 100, width: int = 100) -> Tensor:
    return torch.tensor(colour).view(1, -1, 1, 1).expand(n, len(colour), height, width)


def _count(image: Image.Image, colour: tuple[int, int, int]) -> int:
    return sum(n for n, c in image.getcolors(1 << 24) or [] if c == colour)


@pytest.mark.parametrize(
    ("colour", "shown"),
    [
        ((-1.0,), (0, 0, 0)),
        ((1.0, -1.0), RED),
        ((1.0, -1.0, -1.0), RED),
        ((-1.0, 1.0, -1.0, 0.3, 0.7), (0, 255, 0)),
        ((5.0, -5.0, float("nan")), RED),
    ],
)
def test_channels_are_shown_sensibly(
    colour: tuple[float, ...], shown: tuple[int, int, int]
) -> None:
    image = sheet([Panel("", [("", _plain(colour, n=2))])])
    assert image.mode == "RGB" and _count(image, shown) == 2 * 100 * 100


def test_the_paper_is_white_and_headings_are_written_on_it() -> None:
    bare = sheet([Panel("", [("", _plain((1.0, 1.0, 1.0)))])])
    named = sheet([Panel("edges", [("input", _plain((1.0, 1.0, 1.0)))])])
    assert bare.getpixel((0, 0)) == named.getpixel((0, 0)) == (255, 255, 255)
    dark = [sum(n for n, c in p.getcolors(1 << 24) or [] if max(c) < 200) for p in (bare, named)]
    assert dark[0] == 0 and dark[1] > 50


def test_tiny_pictures_are_doubled() -> None:
    small = sheet([Panel("", [("x", _plain((1.0, -1.0, -1.0), height=32, width=64))])])
    large = sheet([Panel("", [("x", _plain((1.0, -1.0, -1.0), height=32, width=65))])])
    assert _count(small, RED) == 4 * 32 * 64 and _count(large, RED) == 32 * 65


def test_rows_and_columns_keep_their_order() -> None:
    left = torch.cat([_plain((-1.0, -1.0, 1.0)), _plain((1.0, -1.0, -1.0))])
    right = torch.cat([_plain((-1.0, 1.0, -1.0)), _plain((1.0, 1.0, -1.0))])
    image = sheet([Panel("", [("", left), ("", right)])])
    assert image.width > image.height - 60 > 200
    quarters = [image.getpixel((x, image.height - y)) for y in (170, 70) for x in (70, 175)]
    assert quarters == [(0, 0, 255), (0, 255, 0), RED, (255, 255, 0)]


def test_sizes_and_numbers_may_differ_between_columns() -> None:
    columns = [
        ("wide", _plain((1.0, -1.0, -1.0), n=3, height=80, width=200)),
        ("a heading much wider than its image", _plain((-1.0,), n=1, height=150, width=20)),
        ("none", torch.zeros(0, 3, 100, 100)),
    ]
    image = sheet([Panel("first", columns), Panel("second", columns)])
    assert _count(image, RED) == 2 * 3 * 80 * 200
    assert _count(image, (0, 0, 0)) >= 2 * 150 * 20


def test_half_precision_and_channels_last_are_drawn() -> None:
    x = _plain((1.0, -1.0, -1.0)).bfloat16().contiguous(memory_format=torch.channels_last)
    assert _count(sheet([Panel("", [("", x)])]), RED) == 100 * 100


def test_titles_may_hold_any_letter() -> None:
    title = sheet([Panel("Kühe → 馬 · test", [("é", _plain((1.0,)))])])
    plain = sheet([Panel("Kuhe -> ? · test", [("e", _plain((1.0,)))])])
    assert title.tobytes() == plain.tobytes()


def test_no_panels_are_an_empty_sheet() -> None:
    assert sheet([]).size == (40, 40)
