"""Training samples and files as small images that a page can hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import Tensor

from crossimage.data.images.arrays import to_pil
from crossimage.data.images.files import decode
from crossimage.data.images.pixels import normalise
from crossimage.data.images.resize import resize_shortest_side
from crossimage.data.samples.datasets import ImageDataset
from crossimage.utils.writing.pictures import data_url

SIDE = 256
"""Pixels of the longer side of a preview, at most."""

_FLAT = 256  # colours of drawings and label maps, at most
_SMALLEST = 96  # pixels of the longer side up to which a preview is enlarged, pixel by pixel


@dataclass(frozen=True)
class Preview:
    """An image on the page.

    Attributes:
        caption: What it shows.
        source: The image as a ``data:`` URL.
        width: Its width in pixels.
        height: Its height in pixels.
    """

    caption: str
    source: str
    width: int
    height: int


@dataclass(frozen=True)
class SamplePreview:
    """A training sample: its images, and the files that they are from."""

    number: int
    images: tuple[Preview, ...]
    files: tuple[str, ...]


def sample_previews(images: ImageDataset, count: int) -> list[SamplePreview]:
    """Return training samples as a method sees them: cropped, mirrored, with their channels.

    Samples whose files cannot be read are left out.
    """
    names = dict(zip(images.letters, (domain.name for domain in images.domains), strict=True))
    shown = []
    for number in range(count):
        sample = images[number]
        if sample.error is not None:
            continue
        parts = tuple(preview(x, names.get(letter, letter)) for letter, x in sample.images.items())
        files = tuple(dict.fromkeys(Path(file).name for file in sample.files))
        shown.append(SamplePreview(number, parts, files))
    return shown


def file_preview(path: Path, caption: str) -> Preview | None:
    """Return a whole file, reduced; None if it cannot be shown."""
    try:
        values = normalise(decode(path)).contiguous()
    except (ValueError, OSError):
        return None
    return preview(values, caption)


def preview(x: Tensor, caption: str) -> Preview:
    """Return an image (C, H, W) in [-1, 1]; of other channel counts, the first one."""
    if x.shape[0] not in (1, 3, 4):
        x, caption = x[:1], f"{caption}, first of {x.shape[0]} channels"
    scale = SIDE / max(x.shape[1:])
    if scale < 1:
        x = resize_shortest_side(x[None], max(1, round(scale * min(x.shape[1:]))))[0]
    elif max(x.shape[1:]) <= _SMALLEST:
        times = _SMALLEST * 2 // max(x.shape[1:])
        x = x.repeat_interleave(times, 1).repeat_interleave(times, 2)
    return Preview(caption, _url(to_pil(x)), x.shape[2], x.shape[1])


def _url(image: Image.Image) -> str:
    """Return an image as a URL; PNG where that is exact and small, JPEG otherwise."""
    exact = image.mode == "RGBA" or image.getcolors(_FLAT) is not None
    return data_url(image, "PNG" if exact else "JPEG", quality=88)
