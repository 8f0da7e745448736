"""Run in a process of its own: Windows, as far as the package can tell.

Modules and functions that only POSIX has are absent, and processes are spawned.
"""

import errno
import importlib
import json
import multiprocessing
import os
import pkgutil
import shutil
import signal
import sys
from importlib.abc import MetaPathFinder
from multiprocessing import resource_tracker
from pathlib import Path
from types import ModuleType
from typing import Any

# what the libraries below import is theirs to get right
import lightning_fabric  # noqa: F401
import portalocker  # noqa: F401
import tensorboard.compat.proto.event_pb2  # noqa: F401
import torch.utils.data  # noqa: F401
import torchvision  # noqa: F401

MODULES = ("fcntl", "resource", "termios", "pwd", "grp", "tty", "pty")
OF_OS = (
    "register_at_fork", "pread", "pwrite", "fork", "killpg", "getuid", "geteuid", "getgid",
    "getegid", "getgroups", "sched_getaffinity", "sysconf", "mkfifo", "getpgid", "getpgrp",
    "setsid", "nice", "getloadavg", "uname", "chown", "fchown", "sync",
    "fdatasync", "posix_fadvise", "posix_fallocate", "pipe2", "O_NOFOLLOW", "O_CLOEXEC",
    "O_NONBLOCK", "O_DIRECTORY",
)  # fmt: skip
OF_SIGNAL = (
    "pthread_sigmask", "sigwaitinfo", "sigtimedwait", "sigwait", "setitimer", "alarm", "pause",
    "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU", "SIGKILL", "SIGALRM", "SIGPIPE",
)  # fmt: skip


class Absent(MetaPathFinder):
    """Finds no module of POSIX."""

    def find_spec(self, name: str, path: object = None, target: ModuleType | None = None) -> None:
        """Refuse the modules, and leave all others to the other finders."""
        if name in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def pretend() -> None:
    """Remove what Windows lacks."""
    sys.meta_path.insert(0, Absent())
    for name in MODULES:
        sys.modules.pop(name, None)
    for module, names in ((os, OF_OS), (signal, OF_SIGNAL)):
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    opened = os.open

    def open_file(path: Any, *arguments: Any, **options: Any) -> int:
        """Open a file; folders cannot be opened there."""
        if isinstance(path, str | bytes | os.PathLike) and os.path.isdir(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return opened(path, *arguments, **options)

    os.open = open_file
    shutil._use_fd_functions = False  # type: ignore[attr-defined]


def main(data: Path, run: Path, settings: dict[str, Any]) -> None:
    """Import every module, train, load and translate; then the commands."""
    import crossimage

    for module in pkgutil.walk_packages(crossimage.__path__, "crossimage."):
        if module.name != "crossimage.__main__":
            importlib.import_module(module.name)
    result = crossimage.train("munit", data=data, out=run, **settings | {"workers": 1})
    image = data / "testA" / "0.png"
    out, other = run / "translated", shutil.copytree(run, run.with_name("other"))
    model = result.run / "model.safetensors"
    assert crossimage.load(model).translate(image, to="B") is not None
    for command, written in (
        (["train", "--resume", run, "steps=3", "workers=0"], run / "model.safetensors"),
        (["translate", run, image, "--out", out, "--to", "B"], out / "crossimage.jsonl"),
        (["translate", model, data / "testA", "--out", out, "--to", "B", "--skip-existing"], out),
        (["evaluate", run, "--data", data, "--metrics", "edges", "--inputs", "2", "--out",
          run / "figures"], run / "figures" / "report.html"),
        (["data", "inspect", data, "--out", run / "looks"], run / "looks" / "report.html"),
        (["data", "make", "blur", "--photos", data / "trainA", "--out", run / "blurred"],
         run / "blurred"),
        (["runs", run.parent], run),
        (["info", model], run),
        (["compare", run, other, "--out", run / "compared.html"], run / "compared.html"),
    ):  # fmt: skip
        status = importlib.import_module("crossimage.cli.app").main([str(word) for word in command])
        assert status == 0 and written.exists(), f"{command}: {status}"
    assert "step 2 of 3" not in (run / "index.html").read_text(encoding="utf-8")


if __name__ == "__main__":
    resource_tracker.ensure_running()  # which spawning needs on this system
    pretend()
    multiprocessing.set_start_method("spawn", force=True)  # what it does there
    main(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))
