"""Arrays in ``.npz`` files, whose headers are compared with the file before anything is read."""

from __future__ import annotations

import math
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossimage.utils.reading import FailedReadError, open_data, reads_noticed
from crossimage.utils.tensor_files.archives import check_plain, open_archive
from crossimage.utils.texts.shown import cut, few

_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, KeyError, RuntimeError)
_NO_HEADER = (ValueError, TypeError, SyntaxError, MemoryError, OverflowError, TokenError)


def read_arrays(
    path: Path, names: Sequence[str], *, largest: int, expected: str
) -> dict[str, NDArray[Any]]:
    """Read arrays of numbers; pickled objects are refused.

    Args:
        path: The file.
        names: Names of the arrays that are read, all of which it must hold.
        largest: Bytes that one of them may have.
        expected: What errors say to have expected.

    Raises:
        FileNotFoundError: The file does not exist.
        FailedReadError: It can't be read.
        ValueError: It is damaged, lacks an array, or holds one that is too large.
    """
    try:
        with reads_noticed(), open_data(path) as content:
            if content.read(2) != b"PK":
                raise ValueError(f"{path} is damaged or not an .npz file; {expected}")
            with open_archive(content) as archive:
                check_plain(content, archive)
                held = [entry.filename.removesuffix(".npy") for entry in archive.infolist()]
                missing = [name for name in names if name not in held]
                if missing:
                    raise ValueError(
                        f"{path} holds {few([cut(name, 40) for name in held], separator=', ')}, "
                        f"but no {' and no '.join(missing)}; {expected}"
                    )
                return {name: _read(path, archive, f"{name}.npy", largest) for name in names}
    except (FileNotFoundError, FailedReadError):
        raise
    except _DAMAGE as error:
        raise ValueError(f"{path} is damaged ({cut(error)}); copy or download it again") from None
    except _NO_HEADER as error:
        if str(path) in str(error):
            raise
        raise ValueError(f"{path} is not an .npz file of numbers; {expected}") from None


def _read(path: Path, archive: zipfile.ZipFile, name: str, largest: int) -> NDArray[Any]:
    """Read an array, unless it is too large, or larger than its bytes."""
    entry = archive.getinfo(name)
    with archive.open(entry) as content:
        first = np.lib.format.read_magic(content) == (1, 0)
        header = np.lib.format.read_array_header_1_0
        shape, _, dtype = (header if first else np.lib.format.read_array_header_2_0)(content)
    size = math.prod(shape) * dtype.itemsize
    if max(size, entry.file_size) > largest or size > entry.file_size:
        raise ValueError(
            f"{path} states {size:,} bytes for {name} and holds "
            f"{entry.file_size:,}; expected at most {largest:,}, all of them held"
        )
    with archive.open(entry) as content:
        array: NDArray[Any] = np.lib.format.read_array(content, allow_pickle=False)
        if content.read(1):
            raise ValueError("bytes follow an array")
    return array
