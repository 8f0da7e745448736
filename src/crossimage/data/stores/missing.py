"""Local paths of users that lead nowhere, named without looking into what they lead to."""

from __future__ import annotations

import os
import re
from pathlib import Path

from crossimage.data.stores.addresses import local_path
from crossimage.utils.names import near_path_hint
from crossimage.utils.paths import as_path

_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:.*", re.DOTALL)  # a drive has a single letter
_WILDCARD = re.compile(r"[*?\[{]")


def is_missing(text: str, name: str) -> bool:
    """Return whether a text is a path of this machine where there is nothing.

    Addresses, patterns and what a tar file may hold are not: whoever reads them knows.

    Args:
        text: The text.
        name: Its name in error messages.

    Raises:
        ValueError: It is empty.
    """
    path = local_path(as_path(text, name, stores=True))
    if os.path.lexists(path):
        return False
    before = _WILDCARD.split(text)[0]
    if before != text:  # a pattern, below a folder that must be there
        path = Path(before).parent if before[-1:] != os.sep else Path(before)
        path = local_path(as_path(path, name, stores=True))
        if path.is_dir():
            return False
    is_address = _ADDRESS.fullmatch(text) and not text.lower().startswith("file:///")
    return not is_address and not any(above.is_file() for above in path.parents)


def missing(path: str, flag: str = "", advice: str = "") -> FileNotFoundError:
    """Return the error of a path where there is nothing, with the nearest name that exists.

    Args:
        path: The path as the user gave it.
        flag: The option that names it; empty for others.
        advice: What to do, a clause, where no name is near.
    """
    hint = near_path_hint(local_path(as_path(path, "the path", stores=True)))
    hint = hint or (f"; {advice}" if advice else "")
    names = f", given with {flag}" if flag else ""
    return FileNotFoundError(f"there is no {path}{names}{hint}")
