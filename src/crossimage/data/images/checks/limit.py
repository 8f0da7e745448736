"""How many pixels of an image are decoded at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

DEFAULT_MAX_PIXELS = 2**28
"""Pixels that are decoded at once by default: those of 16,384 x 16,384."""

_VARIABLE = "CROSSIMAGE_MAX_PIXELS"  # processes that this one starts have the same limit
_DIGITS = 18


def set_max_pixels(pixels: int | None) -> None:
    """Set how many pixels of an image are decoded at once, in this process and those it starts.

    Larger images are refused before memory is taken for them. Pixels of up to 4 bytes count as
    one, and others in proportion: one of 16-bit RGB as one and a half. By default the limit is
    268,435,456, and images of more than 64,000,000 need a byte for every 512 pixels, which photos
    have and files made to exhaust memory do not. A limit that is set is the only one.

    Args:
        pixels: The limit; None: the default.

    Raises:
        ValueError: The number is not positive.
    """
    if pixels is None:
        os.environ.pop(_VARIABLE, None)
        return
    whole = isinstance(pixels, int) and not isinstance(pixels, bool)
    if not whole or not 0 < pixels < 10**_DIGITS:
        raise ValueError(
            f"the number of pixels that are decoded at once (max_pixels) is {str(pixels)[:40]}; "
            "expected a positive whole number"
        )
    os.environ[_VARIABLE] = str(pixels)


def chosen_max_pixels() -> int | None:
    """Return the number of pixels that :func:`set_max_pixels` set; None: the default holds.

    Raises:
        ValueError: The environment variable that passes it on is not a positive number.
    """
    text = os.environ.get(_VARIABLE)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS and int(text)):
        raise ValueError(
            f"the environment variable {_VARIABLE} is {text[:40]!r}; expected a positive whole "
            "number"
        )
    return int(text)


def max_pixels() -> int:
    """Return how many pixels of an image are decoded at once."""
    return chosen_max_pixels() or DEFAULT_MAX_PIXELS


@contextmanager
def max_pixels_kept() -> Iterator[None]:
    """Restore at the end the number of pixels that are decoded at once."""
    before = os.environ.get(_VARIABLE)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_VARIABLE, None)
        else:
            os.environ[_VARIABLE] = before
