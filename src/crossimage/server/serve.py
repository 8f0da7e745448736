"""Serve models over HTTP."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crossimage.server.listening import addresses, check_port, listen, run_server, web_needed
from crossimage.utils.paths import check_not_special
from crossimage.utils.reading import open_data

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from crossimage.inference.predictor import Precision

TOKEN = "CROSSIMAGE_TOKEN"
"""The environment variable that may hold the token."""

_SHORTEST_TOKEN = 8
_LONGEST_TOKEN = 4096  # bytes of its file
_GRACE = 25  # seconds for the last answers


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """How models are served.

    Attributes:
        host: Address to listen on.
        port: Port; 0 picks a free one.
        hosts: Other host names to accept, such as a reverse proxy's.
        device: Where the networks compute.
        precision: Arithmetic of translations.
        memory: Memory that translations may take, such as ``2GB``; ``auto``: what is free.
        batch_size: Images that are translated together.
        waiting: Requests that may wait; more get 503.
        max_bytes: Most bytes in a request.
        timeout: Most seconds until a request is answered.
        token_file: A file that holds the token; None: the environment variable, if it is set.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    hosts: Collection[str] = ()
    device: str = "auto"
    precision: Precision = "fp32"
    memory: str = "auto"
    batch_size: int = 8
    waiting: int = 64
    max_bytes: int = 32 * 2**20
    timeout: float = 60.0
    token_file: Path | None = None

    def check(self) -> None:
        """Refuse numbers that make no sense.

        Raises:
            ValueError: One does not.
        """
        for name in ("batch_size", "waiting", "max_bytes", "timeout"):
            value = getattr(self, name)
            if not 0 < value < 2**40:
                raise ValueError(
                    f"--{name.replace('_', '-')} must be greater than 0, found {value}"
                )
        check_port(self.port)


def serve_models(
    models: Sequence[str], options: ServeOptions, announce: Callable[[str], None] | None = None
) -> None:
    """Serve models until SIGINT or SIGTERM; requests that wait then are answered.

    Args:
        models: Run folders, model files or addresses of models.
        options: How they are served.
        announce: Called with the address of the server.

    Raises:
        FileNotFoundError: There is no such model.
        ValueError: A model can't be served, the port is in use, the token is too short, or the
            extra ``web`` is not installed.
    """
    options.check()
    with web_needed():
        from crossimage.server.api import Api
        from crossimage.server.app import guarded
        from crossimage.server.models import Models, load_models
    token = read_token(options.token_file)
    listening = listen(options.host, options.port)  # before models are read, which takes seconds
    try:
        translators = load_models(models, options.device, options.precision, options.memory)
        served = Models(translators, options.waiting, options.batch_size)
        api = Api(served, token, options.timeout)
        app: ASGIApp = guarded(api.routes, options.max_bytes, options.hosts)
        if announce:
            announce(addresses(listening))
        try:
            run_server(app, listening, _GRACE)
        finally:
            api.close()
    finally:
        listening.close()


def read_token(file: Path | None) -> str:
    """Return the token that clients need; empty if none is set.

    Args:
        file: The file that holds it; None: the environment variable ``CROSSIMAGE_TOKEN``.

    Raises:
        ValueError: It is too short or too long, or the file is not text.
        OSError: The file can't be read.
    """
    if file is None:
        token, where = os.environ.get(TOKEN, ""), f"the environment variable {TOKEN}"
        if not token:
            return ""
    else:
        check_not_special(file)
        with open_data(file) as content:
            data = content.read(_LONGEST_TOKEN + 1)
        if len(data) > _LONGEST_TOKEN:
            raise ValueError(f"{file} has more than {_LONGEST_TOKEN:,} bytes; expected a token")
        try:
            token, where = data.decode("utf-8-sig").strip(), str(file)
        except UnicodeDecodeError:
            raise ValueError(f"{file} is not text in UTF-8; expected a token") from None
    if len(token) < _SHORTEST_TOKEN or not token.isprintable() or not token.isascii():
        raise ValueError(
            f"the token in {where} must have at least {_SHORTEST_TOKEN} printable ASCII "
            "characters; make one with `openssl rand -hex 16`"
        )
    return token
