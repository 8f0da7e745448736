"""A Ray cluster: its address, its machines and the room on them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from crossimage._version import __version__
from crossimage.utils.machine.usage_reports import send_no_reports
from crossimage.utils.numbers import digits

NAME = "ray"
"""The engine's name; ``ray://ADDRESS`` names a cluster, too."""

_CONNECT_SECONDS = 10
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
_SETTINGS = 4  # the kind of the frame with which a gRPC server, such as Ray's, answers
_NODE_SECONDS = 60


@dataclass(frozen=True)
class Cluster:
    """How a translation uses a Ray cluster.

    Attributes:
        address: HOST:PORT of its head, or ``auto`` for that of the environment; None for a cluster
            on this machine alone, which ends with the translation.
        workers: Most workers; None for as many as there are CPUs or GPUs for, except one CPU.
        gpus: Share of a GPU that each worker takes; 0 for none.
        threads: CPUs that each worker takes.
    """

    address: str | None = None
    workers: int | None = None
    gpus: float = 0.0
    threads: int = 1


def parse_engine(text: str) -> str | None:
    """Return the address that ``ray`` or ``ray://ADDRESS`` names; None for this machine.

    Raises:
        ValueError: It is neither.
    """
    name, separator, address = text.partition("://")
    if name != NAME or bool(separator) != bool(address):
        raise ValueError(
            f"--engine {text!r} is not an engine; expected ray, for this machine, or "
            "ray://HOST:PORT, for the cluster with this head"
        )
    return address or None


def room_for(ray: Any, cluster: Cluster) -> int:
    """Return the most workers that the cluster has room for.

    Raises:
        ValueError: There is no room for a single one.
    """
    room = 0
    cpus = 0.0
    for node in ray.nodes():
        if node["Alive"]:
            resources = node["Resources"]
            cpus += resources.get("CPU", 0)
            fits = int(resources.get("CPU", 0) // cluster.threads)
            if cluster.gpus:
                fits = min(fits, int(resources.get("GPU", 0) / cluster.gpus))
            room += fits
    if not room:
        cpus_each = f"{cluster.threads} CPU{'s' if cluster.threads > 1 else ''}"
        gpus = f" and {cluster.gpus:g} of a GPU" if cluster.gpus else ""
        raise ValueError(
            f"no machine of the Ray cluster has {cpus_each}{gpus} for a worker; ask for "
            "less with --threads and --gpus"
        )
    if room * cluster.threads >= cpus:  # Ray's own tasks need a CPU, too
        room = max(1, room - 1)
    return min(room, cluster.workers or room)


@contextmanager
def connected(cluster: Cluster) -> Iterator[Any]:
    """Connect to the cluster, or start one on this machine; yields the module ``ray``."""
    send_no_reports()
    try:
        import ray
        import ray.data
    except ImportError:
        raise ValueError(
            "--engine ray needs Ray Data; install it with pip install 'crossimage[scale]'"
        ) from None
    was_connected = ray.is_initialized()
    if not was_connected:
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if cluster.address is None:
            ray.init(include_dashboard=False, **quiet)
        else:
            if cluster.address != "auto":
                check_reachable(cluster.address)
            try:
                ray.init(address=cluster.address, **quiet)
            except (ConnectionError, RuntimeError, ValueError) as error:
                reason = str(error).strip().splitlines()[0]
                raise ValueError(
                    f"the Ray cluster {cluster.address} can't be used: {reason}"
                ) from None
    try:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        yield ray
    finally:
        if not was_connected:
            ray.shutdown()


def check_reachable(address: str) -> None:
    """Refuse an address at which nothing answers, or something other than Ray.

    Ray itself would go on trying for about a minute.

    Raises:
        ValueError: Nothing answers within ten seconds as Ray does.
    """
    host, _, port = address.rpartition(":")
    reason = "it is not HOST:PORT"
    if host and digits(port, 5) is not None:
        try:
            with socket.create_connection((host, int(port)), _CONNECT_SECONDS) as connection:
                connection.sendall(_GREETING)
                answer = b""
                while len(answer) < 9 and (more := connection.recv(9 - len(answer))):
                    answer += more
            if answer[3:4] == bytes((_SETTINGS,)):
                return
            reason = "what answers there is not Ray"
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error) or "no answer"
    raise ValueError(
        f"no Ray cluster can be reached at {address} ({reason}); expected HOST:PORT as `ray start "
        "--head` prints it"
    )


def check_nodes(ray: Any, paths: list[str]) -> None:
    """Refuse a cluster in which a machine lacks the package or does not see the files.

    Raises:
        ValueError: One does, or does not answer.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def ask(paths: list[str]) -> tuple[str, list[str]]:
        import os

        try:
            import pyarrow  # noqa: F401

            from crossimage._version import __version__ as version
        except ImportError as error:
            version = f"no package {error.name}"
        return version, [path for path in paths if not os.path.exists(path)]

    ask.__module__ = "__main__"  # so that it is sent rather than imported there
    answers = {}
    for node in ray.nodes():
        if node["Alive"]:
            where = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            there = ray.remote(ask).options(num_cpus=0, scheduling_strategy=where)
            answers[node["NodeManagerAddress"]] = there.remote(paths)
    for name, answer in answers.items():
        try:
            version, unseen = ray.get(answer, timeout=_NODE_SECONDS)
        except ray.exceptions.GetTimeoutError:
            raise ValueError(
                f"the machine {name} of the Ray cluster did not answer within {_NODE_SECONDS} s"
            ) from None
        if version != __version__:
            raise ValueError(
                f"the machine {name} of the Ray cluster has {version}, expected crossimage "
                f"{__version__} with its extra scale; install it there, as here"
            )
        if unseen:
            raise ValueError(
                f"the machine {name} of the Ray cluster does not see {unseen[0]}; expected inputs "
                "and results in folders that all machines share"
            )
