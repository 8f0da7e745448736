"""Surveys of PyTorch's checkpoint files, made before any tensor is built.

A checkpoint is a zip archive with a pickle and one entry of raw bytes per storage, or, as PyTorch
wrote it until 2020, pickles followed by the storages. Either way it may hold no more tensors than
bytes, and what an archive's CRC-32 covers must have it.
"""

from __future__ import annotations

import io
import math
import os
import struct
import zipfile
import zlib
from typing import IO, Any

from crossimage.utils.tensor_files.archives import check_plain, open_archive
from crossimage.utils.tensor_files.pickles import MAX_WORK, PickledTensor, Storage, follow, total
from crossimage.utils.texts.shown import cut, shown

_MAX_PICKLE = 32 << 20
_MAX_GROWTH, _ALLOWANCE = 4, 16 << 20  # of what a file describes, against its own size
_MAX_DIMENSIONS = 16
_FEW, _SOME = 1_000, 50_000  # work of a pickle of a few numbers, and of one of a name per tensor
_CHUNK = 1 << 20
_ITEM_SIZES = {
    "DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2,
    "LongStorage": 8, "IntStorage": 4, "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1,
    "BoolStorage": 1, "ComplexDoubleStorage": 16, "ComplexFloatStorage": 8, "UntypedStorage": 1,
}  # fmt: skip


def survey(file: IO[bytes], *, verify: bool = True, most: int = MAX_WORK, behind: int = 0) -> Any:
    """Check a PyTorch file before it is loaded.

    Args:
        file: The file; it is left at its start.
        verify: Check the CRC-32 of the entries of archives; not needed if something else covers
            the bytes.
        most: How much work the steps of its pickle may be; see
            :data:`~crossimage.utils.tensor_files.pickles.MAX_WORK`.
        behind: Number of bytes that belong behind an archive.

    Returns:
        What its pickle describes; see :func:`~crossimage.utils.tensor_files.pickles.follow`.

    Raises:
        ValueError: It describes more than it holds, is nested without end, or is damaged; the
            message says what is wrong, without the file's name.
    """
    size = os.fstat(file.fileno()).st_size
    try:
        file.seek(0)
        if file.read(2) == b"PK":
            content, sizes = _archive(file, size, verify, most, behind)
            left = sum(sizes.values())
        else:
            content, sizes = _pickles(file, size, most)
            left = max(sizes.values(), default=0)
        _check_tensors(content, sizes, left)
    except zipfile.BadZipFile as error:
        raise ValueError(cut(error)) from None
    file.seek(0)
    return content


def _archive(
    file: IO[bytes], size: int, verify: bool, most: int, behind: int
) -> tuple[Any, dict[str, int]]:
    """Return what an archive's pickle describes, and the sizes of its storages in bytes."""
    with open_archive(file) as archive:
        entries = archive.infolist()
        if sum(entry.file_size for entry in entries) > _MAX_GROWTH * size + _ALLOWANCE:
            raise ValueError("its entries unpack to many times its size")
        check_plain(file, archive, behind)
        pickles = [entry for entry in entries if entry.filename.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ValueError(f"it has {len(pickles)} entries data.pkl, expected one")
        if pickles[0].file_size > _MAX_PICKLE:
            raise ValueError(f"its pickle has more than {_MAX_PICKLE >> 20} MiB")
        if verify and any(entry.CRC for entry in entries):  # which PyTorch can leave out
            for entry in entries:
                _verify(archive, entry)
        content = follow(io.BytesIO(_read(archive, pickles[0])), most)
    folder = pickles[0].filename.removesuffix("data.pkl") + "data/"
    sizes = {
        entry.filename.removeprefix(folder): entry.file_size
        for entry in entries
        if entry.filename.startswith(folder)
    }
    return content, sizes


def _verify(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Read an entry to its end, where its CRC-32 is checked."""
    with _opened(archive, entry) as content:
        try:
            while content.read(_CHUNK):
                pass
        except (OSError, EOFError, ValueError, zlib.error) as error:
            raise zipfile.BadZipFile(str(error)) from None


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    with _opened(archive, entry) as content:
        return content.read()


def _opened(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> IO[bytes]:
    try:
        return archive.open(entry)
    except (NotImplementedError, RuntimeError, OSError, struct.error, EOFError) as error:
        raise zipfile.BadZipFile(str(error)) from None


def _pickles(file: IO[bytes], size: int, most: int) -> tuple[Any, dict[str, int]]:
    """Return what a file of the older form describes, and the sizes of its storages in bytes."""
    file.seek(0)
    head = io.BytesIO(file.read(_MAX_PICKLE))
    magic = follow(head, most)
    if not isinstance(magic, int):  # a pickle of its own, without tensors
        return magic, {}
    for _ in range(2):  # the format's version, and facts about the machine
        follow(head, _FEW)
    content = follow(head, most)
    keys = follow(head, _SOME)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ValueError("its list of storages is damaged")
    left = size - head.tell()
    return content, dict.fromkeys(map(str, keys), left)


def _check_tensors(content: Any, sizes: dict[str, int], left: int) -> None:
    """Refuse tensors that overlap in memory, or need more than the file has."""
    storages: dict[str, Storage] = {}

    def checked(tensor: PickledTensor) -> int:
        """Return the bytes of a tensor."""
        storage = tensor.storage
        bytes_each = _ITEM_SIZES.get(storage.kind)
        if bytes_each is None:
            raise ValueError(f"it holds tensors of an unknown type ({cut(storage.kind)})")
        if storage.size * bytes_each > sizes.get(storage.key, -1):
            raise ValueError(f"the memory of a tensor ({cut(storage.key)}) is missing or too short")
        if storages.setdefault(storage.key, storage) != storage:
            raise ValueError("two tensors disagree on the memory that they share")
        _check_strides(tensor)
        return math.prod(tensor.shape) * bytes_each

    described = total(content, checked)
    needed = sum(s.size * _ITEM_SIZES[s.kind] for s in storages.values())
    if needed > left or described > _MAX_GROWTH * needed + _ALLOWANCE:
        raise ValueError("its tensors have many times the size of the file")


def _check_strides(tensor: PickledTensor) -> None:
    """Refuse a tensor whose elements share memory, or lie outside of it."""
    dimensions = sorted(zip(tensor.strides, tensor.shape, strict=True))
    if len(dimensions) > _MAX_DIMENSIONS:
        raise ValueError(f"it holds a tensor of {len(dimensions)} dimensions")
    if 0 in tensor.shape:
        return
    end = 0  # the largest distance between two elements so far
    for stride, length in dimensions:
        if length > 1 and stride <= end:
            raise ValueError(
                f"it holds a tensor of the shape {shown(list(tensor.shape))} whose elements "
                "share memory"
            )
        end += stride * (length - 1)
    if tensor.offset + end >= tensor.storage.size:
        raise ValueError(
            f"it holds a tensor of the shape {shown(list(tensor.shape))}, for which its memory "
            "is too short"
        )
