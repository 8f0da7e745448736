"""Sample sheets of a run on disk: ``samples/step-00010000.jpg``."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from PIL import Image

from crossimage.utils.files import atomic
from crossimage.utils.writing.folders import make_folder
from crossimage.utils.writing.pictures import encoded

JPEG = {"quality": 90, "subsampling": 0}
"""How sheets are compressed: 45 dB from the original, a fifth of the size of a PNG."""
_NAME = re.compile(r"step-(\d+)\.(?:jpg|png)")
_LARGEST = 65_000  # pixels; JPEG's own limit is 65,535
_RECENT = 20


def sheet_files(run: Path) -> list[tuple[int, Path]]:
    """Return the steps and files of a run's sample sheets, oldest first.

    Runs of earlier versions have PNG files.
    """
    matches = ((_NAME.fullmatch(path.name), path) for path in run.glob("samples/step-*"))
    by_step = {int(match[1]): path for match, path in sorted(matches, key=_png_first) if match}
    return sorted(by_step.items())


def save_sheet(image: Image.Image, run: Path, step: int) -> Path:
    """Write the sample sheet of a step, and thin out older ones.

    The 20 newest sheets stay. Of the older ones, each stays that is at least a tenth later than the
    one before it that stays.

    Raises:
        OSError: The file cannot be written.
    """
    path = run / "samples" / f"step-{step:08d}.jpg"
    make_folder(path.parent)
    image = image.copy()
    image.thumbnail((_LARGEST, _LARGEST))
    with atomic(path) as file:
        file.write(encoded(image, "JPEG", **JPEG))
    path.with_suffix(".png").unlink(missing_ok=True)
    _thin([(n, p) for n, p in sheet_files(run) if n <= step and p.suffix == ".jpg"])
    return path


def is_spaced(step: int, before: int) -> bool:
    """Return whether a step is at least a tenth later than another one."""
    return 10 * step >= 11 * before


def _thin(sheets: list[tuple[int, Path]]) -> None:
    kept = 0
    for step, path in sheets[:-_RECENT]:
        if is_spaced(step, kept):
            kept = step
        else:
            with suppress(OSError):
                path.unlink()


def _png_first(found: tuple[re.Match[str] | None, Path]) -> bool:
    return found[1].suffix == ".jpg"
