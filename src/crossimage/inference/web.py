"""Download images from http:// and https:// addresses."""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import urllib.request
from email.message import Message
from http import HTTPStatus
from time import monotonic
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from crossimage._version import __version__
from crossimage.data.images.formats import HEAD, format_of
from crossimage.data.images.pixels import ImageError

MAX_BYTES = 256 * 2**20
"""Bytes of an encoded image that is not a file: downloaded, or read from a stream."""

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://")
_CHUNK = 2**16
_MAX_REDIRECTS = 5
_SILENCE = 30.0  # seconds that a server may stay silent
_MAX_TIME = 600.0  # seconds of a whole download
_SAFE = "!$%&'()*+,/:;=@~-._"


def is_address(path: object) -> bool:
    """Return whether a text is an address such as ``https://...``.

    Raises:
        ValueError: It is an address that images can't be downloaded from.
    """
    match = _SCHEME.match(path) if isinstance(path, str) else None
    if match is None:
        return False
    scheme, rest = match[1].lower(), str(path)[match.end() :]
    if scheme not in ("http", "https"):
        hint = f": give the path itself, {unquote(rest)}" if scheme == "file" else ""
        raise ValueError(
            f"{without_secrets(str(path))} is not an address of the web, http:// or https://{hint}"
        )
    return True


def without_secrets(address: str) -> str:
    """Return an address for messages: without password, query and fragment, and not too long."""
    scheme, _, rest = address.partition("://")
    place, mark, _ = rest.partition("?")
    host, slash, path = place.partition("#")[0].partition("/")
    text = f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
    text = text if len(text) <= 200 else f"{text[:150]}...{text[-40:]}"
    return f"{text}?..." if mark else text


def name_of(address: str) -> str:
    """Return the last name in the path of an address, else that of its server."""
    parts = urlsplit(address)
    return unquote(parts.path.rstrip("/").rpartition("/")[2]) or parts.hostname or ""


def download(address: str, file: IO[bytes]) -> None:
    """Download an image into a file, checking from its first bytes that it is one.

    At most five redirects are followed, and none from a public address to one of this computer or
    its network. At most :data:`MAX_BYTES` are read, in at most ten minutes.

    Args:
        address: The address, http:// or https://.
        file: The file to write to.

    Raises:
        ImageError: The image can't be downloaded, is too large, or is not an image.
    """
    shown = without_secrets(address)
    try:
        _download(_encoded(address), shown, file)
        return
    except ImageError:
        raise
    except HTTPError as error:
        error.close()
        known = {status.value: f" {status.phrase}" for status in HTTPStatus}
        reason = f"the server answers {error.code}{known.get(error.code, '')}"
        if 300 <= error.code < 400:
            reason = f"it is redirected more than {_MAX_REDIRECTS} times"
    except TimeoutError:
        reason = f"the server did not answer within {_SILENCE:.0f} seconds"
    except URLError as error:
        silent = isinstance(error.reason, TimeoutError)
        reason = f"the server did not answer within {_SILENCE:.0f} seconds"
        reason = reason if silent else getattr(error.reason, "strerror", None) or str(error.reason)
    except http.client.IncompleteRead:
        reason = "the connection ended before the image was complete"
    except (http.client.HTTPException, ValueError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    raise ImageError(f"{shown} can't be downloaded: {' '.join(reason.split())}") from None


def _download(address: str, shown: str, file: IO[bytes]) -> None:
    headers = {"User-Agent": f"crossimage/{__version__}", "Accept-Encoding": "identity"}
    request = urllib.request.Request(address, headers=headers)
    end, received, head = monotonic() + _MAX_TIME, 0, b""
    with _opener().open(request, timeout=_SILENCE) as response:
        announced = int(response.headers.get("Content-Length") or -1)
        while True:
            chunk = response.read1(_CHUNK)
            received += len(chunk)
            if max(received, announced) > MAX_BYTES:
                limit = f"{MAX_BYTES // 2**20} MiB"
                raise ImageError(f"{shown} is larger than {limit}; download it and give its path")
            if monotonic() > end:
                limit = f"{_MAX_TIME / 60:.0f} minutes"
                raise ImageError(
                    f"{shown} takes longer than {limit}; download it and give its path"
                )
            if len(head) < HEAD:
                head = (head + chunk)[:HEAD]
                if (len(head) == HEAD or not chunk) and format_of(head) is None:
                    kind = response.headers.get_content_type()
                    raise ImageError(
                        f"{shown} is not an image of a known format (the server calls it {kind}); "
                        "give the address of the image itself"
                    )
            if not chunk:
                break
            file.write(chunk)
    if 0 <= announced != received:
        raise http.client.IncompleteRead(b"")


def _encoded(address: str) -> str:
    """Return an address in ASCII, as servers expect it."""
    parts = urlsplit(address)
    if not parts.hostname:
        raise ValueError("it names no server")
    if "@" in parts.netloc:
        raise ValueError(
            "user names and passwords are not supported; download it and give its path"
        )
    host = parts.hostname if ":" in parts.hostname else parts.hostname.encode("idna").decode()
    host = f"[{host}]" if ":" in host else host
    place = host if parts.port is None else f"{host}:{parts.port}"
    path, query = quote(parts.path, safe=_SAFE), quote(parts.query, safe=f"{_SAFE}?")
    return urlunsplit((parts.scheme, place, path, query, ""))


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener that knows nothing but the web: no files, no FTP."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a few redirects, but not from the web into the user's own network."""

    max_redirections = _MAX_REDIRECTS
    max_repeats = 2

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str,
        headers: Message, newurl: str,
    ) -> urllib.request.Request | None:  # fmt: skip
        """Return the request of a redirect; see the base class."""
        if not is_local(req.full_url) and is_local(newurl):
            raise ValueError("it is redirected to an address of this computer or its network")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def is_local(address: str) -> bool:
    """Return whether an address is one of this computer or its network, not a public one."""
    try:
        found: list[Any] = socket.getaddrinfo(urlsplit(address).hostname, None)
    except OSError:
        return False  # the download will say that there is no such server
    hosts = (ipaddress.ip_address(entry[4][0].partition("%")[0]) for entry in found)
    return not all(host.is_global for host in hosts)
