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
_NO_BUCKET = re.compile(r"bucket does not exist|NoSuchBucket", re.IGNORECASE)


class StoreError(OSError):
    """A store can't be used; further files would meet the same error."""


def store_address(path: str | Path) -> str | None:
    """Return the address of a store that a text names, such as ``s3://bucket/folder``.

    A path made of such a text, ``s3:/bucket/folder``, is recognised, too.

    Returns:
        The address without a slash at its end; None for all other paths.
    """
    match = _ADDRESS.fullmatch(str(path))
    if match is None or match[1].lower() not in _PACKAGES:
        return None
    return f"{match[1].lower()}://{match[2].rstrip('/')}"


def local_path(path: str | Path) -> Path:
    """Return a path; of ``file:///folder`` the folder."""
    match = _ADDRESS.fullmatch(str(path))
    if match is None or match[1].lower() != "file":
        return Path(path)
    return Path("/", unquote(match[2]))


def connect(address: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it.

    Raises:
        ValueError: The package for such addresses is missing.
        StoreError: It can't be used.
    """
    scheme = address.partition("://")[0]
    try:
        from fsspec.core import url_to_fs

        with told(address):
            system, path = url_to_fs(address)
    except ImportError:
        package = _PACKAGES[scheme]
        extra = "'crossimage[scale]'" if package != "gcsfs" else "'crossimage[scale]' gcsfs"
        raise ValueError(
            f"{address} needs the package {package}; run `pip install {extra}`"
        ) from None
    return system, str(path).rstrip("/")


@contextmanager
def told(address: str) -> Iterator[None]:
    """Turn errors of a store into a sentence about an address.

    Raises:
        FileNotFoundError: There is no such object or bucket.
        StoreError: The store can't be reached, or refuses.
    """
    try:
        yield
    except (ImportError, StoreError):
        raise
    except FileNotFoundError as error:
        bucket = _NO_BUCKET.search(str(error)) is not None
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
        raise StoreError(f"{address}: {reason}") from None


def _reason(error: Exception) -> str | None:
    """Return what an error of a store means; None if it is not one."""
    names = {kind.__name__ for kind in type(error).__mro__}
    text = " ".join(str(error).split())[:200]
    if isinstance(error, PermissionError) or "Forbidden" in names:
        return (
            f"access is denied ({text}); these credentials need the right to list and read there, "
            "and to write where results go"
        )
    if names & {"NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError"}:
        return (
            "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run "
            "`aws configure` (for gs://: `gcloud auth application-default login`)"
        )
    if names & {"EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError",
                "ConnectionError", "HTTPClientError", "ClientConnectorError",
                "TimeoutError", "FSTimeoutError"}:  # fmt: skip
        return (
            f"the store can't be reached ({text}); check the network, and AWS_ENDPOINT_URL if the "
            "store is not Amazon's"
        )
    module = type(error).__module__.partition(".")[0]
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return None
    if isinstance(error, OSError) or module in ("botocore", "aiobotocore", "s3fs", "gcsfs",
                                                "aiohttp", "google"):  # fmt: skip
        return f"the store answers: {text or type(error).__name__}"
    return None
