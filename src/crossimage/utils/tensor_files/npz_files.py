"""Arrays in ``.npz`` files, whose headers are compared with the file before anything is read."""

from __future__ import annotations

import math
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from crossimage.utils.reading import FailedReadError, open_data, reads_noticed

_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, KeyError, RuntimeError)


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
            if content.read(2) != b"PK" or not zipfile.is_zipfile(content):
                raise ValueError(f"{path} is damaged or not an .npz file; {expected}")
            _check_sizes(path, content, [f"{name}.npy" for name in names], largest)
            content.seek(0)
            with np.load(content, allow_pickle=False) as file:
                missing = [name for name in names if name not in file]
                if missing:
                    raise ValueError(
                        f"{path} holds {', '.join(file.files) or 'nothing'}, but no "
                        f"{' and no '.join(missing)}; {expected}"
                    )
                return {name: np.asarray(file[name]) for name in names}
    except (FileNotFoundError, FailedReadError):
        raise
    except _DAMAGE as error:
        raise ValueError(f"{path} is damaged ({error}); copy or download it again") from None
    except ValueError as error:
        if str(path) in str(error):
            raise
        raise ValueError(f"{path} is not an .npz file of numbers; {expected}") from None


def _check_sizes(path: Path, file: IO[bytes], names: Sequence[str], largest: int) -> None:
    """Refuse arrays that are too large, or larger than their bytes, before they are read."""
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if entry.filename not in names:
                continue
            with archive.open(entry) as content:
                first = np.lib.format.read_magic(content) == (1, 0)
                read = np.lib.format.read_array_header_1_0
                shape, _, dtype = (read if first else np.lib.format.read_array_header_2_0)(content)
            size = math.prod(shape) * dtype.itemsize
            if max(size, entry.file_size) > largest or size > entry.file_size:
                raise ValueError(
                    f"{path} states {size:,} bytes for {entry.filename} and holds "
                    f"{entry.file_size:,}; expected at most {largest:,}, all of them held"
                )
