"""Processes that Slurm's ``srun`` starts, one per task."""

from __future__ import annotations

import os
import re
from collections.abc import MutableMapping

_PORTS = range(15000, 25000)
"""Below the ports that Linux gives to outgoing connections."""


def adopt_slurm_tasks(facts: MutableMapping[str, str] | None = None) -> None:
    """Make the tasks of a step of Slurm the processes of one run.

    The environment gets the variables that ``torchrun`` would set. Nothing changes outside a step,
    in a step of one task, or where a launcher such as ``torchrun`` has set them. A batch script is
    not a step: what it starts without ``srun`` is one process.

    Args:
        facts: The environment; by default that of this process.

    Raises:
        ValueError: The machines have different numbers of tasks.
    """
    facts = os.environ if facts is None else facts
    tasks = facts.get("SLURM_STEP_NUM_TASKS", "1")
    if tasks == "1" or {"WORLD_SIZE", "LOCAL_RANK"} & {*facts}:
        return
    layout = facts["SLURM_STEP_TASKS_PER_NODE"]
    if (same := re.fullmatch(r"(\d+)(\(x\d+\))?", layout)) is None:
        raise ValueError(
            f"all machines of a run need the same number of processes, found {layout} tasks; "
            "ask Slurm for --nodes=N --ntasks-per-node=M"
        )
    job, step = int(facts["SLURM_JOB_ID"]), int(facts.get("SLURM_STEP_ID", 0))
    on_each, machine, local = same[1], facts["SLURM_NODEID"], facts["SLURM_LOCALID"]
    facts.setdefault("MASTER_ADDR", first_host(facts["SLURM_STEP_NODELIST"]))
    facts.setdefault("MASTER_PORT", str(_PORTS[(job * 10 + step) % len(_PORTS)]))
    facts.update(
        WORLD_SIZE=tasks, LOCAL_WORLD_SIZE=on_each, NODE_RANK=machine, LOCAL_RANK=local,
        RANK=str(int(machine) * int(on_each) + int(local)),
    )  # fmt: skip


def first_host(hosts: str) -> str:
    """Return the first host of a list of Slurm, such as ``gpu07`` of ``gpu[07-09],cpu3``."""
    first = re.match(r"([^,\[]*)(?:\[([^,\-\]]+)[^\]]*\]([^,]*))?", hosts)
    assert first is not None
    return "".join(part or "" for part in first.groups())
