"""Paths as users give them, and paths without links."""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress
from pathlib import Path
from stat import S_ISDIR, S_ISREG

_ELSEWHERE = re.compile(r"(s3a?|gs|gcs|az|abfss?|memory|https?|ftp):/+(.*)", re.I | re.DOTALL)
_MODEL = re.compile(r"(builtin:|hf:/)/?(.+)", re.DOTALL)  # an address of a model
_COPY = {"s3": "aws s3 cp --recursive", "gs": "gcloud storage cp --recursive"}
"""Commands that copy folders from or to a store."""


def as_path(path: str | Path, name: str, *, stores: bool = False) -> Path:
    """Convert a path from a user; a leading ``~`` becomes the home folder.

    Args:
        path: The path.
        name: Its name in the error message.
        stores: Whether it may be an address such as ``s3://bucket/folder``.

    Raises:
        ValueError: It is the empty string, which would otherwise mean the working folder, not a
            path at all, or an address where only local files can be used.
    """
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise ValueError(f"{name}: expected a path as text or Path, found {type(path).__name__}")
    if not str(path):
        raise ValueError(f"{name} is empty; give a path, or . for the working folder")
    if not stores:
        _check_local(path, name)
    if str(Path(path)).startswith("~") and not os.fspath(path).startswith("~"):
        return Path.cwd() / path  # such as ./~, a folder that is called so
    return expanded(Path(path))


def plain(path: str | Path) -> str:
    """Return a path as text that a command can't take for an option or a list."""
    text = str(path)
    return os.path.join(os.curdir, text) if text[:1] in ("-", "@") else text


def _check_local(path: str | Path, name: str) -> None:
    """Refuse an address, which would otherwise name a local folder such as ``s3:``.

    Raises:
        ValueError: It is one.
    """
    if (model := _MODEL.fullmatch(str(path))) and not os.path.lexists(path):
        address = f"{model[1]}{'' if model[1] == 'builtin:' else '/'}{model[2]}"
        raise ValueError(
            f"{name}: {address} is the address of a model, and here a local file or folder is "
            f"expected; `crossimage info {address}` names the model's file"
        )
    match = _ELSEWHERE.fullmatch(str(path))
    if match is None:
        return
    scheme = match[1].lower()
    address = f"{scheme}://{match[2]}"
    copy = _COPY.get("gs" if scheme == "gcs" else scheme.removesuffix("a"))
    above, _, last = address.rpartition("/")
    folder = above if "." in last or "*" in last else address  # of a file, or of several
    if scheme in ("http", "https", "ftp"):
        remedy = f"download it (`curl -O {address}`), and give the local file"
    elif name.lower().lstrip("-").startswith(("out", "web")):
        how = f" (`{copy} FOLDER {folder}`)" if copy else ""
        remedy = f"give a local path, and copy it afterwards{how}"
    else:
        how = f" (`{copy} {folder} FOLDER`)" if copy else ""
        remedy = f"copy the files{how}, and give the local path"
    raise ValueError(
        f"{name}: {address} is not a local path; only `crossimage translate`, `crossimage ledger` "
        f"and the paths by name of --data (a=DIR,b=DIR) use stores; {remedy}"
    )


def expanded(path: Path) -> Path:
    """Return a path in which a leading ``~`` or ``~name`` is a home folder, if there is such."""
    return Path(os.path.expanduser(path))


class RealPaths:
    """Paths without links, for many files: each folder is looked up once.

    A folder that has several paths even so, by a mount or in another case, keeps the first one.
    """

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}
        self._first: dict[tuple[int, int], str] = {}

    def of_folder(self, path: Path | str) -> str:
        """Return the real path of the folder that a file is in."""
        folder = os.path.dirname(path)
        if folder not in self._folders:
            real = os.path.realpath(folder)
            with suppress(OSError):  # it does not exist yet
                found = os.stat(real)
                real = self._first.setdefault((found.st_dev, found.st_ino), real)
            self._folders[folder] = real
        return self._folders[folder]

    def of(self, path: Path | str) -> str:
        """Return the real path of a file."""
        if os.path.islink(path):
            path = os.path.realpath(path)
        return os.path.join(self.of_folder(path), os.path.basename(path))


def check_not_special(path: Path) -> None:
    """Refuse a pipe, a device, a socket or a link that leads to itself, which may never end.

    Raises:
        ValueError: It is one; missing files, folders and regular files pass.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ValueError(f"{path} can't be read: it is a link that leads to itself") from None
        return
    if not (S_ISREG(mode) or S_ISDIR(mode)):
        raise ValueError(
            f"{path} can't be read: it is a pipe, a socket or a device, not a file; write what it "
            "gives to a file first"
        )
