"""Paths from users, and files and folders that are either complete or absent."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import IO

import portalocker

from crossimage.utils.writing.folders import make_folder

_CANNOT_FLUSH = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM}
"""Errors of file systems that cannot flush a file or folder; all others are real failures."""

_CANNOT_LINK = {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK}
"""Errors of file systems without hard links."""

_TRIES = 20  # of removing a folder
_MAX_NAME = 200  # bytes of a name that leave room for what a temporary name adds
_TEMPORARY = re.compile(r"\.(?s:.+)\.[0-9a-f]{16}\.tmp")

_ONLY_ITSELF = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"))
"""Flags that open no link's target; not every system has all of them."""

_ELSEWHERE = re.compile(r"(s3a?|gs|gcs|az|abfss?|memory|https?|ftp):/+(.*)", re.I | re.DOTALL)
_COPY = {"s3": "aws s3 cp --recursive", "gs": "gcloud storage cp --recursive"}
"""Commands that copy folders from or to a store."""

_swept: set[str] = set()  # folders without leftovers of killed processes


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
    if not isinstance(path, str | os.PathLike):
        raise ValueError(f"{name}: expected a path, found {type(path).__name__}")
    if not str(path):
        raise ValueError(f"{name} is empty; give a path, or . for the working folder")
    if not stores:
        _check_local(path, name)
    return expanded(Path(path))


def _check_local(path: str | Path, name: str) -> None:
    """Refuse an address, which would otherwise name a local folder such as ``s3:``.

    Raises:
        ValueError: It is one.
    """
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
    """Paths without links, for many files: each folder is looked up once."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def of_folder(self, path: Path | str) -> str:
        """Return the real path of the folder that a file is in."""
        folder = os.path.dirname(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return self._folders[folder]

    def of(self, path: Path | str) -> str:
        """Return the real path of a file."""
        if os.path.islink(path):
            return os.path.realpath(path)
        return os.path.join(self.of_folder(path), os.path.basename(path))


def temporary_path(path: Path) -> Path:
    """Return a hidden path next to ``path`` for writing it, which nobody else can guess."""
    name = path.name
    encoded = name.encode(errors="surrogateescape")
    if len(encoded) > _MAX_NAME:
        start = encoded[:40].decode(errors="ignore")
        name = f"{start}.{hashlib.sha256(encoded).hexdigest()[:16]}"
    return path.with_name(f".{name}.{secrets.token_hex(8)}.tmp")


def is_temporary(name: str) -> bool:
    """Return whether a name is one of :func:`temporary_path`."""
    return _TEMPORARY.fullmatch(name) is not None


@contextmanager
def atomic(path: Path, *, durable: bool = False) -> Iterator[IO[bytes]]:
    """Write a file under a temporary name, and rename it when it is complete.

    On any error the temporary file is removed, and a file at ``path`` is left unchanged. What a
    killed process left in the folder is removed at the first file that is written there.

    Args:
        path: The file to write.
        durable: Flush the file and its folder to the disk before returning, so that the file
            survives a power failure.

    Raises:
        OSError: The file cannot be written: the disk is full, the folder read-only, ...
    """
    temporary = None
    try:
        sweep_once(path.parent)
        temporary, handle = _create(path)
        with open(handle, "w+b") as file:
            yield file
            file.flush()
            if durable:
                _flush(file.fileno())
            if os.name != "nt":  # while it is locked, so that nobody takes it for a leftover
                os.replace(temporary, path)
        if os.name == "nt":  # where open files cannot be renamed
            os.replace(temporary, path)
        if durable:
            flush_folder(path.parent)
    except BaseException as error:
        name_file(error, path)
        if temporary:
            with suppress(OSError):
                temporary.unlink()
        raise


def name_file(error: BaseException, path: Path) -> None:
    """Name a file in an error of the system: its own name rather than a temporary one, or none."""
    if not isinstance(error, OSError) or error.errno is None:
        return
    given = error.filename
    if given is None or isinstance(given, int):
        name = str(path)
    else:
        hidden = re.escape(os.path.join(os.path.dirname(path), "")) + _TEMPORARY.pattern
        name = re.sub(f"^{hidden}", lambda _: str(path), os.fsdecode(given))
    try:
        error.filename = name
    except AttributeError:  # an error of FFmpeg's, whose name is one of its arguments
        error.args = (*error.args[:2], name)


def _create(path: Path) -> tuple[Path, int]:
    """Create a temporary file next to ``path``, locked to show that its writer lives."""
    while True:
        temporary = temporary_path(path)
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | _ONLY_ITSELF, 0o666)
        try:
            with suppress(FileNotFoundError):  # another process took it for a leftover
                if _lock(handle) and os.path.samestat(os.fstat(handle), os.lstat(temporary)):
                    return temporary, handle
        except BaseException:
            os.close(handle)
            with suppress(OSError):
                temporary.unlink()
            raise
        os.close(handle)


def _lock(handle: int) -> bool:
    """Lock an open file until it is closed; return False if another process has locked it.

    Some file systems have no locks. There, nothing is locked and nothing swept.
    """
    with suppress(portalocker.LockException):
        try:
            portalocker.lock(handle, portalocker.LOCK_EX | portalocker.LOCK_NB)
        except portalocker.AlreadyLocked:
            return False
    return True


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files and folders of processes that were killed while writing."""

    def remove(entry: os.DirEntry[str]) -> None:
        with suppress(OSError):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)

    _each_leftover(folder, remove)


def leftovers(folder: Path) -> list[str]:
    """Return the names of temporary files and folders of processes that were killed."""
    names: list[str] = []
    _each_leftover(folder, lambda entry: names.append(entry.name))
    return names


def _each_leftover(folder: Path, use: Callable[[os.DirEntry[str]], None]) -> None:
    """Call a function with each temporary file or folder whose writer is gone."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in [entry for entry in entries if _TEMPORARY.fullmatch(entry.name)]:
            is_folder = entry.is_dir(follow_symlinks=False)
            how = os.O_RDONLY if is_folder else os.O_RDWR | getattr(os, "O_NONBLOCK", 0)
            try:
                handle = os.open(entry.path, how | _ONLY_ITSELF)
            except OSError:  # gone, a link, or not ours
                continue
            try:
                portalocker.lock(handle, portalocker.LOCK_EX | portalocker.LOCK_NB)
            except portalocker.LockException:  # its writer lives, or the file system has no locks
                continue
            else:
                use(entry)
            finally:
                os.close(handle)


def sweep_once(folder: Path) -> None:
    """Remove the leftovers in a folder before this process first writes there."""
    key = os.path.realpath(folder)
    if key not in _swept:
        _swept.add(key)
        remove_leftovers(folder)


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


def open_regular(path: Path, flags: int) -> int:
    """Open a file with flags of ``os.open``, but no link and nothing that is not a regular file.

    Raises:
        OSError: The path is a link, a folder, a pipe or a device, or cannot be opened.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, "it is a symbolic link, which is not followed", str(path))
    handle = os.open(path, flags | _ONLY_ITSELF | getattr(os, "O_NONBLOCK", 0), 0o666)
    if not S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return handle


def flush_folder(folder: Path) -> None:
    """Flush the entries of a folder to the disk, if its file system can do that."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # a folder that may be written, but not read
        return
    try:
        _flush(handle)
    finally:
        os.close(handle)


def _flush(handle: int) -> None:
    """Flush a file or folder to the disk; some network file systems refuse to."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _CANNOT_FLUSH:
            raise


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, in UTF-8; undecodable bytes of file names are escaped."""
    with atomic(path) as file:
        file.write(text.encode(errors="backslashreplace"))


def write_new(path: Path, content: bytes) -> None:
    """Write a file that does not exist yet, at once and completely.

    Raises:
        FileExistsError: It exists, perhaps since another process wrote it meanwhile.
    """
    with create_folder(path) as folder:
        whole = folder / path.name
        try:
            whole.write_bytes(content)
            os.link(whole, path)
        except FileExistsError:
            raise
        except OSError as error:
            if error.errno not in _CANNOT_LINK:
                name_file(error, path)
                raise
            if path.exists():  # the best that there is on such file systems
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
            os.replace(whole, path)


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Fill a folder under a temporary name, and rename it to ``out`` when it is complete.

    On any error it is removed.

    Yields:
        The temporary folder.

    Raises:
        ValueError: ``out`` exists and is not empty.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} exists and is not empty; remove it or choose another folder")
    make_folder(out.parent)
    out = out.resolve()
    sweep_once(out.parent)
    try:
        with create_folder(out) as temporary:
            yield temporary
            os.replace(temporary, out)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST) and error.filename2 == str(out):
            raise ValueError(
                f"{out} was written by another process meanwhile; remove it or choose another "
                "folder"
            ) from None
        name_file(error, out)
        raise


@contextmanager
def create_folder(path: Path, mode: int = 0o777) -> Iterator[Path]:
    """Create a temporary folder next to ``path``, locked to show that its writer lives.

    In the end it is removed, unless it was renamed.

    Args:
        path: What it stands for.
        mode: Its permissions, before the mask of the process.

    Yields:
        The folder.
    """
    temporary, handle = temporary_path(path), None
    try:
        while handle is None:
            temporary = temporary_path(path)
            temporary.mkdir(mode)
            handle = _hold(temporary)
        yield temporary
    finally:
        for _ in range(_TRIES):  # threads of an interrupted process may still be writing
            shutil.rmtree(temporary, ignore_errors=True)
            if not temporary.exists():
                break
            time.sleep(0.05)
        if handle is not None and handle >= 0:
            os.close(handle)


def _hold(folder: Path) -> int | None:
    """Lock a new folder; return the handle that holds it, -1 where folders can't be locked.

    None: another process took it for a leftover.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | _ONLY_ITSELF)
    except PermissionError:  # Windows
        return -1
    except FileNotFoundError:
        return None
    with suppress(FileNotFoundError):
        if _lock(handle) and os.path.samestat(os.fstat(handle), os.lstat(folder)):
            return handle
    os.close(handle)
    return None
