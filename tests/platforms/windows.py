"""Run in a process of its own: Windows, as far as the package can tell.

Modules and functions that only POSIX has are absent, and processes are spawned.
"""

import importlib
import json
import multiprocessing
import os
import pkgutil
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
    "register_at_fork", "pread", "pwrite", "fork", "killpg", "getuid", "geteuid",
    "sched_getaffinity", "sysconf", "mkfifo", "getpgid", "setsid", "nice", "getloadavg", "uname",
    "O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK", "O_DIRECTORY",
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


def main(data: Path, run: Path, settings: dict[str, Any]) -> None:
    """Import every module, train, load and translate."""
    import crossimage

    for module in pkgutil.walk_packages(crossimage.__path__, "crossimage."):
        if module.name != "crossimage.__main__":
            importlib.import_module(module.name)
    result = crossimage.train("munit", data=data, out=run, **settings | {"workers": 1})
    image = data / "testA" / "0.png"
    out = run / "translated"
    model = result.run / "model.safetensors"
    assert crossimage.load(model).translate(image, to="B") is not None
    command = ["translate", str(model), str(image), "--out", str(out), "--to", "B"]
    assert importlib.import_module("crossimage.cli.app").main(command) == 0
    assert {path.name for path in out.iterdir()} >= {"crossimage.jsonl"}


if __name__ == "__main__":
    resource_tracker.ensure_running()  # which spawning needs on this system
    pretend()
    multiprocessing.set_start_method("spawn", force=True)  # what it does there
    main(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))
