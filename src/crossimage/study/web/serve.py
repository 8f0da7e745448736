"""Serve a study over HTTP."""

from __future__ import annotations

import errno
import secrets
import socket
from collections.abc import Callable, Collection
from pathlib import Path

from crossimage.study import settings as settings_file
from crossimage.study import store as database
from crossimage.study.settings import PLANNED, Settings, read_settings
from crossimage.study.store import Store

MAX_CONNECTIONS = 2000
"""Connections at a time; further ones are answered that the server is busy."""


def open_study(folder: Path, for_votes: bool = False) -> tuple[Settings, Store]:
    """Open a study.

    Args:
        folder: Its folder.
        for_votes: Votes will be stored: the settings of the first vote are those of the last.

    Raises:
        FileNotFoundError: There is none.
        ValueError: Its settings are not allowed, or were changed after the first vote.
    """
    if not (folder / database.FILE).is_file():
        raise FileNotFoundError(
            f"{folder} holds no study; make one with `crossimage study make ... --out {folder}`"
        )
    settings = read_settings(folder / settings_file.FILE)
    store = Store(folder / database.FILE)
    recorded = store.get("settings")
    if recorded is not None and store.count_votes():
        fixed = Settings.model_validate_json(recorded)
        changed = [name for name, value in settings if getattr(fixed, name) != value]
        if changed:
            store.close()
            raise ValueError(
                f"{folder / settings_file.FILE}: {changed[0]} was changed after the first vote; "
                f"set it back to {getattr(fixed, changed[0])!r}, or make another study"
            )
    elif recorded is not None:
        fixed = Settings.model_validate_json(recorded)
        changed = [name for name in PLANNED if getattr(fixed, name) != getattr(settings, name)]
        if changed:
            store.close()
            raise ValueError(
                f"{folder / settings_file.FILE}: {changed[0]} determines the questions, which are "
                f"made; set it back to {getattr(fixed, changed[0])!r}, or make another study with "
                "--config"
            )
    if for_votes:
        store.put("settings", settings.model_dump_json())
    return settings, store


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ValueError: The port is in use, or the address is not one of this machine.
    """
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
    except OverflowError:
        raise ValueError(f"--port {port} is not a port; expected 0 to 65535") from None
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


def serve_study(
    folder: Path, host: str = "127.0.0.1", port: int = 8000, hosts: Collection[str] = (),
    announce: Callable[[str, str], None] | None = None,
) -> None:  # fmt: skip
    """Serve a study until it is interrupted.

    Args:
        folder: Folder of the study.
        host: Address at which to listen.
        port: Port; 0: any that is free.
        hosts: Further names of the server, for reverse proxies.
        announce: Called with the address of the page and that of the admin page.

    Raises:
        FileNotFoundError: There is no study.
        ValueError: The port is in use, or the extra ``web`` is not installed.
    """
    try:
        import uvicorn

        from crossimage.study.web.app import StudyApp
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{error.name} is not installed; install it with `pip install 'crossimage[web]'`"
        ) from None
    settings, store = open_study(folder, for_votes=True)
    try:
        listening = listen(host, port)
        token = secrets.token_urlsafe(16)
        app = StudyApp(folder, settings, store, token, hosts)
        address = addresses(listening)
        if announce:
            announce(address, f"{address}admin?token={token}")
        server = uvicorn.Server(
            uvicorn.Config(
                app.asgi,
                log_level="warning",
                access_log=False,
                lifespan="off",
                ws="none",
                server_header=False,
                timeout_keep_alive=20,
                limit_concurrency=MAX_CONNECTIONS,
                h11_max_incomplete_event_size=16 * 1024,
                timeout_graceful_shutdown=5,
            )  # fmt: skip
        )
        server.run(sockets=[listening])
    finally:
        store.close()
