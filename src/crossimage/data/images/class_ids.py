"""Images that hold class numbers in place of colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from crossimage.data.images.files import verify
from crossimage.data.images.pixels import ImageError
from crossimage.data.images.stored import WHOLE, stored_values
from crossimage.utils.reading import FailedReadError, open_data, reads_noticed

MANY = 64
"""Different values up to which an image with one channel may be a label map."""

DARK = 64
"""Class numbers below this one look black."""

_FLAT = 0.75  # share of equal neighbours: 0.87 and more in CamVid, 0.67 in photos of values to 31
_INSTANCES = 1000  # from this number on, numbers are class * 1000 + instance, as in Cityscapes
_VOID = 255
_LOSSY = ("JPEG", "MPO", "WEBP", "AVIF", "HEIF", "JPEG2000")


def read_class_ids(path: Path) -> NDArray[np.int64] | None:
    """Return the class numbers (H, W) of an image that may be a label map; None if it can't be.

    Label maps have one channel of whole numbers, of which few are different, and are stored without
    loss. Images with a palette of colours show their classes in colours already.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It cannot be read.
    """
    verify(path)  # raises the errors of all readers
    try:
        with reads_noticed(), open_data(path) as file, Image.open(file) as image:
            if image.mode not in WHOLE or image.format in _LOSSY:
                return None
            if image.mode == "P" and not _is_gray(image):
                return None
            ids = stored_values(path, image).astype(np.int64)
            if image.mode == "1":  # a mask of black and white
                ids = ids * 255
    except FailedReadError as error:
        raise ImageError(str(error)) from None
    except (OSError, ValueError, SyntaxError) as error:
        raise ImageError(f"{path} can't be read: {error}") from None
    ids = without_instances(ids)
    return ids if ids.min() >= 0 and len(np.unique(ids)) <= MANY else None


def without_instances(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return class numbers in place of those of instances: 26 for 26003."""
    return np.where(ids >= _INSTANCES, ids // _INSTANCES, ids)


def names_classes(numbers: set[int]) -> bool:
    """Return whether the values of label maps include numbers other than those of a mask."""
    return bool(numbers - {0, _VOID}) and max(numbers - {_VOID}) < _INSTANCES


def holds_class_numbers(image: Tensor) -> bool:
    """Return whether an image is gray and nearly black, of few values in areas of one value each.

    Neighbours are compared outside of the most common value, as the sky of photos at night is flat.

    Args:
        image: The image (C, H, W) in [-1, 1], as it is stored in its file.
    """
    values = (image[0].float() + 1) * 127.5
    if _lightest(values[::4, ::4]) >= DARK or (image != image[:1]).any():
        return False
    if values.max() < 1:  # numbers of 16 bits
        values = values * 257
    numbers = values.round()
    if (values - numbers).abs().max() > 0.02 or _lightest(numbers) >= DARK:
        return False
    found, counts = torch.unique(numbers, return_counts=True)
    if len(found) < 2 or not names_classes({int(number) for number in found}):
        return False
    others = numbers[:, 1:] != found[counts.argmax()]
    same = numbers[:, 1:] == numbers[:, :-1]
    return bool(others.any()) and same[others].float().mean().item() >= _FLAT


def _lightest(values: Tensor) -> float:
    """Return the highest value apart from that for pixels of no class."""
    return float(torch.where(values > _VOID - 0.5, 0, values).max())


def _is_gray(image: Image.Image) -> bool:
    """Return whether the palette of an image gives each number its own gray value."""
    colours = np.array(image.getpalette("RGB") or [], np.int64).reshape(-1, 3)
    return bool((colours == np.arange(len(colours))[:, None]).all())
