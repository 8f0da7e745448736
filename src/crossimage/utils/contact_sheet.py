"""Contact sheets: images in columns under headings."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

import torch
from PIL import Image, ImageDraw, ImageFont, ImageOps
from torch import Tensor

from crossimage.utils.intensities import to_uint8

_MARGIN, _GAP, _PANEL_GAP = 20, 5, 26
_TITLE_SIZE, _HEADING_SIZE = 20, 13
_TITLE_HEIGHT, _HEADING_HEIGHT = 32, 22
_PAPER, _INK, _FAINT, _EDGE = (255, 255, 255), (24, 24, 27), (113, 113, 122), (222, 222, 226)
_TINY = 64


class Panel(NamedTuple):
    """A block of a contact sheet.

    Attributes:
        title: Title of the block.
        columns: Headings, each with the images (N, C, H, W) in [-1, 1] of its column.
    """

    title: str
    columns: list[tuple[str, Tensor]]


def sheet(panels: Sequence[Panel]) -> Image.Image:
    """Draw panels below one another on white, one row per sample.

    Args:
        panels: Titles and columns of images; their sizes and numbers may differ between columns.
            One channel is drawn in gray, three or more as RGB of the first three, and two as red
            and green. Images of at most 64 pixels are doubled in size.

    Returns:
        An RGB image.
    """
    blocks = [_panel(panel) for panel in panels]
    width = max((block.width for block in blocks), default=0) + 2 * _MARGIN
    height = sum(block.height + _PANEL_GAP for block in blocks) - _PANEL_GAP * bool(blocks)
    paper = Image.new("RGB", (width, height + 2 * _MARGIN), _PAPER)
    top = _MARGIN
    for block in blocks:
        paper.paste(block, (_MARGIN, top))
        top += block.height + _PANEL_GAP
    return paper


def _image(x: Tensor) -> Image.Image:
    """Convert an image (C, H, W) in [-1, 1] with any number of channels to gray or RGB."""
    shown = x[:3].detach().float().cpu().nan_to_num(-1.0)
    if len(shown) == 2:
        shown = torch.cat([shown, torch.full_like(shown[:1], -1.0)])
    data = to_uint8(shown).permute(1, 2, 0)
    return Image.fromarray((data[..., 0] if len(shown) == 1 else data).contiguous().numpy())


def _panel(panel: Panel) -> Image.Image:
    title_font = ImageFont.load_default(size=_TITLE_SIZE)
    heading_font = ImageFont.load_default(size=_HEADING_SIZE)
    title = _drawable(panel.title)
    headings = [_drawable(heading) for heading, _ in panel.columns]
    columns = [[_framed(_image(x)) for x in images] for _, images in panel.columns]
    rows = list(zip_longest(*columns))
    widths = [
        max([round(heading_font.getlength(heading)), *(image.width for image in column)])
        for heading, column in zip(headings, columns, strict=True)
    ]
    heights = [max(image.height for image in row if image is not None) for row in rows]
    top = _TITLE_HEIGHT if title else 0
    width = max(sum(widths) + _GAP * (len(widths) - 1), round(title_font.getlength(title)))
    height = top + _HEADING_HEIGHT + sum(heights) + _GAP * (len(heights) - 1)

    block = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(block)
    draw.text((0, 0), title, _INK, title_font)
    left = 0
    for j, heading in enumerate(headings):
        draw.text((left, top), heading, _FAINT, heading_font)
        y = top + _HEADING_HEIGHT
        for row, row_height in zip(rows, heights, strict=True):
            image = row[j]
            if image is not None:
                block.paste(image, (left, y))
            y += row_height + _GAP
        left += widths[j] + _GAP
    return block


def _framed(image: Image.Image) -> Image.Image:
    """Frame an image, so that white ones have an edge; double a tiny one to fit its heading."""
    if max(image.size) <= _TINY:
        image = image.resize((2 * image.width, 2 * image.height), Image.Resampling.NEAREST)
    return ImageOps.expand(image.convert("RGB"), border=1, fill=_EDGE)


def _drawable(text: str) -> str:
    """Reduce a text to what Pillow's own font can draw: accents dropped, others as ``?``."""
    letters = unicodedata.normalize("NFKD", text.replace("→", "->").replace("ß", "ss"))
    kept = (letter for letter in letters if not unicodedata.combining(letter))
    return "".join(letter if letter.isascii() or letter == "·" else "?" for letter in kept)
