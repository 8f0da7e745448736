"""Refusal of requests before any page sees them: other hosts, long or slow bodies, odd requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_DISCARD, _DISCARD_PATIENCE = 2**20, 1.0  # bytes and seconds of a body that is refused

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; "
    "script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True)
class Limits:
    """Limits on the bodies of requests.

    Attributes:
        what: What a body is called in answers.
        size: Bytes, at most.
        patience: Seconds in which it must arrive.
        types: Its types; empty for any.
        query: Bytes of what follows the question mark of an address.
        together: Bytes of all bodies that are being read or answered, at most.
    """

    what: str
    size: int
    patience: float
    types: Collection[str] = ()
    query: int = 2048
    together: int = 2**40


class Refused(Exception):
    """A request that no page answers.

    Args:
        status: The status of HTTP.
        reason: Why, for a reader.
        headers: Further headers of the answer.
    """

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.headers = status, reason, dict(headers or {})


def plainly(refused: Refused) -> Response:
    """Return a refusal as plain text."""
    return PlainTextResponse(f"{refused.reason}\n", refused.status, {"Connection": "close"})


class Guard:
    """Refuses requests to other hosts and bodies beyond limits, and adds headers to all answers.

    Args:
        app: What answers the others.
        limits: The limits of bodies.
        hosts: Other host names to accept, such as a reverse proxy's.
        headers: The headers of all answers.
        refuse: Makes the answer to a request that is refused.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        hosts: Collection[str] = (),
        headers: Mapping[str, str] = HEADERS,
        refuse: Callable[[Refused], Response] = plainly,
    ) -> None:
        self._app, self._limits, self._headers = app, limits, dict(headers)
        self._refuse, self._held = refuse, 0
        self._hosts = {host.casefold() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            self._check(scope)
            body = await self._body(scope, receive)
        except Refused as refused:
            if scope["method"] == "POST" and refused.status != 408:
                await _discard(receive)
            response = self._refuse(refused)
            await response(scope, receive, send_with_headers)
            return
        sent = False

        async def receive_body() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        self._held += len(body)
        try:
            await self._app(scope, receive_body, send_with_headers)
        finally:
            self._held -= len(body)

    def _check(self, scope: Scope) -> None:
        if scope["method"] not in ("GET", "HEAD", "POST"):
            raise Refused(405, "only GET and POST are answered")
        if len(scope["query_string"]) > self._limits.query:
            raise Refused(414, "the address is too long")
        host = host_name(Headers(scope=scope).get("host", ""))
        local = (scope.get("server") or ("", 0))[0]
        if host not in self._hosts | own_names(str(local)):
            raise Refused(400, "unknown host; the server accepts further names with --allow-host")

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """Read a whole body of bounded length in bounded time.

        Raises:
            Refused: It is too long, or arrives too slowly.
        """
        if scope["method"] != "POST":
            return b""
        limits = self._limits
        too_long = Refused(413, f"a {limits.what} has at most {limits.size} bytes")
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:12]) > limits.size or len(length) > 12:
            raise too_long
        kind = headers.get("content-type", "").partition(";")[0].strip().casefold()
        if limits.types and kind not in limits.types:
            raise Refused(415, f"expected a {limits.what}, as {' or '.join(limits.types)}")
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(limits.patience):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Refused(400, f"the {limits.what} is not complete")
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    self._held += len(parts[-1])
                    if size > limits.size:
                        raise too_long
                    if self._held > limits.together:
                        raise Refused(
                            503, "too many requests at a time; ask again", {"Retry-After": "1"}
                        )
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise Refused(
                408, f"the {limits.what} did not arrive within {limits.patience:g} seconds"
            ) from None
        finally:
            self._held -= size


def host_name(host: str) -> str:
    """Return the name in a ``Host`` header, without the port, in lower case."""
    name = host.casefold()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.rpartition(":")[0] if ":" in name else name


def own_names(address: str) -> set[str]:
    """Return the names of the address at which a request arrived."""
    names = {address.casefold().removeprefix("::ffff:")}
    if names & {"::1"} or any(name.startswith("127.") for name in names):
        names |= {"localhost", "127.0.0.1", "::1"}
    return names


async def _discard(receive: Receive) -> None:
    """Read and forget the rest of a body, up to a limit.

    A client that is still sending when the connection is closed may never see the answer.
    """
    size = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_PATIENCE):
            while size < _DISCARD:
                message = await receive()
                size += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
