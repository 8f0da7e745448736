"""What is refused before any page sees it: other hosts, long or slow bodies, and odd requests."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 16 * 1024
"""Bytes of a form."""
MAX_QUERY = 2048
"""Bytes of what follows the question mark of an address."""
MAX_FIELDS = 12
"""Fields of a form."""
PATIENCE = 10.0
"""Seconds in which a form must arrive."""
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


class Refused(Exception):
    """A request that no page answers.

    Args:
        status: The status of HTTP.
        reason: Why, for a reader.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class Guard:
    """Refuses what no browser of a participant sends, and adds headers to all answers.

    Args:
        app: The pages.
        hosts: Further names of the server, for reverse proxies.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] = ()) -> None:
        self._app, self._hosts = app, {host.casefold() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            self._check(scope)
            body = await _body(scope, receive)
        except Refused as refused:
            if scope["method"] == "POST" and refused.status != 408:
                await _discard(receive)
            response = PlainTextResponse(
                f"{refused.reason}\n", refused.status, {"Connection": "close"}
            )
            await response(scope, receive, send_with_headers)
            return
        sent = False

        async def receive_body() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, receive_body, send_with_headers)

    def _check(self, scope: Scope) -> None:
        if scope["method"] not in ("GET", "HEAD", "POST"):
            raise Refused(405, "only GET and POST are answered")
        if len(scope["query_string"]) > MAX_QUERY:
            raise Refused(414, "the address is too long")
        host = host_name(Headers(scope=scope).get("host", ""))
        local = (scope.get("server") or ("", 0))[0]
        if host not in self._hosts | own_names(str(local)):
            raise Refused(400, "unknown host; the server accepts further names with --allow-host")


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


async def _body(scope: Scope, receive: Receive) -> bytes:
    """Read a whole body of bounded length in bounded time.

    Raises:
        Refused: It is too long, or arrives too slowly.
    """
    if scope["method"] != "POST":
        return b""
    headers = Headers(scope=scope)
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length[:12]) > MAX_BODY or len(length) > 12:
        raise Refused(413, f"a form has at most {MAX_BODY} bytes")
    if headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        raise Refused(415, "expected a form")
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refused(400, "the form is not complete")
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > MAX_BODY:
                    raise Refused(413, f"a form has at most {MAX_BODY} bytes")
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise Refused(408, f"the form did not arrive within {PATIENCE:g} seconds") from None


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


def parse_form(body: bytes) -> dict[str, str]:
    """Parse a form, or what follows the question mark of an address.

    Raises:
        Refused: It has too many fields, or a field twice, or is not text.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"
        )
    except ValueError:
        raise Refused(
            400, f"expected a form of at most {MAX_FIELDS} fields, encoded as UTF-8"
        ) from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Refused(400, "a field of the form occurs twice")
    return fields
