"""Memory: sizes from users, what is free, what this process uses, and how it is allocated."""

from __future__ import annotations

import ctypes
import mmap
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from crossimage.utils.machine.groups import MEMBERSHIP, ROOT, groups_of

_MEMORY = ("can't allocate memory", "out of memory", "not enough memory")

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12} | {
    "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40, "K": 10**3, "M": 10**6, "G": 10**9,
    "T": 10**12,
}  # fmt: skip
_SIZE = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*([A-Za-z]+)")
_ENTRIES = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    2: ("memory.max", "memory.current", "inactive_file"),
}
"""Files of limit and use in a control group, and the entry of unused pages of files in its
statistics, by the version of control groups."""
_NO_LIMIT = 2**60  # what version 1 states where there is none

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # of glibc's <malloc.h>
_LARGE, _USUAL = 2**20, 2**25
_kept = False


def keep_memory() -> None:
    """Keep the memory of freed tensors for the next ones, as PyTorch itself does on GPUs.

    The GNU C library returns large blocks to the system at once and then asks for them again, and
    the system clears each of their pages: on CPUs, more than a third of the time of some training
    steps. Does nothing on systems other than Linux.
    """
    global _kept
    _kept = True
    _set_options({_MMAP_MAX: 0, _TRIM_THRESHOLD: -1})


@contextmanager
def returned_memory() -> Iterator[None]:
    """Return the memory of freed tensors to the system at once, so that use stays bounded.

    Does nothing on systems other than Linux.
    """
    return_memory()
    _set_options({_MMAP_MAX: 65536, _MMAP_THRESHOLD: _LARGE, _TRIM_THRESHOLD: _LARGE})
    try:
        yield
    finally:
        _set_options({_MMAP_THRESHOLD: _USUAL, _TRIM_THRESHOLD: 2 * _USUAL})
        if _kept:
            keep_memory()


def return_memory() -> None:
    """Return freed memory that the C library has kept to the system."""
    trim = _function("malloc_trim")
    if trim is not None:
        trim(0)


def _set_options(options: dict[int, int]) -> None:
    mallopt = _function("mallopt")
    if mallopt is not None:
        for option, value in options.items():
            mallopt(option, value)


def _function(name: str) -> Callable[..., int] | None:
    """Return a function of the GNU C library; None on other systems."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None


def read_size(text: object) -> int | None:
    """Read an amount of memory, such as ``2GB``, ``500MB`` or ``1.5GiB``; None for ``auto``.

    Raises:
        ValueError: It is neither.
    """
    if text == "auto":
        return None
    match = _SIZE.fullmatch(text.strip()) if isinstance(text, str) else None
    factor = _UNITS.get(match[2].upper()) if match else None
    if match is None or factor is None or float(match[1]) == 0:
        raise ValueError(
            f"memory: found {text!r}, expected an amount with its unit, such as 2GB or 500MB, or "
            "auto"
        )
    return int(float(match[1]) * factor)


def show_size(size: float) -> str:
    """Return an amount of memory as :func:`read_size` reads it, rounded up."""
    unit, factor = ("GB", 10**9) if size >= 10**10 else ("MB", 10**6)
    return f"{-(-int(size) // factor)}{unit}"


def resident() -> int:
    """Return the bytes of memory that this process uses; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * mmap.PAGESIZE


def free_memory() -> int | None:
    """Return the bytes that this process can still get; None where the system does not say.

    That is what the system has available, or what the limits of containers (control groups of both
    versions) leave, whichever is less. Pages of files, which the system gives up on demand, count
    as free.
    """
    found = [_available(), *_left_in_groups(ROOT, MEMBERSHIP)]
    return min((size for size in found if size is not None), default=None)


def _available() -> int | None:
    if sys.platform == "win32":
        return _available_on_windows()
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    sizes = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return next((int(size) * 1024 for size in sizes), None)


def _available_on_windows() -> int | None:
    status = (ctypes.c_uint64 * 8)()
    # MEMORYSTATUSEX: its own length and a percentage share the first entry
    status[0] = ctypes.sizeof(status)
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - exists on Windows only
    return int(status[2]) if kernel.GlobalMemoryStatusEx(ctypes.byref(status)) else None


def _left_in_groups(root: Path, membership: Path) -> list[int]:
    """Return what each limit on the control groups of this process leaves."""
    left = []
    for version, group in groups_of("memory", root, membership):
        limit_name, used_name, files_name = _ENTRIES[version]
        try:
            limit = (group / limit_name).read_text().strip()
            used = int((group / used_name).read_text())
            entries = (group / "memory.stat").read_text().splitlines()
        except (OSError, ValueError):
            continue
        if limit == "max" or int(limit) >= _NO_LIMIT:
            continue
        files = next((int(e.split()[1]) for e in entries if e.split()[0] == files_name), 0)
        left.append(max(0, int(limit) - used + files))
    return left


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory ran out, on the CPU or a GPU."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _MEMORY)
