"""How this process gets its memory from the system."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of glibc's <malloc.h>


def keep_memory() -> None:
    """Keep what tensors have freed for the next ones, as PyTorch itself does on GPUs.

    The GNU C library returns large blocks to the system at once and asks for them again, and the
    system clears every page of them: on CPUs more than a third of some training steps. Elsewhere
    than on Linux this does nothing.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, -1)
