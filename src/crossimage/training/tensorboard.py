"""A run's log for TensorBoard, in ``RUN/logs``."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from PIL import Image

from crossimage.utils.sheet_files import JPEG
from crossimage.utils.writing.pictures import encoded

_MAX_WIDTH = 1200
_FILE = re.compile(r"events\.out\.tfevents\.(\d{10})\.")


class Board:
    """Writes scalars and images for TensorBoard.

    After a failure it writes nothing until the next image, and then tries again. A folder that was
    deleted is created again at once.

    Args:
        folder: The folder of the log.
        step: Steps completed earlier; TensorBoard hides entries of a killed run after them.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self.folder = folder
        self._purge_step: int | None = step + 1
        self._writer: Any = None

    def open(self) -> None:
        """Open a new file.

        Raises:
            OSError: The folder cannot be written.
        """
        from torch.utils.tensorboard import SummaryWriter

        self.close()
        _order_before_now(self.folder)
        self._writer = SummaryWriter(self.folder, purge_step=self._purge_step)
        self._purge_step = None

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Write scalars.

        Raises:
            OSError: The file cannot be written.
        """
        if self._writer is None:
            return
        if not self.folder.is_dir():
            self.open()
        with self._closed_on_error():
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)

    def image(self, image: Image.Image, step: int) -> None:
        """Write an image, reduced to a width of at most 1200 pixels.

        Raises:
            OSError: The file cannot be written.
        """
        if self._writer is None or not self.folder.is_dir():
            self.open()
        with self._closed_on_error():
            self._writer.file_writer.add_summary(_summary(image), step)

    def flush(self) -> None:
        """Write buffered data, so that a kill cannot lose it.

        Raises:
            OSError: The file cannot be written.
        """
        if self._writer is not None:
            with self._closed_on_error():
                self._writer.flush()

    def close(self) -> None:
        """Close the file; data that cannot be written is lost."""
        writer, self._writer = self._writer, None
        if writer is not None:
            with suppress(OSError):
                writer.close()

    @contextmanager
    def _closed_on_error(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self.close()
            raise


def _order_before_now(folder: Path) -> None:
    """Rename earlier files of a log whose time is later than now, since a clock was set back.

    TensorBoard reads the files in the order of the seconds in their names, and no file before one
    that it has read.
    """
    files = sorted(path for path in folder.glob("events.out.tfevents.*") if _FILE.match(path.name))
    now = int(time.time())
    if not files or int(_FILE.split(files[-1].name)[1]) < now:
        return
    for number, path in enumerate(files):
        seconds = now - len(files) + number
        with suppress(OSError):  # then the rest of the log may be hidden
            path.rename(folder / _FILE.sub(f"events.out.tfevents.{seconds:010d}.", path.name))


def _summary(image: Image.Image) -> Any:
    """Return an image as TensorBoard stores it; its own writer only knows PNG."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    image = image.copy()
    image.thumbnail((_MAX_WIDTH, image.height))
    content = encoded(image, "JPEG", **JPEG)
    stored = Summary.Image(
        height=image.height, width=image.width, colorspace=3, encoded_image_string=content
    )
    return Summary(value=[Summary.Value(tag="samples", image=stored)])


@contextmanager
def quiet_threads() -> Iterator[None]:
    """Silence file errors in threads; TensorBoard's writer raises them when it is called."""

    def ignore_file_errors(failed: threading.ExceptHookArgs) -> None:
        if not issubclass(failed.exc_type, OSError):
            hook(failed)

    hook, threading.excepthook = threading.excepthook, ignore_file_errors
    try:
        yield
    finally:
        threading.excepthook = hook
