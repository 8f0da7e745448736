"""Runs on several hosts: tasks of Slurm, a lost machine, another number of processes."""

import os
import signal
import socket
import subprocess
import sys
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import small
from tests.faults.harness import PATIENCE, await_saves, compare, finish, start, train_command
from tests.test_invariants import assert_one_big_batch

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="needs signals of POSIX"),
]


def tasks(arguments: list[str], said: Path, job: int) -> list[ForkServerProcess]:
    """Run the command line as two tasks of a step of Slurm, one on each of two hosts."""
    step = {
        "SLURM_JOB_ID": str(job), "SLURM_JOB_NAME": "shoes", "SLURM_STEP_ID": "0",
        "SLURM_NTASKS": "2", "SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_TASKS_PER_NODE": "1(x2)",
        "SLURM_STEP_NODELIST": "localhost,127.0.0.1", "SLURM_LOCALID": "0",
    }  # fmt: skip
    return [
        start(arguments, said, step | {"SLURM_NODEID": str(host), "SLURM_PROCID": str(host)})
        for host in range(2)
    ]


def test_tasks_stop_at_slurms_signal_and_continue_to_the_same_end(
    folders: Path, tmp_path: Path
) -> None:
    settings = small(steps=60, save_every=20)
    job = os.getpid() * 3  # a port of its own
    finish(*tasks(train_command(folders, tmp_path / "whole", settings), tmp_path / "a.txt", job))
    command = train_command(folders, tmp_path / "run", settings)
    both = tasks(command, tmp_path / "b.txt", job + 1)
    await_saves(tmp_path / "run" / "checkpoints", 1, both[0].is_alive)
    for process in both:
        assert process.pid
        os.killpg(process.pid, signal.SIGUSR1)
    finish(both[0], code=128 + signal.SIGUSR1)
    finish(both[1])
    assert "and saved; to continue:" in (tmp_path / "b.txt").read_text()
    finish(*tasks(command, tmp_path / "b.txt", job + 2))
    compare(tmp_path / "whole", tmp_path / "run")


@pytest.mark.parametrize("count", [1, 2], ids=["two to one", "one to two"])
def test_a_run_continues_with_another_number_of_processes(
    count: int, folders: Path, tmp_path: Path
) -> None:
    settings: dict[str, Any] = small(steps=4, log_every=1, save_every=1, precision="fp32", keep=9)
    whole = train_command(folders, tmp_path / "whole", settings)
    finish(start(whole))
    said, out = tmp_path / "said.txt", tmp_path / "run"
    first = train_command(folders, out, settings)
    finish(*(tasks(first, said, os.getpid() * 3) if count == 1 else [start(first, said)]))
    for path in [*out.glob("checkpoints/*"), out / "model.safetensors"]:
        if path.name not in ("step-00000001.pt", "step-00000002.pt"):
            path.unlink()
    finish(*([start(first, said)] if count == 1 else tasks(first, said, os.getpid() * 3 + 1)))
    assert "from step 2" in said.read_text()
    assert_one_big_batch(tmp_path / "whole", out)


def test_a_lost_host_ends_the_other_one_and_the_run_continues_alone(
    folders: Path, tmp_path: Path
) -> None:
    settings = small(steps=100_000, save_every=5)
    out = tmp_path / "run"
    command = train_command(folders, out, settings)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launch = [
        sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1",
        "--master-addr", "127.0.0.1", "--master-port", str(port),
    ]  # fmt: skip
    hosts = [
        subprocess.Popen(
            [*launch, "--node-rank", str(rank), "-m", "crossimage", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
        for rank in range(2)
    ]
    deadline = time.monotonic() + PATIENCE
    while not list(out.glob("checkpoints/step-*.pt")):
        assert hosts[0].poll() is None, hosts[0].communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.killpg(hosts[1].pid, signal.SIGKILL)
    hosts[1].communicate()
    said = hosts[0].communicate(timeout=PATIENCE)[0]
    ours = [line for line in said.splitlines() if line.startswith("crossimage:")]
    assert len(ours) == 1 and "the same command continues the run" in ours[0], said
    steps = max(int(path.stem[5:]) for path in out.glob("checkpoints/step-*.pt"))
    finish(start([*command, f"steps={steps + 2}"], tmp_path / "said.txt"))
    assert f"from step {steps}" in (tmp_path / "said.txt").read_text()
