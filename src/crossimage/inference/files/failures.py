"""Failures of single files among many, and those that end the whole job."""

from __future__ import annotations

import errno
from pathlib import Path

from crossimage.data.stores.addresses import LostStoreError, StoreError
from crossimage.utils.memory import is_out_of_memory

_END = {
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE,
    errno.ENFILE,
}  # fmt: skip
"""Errors of writing that every further file would meet, too."""


def skip_reason(path: Path, error: Exception) -> str:
    """Return the sentence on why an input is skipped.

    Raises:
        Exception: The error itself, if it is not about the file.
    """
    if is_out_of_memory(error):
        return f"{path} needs more memory than there is; make the image smaller"
    if isinstance(error, RecursionError):
        return f"{path} is nested too deeply to be read; save it again with an image editor"
    if isinstance(error, LostStoreError):
        raise error
    if isinstance(error, OSError) and error.strerror:
        return f"{path} can't be read: {error.strerror}"
    if isinstance(error, ValueError | OSError):
        return str(error)
    raise error


def unwritable(path: Path, output: str, error: ValueError | OSError) -> str:
    """Return the sentence on why an input's result is missing."""
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        if error.errno == errno.ENAMETOOLONG:
            reason = "the name is too long; shorten that of the input"
        return f"the result of {path} can't be written to {output}: {reason}"
    return f"the result of {path} can't be written: {error}"


def ends_all(error: ValueError | OSError) -> bool:
    """Return whether an error of writing a result would meet all others, too."""
    return isinstance(error, StoreError) or (isinstance(error, OSError) and error.errno in _END)
