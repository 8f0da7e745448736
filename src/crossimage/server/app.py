"""The application of a server: its routes, behind the guard."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from crossimage.server.answers import refusal_response, refused_by
from crossimage.server.engine import BusyError, ClosedError
from crossimage.server.guard import HEADERS, Guard, Limits, Refused

_PATIENCE = 30.0  # seconds in which a request must arrive
_TOGETHER = 8  # largest bodies that are read at the same time
_EXPECTED = (
    Refused, HTTPException, BusyError, ClosedError, ValueError, OSError, MemoryError, RuntimeError,
)  # fmt: skip


def guarded(
    routes: Sequence[BaseRoute],
    max_bytes: int,
    hosts: Collection[str] = (),
    headers: Mapping[str, str] = HEADERS,
) -> ASGIApp:
    """Return an application that answers routes, behind the guard.

    Args:
        routes: The API, and pages if there are any.
        max_bytes: Most bytes in a request.
        hosts: Other host names to accept, such as a reverse proxy's.
        headers: The headers of all answers.
    """
    app = Starlette(
        routes=list(routes),
        exception_handlers={**dict.fromkeys(_EXPECTED, _refused), Exception: _failed},
    )
    limits = Limits("request", max_bytes, _PATIENCE, together=_TOGETHER * max_bytes, query=8192)
    return Guard(app, limits, hosts, headers, refuse=refusal_response)


async def _refused(request: Request, error: Exception) -> Response:
    return refusal_response(refused_by(error))


async def _failed(request: Request, error: Exception) -> Response:
    return refusal_response(Refused(500, "the server has failed; its log says why"))
