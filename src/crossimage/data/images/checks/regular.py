"""Refusal of paths that are not regular files, before they are opened."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.pixels import ImageError

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def check_regular(file: ImageFile) -> None:
    """Check that a path leads to a regular file, since others may never end.

    Args:
        file: The path; images in memory pass.

    Raises:
        FileNotFoundError: There is no such file, or it is a link to nothing.
        ImageError: It is a folder, a pipe, a device, or a link that leads to itself.
    """
    if not isinstance(file, Path):
        return
    try:
        mode = file.stat().st_mode
    except FileNotFoundError:
        if os.path.islink(file):
            target = os.readlink(file)
            raise FileNotFoundError(
                f"{file} can't be read: it is a link to {target}, which does not exist"
            ) from None
        raise
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ImageError(f"{file} can't be read: it is a link that leads to itself") from None
        raise
    if not stat.S_ISREG(mode):
        kind = next((name for check, name in _KINDS if check(mode)), "a special file")
        raise ImageError(f"{file} can't be read: it is {kind}; expected an image file")
