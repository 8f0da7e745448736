"""Safetensors: read with one handle and within the file's size, and sealed where they are ours.

The header of a file says which tensors it holds. It is checked before anything is allocated, so
that a file can take no more memory than it has bytes. Files of ours carry a **seal**, the SHA-256
of their metadata and tensors.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import safetensors.torch
import torch
from torch import Tensor

from crossimage.utils.foreign_files import kind_of
from crossimage.utils.paths import check_not_special
from crossimage.utils.reading import open_data
from crossimage.utils.texts.json_text import parse_json
from crossimage.utils.texts.shown import cut, shown

SEAL = "seal"
"""Name of the seal in the metadata."""

_MAX_HEADER = 8 << 20  # bytes, enough for tens of thousands of tensors
_MAX_DIMENSIONS = 16
_CHUNK = 1 << 20
_DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8,
    "U64": torch.uint64, "U32": torch.uint32, "U16": torch.uint16, "U8": torch.uint8,
    "BOOL": torch.bool, "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2,
}  # fmt: skip


class _Entry(NamedTuple):
    """A tensor's place in the file, in bytes after the header."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int
    end: int


class Safetensors:
    """An open ``.safetensors`` file whose header has been checked.

    Attributes:
        path: The file.
        metadata: Its metadata, without the seal.
        seal: The seal; None for files of others and of earlier versions.
        shapes: Shapes of its tensors by name.
        size: Bytes of all tensors.
        digest: The SHA-256 of metadata and tensors, once :meth:`tensors` has read them.
    """

    def __init__(self, path: Path, file: IO[bytes], expected: str) -> None:
        self.path, self._file = path, file
        self._remedy = f"expected {expected}; copy or download it again"
        header = self._read_header(expected)
        metadata = header.pop("__metadata__", {})
        if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
            raise self._damage("its metadata are not texts by name")
        self.seal = metadata.pop(SEAL, None)
        self.metadata: dict[str, str] = metadata
        self._entries = self._read_entries(header)
        self.shapes = {name: entry.shape for name, entry in self._entries.items()}
        self.size = self._size - self._start
        self.digest = ""

    def tensors(self) -> dict[str, Tensor]:
        """Read all tensors, on the CPU.

        Raises:
            ValueError: The file ends early, or has a seal that its contents differ from.
        """
        digest = _digest(self.metadata)
        tensors = {}
        self._file.seek(self._start)
        for name, entry in self._entries.items():
            tensor = torch.empty(entry.shape, dtype=entry.dtype)
            content = tensor.reshape(-1).view(torch.uint8).numpy().data
            if self._file.readinto(content) != len(content):  # type: ignore[attr-defined]
                raise self._damage("it ends early")
            _add(digest, name, entry)
            digest.update(content)
            tensors[name] = tensor
        self.digest = digest.hexdigest()
        if self.seal is not None and self.digest != self.seal:
            raise self._broken("")
        return tensors

    def check_seal(self, problem: Exception) -> None:
        """Refuse a sealed file that was altered, after something in it has proved wrong.

        Args:
            problem: What is wrong with its contents.

        Raises:
            ValueError: Its contents differ from its seal.
        """
        if self.seal is None:
            return
        digest = _digest(self.metadata)
        self._file.seek(self._start)
        for name, entry in self._entries.items():
            _add(digest, name, entry)
            for start in range(entry.start, entry.end, _CHUNK):
                digest.update(self._file.read(min(_CHUNK, entry.end - start)))
        if digest.hexdigest() != self.seal:
            raise self._broken(f" ({problem})") from None

    def _broken(self, why: str) -> ValueError:
        return ValueError(
            f"{self.path} is damaged or was altered: its settings or weights differ from the "
            f"checksum{why}; get or write it again"
        )

    def _damage(self, why: str) -> ValueError:
        return ValueError(f"{self.path} is truncated or not a safetensors file: {why}; "
                          f"{self._remedy}")  # fmt: skip

    def _read_header(self, expected: str) -> dict[str, Any]:
        path = self.path
        start, self._size = self._file.read(9), os.fstat(self._file.fileno()).st_size
        is_header = start[8:] == b"{"
        if kind := kind_of(path):
            raise ValueError(f"{path} is not a safetensors file; expected {expected}; {kind}")
        if not is_header and start.startswith((b"PK", b"\x80")):
            raise ValueError(
                f"{path} is a PyTorch pickle, which could run code when it is read; expected "
                f"{expected}, and foreign checkpoints are imported with `crossimage import`"
            )
        if len(start) == 9 and not is_header:
            raise ValueError(f"{path} is not a safetensors file; expected {expected}")
        length = int.from_bytes(start[:8], "little")
        if self._size < 9 or self._size < 8 + length:
            raise self._damage("it ends early" if self._size else "it is empty")
        if length > _MAX_HEADER:
            raise self._damage(f"its header has {length:,} bytes, more than {_MAX_HEADER:,}")
        self._start = 8 + length
        self._file.seek(8)
        try:
            header = parse_json(self._file.read(length).decode(), once=True)
        except ValueError as error:
            raise self._damage(f"its header is not JSON ({cut(error)})") from None
        if not isinstance(header, dict):
            raise self._damage("its header is not a JSON object")
        return header

    def _read_entries(self, header: Mapping[str, Any]) -> dict[str, _Entry]:
        """Return the tensors in the order of their bytes, which must fill the file exactly."""
        entries = {name: self._entry(name, facts) for name, facts in header.items()}
        ordered = dict(sorted(entries.items(), key=lambda item: item[1][2:]))
        end = 0
        for name, entry in ordered.items():
            if entry.start != end:
                raise self._damage(f"the tensor '{cut(name)}' does not follow the one before it")
            end = entry.end
        if self._start + end != self._size:
            raise self._damage(f"it has {self._size:,} bytes, expected {self._start + end:,}")
        return ordered

    def _entry(self, name: str, facts: Any) -> _Entry:
        try:
            dtype, shape = _DTYPES[facts["dtype"]], facts["shape"]
            start, end = facts["data_offsets"]
            if type(shape) is not list:
                raise ValueError
            numbers = [*shape, start, end]
            known = facts.keys() == {"dtype", "shape", "data_offsets"}
            if not known or not all(type(n) is int and 0 <= n < 2**62 for n in numbers):
                raise ValueError
        except (AttributeError, KeyError, TypeError, ValueError):
            raise self._damage(
                f"the tensor '{cut(name)}' is described by {shown(facts)}; expected a dtype, a "
                "shape and data_offsets"
            ) from None
        if len(shape) > _MAX_DIMENSIONS or math.prod(shape) * dtype.itemsize != end - start:
            raise self._damage(
                f"the tensor '{cut(name)}' has the shape {shown(shape)} and {end - start:,} bytes"
            )
        return _Entry(dtype, tuple(shape), start, end)


def _digest(metadata: Mapping[str, str]) -> Any:
    return hashlib.sha256(json.dumps(dict(sorted(metadata.items()))).encode())


def _add(digest: Any, name: str, entry: _Entry) -> None:
    digest.update(f"\n{json.dumps(name)} {entry.dtype} {list(entry.shape)}\n".encode())


@contextmanager
def open_safetensors(path: Path, expected: str) -> Iterator[Safetensors]:
    """Open a ``.safetensors`` file; its metadata and tensors come from one handle.

    A file that is replaced meanwhile is read as it was when it was opened.

    Args:
        path: The file.
        expected: What it should be, for the error message: ``a model file``.

    Raises:
        FileNotFoundError: The file does not exist.
        OSError: It cannot be opened.
        ValueError: It is truncated, damaged or of another kind.
    """
    check_not_special(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder; expected {expected}")
    try:
        file = open_data(path)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} does not exist; expected {expected}") from None
    with file:
        yield Safetensors(path, file, expected)


def read_safetensors(path: Path, expected: str) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Read the metadata and the tensors of a ``.safetensors`` file, on the CPU.

    See :func:`open_safetensors`.
    """
    with open_safetensors(path, expected) as file:
        return file.metadata, file.tensors()


def write_safetensors(
    file: IO[bytes], tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> None:
    """Write tensors and metadata as safetensors, sealed.

    The same tensors and metadata always give the same bytes.
    """
    content = memoryview(safetensors.torch.save(dict(tensors), dict(metadata)))
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(bytes(content[8:start]))
    header.pop("__metadata__", None)
    places = sorted(header.items(), key=lambda item: item[1]["data_offsets"])
    digest = _digest(metadata)
    for name, facts in places:
        first, end = facts["data_offsets"]
        entry = _Entry(_DTYPES[facts["dtype"]], tuple(facts["shape"]), first, end)
        _add(digest, name, entry)
        digest.update(content[start + first : start + end])
    sealed = {**metadata, SEAL: digest.hexdigest()}
    header = {"__metadata__": dict(sorted(sealed.items())), **dict(places)}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    file.write(content[start:])


def is_safetensors(path: Path) -> bool:
    """Return whether a file is in the format of safetensors, or is named so and is nothing else."""
    if not path.is_file():
        return path.suffix == ".safetensors"
    with open_data(path) as file:
        start = file.read(9)
    if start[8:] == b"{":
        return True
    return path.suffix == ".safetensors" and not start.startswith((b"PK", b"\x80"))
