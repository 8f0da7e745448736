"""Serve a study over HTTP."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from pathlib import Path

from crossimage.server.listening import addresses, listen, run_server, web_needed
from crossimage.study import settings as settings_file
from crossimage.study import store as database
from crossimage.study.failures import storing
from crossimage.study.settings import PLANNED, Settings, read_settings
from crossimage.study.store import Store


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
        with storing(store.path):
            store.put("settings", settings.model_dump_json())
    return settings, store


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
