"""Write output images into a folder, with progress on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from torch import Tensor

from crossimage.data.images.files import write_image
from crossimage.utils.progress import ProgressCallback, StderrProgress

SHEET = "sheet.png"
"""Name of the contact sheet that is written next to the outputs."""


def check_folder(out: Path) -> None:
    """Refuse a path for outputs that is a file.

    Raises:
        ValueError: It is a file.
    """
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; expected a folder for the results")


def write_output(
    path: Path,
    image: Tensor,
    value_range: tuple[float, float] | None,
    gaps: Tensor | None = None,
    nodata: float | None = None,
) -> None:
    """Write an image (C, H, W) like :func:`write_image`, and create its folder if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, image, value_range, gaps, nodata)


@contextmanager
def report_progress(
    description: str, total: int, progress: bool | ProgressCallback
) -> Iterator[Callable[[int], None]]:
    """Report progress on stderr or to a callback, if wanted; yields the function that advances it.

    Args:
        description: What is being done, in a few words.
        total: Number of items.
        progress: Whether to report it on stderr, or the callback.
    """
    if not progress:
        yield lambda count: None
        return
    done = 0
    with StderrProgress() if progress is True else nullcontext(progress) as report:

        def advance(count: int) -> None:
            nonlocal done
            done += count
            report(description, done, total)

        report(description, 0, total)
        yield advance
