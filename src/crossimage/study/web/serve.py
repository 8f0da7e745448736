"""Serve a study over HTTP."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from pathlib import Path

from crossimage.server.listening import addresses, listen, run_server, web_needed
from crossimage.study.opening import open_study


def serve_study(
    folder: Path, host: str = "127.0.0.1", port: int = 8000, hosts: Collection[str] = (),
    announce: Callable[[str, str], None] | None = None,
) -> None:  # fmt: skip
    """Serve a study until it is interrupted.

    Args:
        folder: Folder of the study.
        host: Address to listen on.
        port: Port; 0 picks a free one.
        hosts: Other host names to accept, such as a reverse proxy's.
        announce: Called with the address of the page and that of the admin page.

    Raises:
        FileNotFoundError: There is no study.
        ValueError: The port is in use, or the extra ``web`` is not installed.
    """
    with web_needed():
        from crossimage.study.web.app import StudyApp
    settings, store = open_study(folder, for_votes=True)
    try:
        listening = listen(host, port)
        token = secrets.token_urlsafe(16)
        app = StudyApp(folder, settings, store, token, hosts)
        address = addresses(listening)
        if announce:
            announce(address, f"{address}admin?token={token}")
        run_server(app.asgi, listening)
    finally:
        store.close()
