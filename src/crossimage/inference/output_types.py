"""Types of result files, and what they can hold."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from crossimage.data.images.formats import (
    DEEP,
    EXTENSIONS,
    TIFF,
    WITH_OPACITY,
    Depth,
    Opacity,
    whole_range,
)
from crossimage.utils.names import did_you_mean
from crossimage.utils.writing.folders import check_folder

ResultDepth = Literal["auto"] | Depth
"""How results store their values; ``auto``: like their inputs."""

_FLOATING = (".pfm",)  # files of floating-point values that are not written
_ABLE = {"16": DEEP, "float": TIFF}


def check_results_folder(out: Path) -> None:
    """Refuse a folder for results that can't be made, or that is meant to be a file.

    Raises:
        PermissionError: The nearest folder that exists can't be written to.
        ValueError: It or one above it is a file, or it would be a new folder named like an image.
    """
    check_folder(out, "the results")
    if not out.exists() and out.suffix.lower() in EXTENSIONS:
        raise ValueError(
            f"{out} is named like an image; expected a folder for the results, which keep the "
            "names of the inputs, such as results"
        )


def check_types(format: str | None, depth: ResultDepth, alpha: Opacity) -> None:
    """Check that results of a type can hold what is asked for.

    Args:
        format: Type of the results, such as ``png``; None: that of each input.
        depth: How values are stored.
        alpha: What becomes of transparent parts.

    Raises:
        ValueError: They cannot, or an option is unknown.
    """
    if alpha not in get_args(Opacity):
        raise ValueError(f"alpha must be white, keep or drop, found {alpha!r}")
    if depth not in ("auto", *get_args(Depth)):
        raise ValueError(f"depth must be auto, 8, 16 or float, found {depth!r}")
    if format is None:
        return
    suffix = suffix_of(format)
    if suffix not in _ABLE.get(depth, EXTENSIONS):
        raise ValueError(f"format {format} can't hold depth {depth}; use {_listed(_ABLE[depth])}")
    if alpha == "keep" and suffix not in WITH_OPACITY:
        raise ValueError(f"format {format} can't hold opacity; use {_listed(WITH_OPACITY)}")


def _listed(suffixes: tuple[str, ...]) -> str:
    return " or ".join(suffix[1:] for suffix in suffixes)


def suffix_for(path: Path, format: str | None, depth: ResultDepth) -> str:
    """Return the suffix of the results of an input.

    Args:
        path: The input.
        format: Type of the results; None: that of the input if it is written and can hold the
            depth, and otherwise PNG, or TIFF for floating-point values.
        depth: How values are stored.
    """
    if format is not None:
        return suffix_of(format)
    own, able = path.suffix, _ABLE.get(depth, EXTENSIONS)
    if own.lower() in able:
        return own
    return ".tif" if able == TIFF or own.lower() in _FLOATING else ".png"


def note_type(path: Path, suffix: str, format: str | None) -> str | None:
    """Return that the results of an input have another type, unless that was asked for."""
    own = path.suffix.lower()
    if format is not None or own in EXTENSIONS or not own:
        return None
    return f"{own} files are not written, so the results are {suffix} files"


def depth_of(
    asked: ResultDepth,
    original: Depth,
    suffix: str,
    channels: int,
    value_range: tuple[float, float] | None,
) -> Depth | None:
    """Return how a result stores its values; None: as TIFF files of 8-bit inputs do."""
    if asked != "auto":
        return asked
    if suffix not in TIFF:
        return "16" if suffix in DEEP and original != "8" else "8"
    if original == "8":
        return "8" if value_range is None and channels not in (1, 3, 4) else None
    if value_range is None:
        return "16"
    return original if whole_range(value_range) == tuple(value_range) else "float"


def note_lost_depth(original: Depth, suffix: str) -> str | None:
    """Return what a result's format can't hold of its input's values, if anything."""
    if original == "8" or suffix in TIFF or (original == "16" and suffix in DEEP):
        return None
    held = "16 bits" if suffix in DEEP else "8 bits"
    found = "16 bits" if original == "16" else "floating-point values"
    return f"the input has {found}, and the result has {held}, which is what {suffix} holds"


def suffix_of(format: str) -> str:
    """Return the suffix of a format such as ``png``.

    Raises:
        ValueError: The format is unknown.
    """
    suffix = f".{format.lower().removeprefix('.')}"
    if suffix not in EXTENSIONS:
        known = sorted(extension[1:] for extension in EXTENSIONS)
        hint = did_you_mean(suffix[1:], known)
        raise ValueError(f"format '{format}' is unknown; expected one of {', '.join(known)}{hint}")
    return suffix
