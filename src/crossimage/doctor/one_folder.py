"""Advice on a folder of images that have nothing to be translated to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from crossimage.data.images.class_ids import MANY
from crossimage.data.images.files import read_image
from crossimage.data.make.made import beside, combining, command
from crossimage.doctor.data_warnings import DataWarning, dividing_command
from crossimage.doctor.diagnosis import Diagnosis

_LOOKED_AT = 8  # images
_TINY = 64  # pixels of a side, as of digits and of the clothes of Fashion-MNIST


def advise_one_folder(diagnosis: Diagnosis, reason: str) -> DataWarning:
    """Return why data is read as one folder of images, and the command that makes pairs of it.

    Args:
        diagnosis: What was found in it.
        reason: Why methods that learn from two domains can't read it.
    """
    report = diagnosis.report
    text = (
        f"Methods that learn from two domains can't read this data: {reason}. What follows takes "
        "it for one folder of images"
    )
    data = Path(report.data).expanduser()
    sizes = [size for split in report.splits for size in split.sizes]
    if not data.is_dir() or report.images is None or not sizes:
        return DataWarning(f"{text}.")
    if any(warning.first for warning in diagnosis.warnings):  # which make other images of it
        return DataWarning(f"{text}.")
    if all(width == 2 * height for width, height in sizes):
        dividing = dividing_command(data)
        return DataWarning(f"{text}.", dividing, first=dividing is not None)
    if max(max(size) for size in sizes) <= _TINY:
        return DataWarning(f"{text}.")
    if _few_colours(report.images.domains[0].train):
        text += (
            "; they have few colours, like label maps or drawings: with a folder PHOTOS of the "
            "photos of the same names, they are pairs."
        )
        return DataWarning(text, combining(data), first=True)
    text += "; with their edges, for example, photos become pairs."
    words = ("data", "make", "edges", "--photos", data, "--out", beside(data, "_edges"))
    return DataWarning(text, command(*words), first=True)


def _few_colours(paths: Sequence[Path]) -> bool:
    """Return whether images have few different colours, judging by the first ones."""
    counts = []
    for path in paths[:_LOOKED_AT]:
        try:
            pixels = read_image(path).flatten(1)
        except (ValueError, OSError):
            continue
        counts.append(len(torch.unique(pixels, dim=1)[0]))
    return bool(counts) and max(counts) <= MANY
