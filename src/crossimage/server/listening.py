"""Listen at an address, and run an application there until it is interrupted."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MAX_CONNECTIONS = 2000
"""Connections at a time; further ones are answered that the server is busy."""
_MAX_PORT = 65535


@contextmanager
def web_needed() -> Iterator[None]:
    """Explain how to install what servers need, where it is imported.

    Raises:
        ValueError: The extra ``web`` is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{error.name} is not installed; install it with `pip install 'crossimage[web]'`"
        ) from None


def check_port(port: int) -> None:
    """Refuse a number that is not a port.

    Raises:
        ValueError: It is not.
    """
    if not 0 <= port <= _MAX_PORT:
        raise ValueError(f"--port {port} is not a port; expected 0 to {_MAX_PORT}")


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ValueError: The port is in use or not a port, or the address is not one of this machine.
    """
    check_port(port)  # of others, getaddrinfo would take the remainder
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        one = socket.socket(family, socket.SOCK_STREAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(address)
            one.listen(2048)
        except BaseException:
            one.close()
            raise
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ValueError(
                f"port {port} of {host} is in use; stop the other program, or choose another --port"
            ) from None
        raise ValueError(
            f"can't listen at {host}, port {port}: {error.strerror or error}; choose another "
            "--host or --port"
        ) from None
    return one


def addresses(listening: socket.socket) -> str:
    """Return the address of the page: that of this machine in its network, if it serves all."""
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = _in_network() or ("127.0.0.1" if host == "0.0.0.0" else "::1")
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def _in_network() -> str | None:
    """Return this machine's address in its network; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        try:
            one.connect(("192.0.2.1", 9))  # an address for documentation
        except OSError:
            return None
        return str(one.getsockname()[0])


def run_server(app: Any, listening: socket.socket, grace: int = 5) -> None:
    """Run an application until SIGINT or SIGTERM; what is being answered then is finished.

    Args:
        app: The application (ASGI).
        listening: Where it listens.
        grace: Seconds in which the last answers are finished.

    Raises:
        ValueError: The extra ``web`` is not installed.
    """
    with web_needed():
        import uvicorn

        from crossimage.server.connections import Connection
    config = uvicorn.Config(
        app,
        http=Connection,
        log_level="error",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_keep_alive=20,
        limit_concurrency=MAX_CONNECTIONS,
        h11_max_incomplete_event_size=16 * 1024,
        timeout_graceful_shutdown=grace,
    )
    uvicorn.Server(config).run(sockets=[listening])
