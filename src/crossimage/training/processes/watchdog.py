"""Processes of a run that are lost: the others end, with a sentence, whatever they are doing.

A process that was killed says nothing, and another one that waits for it to join would wait until a
time limit. So each is tied to the others: those that the first one starts, to it; those that
``torchrun`` starts, to it and to each other; and those that were started one by one, to each other.
The latter ties are connections, which the kernel closes when a process ends.
"""

from __future__ import annotations

import importlib
import os
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from crossimage.training.processes.process_locks import (
    STARTED_BY,
    LocalProcesses,
    number_here,
    present,
    run_of,
)  # fmt: skip
from crossimage.utils.texts.shown import cut

CONTINUES = "the same command continues the run from its newest checkpoint"
_GRACE = 15.0
"""Seconds in which a process may end by itself after another one was lost."""
_SAY = 10.0
"""Seconds after which it is said that processes are missing."""
_WAIT = "CROSSIMAGE_JOIN_MINUTES"
"""Environment variable with the time after which a run ends whose processes are not complete."""
_PAUSE = 0.5
_ANSWER = 10.0
"""Seconds that a connection may take to be made, or to say something."""
_GOODBYE = b"."
_CONNECTIONS: set[socket.socket] = set()
_ENDING = threading.Lock()


class LostProcessError(RuntimeError):
    """Another process of the run ended or cannot be reached."""


def tie_to_first() -> None:
    """End with the process that started this one, even while both are still starting."""
    parent = os.environ.setdefault(STARTED_BY, str(os.getpid()))
    if parent == str(os.getpid()) or sys.platform == "win32":
        return

    def watch() -> None:
        pause = threading.Event()
        while str(os.getppid()) == parent:
            pause.wait(_PAUSE)
        _end("the first process of the run ended, so this one ends, too")

    threading.Thread(target=watch, daemon=True).start()


def watch_others(started: Sequence[subprocess.Popen[bytes]]) -> None:
    """Say which of the processes that this one starts has ended too early.

    Fabric then kills this one without a word.

    Args:
        started: The processes, which may be added later.
    """

    def watch() -> None:
        pause = threading.Event()
        while not pause.wait(0.2):
            codes = [process.poll() for process in started]
            for number, code in enumerate(codes, 1):
                if code:
                    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
                    _say(f"process {number} of the run {how}; {CONTINUES}")
                    return
            if codes and all(code == 0 for code in codes):
                return

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def tied_together(devices: int) -> Iterator[None]:
    """Within this context, end this process soon after another one of its run.

    It applies to processes that were started one by one or by ``torchrun``, of which each knows its
    number and where the first one is from environment variables.

    Args:
        devices: Processes on this machine, where no variable says how many there are.

    Raises:
        ValueError: The time to wait for others is not a positive number.
    """
    place = _place(devices)
    if place is None:
        yield
        return
    ties = _Ties(*place, os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
    with present(number_here(os.environ), ties.run) as processes:
        if processes is not None:
            threading.Thread(target=ties.watch_present, args=(processes,), daemon=True).start()
        # two threads that import PyTorch at once meet half of it; it takes seconds
        importlib.import_module("torch.distributed")
        ties.watch()
        yield  # after an error it stays tied, since it may still hang when it ends
        ties.release()


def _place(devices: int) -> tuple[int, int] | None:
    """Return the number of this process and how many there are; None if it is tied otherwise.

    Where each machine's first process starts the others, it stands for all of its machine.
    """
    facts = os.environ
    if run_of(facts) is None:
        return None
    world = int(facts.get("WORLD_SIZE", devices))
    on_each = int(facts.get("LOCAL_WORLD_SIZE", devices))
    machine = int(facts.get("NODE_RANK", facts.get("GROUP_RANK", 0)))
    if "TORCHELASTIC_RUN_ID" in facts:
        place = int(facts["RANK"]), world
    elif "LOCAL_RANK" in facts:
        place = machine * on_each + int(facts["LOCAL_RANK"]), world
    else:
        place = machine, world // on_each
    return place if place[1] > 1 else None


class _Ties:
    """Connections of this process with the first one, or of the first one with all others.

    Args:
        rank: Number of this process.
        count: Number of processes of the run.
        host: Address of the machine of the first process.
        port: Port at which its store of values can be reached.
    """

    def __init__(self, rank: int, count: int, host: str, port: int) -> None:
        self.rank, self.count, self.host, self.port = rank, count, host, port
        self.run = run_of(os.environ) or ""
        self.key = self.run.rpartition(" ")[2]
        self.tied: dict[socket.socket, int] = {}
        self.joined: set[int] = set()
        self.began, self.said = time.monotonic(), False
        self.limit = 60 * _minutes()
        self.released = threading.Event()
        by_torchrun = "TORCHELASTIC_RUN_ID" in os.environ and sys.platform != "win32"
        self.launcher = os.getppid() if by_torchrun else None
        self.store: Any = None

    def watch(self) -> None:
        """Watch the others in a thread; without connections, nothing is watched."""
        hosts = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
        with suppress(RuntimeError):  # which Fabric meets, too, and reports
            if self.rank == 0 and hosts:
                self.store = self._open_store(first=True)
        threading.Thread(target=self._watch, daemon=True).start()

    def watch_present(self, processes: LocalProcesses) -> None:
        """Watch the others on this machine, which may end before there is a connection."""
        while not self.released.wait(_PAUSE):
            if (number := processes.ended()) is not None:
                first = self.rank - number_here(os.environ)  # of this machine
                self._lose(_ended(first + number))

    def release(self) -> None:
        """Tell the others that this process needs them no longer."""
        self.released.set()
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        for connection in [*self.tied]:
            with suppress(OSError):
                connection.sendall(_GOODBYE)

    def _open_store(self, *, first: bool) -> Any:
        import torch.distributed as dist

        return dist.TCPStore(  # type: ignore[attr-defined]
            self.host, self.port, is_master=first, wait_for_workers=False, multi_tenant=True,
            timeout=timedelta(seconds=self.limit),
        )  # fmt: skip

    def _watch(self) -> None:
        with suppress(OSError, RuntimeError), selectors.DefaultSelector() as ready:
            if self.rank == 0:
                token, listener = secrets.token_hex(16), self._listen()
                ready.register(listener, selectors.EVENT_READ)
                self._reach_store().set(self.key, f"{listener.getsockname()[1]} {token}")
            else:
                ready.register(self._connect(), selectors.EVENT_READ)
            while not self.released.is_set():
                for key, _ in ready.select(_PAUSE):
                    connection = key.fileobj
                    assert isinstance(connection, socket.socket)
                    if connection not in self.tied:
                        if accepted := self._accept(connection, token):
                            ready.register(accepted, selectors.EVENT_READ)
                    elif not self._goes_on(connection):
                        ready.unregister(connection)
                        del self.tied[connection]
                if self.rank == 0:
                    missing = {*range(1, self.count)} - self.joined
                    self._check_joined([f"process {number}" for number in sorted(missing)])
                self._check_launcher()

    def _listen(self) -> socket.socket:
        try:
            listener = socket.create_server((self.host, 0))
        except OSError:  # the name of this machine elsewhere
            listener = socket.create_server(("", 0))
        _CONNECTIONS.add(listener)
        return listener

    def _reach_store(self) -> Any:
        """Return the store of values, once there is one."""
        while self.store is None:
            try:
                socket.create_connection((self.host, self.port), _ANSWER).close()
                self.store = self._open_store(first=False)
            except OSError:
                time.sleep(_PAUSE)
                self._check_joined(["the first process"])
                self._check_launcher()
        return self.store

    def _connect(self) -> socket.socket:
        """Return a connection with the first process, which knows who this is."""
        port, token = self._reach_store().get(self.key).decode().split()
        connection = socket.create_connection((self.host, int(port)), _ANSWER)
        connection.sendall(f"{token} {self.rank:8}".encode())
        return self._tie(connection, 0)

    def _accept(self, listener: socket.socket, token: str) -> socket.socket | None:
        """Return a connection with another process; None if someone else knocked."""
        connection, _ = listener.accept()
        connection.settimeout(_ANSWER)
        said, _, rank = self._read(connection, len(token) + 9).partition(" ")
        if said != token:
            connection.close()
            return None
        self.joined.add(int(rank))
        return self._tie(connection, int(rank))

    @staticmethod
    def _read(connection: socket.socket, count: int) -> str:
        text = b""
        with suppress(OSError):
            while len(text) < count and (more := connection.recv(count - len(text))):
                text += more
        return text.decode("ascii", "replace")

    def _tie(self, connection: socket.socket, rank: int) -> socket.socket:
        """Have the kernel notice that a machine is gone, too."""
        connection.settimeout(_ANSWER)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 3), ("TCP_KEEPCNT", 3)):
            if hasattr(socket, name):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        self.tied[connection] = rank
        _CONNECTIONS.add(connection)
        return connection

    def _goes_on(self, connection: socket.socket) -> bool:
        """Return whether a process is still there; one that said goodbye needs no watching."""
        try:
            said = connection.recv(1)
        except TimeoutError:
            return True
        except OSError:
            said = b""
        if said != _GOODBYE:
            self._lose(_ended(self.tied[connection]))
        return False

    def _check_joined(self, missing: Sequence[str]) -> None:
        waited = time.monotonic() - self.began
        if not missing or self.released.is_set():
            return
        names, place = ", ".join(missing), f"{self.host}:{self.port}"
        if waited > _SAY and not self.said:
            _say(f"waiting for {names} of the run of {self.count} processes at {place}")
            self.said = True
        if waited > self.limit:
            minutes = f"{self.limit / 60:g} minutes"
            self._lose(f"{names} of the run did not join within {minutes} ({_WAIT})")

    def _check_launcher(self) -> None:
        if self.launcher is not None and os.getppid() != self.launcher:
            self._lose(f"torchrun, which started this process of the run, ended; {CONTINUES}")

    def _lose(self, sentence: str) -> None:
        """End this process, unless it soon ends by itself with a better sentence."""
        if hasattr(signal, "setitimer"):  # ends it even where Python's threads no longer run
            signal.setitimer(signal.ITIMER_REAL, _GRACE + 5)
        if not self.released.wait(_GRACE):
            _end(sentence)


def _ended(number: int) -> str:
    return f"process {number} of the run ended or cannot be reached; {CONTINUES}"


def _say(sentence: str) -> None:
    with suppress(OSError):
        os.write(2, f"crossimage: {sentence}\n".encode())


def _minutes() -> float:
    """Return the minutes to wait for the other processes."""
    text = os.environ.get(_WAIT, "5")
    with suppress(ValueError):
        if 0 < (minutes := float(text)) < 1e5:
            return minutes
    raise ValueError(f"{_WAIT} must be a positive number of minutes, found {cut(text)!r}")


def _end(sentence: str) -> None:
    _ENDING.acquire()  # for good: only one thread says why
    _say(sentence)
    os._exit(1)


def _forget() -> None:
    """Close the connections in a forked process, which would keep them open for its parent."""
    for connection in _CONNECTIONS:
        connection.close()
    _CONNECTIONS.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
