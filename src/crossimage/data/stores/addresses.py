"""Addresses of stores, and what goes wrong with them in a sentence."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

_ADDRESS = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):/+(.*)", re.DOTALL)
_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "memory": "fsspec"}
_WEB = {"http": "aiohttp", "https": "aiohttp"}
_CONNECT, _READ = 5, 10  # seconds until a connection, and between bytes
_TRIES = 2
_NO_BUCKET = re.compile(r"bucket does not exist|NoSuchBucket", re.IGNORECASE)


class StoreError(OSError):
    """A store can't be used for an object."""


class LostStoreError(StoreError):
    """A store can't be reached; all other objects would meet the same error."""


def store_address(path: str | Path, *, web: bool = False) -> str | None:
    """Return the address of a store that a text names, such as ``s3://bucket/folder``.

    A path made of such a text, ``s3:/bucket/folder``, is recognised, too.

    Args:
        path: The text or path.
        web: Whether addresses of web servers, ``https://...``, count.

    Returns:
        The address without a slash at its end; None for all other paths.
    """
    match = _ADDRESS.fullmatch(str(path))
    if match is None or match[1].lower() not in (_PACKAGES | _WEB if web else _PACKAGES):
        return None
    return f"{match[1].lower()}://{match[2].rstrip('/')}"


def local_path(path: str | Path) -> Path:
    """Return a path; of ``file:///folder`` the folder."""
    match = _ADDRESS.fullmatch(str(path))
    if match is None or match[1].lower() != "file":
        return Path(path)
    return Path("/", unquote(match[2]))


def shown(path: str | Path) -> str:
    """Return a path as users write it: of a store with both slashes of its address."""
    return store_address(path, web=True) or str(path)


def connect(address: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it.

    It is that of this process: those of others can't be used after a fork. Nothing waits for a
    store without end.

    Raises:
        ValueError: The package for such addresses is missing.
        StoreError: It can't be used.
    """
    scheme = address.partition("://")[0]
    try:
        from fsspec.core import url_to_fs

        with explaining(address):
            system, path = url_to_fs(address, **_limits(scheme))
            if scheme in ("s3", "s3a"):
                system.retries = _TRIES
    except ImportError:
        package = (_PACKAGES | _WEB)[scheme]
        extra = "'crossimage[scale]'" if package != "gcsfs" else "'crossimage[scale]' gcsfs"
        raise ValueError(
            f"{address} needs the package {package}; run `pip install {extra}`"
        ) from None
    return system, str(path).rstrip("/")


def _limits(scheme: str) -> dict[str, Any]:
    """Return the options of a file system that limit its time, except those that the user has set.

    By default, some wait for minutes.
    """
    from fsspec.config import conf

    options: dict[str, Any] = {}
    if scheme in ("s3", "s3a"):
        limits = {"connect_timeout": _CONNECT, "read_timeout": _READ}
        options["config_kwargs"] = limits | {"retries": {"total_max_attempts": 1}}
    elif scheme in _WEB:
        from aiohttp import ClientTimeout

        options["client_kwargs"] = {
            "timeout": ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=_READ)
        }
    return {key: value for key, value in options.items() if key not in conf.get(scheme, {})}


@contextmanager
def explaining(address: str, *, writing: bool = False) -> Iterator[None]:
    """Turn errors of a store into a sentence about an address.

    Args:
        address: The address.
        writing: Whether an object is written there, which needs nothing but a bucket.

    Raises:
        FileNotFoundError: There is no such object or bucket.
        StoreError: The store refuses.
        LostStoreError: It can't be reached, or there are no credentials.
    """
    try:
        yield
    except (ImportError, StoreError):
        raise
    except FileNotFoundError as error:
        if lost := _lost_behind(error):
            raise LostStoreError(f"{address}: {lost}") from None
        bucket = writing or _NO_BUCKET.search(str(error)) is not None
        what = (
            "the bucket does not exist; make it, or correct the name"
            if bucket
            else "there is no such object"
        )
        kind = StoreError if bucket else FileNotFoundError
        raise kind(f"{address}: {what}") from None
    except Exception as error:  # each store has errors of its own
        reason = _reason(error)
        if reason is None:
            raise
        kind = LostStoreError if is_lost(reason) else StoreError
        raise kind(f"{address}: {reason}") from None


_UNREACHED, _STRANGER = "the store can't be reached", "there are no credentials"


def is_lost(problem: str) -> bool:
    """Return whether a sentence says that a store can't be reached."""
    return _UNREACHED in problem or _STRANGER in problem


def _lost_behind(error: BaseException) -> str | None:
    """Return why a store can't be reached if that is why an object was not found there."""
    cause = error.__cause__ or error.__context__
    while cause is not None:
        reason = _reason(cause) if isinstance(cause, Exception) else None
        if reason and is_lost(reason):
            return reason
        cause = cause.__cause__ or cause.__context__
    return None


def _reason(error: Exception) -> str | None:
    """Return what an error of a store means; None if it is not one."""
    kinds = [kind.__name__ for kind in type(error).__mro__]
    names = {*kinds}
    text = " ".join(str(error).split())[:200]
    if isinstance(error, PermissionError) or "Forbidden" in names:
        return (
            f"access is denied ({text}); these credentials need the right to list and read there, "
            "and to write where results go"
        )
    if names & {"NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError"}:
        return (
            f"{_STRANGER}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run "
            "`aws configure` (for gs://: `gcloud auth application-default login`)"
        )
    if names & {"EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError",
                "ConnectionError", "HTTPClientError", "ClientConnectionError",
                "ClientPayloadError", "TimeoutError", "FSTimeoutError"}:  # fmt: skip
        return (
            f"{_UNREACHED} ({text or kinds[0]}); check the network, and AWS_ENDPOINT_URL if the "
            "store is not Amazon's"
        )
    module = type(error).__module__.partition(".")[0]
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return None
    if isinstance(error, OSError) or module in ("botocore", "aiobotocore", "s3fs", "gcsfs",
                                                "aiohttp", "google"):  # fmt: skip
        return f"the store answers: {text or type(error).__name__}"
    return None
