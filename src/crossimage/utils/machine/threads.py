"""Threads of the networks on CPUs: as many as the machine has cores to spare.

PyTorch starts a thread per core whatever else is running. Threads wait for one another hundreds of
times in a pass through a network; where another program takes a core from one of them, all wait,
and two such programs side by side take longer than one after the other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from crossimage.utils.machine.cores import Load, cores
from crossimage.utils.texts.counts import counted

_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Threads:
    """A number of threads and the reason for it.

    Attributes:
        count: The number.
        why: The reason, a clause.
        fewer: Whether it is fewer than PyTorch would take because the machine is busy.
    """

    count: int
    why: str
    fewer: bool = False

    def __str__(self) -> str:
        """Describe the choice in one line."""
        return f"using {counted(self.count, 'thread')}: {self.why}"


def threads_set() -> str | None:
    """Return the environment variable that sets the number of threads, if there is one."""
    return next((name for name in _VARIABLES if os.environ.get(name)), None)


def choose_threads(
    wanted: int = 0, *, load: Load | None = None, enough: int | None = None, remedy: str = ""
) -> Threads:
    """Choose the number of threads of this process.

    A number that the user sets, here or by ``OMP_NUM_THREADS``, is taken as it is. Otherwise there
    is one thread per core that this process may use and that nothing else is using.

    Args:
        wanted: The number that the user sets; 0: none.
        load: What others compute, as it was watched until now; by default watched for a moment.
        enough: Beyond this number, further threads gain nothing for what is computed.
        remedy: How the user sets the number, for a choice that may surprise.
    """
    there = cores()
    if wanted:
        more = f", more than the {counted(there, 'core')} it may use" if wanted > there else ""
        return Threads(wanted, f"as set{more}")
    if variable := threads_set():
        return Threads(torch.get_num_threads(), f"as {variable} says")
    most = min(torch.get_num_threads(), there)
    if enough is not None and enough < most:
        why = f"networks and images are so small that more than {enough} would gain little"
        most, small = max(1, enough), True
    else:
        why, small = f"it may use {counted(there, 'core')}, and nothing else does", False
    if most == 1 and not small:
        return Threads(1, f"it may use {counted(there, 'core')}")
    others = (load or Load()).others() if most > 1 else 0.0
    free = max(1, round(there - others))
    hint = f" ({remedy})" if remedy else ""
    if free >= most:
        return Threads(most, f"{why}{hint if small else ''}")
    why = f"other programs keep {others:.1f} of {counted(there, 'core')} busy{hint}"
    return Threads(free, why, fewer=True)


@contextmanager
def computing_with(count: int) -> Iterator[None]:
    """Compute with a number of threads, and then with as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
