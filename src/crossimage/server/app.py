"""The application of a server: its routes, behind the guard."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from crossimage.server.api import refusal
from crossimage.server.guard import Guard, Limits, Refused

_PATIENCE = 30.0  # seconds in which a request must arrive
_TOGETHER = 8  # largest bodies that are read at the same time


def guarded(routes: Sequence[BaseRoute], max_bytes: int, hosts: Collection[str] = ()) -> ASGIApp:
    """Return an application that answers routes, behind the guard.

    Args:
        routes: The API, and pages if there are any.
        max_bytes: Bytes of a request.
        hosts: Further names of the server, for reverse proxies.
    """
    app = Starlette(
        routes=list(routes),
        exception_handlers={HTTPException: _missing, Exception: _failed},
    )
    limits = Limits("request", max_bytes, _PATIENCE, together=_TOGETHER * max_bytes, query=8192)
    return Guard(app, limits, hosts, refuse=refusal)


async def _missing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    reason = {404: "there is nothing at this address", 405: "this method is not answered here"}
    return refusal(
        Refused(error.status_code, reason.get(error.status_code, error.detail), error.headers)
    )


async def _failed(request: Request, error: Exception) -> Response:
    return refusal(Refused(500, "the server has failed; its log says why"))
