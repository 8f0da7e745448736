"""The originals of digits as they should not be: IDX, lines in bzip2, MATLAB and HDF5 files.

Those of HDF5 are made where h5py is installed. By hand::

    python -m tests.faults.crafted.digits --count 2000 --seed 3
"""

from __future__ import annotations

import bz2
import gzip
import io
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy.io import savemat

from crossimage.data.make.originals import find_digits
from tests.faults.commands.originals import idx
from tests.faults.crafted.tricks import by_turns
from tests.faults.image_mutants import Mutant, Outcome
from tests.faults.reading import check_with, run

_COUNT = 12
_SETS = {
    "idx": ("mnist", "train-images-idx3-ubyte"),
    "labels": ("mnist", "t10k-labels-idx1-ubyte"),
    "gz": ("mnist", "t10k-images-idx3-ubyte.gz"),
    "bz2": ("usps", "usps.t.bz2"),
    "mat": ("svhn", "train_32x32.mat"),
    "h5": ("usps", "usps.h5"),
}
"""The data set and the file of each kind."""


def warm_up() -> None:
    """Do once what the first file would be charged for."""
    with TemporaryDirectory() as folder:
        for kind in _kinds():
            path = Path(folder) / f"whole-{kind}.bin"
            path.write_bytes(whole(kind))
            read(path)


def _kinds() -> list[str]:
    return [kind for kind in _SETS if kind != "h5" or find_spec("h5py")]


def read(path: Path) -> object:
    """Read a data set of which a file is replaced."""
    name, file = _SETS[path.stem.rpartition("-")[2]]
    folder = path.parent / "folders" / path.name
    folder.mkdir(parents=True)
    for other, (set_name, other_file) in _SETS.items():
        if set_name == name and (name == "mnist" or other == "mat"):
            (folder / other_file).write_bytes(whole(other))
    for more, content in _more(name).items():
        (folder / more).write_bytes(content)
    (folder / file).unlink(missing_ok=True)
    path.rename(folder / file)
    if file == "usps.h5":
        (folder / "usps.bz2").unlink()
    return find_digits(name, folder)


@cache
def _more(name: str) -> dict[str, bytes]:
    """Return the sound files beside the one that is replaced."""
    return {
        "mnist": {"train-labels-idx1-ubyte": whole("labels"),
                  "t10k-images-idx3-ubyte.gz": whole("gz")},
        "usps": {"usps.bz2": whole("bz2")},
        "svhn": {"test_32x32.mat": whole("mat")},
    }[name]  # fmt: skip


def check(batch: Sequence[Mutant]) -> Outcome:
    """Read files in another process, and return what became of them."""
    return check_with("crafted.digits", batch)


@cache
def whole(kind: str) -> bytes:
    """Return a sound file."""
    random = np.random.default_rng(0)
    labels = (np.arange(_COUNT) % 10).astype(np.uint8)
    if kind == "labels":
        return idx(labels)
    if kind in ("idx", "gz"):
        data = idx(random.integers(0, 256, (_COUNT, 28, 28), np.uint8))
        return data if kind == "idx" else gzip.compress(data, mtime=0)
    pixels = random.random((_COUNT, 256)).astype(np.float32)
    file = io.BytesIO()
    if kind == "bz2":
        return bz2.compress(b"".join(map(_line, pixels, labels)))
    if kind == "mat":
        images = random.integers(0, 256, (32, 32, 3, _COUNT), np.uint8)
        savemat(file, {"X": images, "y": labels[:, None] + 1}, do_compression=True)
        return _undated(file.getvalue())
    return hdf(lambda f: [f.create_dataset(f"{split}/{name}", data=data)
                          for split in ("train", "test")
                          for name, data in (("data", pixels), ("target", labels))])  # fmt: skip


def _line(pixels: np.ndarray, label: int) -> bytes:
    values = " ".join(f"{i}:{v:.3f}" for i, v in enumerate(pixels * 2 - 1, 1))
    return f"{label + 1} {values}\n".encode()


def _undated(data: bytes) -> bytes:
    """Return a MATLAB file whose description has no date."""
    return b"MATLAB 5.0 MAT-file".ljust(116) + data[116:]


def hdf(fill: Callable[[Any], object]) -> bytes:
    """Return an HDF5 file that a function has filled."""
    import h5py

    file = io.BytesIO()
    with h5py.File(file, "w") as content:
        fill(content)
    return file.getvalue()


def _idx(random: Random) -> Mutant:
    """State other axes than there are."""
    data = bytearray(whole(kind := random.choice(("idx", "labels", "gz"))))
    data = bytearray(gzip.decompress(data)) if kind == "gz" else data
    place = random.randrange(3)
    if place == 0:
        data[random.randrange(3)] = random.choice((1, 9, 0x0B, 0x0E, 0xFF))
    elif place == 1:
        data[3] = random.choice((0, 2, 4, 32, 33, 64, 65, 255))
    else:
        axis = random.randrange(data[3])
        length = random.choice((0, 1, -1, 2**31 - 1, 2**28, -(2**31), 2**16))
        struct.pack_into(">i", data, 4 + 4 * axis, length)
    if kind == "gz":
        return kind, gzip.compress(data, mtime=0)
    return kind, bytes(data)


def _bomb(random: Random) -> Mutant:
    """Unpack to many times the size of the file."""
    kind = random.randrange(4)
    size = random.choice((64, 700)) << 20
    if kind == 0:
        count = size // 784 if random.random() < 0.5 else 2**20
        return "gz", _deflated(b"\0\0\x08\3" + struct.pack(">3i", count, 28, 28), size, 31)
    if kind == 1:
        text = random.choice((b"1", b" ", b"\n", b"1 2:3\n", _line(np.zeros(256), 1)))
        packer = bz2.BZ2Compressor(9)
        chunk = text * ((4 << 20) // len(text))
        return "bz2", (packer.compress(chunk) + packer.flush()) * random.choice((1, 40))
    if kind == 2:
        stated = random.choice((size, 2**31 - 1, 100))
        element = struct.pack("<2L", 14, stated)
        packed = _deflated(element, size, 15)
        return "mat", whole("mat")[:128] + struct.pack("<2L", 15, len(packed)) + packed
    return "gz", gzip.compress(gzip.compress(whole("idx"), mtime=0), mtime=0)


def _deflated(head: bytes, zeros: int, bits: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, bits)
    parts = [packer.compress(head)]
    parts += [packer.compress(bytes(1 << 20)) for _ in range(zeros >> 20)]
    return b"".join(parts) + packer.flush()


_LINES = (
    b"x" + b" 1:0" * 256, b"1" + b" 1:nan" * 256, b"1" + b" 1:1e999" * 256, b"11" + b" 1:0" * 256,
    b"9" * 5_000 + b" 1:0" * 256, b"-1" + b" 1:0" * 256, b"1" + b" 1:" * 256, b"1" * 40_000,
    b"1" + b" \xff:0" * 256, b"1 " + b"1:0 " * 255, b"\0" * 300, b"1" + b" :::::0" * 256,
    b"1.5" + b" 1:0" * 256, "\u0661".encode() + b" 1:0" * 256, b"1" + b" 1:1_0" * 256, b"",
)  # fmt: skip


def _lines(random: Random) -> Mutant:
    """Hold a line that is none of USPS."""
    lines = bz2.decompress(whole("bz2")).splitlines()
    lines.insert(random.randrange(len(lines)), random.choice(_LINES))
    return "bz2", bz2.compress(b"\n".join(lines) + b"\n")


def _matlab(random: Random) -> Mutant:
    """State other types and sizes of elements, which are in each other."""
    file = io.BytesIO()
    images = np.zeros((32, 32, 3, _COUNT), np.uint8)
    values: dict[str, Any] = {"X": images, "y": np.ones((_COUNT, 1))}
    odd: tuple[Any, ...] = (
        {"a": {"b": {"c": 1}}}, np.array(["x"], object), "text", np.zeros((0, 0)), images[:, :, 0],
        np.full((_COUNT, 1), np.nan), images.astype(np.float64), np.zeros((_COUNT, 1), complex),
        np.array([[1, 2], [3, 4]]), images.astype(np.int64), np.full((_COUNT, 1), 1e300),
    )  # fmt: skip
    if random.random() < 0.4:
        values[random.choice("Xy")] = random.choice(odd)
        savemat(file, values)
        return "mat", _undated(file.getvalue())
    savemat(file, values)
    data = bytearray(_undated(file.getvalue()))
    for _ in range(random.choice((1, 2, 6))):
        place = random.randrange(124, 124 + 100) & ~3
        number = random.choice((0, 1, 2, 5, 6, 14, 15, 18, 2**16, 2**31 - 1, 2**31, 2**32 - 1))
        struct.pack_into("<L", data, place, number)
    return "mat", bytes(data)


def _bits(random: Random) -> Mutant:
    """Flip bits, cut, or repeat."""
    data = bytearray(whole(kind := random.choice(_kinds())))
    act = random.randrange(4)
    if act == 0:
        return kind, bytes(data[: random.randrange(len(data))])
    if act == 1:
        place = random.randrange(len(data))
        return kind, bytes(data[:place] + data[random.randrange(len(data)) :])
    most = len(data) if act == 2 else min(len(data), 400)
    for _ in range(random.choice((1, 3, 20))):
        data[random.randrange(most)] ^= 1 << random.randrange(8)
    return kind, bytes(data)


def _elsewhere(random: Random) -> Mutant:
    """Refer to other files, or hold what is no array of numbers, in HDF5."""
    if not find_spec("h5py"):
        return _bits(random)
    import h5py

    def fill(content: Any) -> None:
        target = np.arange(_COUNT) % 10
        content.create_dataset("test/data", data=np.zeros((_COUNT, 256), np.float32))
        content.create_dataset("test/target", data=target)
        if kind != "labels":
            content.create_dataset("train/target", data=target)
        if kind == "external":
            content["train/data"] = h5py.ExternalLink("/etc/passwd", "/x")
        elif kind == "soft":
            content["train/data"] = h5py.SoftLink(random.choice(("/train/data", "/x", "/")))
        elif kind == "storage":
            content.create_dataset("train/data", (9, 256), "u1", external=[("/no/x", 0, 9 * 256)])
        elif kind == "virtual":
            layout = h5py.VirtualLayout((9, 256), "u1")
            layout[:] = h5py.VirtualSource("/etc/x.h5", "x", (9, 256))
            content.create_virtual_dataset("train/data", layout)
        elif kind == "large":
            shape = random.choice(((2**40, 256), (2**18, 256), (2**16, 256), (2**62, 4, 4)))
            content.create_dataset("train/data", shape, "f4", chunks=True, compression="gzip")
        elif kind == "text":
            content.create_dataset("train/data", data=["x"] * _COUNT)
        elif kind == "compound":
            content.create_dataset("train/data", (9, 256), [("a", "f4"), ("b", "S9999")])
        elif kind == "references":
            content.create_dataset("train/data", (9, 256), h5py.ref_dtype)
        elif kind == "group":
            content.create_group("train/data")
        elif kind == "type":
            content["train/data"] = np.dtype("f4")
        elif kind == "empty":
            content.create_dataset("train/data", data=h5py.Empty("f4"))
        elif kind == "shape":
            shape = random.choice(((), (0, 256), (9, 0), (9, 255), (9, 16, 16), (1,) * 32))
            content.create_dataset("train/data", shape, "f4")
        elif kind == "infinite":
            content.create_dataset("train/data", data=np.full((_COUNT, 256), np.nan))
        else:
            content.create_dataset("train/data", data=np.zeros((_COUNT, 256), np.float32))
            content.create_dataset("train/target", data=np.full(_COUNT, random.choice((-1, 99))))

    kind = random.choice(
        ("external", "soft", "storage", "virtual", "large", "text", "compound", "references",
         "group", "type", "empty", "shape", "infinite", "labels")
    )  # fmt: skip
    return "h5", hdf(fill)


_TRICKS = (_idx, _bomb, _lines, _matlab, _bits, _bits, _elsewhere)


def mutants(seed: int) -> Iterator[Mutant]:
    """Yield files of digits without end.

    Args:
        seed: Determines the files.
    """
    for name, kind, data in by_turns(_TRICKS, seed):
        yield f"{name}-{kind}.bin", data


if __name__ == "__main__":
    run(__doc__ or "", mutants, check)
