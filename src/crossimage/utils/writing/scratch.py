"""Temporary folders for what is not kept, which no killed process leaves behind for long."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crossimage.utils.writing.temporary import create_folder, sweep_once


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder in the system's place for temporary files, which is removed in the end.

    What killed processes left there is removed when a process makes its first one.

    Yields:
        The folder, which nobody else may read.

    Raises:
        OSError: It cannot be made or, from what uses it, written to.
    """
    place = Path(tempfile.gettempdir())
    sweep_once(place)
    with create_folder(place / "crossimage", mode=0o700) as folder:
        yield folder
