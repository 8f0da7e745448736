"""Arrays in MATLAB and HDF5 files, read in a process of their own.

The libraries that read them crash on some damaged files, which then ends that process alone.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from crossimage.utils.reading import FailedReadError, open_data, reads_noticed
from crossimage.utils.texts.shown import cut

Array = NDArray[Any]

_SECONDS = 120
_REFUSED, _FAILED = 3, 4
_PROGRAM = "from crossimage.data.make.foreign_arrays import answer; answer()"


class MissingPackageError(ValueError):
    """A package that a kind of file needs is not installed."""


def read_foreign_arrays(path: Path, names: Mapping[str, int]) -> list[Array]:
    """Read arrays of numbers that are in a file itself.

    Args:
        path: A MATLAB file (``.mat``), or else one of HDF5.
        names: Names of the arrays, each with the bytes that it may have.

    Returns:
        The arrays, in the order of their names.

    Raises:
        MissingPackageError: The package that reads such files is not installed.
        FailedReadError: The system can't read the file.
        ValueError: It is damaged, too large, or holds something else than arrays of numbers.
    """
    package = "scipy" if path.suffix == ".mat" else "h5py"
    try:
        missing = find_spec(package) is None
    except ValueError:  # it is blocked
        missing = True
    if missing:
        raise MissingPackageError(f"{package} is not installed; pip install {package}")
    with tempfile.TemporaryFile() as arrays:
        try:
            done = subprocess.run(
                [sys.executable, "-c", _PROGRAM, str(path), json.dumps(names)],
                stdin=subprocess.DEVNULL, stdout=arrays, stderr=subprocess.PIPE,
                timeout=_SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise ValueError(f"{path} was still being read after {_SECONDS} s") from None
        said = done.stderr.decode(errors="replace").strip()
        if done.returncode == _FAILED:
            raise FailedReadError(*json.loads(said), str(path))
        if done.returncode == _REFUSED:
            raise ValueError(f"{path} can't be read: {said}; copy or download it again")
        if done.returncode:
            raise ValueError(f"{path} is damaged: {package} crashed on it; download it again")
        arrays.seek(0)
        return [np.load(arrays, allow_pickle=False) for _ in names]


def answer() -> None:
    """Write the arrays of the file that the command line names to stdout."""
    path, names = Path(sys.argv[1]), json.loads(sys.argv[2])
    read = _of_matlab if path.suffix == ".mat" else _of_hdf
    try:
        with reads_noticed(), open_data(path) as file:
            for array in read(file, names):
                np.save(sys.stdout.buffer, array, allow_pickle=False)
    except FailedReadError as error:
        sys.stderr.write(json.dumps([error.errno, error.strerror]))
        sys.exit(_FAILED)
    except Exception as error:  # of libraries that raise all kinds
        sys.stderr.write(cut(str(error) or type(error).__name__))
        sys.exit(_REFUSED)


def _of_matlab(file: BinaryIO, names: Mapping[str, int]) -> Iterator[Array]:
    scipy_io = import_module("scipy.io")
    for name, shape, kind in scipy_io.whosmat(file):
        if name in names:
            _check(name, shape, 1, names[name], kind in ("uint8", "double", "int32", "int64"))
    file.seek(0)
    arrays = scipy_io.loadmat(file, variable_names=list(names))
    for name in names:
        if name not in arrays:
            raise ValueError(f"it has no {name}")
        found = np.asarray(arrays[name])
        _check(name, found.shape, found.itemsize, names[name], found.dtype.kind in "fiu")
        yield found


def _of_hdf(file: BinaryIO, names: Mapping[str, int]) -> Iterator[Array]:
    with import_module("h5py").File(file, "r") as content:
        for name in names:
            found = content[name]
            if found.file != content or found.external or found.is_virtual:
                raise ValueError(f"{name} is in another file")
            _check(name, found.shape, found.dtype.itemsize, names[name], found.dtype.kind in "fiu")
            yield np.asarray(found)


def _check(name: str, shape: Sequence[int], itemsize: int, largest: int, numbers: bool) -> None:
    size = math.prod(shape) * itemsize
    if not numbers or not 0 <= size <= largest:
        raise ValueError(
            f"{name} has {size:,} bytes{'' if numbers else ', and not of numbers'}; expected "
            f"numbers, at most {largest:,} bytes"
        )
