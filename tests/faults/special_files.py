"""Pipes, devices, sockets, links and folders in place of files, for every command."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from tests.faults.image_mutants import SLOW, Outcome


def make(folder: Path) -> Iterator[Path]:
    """Make special files and yield their paths."""
    pipe = folder / "pipe.png"
    os.mkfifo(pipe)
    loop = folder / "loop.png"
    loop.symlink_to(loop)
    dangling = folder / "dangling.png"
    dangling.symlink_to(folder / "nothing")
    device = folder / "zero.png"
    device.symlink_to("/dev/zero")
    directory = folder / "folder.png"
    directory.mkdir()
    short = Path(os.path.relpath(folder / "socket.png"))  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(short))
    inside = folder / "inside"
    inside.mkdir()
    os.mkfifo(inside / "a.png")
    (inside / "b.safetensors").symlink_to(inside / "b.safetensors")
    os.mkfifo(inside / "model.safetensors")
    os.mkfifo(inside / "config.yaml")
    yield from (pipe, loop, dangling, device, directory, folder / "socket.png", inside)
    for suffix in (".safetensors", ".pth", ".yaml", ".csv", ".txt"):
        path = folder / f"pipe{suffix}"
        os.mkfifo(path)
        yield path


def commands(path: Path, out: Path) -> Iterator[list[str]]:
    """Yield commands that read a path in every role."""
    file, there = str(path), str(out)
    yield ["translate", file, file, "--out", there]
    yield ["data", "inspect", file, "--no-estimate"]
    yield ["train", "munit", "--data", file, "--out", there]
    yield ["train", "munit", "--data", f"a={file},b={file}", "--out", there]
    yield ["train", file, "--data", file, "--out", there]
    yield ["train", "munit", "--data", file, "--init", file, "--out", there]
    yield ["train", "--resume", file]
    yield ["import", file, "--out", f"{there}.safetensors"]
    yield ["evaluate", "--fake", file, "--real", file, "--out", there]
    yield ["evaluate", file, "--data", file, "--out", there]
    yield ["info", file]
    yield ["runs", file]
    yield ["data", "make", "edges", "--photos", file, "--out", there]


def check(timeout: float = 600.0) -> Outcome:
    """Run all commands on all files in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        log.touch()
        code = "from tests.faults.special_files import _run; _run()"
        outcome, skip = Outcome(), 0
        while True:
            arguments = [sys.executable, "-c", code, folder, str(log), str(skip)]
            try:
                process = subprocess.run(arguments, timeout=timeout, check=False)
            except subprocess.TimeoutExpired:
                outcome.slow.append(f"all commands together: over {timeout:.0f} s")
                break
            finally:
                lines = [json.loads(line) for line in log.read_text().splitlines()]
            if process.returncode == 0:
                break
            name = " ".join(lines[-1]["command"])
            if process.returncode == -signal.SIGALRM:
                outcome.slow.append(name)
            else:
                outcome.crashes.append(f"{name}: exit status {process.returncode}")
            skip = len(lines)
        outcome.tried = len(lines)
        for line in lines:
            outcome.seconds = max(outcome.seconds, line.get("seconds", 0.0))
            outcome.read += line.get("status") == 0
            if problem := line.get("problem"):
                outcome.errors.append(f"{' '.join(line['command'])}: {problem}")
        return outcome


def _run() -> None:
    """Run the commands of a log's rest; each must end with a sentence."""
    folder, log, skip = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    os.chdir(folder)
    special = folder / "special"
    if special.is_dir():
        paths = sorted(path for path in special.iterdir())
    else:
        special.mkdir()
        paths = sorted(make(special))
    import torch  # noqa: F401, I001  # the time to import it is not the file's

    from crossimage.cli.app import main

    done = log.read_text().splitlines()[:skip]
    whole = [command for path in paths for command in commands(path, folder / "out")]
    with log.open("w") as file:
        for line in done:
            file.write(line + "\n")
        for command in whole[skip:]:
            entry: dict[str, object] = {"command": command}
            position = file.tell()
            file.write(json.dumps(entry) + "\n")
            file.flush()
            said = io.StringIO()
            began = time.process_time()
            signal.alarm(int(2 * SLOW))  # of the clock: the machine may be busy
            try:
                with redirect_stdout(said), redirect_stderr(said):
                    status = main(command)
            except BaseException as error:  # noqa: BLE001  # that is what is looked for
                entry["problem"] = f"{type(error).__name__}: {error}"[:300]
            else:
                entry["status"] = status
                if "Traceback" in said.getvalue():
                    entry["problem"] = "prints a traceback"
            signal.alarm(0)
            entry["seconds"] = time.process_time() - began
            file.seek(position)
            file.truncate()
            file.write(json.dumps(entry) + "\n")
            file.flush()
