"""The threads that a run computes with on a CPU, chosen once and kept.

The order in which numbers are added depends on them, and so do the last bits of the weights:
a run that is continued takes as many as before, or says that it does not.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from crossimage.config import Config, micro_batch_size
from crossimage.training.listener import Listener
from crossimage.training.processes.communication import Processes
from crossimage.training.resume import read_facts
from crossimage.utils.machine.cores import Load, cores
from crossimage.utils.machine.threads import Threads, choose_threads, threads_set
from crossimage.utils.texts.counts import counted

_WORK = 10**11
"""Weights times pixels of a batch from which another thread gains enough: with less, it makes a
step at most 1.3 times as fast on an idle machine, and up to three times as slow on a busy one."""
_SPARE = 4  # cores from which one is left to the processes that load images


class RunThreads:
    """The number of threads of each of a run's processes.

    Args:
        listener: Is told the number and the reason.

    Attributes:
        count: The number; None until it is chosen, and with GPUs, where PyTorch's own is used.
    """

    def __init__(self, listener: Listener) -> None:
        self.count: int | None = None
        self._listener, self._load = listener, Load()

    def choose(
        self,
        config: Config,
        networks: nn.Module,
        before: int | None,
        processes: int,
        device: torch.device,
    ) -> None:
        """Choose the number, once; before the processes are launched, which changes the usual one.

        Args:
            config: The run's settings.
            networks: What is trained.
            before: The number so far, of a run that is continued; see :func:`threads_of`.
            processes: Processes of the run.
            device: Where its networks compute.
        """
        if device.type != "cpu":
            self.count = config.threads or None
        elif self.count is None:
            self.count = (
                self._continued(config.threads, before)
                if before
                else self._new(config, networks, processes)
            )

    def share(self, processes: Processes) -> None:
        """Compute with the number that the first process has chosen, if it has."""
        self.count = processes.gather(self.count)[0]
        if self.count is not None:
            torch.set_num_threads(self.count)

    def _new(self, config: Config, networks: nn.Module, processes: int) -> int:
        """Return the number for a new run."""
        local = int(os.environ.get("LOCAL_WORLD_SIZE", processes))
        images = micro_batch_size(config.batch_size, config.accumulate, processes)
        weights = sum(weight.numel() for weight in networks.parameters())
        work = weights * images * config.crop[0] * config.crop[1]
        chosen = choose_threads(
            config.threads,
            load=self._load,
            enough=local * max(1, work // _WORK),
            remedy="threads=N sets another number",
        )
        if not config.threads and not threads_set():
            chosen = _shared(chosen, local, config.workers)
        self._listener.say(str(chosen))
        return chosen.count

    def _continued(self, wanted: int, before: int) -> int:
        """Return the number for a run that is continued."""
        variable = threads_set()
        there = torch.get_num_threads() if variable else cores()
        differ = "from here on its weights differ in their last bits from those without the change"
        if wanted and wanted != before:
            self._listener.warn(
                f"the run was made with {counted(before, 'thread')} and goes on with {wanted}, as "
                f"set; {differ}"
            )
            return wanted
        if before > there and not wanted:
            why = f"{variable} sets" if variable else "this process may use cores"
            self._listener.warn(
                f"the run was made with {counted(before, 'thread')} and goes on with {there}, as "
                f"many as {why}; {differ}, and threads={before} keeps the number, at the cost of "
                "speed"
            )
            return there
        others = self._load.others() if before > 1 else 0.0
        busy = ""
        if before > max(1, round(there - others)):
            used = (
                f"other programs keep {others:.1f} of {counted(there, 'core')} busy"
                if before <= there
                else f"this process may use {counted(there, 'core')}"
            )
            busy = f", although {used} (threads=N sets another number; {differ})"
        self._listener.say(f"using {counted(before, 'thread')}: as before{busy}")
        return before


def threads_of(state: Mapping[str, Any] | None, run: Path) -> int | None:
    """Return the number of threads of a run so far, which earlier versions kept in a file.

    Args:
        state: Its checkpoint; None if there is none.
        run: Its folder.
    """
    if state is None:
        return None
    count = state.get("threads", read_facts(run / "environment.json").get("threads"))
    return count if isinstance(count, int) and count > 0 else None


def _shared(chosen: Threads, processes: int, workers: int) -> Threads:
    """Return the threads of each process, with a core for those that load images."""
    there, count, why = cores(), chosen.count, chosen.why
    if workers and there >= _SPARE and count == there:
        count, why = count - 1, f"{why}; one core is left to the processes that load images"
    if processes > 1:
        count, why = max(1, count // processes), f"{why}; {processes} processes share them"
    return replace(chosen, count=count, why=why)
