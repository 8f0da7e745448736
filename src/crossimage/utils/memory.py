"""Memory allocation of this process."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of glibc's <malloc.h>


def keep_memory() -> None:
    """Keep the memory of freed tensors for the next ones, as PyTorch itself does on GPUs.

    The GNU C library returns large blocks to the system at once and then asks for them again, and
    the system clears each of their pages: on CPUs, more than a third of the time of some training
    steps. Does nothing on systems other than Linux.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, -1)
