"""The appearance of images: their colours, fingerprints and class numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crossimage.data.images.class_ids import MANY, read_class_ids
from crossimage.data.images.pixels import ImageInfo, Pixels, convert, normalise
from crossimage.data.images.resize import resize_decoded
from crossimage.data.near_duplicates import Fingerprint, fingerprint

BINS = 16
"""Equal steps of lightness, from black to white, of a histogram."""

_SIDE = 128  # pixels of the longer side at which colours are measured


@dataclass(frozen=True)
class Tone:
    """The colours of an image, or of several.

    Attributes:
        mean: Mean of red, green and blue, from 0 to 255.
        contrast: Standard deviation of the lightness, from 0 to 127.5.
        saturation: Mean difference of the strongest and the weakest colour, from 0 to 255.
        histogram: Fraction of the pixels at each of :data:`BINS` steps of lightness.
    """

    mean: tuple[float, float, float]
    contrast: float
    saturation: float
    histogram: tuple[float, ...]

    @property
    def hex(self) -> str:
        """The mean colour in the notation of CSS."""
        return "#" + "".join(f"{round(part):02x}" for part in self.mean)

    def share_below(self, lightness: int) -> float:
        """Return the fraction of the pixels below a lightness, a multiple of 256 / BINS."""
        return sum(self.histogram[: lightness * BINS // 256])


@dataclass(frozen=True)
class Appearance:
    """The appearance of one file.

    Attributes:
        fingerprint: See :mod:`crossimage.data.near_duplicates`.
        tones: The colours of the image, of its left half and of its right half.
        opacity: Whether it has transparent parts.
        numbers: The class numbers in it, if it may be a label map.
    """

    fingerprint: Fingerprint
    tones: tuple[Tone, Tone, Tone]
    opacity: bool
    numbers: frozenset[int] | None


class Appearances(dict[Path, Appearance]):
    """The appearance of each file, by path; files whose colours are unknown are absent."""

    def add(self, path: Path, info: ImageInfo, pixels: Pixels) -> None:
        """Add a decoded file, unless its channels or range of values rule out a conversion."""
        try:
            colours = convert(pixels, 3, None, str(path))
        except ValueError:
            return
        scale = _SIDE / max(colours.shape[1:])
        small = colours
        if scale < 1:
            height, width = (max(2, round(side * scale)) for side in colours.shape[1:])
            small = resize_decoded(colours, (height, width))
        values = (normalise(small) + 1) * 127.5
        middle = max(1, values.shape[2] // 2)
        parts = values, values[:, :, :middle], values[:, :, -middle:]
        left, right = (_tone(part) for part in parts[1:])
        opacity = pixels.alpha and bool((pixels.values[-1] != pixels.values[-1].max()).any())
        numbers = _numbers(path, pixels)
        self[path] = Appearance(
            fingerprint(colours), (_tone(values), left, right), opacity, numbers
        )


def mean_tone(tones: Sequence[Tone]) -> Tone:
    """Return the mean of the colours of several images."""
    means = np.mean([tone.mean for tone in tones], 0)
    return Tone(
        (float(means[0]), float(means[1]), float(means[2])),
        float(np.mean([tone.contrast for tone in tones])),
        float(np.mean([tone.saturation for tone in tones])),
        tuple(np.mean([tone.histogram for tone in tones], 0).tolist()),
    )


def numbers_of(appearances: Iterable[Appearance]) -> set[int]:
    """Return the class numbers of images that all may be label maps; otherwise nothing."""
    found: set[int] = set()
    for appearance in appearances:
        if appearance.numbers is None:
            return set()
        found |= appearance.numbers
    return found


def _tone(values: Tensor) -> Tone:
    means = values.mean((1, 2)).tolist()
    lightness = torch.tensordot(torch.tensor([0.299, 0.587, 0.114]), values, 1)
    counts = torch.histc(lightness, BINS, 0, 255)
    saturation = float((values.amax(0) - values.amin(0)).mean())
    return Tone(
        (means[0], means[1], means[2]),
        float(lightness.std(correction=0)),
        saturation,
        tuple((counts / counts.sum()).tolist()),
    )


def _numbers(path: Path, pixels: Pixels) -> frozenset[int] | None:
    """Return the class numbers of an image that may be a label map, judging by its pixels first."""
    values = pixels.values
    if pixels.alpha or values.is_floating_point() or len(values) not in (1, 3):
        return None
    array: NDArray[np.generic] = values.numpy()
    if len(np.unique(array[0, ::3, ::3])) > MANY or (array != array[:1]).any():
        return None
    try:
        ids = read_class_ids(path)
    except ValueError:
        return None
    return None if ids is None else frozenset(np.unique(ids).tolist())
