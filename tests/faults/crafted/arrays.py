"""Archives of arrays that were tampered with: statistics of images, and USPS as arrays.

Each is refused; or gives the same arrays as before, where the trick changes none. By hand::

    python -m tests.faults.crafted.arrays --count 2000 --seed 3
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np

from crossimage.data.make.originals import find_digits
from crossimage.evaluation.galleries.moments import read_moments
from tests.faults.archives.zips import PLAIN, SAME, Entry, bomb, entries_of, write
from tests.faults.image_mutants import Mutant, Outcome
from tests.faults.reading import ALTERED, check_with, run

_KINDS = ("moments", "usps")


def warm_up() -> None:
    """Do once what the first file would be charged for."""
    with TemporaryDirectory() as folder:
        for kind in _KINDS:
            path = Path(folder) / f"{SAME}whole-{kind}.npz"
            path.write_bytes(whole(kind))
            read(path)


def read(path: Path) -> object:
    """Read a file as the commands do; one that must not have changed gives the same arrays."""
    kind = path.stem.rpartition("-")[2]
    found = _moments(path) if kind == "moments" else _usps(path)
    if path.name.startswith(SAME):
        assert all(map(np.array_equal, found, arrays(kind).values())), "other arrays were read"
    return found


def _moments(path: Path) -> list[np.ndarray]:
    moments = read_moments(path)
    return [moments.mean.numpy(), moments.covariance.numpy()]


def _usps(path: Path) -> list[np.ndarray]:
    """Read a file under its one name, in a folder of its own."""
    folder = path.parent / "folders" / path.name
    folder.mkdir(parents=True)
    path.rename(folder / "usps_16x16_uint8.npz")
    found = find_digits("usps", folder)
    return [array for digits in found.values() for array in digits]


def check(batch: Sequence[Mutant]) -> Outcome:
    """Read files in another process, and return what became of them."""
    return check_with("crafted.arrays", batch)


@cache
def arrays(kind: str, seed: int = 0) -> dict[str, np.ndarray]:
    """Return the arrays of a sound file."""
    random = np.random.default_rng(seed)
    if kind == "moments":
        values = random.normal(size=(40, 8))
        return {"mu": values.mean(0), "sigma": np.cov(values, rowvar=False)}
    return {
        f"{split}_{name}": random.integers(0, 256 if size else 10, (12, *size)).astype(dtype)
        for split in ("train", "test")
        for name, size, dtype in (("images", (16, 16), np.uint8), ("labels", (), np.int64))
    }


@cache
def whole(kind: str, seed: int = 0) -> bytes:
    """Return a sound file."""
    file = io.BytesIO()
    np.savez(file, **arrays(kind, seed))  # type: ignore[arg-type]
    return file.getvalue()


_Trick = Callable[[Random, list[Entry]], tuple[str, bytes]]
_SHAPES = ("(-1,)", "(2**63,)", "(0, 99)", "()", "(8, 8", "(True, 8)", "(8.0,)", "8", "None",
           "(99999999999999999999,)", "(" + "1," * 40 + ")", "(65536, 65536, 65536, 65536)",
           "('8',)", "(8, -8, -1)", "[8, 8]", "(" * 5_000)  # fmt: skip
_TYPES = ("'|O'", "'O'", "'<U9'", "'|S8'", "'<f16'", "'<c16'", "'>f8'", "'<M8[s]'", "'<f0'", "''",
          "'<V99999'", "[('a', '<f8')]", "[('a', '<f8', (9999, 9999, 9999))]", "None", "'<i99'",
          "'" + "f" * 9_000 + "'", "['<f8']", "('<f8', (2,) * 99)")  # fmt: skip
_FORTRAN = ("True", "1", "None", "'no'")


def _stated(random: Random, entries: list[Entry]) -> tuple[str, bytes]:
    """State another shape, type or order."""
    entry = random.choice(entries)
    begin = entry.content.index(b"{")
    values = entry.content[entry.content.index(b"\n") + 1 :]
    said = {"descr": "'<f8'", "fortran_order": "False", "shape": "(8, 8)"}
    choices = {"descr": _TYPES, "fortran_order": _FORTRAN, "shape": _SHAPES}
    for key in random.sample(list(said), random.choice((1, 1, 2))):
        said[key] = random.choice(choices[key])
    text = "{" + ", ".join(f"'{key}': {value}" for key, value in said.items()) + ", }"
    entry.content = _with_length(entry.content[: begin - 2], text.encode() + b"\n") + values
    return "", write(entries)


def _text(random: Random, entries: list[Entry]) -> tuple[str, bytes]:
    """Write the header as something else than a dictionary of three facts."""
    entry = random.choice(entries)
    begin = entry.content.index(b"{")
    values = entry.content[entry.content.index(b"\n") + 1 :]
    text = random.choice(
        (b"", b"{}", b"{" * 9_000, b"[" * 9_000, b"__import__('os').getpid()", b"1" * 9_999,
         b"{'shape': (), 'descr': '<f8'}", b"{'shape': (8,), 'shape': (9,)}", b"\xff" * 60,
         b"lambda: 0", b"{**{}}", b"(" + b"-" * 5_000 + b"1,)", b"x" * 65_000, b"\0" * 100)
    )  # fmt: skip
    entry.content = _with_length(entry.content[: begin - 2], text + b"\n") + values
    return ALTERED, write(entries)


def _start(random: Random, entries: list[Entry]) -> tuple[str, bytes]:
    """Begin with another version, or with something else."""
    entry = random.choice(entries)
    head = random.choice((b"\x93NUMPY\0\0", b"\x93NUMPY\4\0", b"\x93NUMPY\2\0", b"\x93NUMPX\1\0",
                          b"\x80\4N.", b"", b"PK\3\4", b"\x93NUMPY\3\0"))  # fmt: skip
    entry.content = head + entry.content[random.choice((8, 8, 10)) :]
    return ALTERED, write(entries)


def _length(random: Random, entries: list[Entry]) -> tuple[str, bytes]:
    """State another length of the header, or hold more or fewer values."""
    entry = random.choice(entries)
    if random.random() < 0.5:
        length = random.choice((0, 1, 40, 0xFFFF))
        entry.content = entry.content[:8] + struct.pack("<H", length) + entry.content[10:]
        return ALTERED, write(entries)
    if random.random() < 0.5:
        entry.content = entry.content[: random.randrange(len(entry.content))]
        return ALTERED, write(entries)
    entry.content += random.randbytes(random.choice((1, 8, 5_000)))
    return SAME, write(entries)


def _with_length(magic: bytes, text: bytes) -> bytes:
    return magic + struct.pack("<H", len(text)) + text


_NAMES = ("sigma", "mu.npy.npy", "../mu", "/mu", "MU", "mu ", "m\0u", "train_images", "\udcff",
          "mu/", "x" * 60_000)  # fmt: skip


def _named(random: Random, entries: list[Entry]) -> tuple[str, bytes]:
    """Give arrays other names."""
    entry = random.choice(entries)
    entry.name = random.choice(_NAMES).encode("utf-8", "surrogateescape") + b".npy"
    return "", write(entries)


def _bits(random: Random, entries: list[Entry]) -> tuple[str, bytes]:
    """Flip bits, of which those of the arrays are noticed by their CRC-32."""
    for entry in entries:
        entry.method = random.choice((0, 8))
    data = bytearray(write(entries))
    for _ in range(random.choice((1, 1, 3, 20))):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return SAME, bytes(data)


_OWN: tuple[_Trick, ...] = (_stated, _text, _start, _length, _named, _bits, _bits)


def mutants(seed: int) -> Iterator[Mutant]:
    """Yield archives of arrays without end.

    Args:
        seed: Determines the files.
    """
    random, number = Random(seed), 0
    tricks = (*PLAIN, *_OWN)
    while True:
        trick, kind = tricks[number % len(tricks)], random.choice(_KINDS)
        entries = entries_of(whole(kind))
        if number % len(tricks) < len(PLAIN):
            others = deepcopy(entries_of(whole(kind, 1)))
            prefix, data = trick(random, entries, others)  # type: ignore[call-arg]
            prefix = SAME if trick is bomb else prefix  # what is not wanted is not read
        else:
            prefix, data = trick(random, entries)  # type: ignore[call-arg]
        yield f"{prefix}{number}-{trick.__name__.strip('_')}-{kind}.npz", data
        number += 1


if __name__ == "__main__":
    run(__doc__ or "", mutants, check)
