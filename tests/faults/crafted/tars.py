"""Tar files with any lie in their headers, as no program would write them.

By hand::

    python -m tests.faults.crafted.tars --count 2000 --seed 3
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from crossimage.data.images.files import load_image
from crossimage.data.shards.find import find_members
from tests.faults.archives.zips import SAME
from tests.faults.crafted.tricks import by_turns
from tests.faults.image_mutants import Mutant, Outcome
from tests.faults.reading import check_with, run

_OUTSIDE = (
    "../out.png", "/etc/out.png", "a/../../out.png", "..", ".", "/", "a/..", "nul\0.png", "//x.png",
    "\\..\\x.png", "C:\\x.png", "../" * 2000 + "x.png", "~/x.png", "a/\n.png", "\x1b[2J.png",
)  # fmt: skip
_SIZES = (b"77777777777", b"-0000000001", b"\x80" + b"\xff" * 11, b"\xff" * 12, b"", b"00000000x00",
          b"\x80" + bytes(3) + b"\x7f" + bytes(7), b"\xff" + bytes(11), b" " * 12)  # fmt: skip


def warm_up() -> None:
    """Do once what the first file would be charged for."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "same-whole.tar")
        path.write_bytes(_plain(0) + _END)
        read(path)


def read(path: Path) -> object:
    """Find and decode the images of a shard; those of sound ones are what `tarfile` finds."""
    found, damaged = find_members([path]), 0
    for image in found.images[:200]:
        size = len(image.read_bytes())
        assert size <= path.stat().st_size
        try:
            load_image(image)
        except (ValueError, OSError) as refusal:
            assert path.name in str(refusal) and "\n" not in str(refusal)
            damaged += 1
    if path.name.startswith(SAME):
        with tarfile.open(path) as archive:
            last = {m.name.lstrip("/"): m for m in archive if m.isreg() and not m.issparse()}
            expected = {name: b.read() for name, m in last.items() if (b := archive.extractfile(m))}
        assert {image.inside: image.read_bytes() for image in found.images} == expected
        assert not damaged
    return found


def check(batch: Sequence[Mutant]) -> Outcome:
    """Read shards in another process, and return what became of them."""
    return check_with("crafted.tars", batch)


@cache
def image(number: int) -> bytes:
    """Return a small PNG file."""
    file = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (5, 4, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def header(
    name: str | bytes, size: int | bytes, kind: bytes = b"0", link: str = "", checksum: int = 0
) -> bytes:
    """Return a header.

    Args:
        name: The member's name, of which 100 bytes are kept.
        size: Its size, or the field itself.
        kind: The type of the member.
        link: Where a link leads.
        checksum: What is added to the right checksum.
    """
    encoded = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    stated = size if isinstance(size, bytes) else b"%011o" % size
    fields = (
        encoded[:100].ljust(100, b"\0"), b"0000644\0", b"0000000\0", b"0000000\0",
        stated[:12].ljust(12, b"\0"), b"00000000000\0", b" " * 8, kind,
        link.encode()[:100].ljust(100, b"\0"), b"ustar\0", b"00",
    )  # fmt: skip
    block = bytearray(b"".join(fields).ljust(512, b"\0"))
    block[148:156] = b"%06o\0 " % (sum(block) + checksum)
    return bytes(block)


def padded(data: bytes) -> bytes:
    """Return bytes with zeros up to a whole number of blocks."""
    return data + bytes(-len(data) % 512)


def member(name: str | bytes, data: bytes, kind: bytes = b"0") -> bytes:
    """Return a member that tells the truth."""
    return header(name, len(data), kind) + padded(data)


def record(key: str, value: str | bytes) -> bytes:
    """Return a record of extended attributes."""
    rest = b" " + key.encode() + b"=" + (value if isinstance(value, bytes) else value.encode())
    length = len(rest) + 1
    while len(str(length)) + len(rest) + 1 != length:
        length = len(str(length)) + len(rest) + 1
    return str(length).encode() + rest + b"\n"


_END = bytes(1024)


def _plain(number: int) -> bytes:
    return member(f"folder/{number}.png", image(number))


def _around(random: Random, odd: bytes, end: bytes = _END) -> bytes:
    """Return a shard with something odd among its images."""
    parts = [_plain(0), _plain(1)]
    parts.insert(random.randrange(3), odd)
    return b"".join(parts) + end


def _outside(random: Random) -> Mutant:
    name = random.choice(_OUTSIDE)
    if random.random() < 0.5:
        return "", _around(random, member(name, image(2)))
    long = header("././@LongLink", len(name) + 1, b"L") + padded(name.encode() + b"\0")
    return "", _around(random, long + member("x.png", image(2)))


def _links(random: Random) -> Mutant:
    to = random.choice(
        ("/etc/passwd", "../../secret.png", "folder/0.png", "x.png", "", "/dev/zero")
    )
    size = random.choice((0, 99, 512))
    data = bytes(size + -size % 512) if random.random() < 0.5 else b""
    return "", _around(random, header("x.png", size, random.choice((b"1", b"2")), to) + data)


def _twice(random: Random) -> Mutant:
    again = random.choice(("folder/0.png", "./folder//0.png", "folder/./0.png", "folder/0.png/"))
    prefix = SAME if again == "folder/0.png" else ""
    return prefix, _plain(0) + _plain(1) + member(again, image(2)) + _END


def _sparse(random: Random) -> Mutant:
    if random.random() < 0.5:
        block = bytearray(header("x.png", 512, b"S"))
        block[482:483] = b"\1"
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
        more = (bytes(504) + b"\1" + bytes(7)) * random.choice((0, 1, 50_000))
        return "", _around(random, bytes(block) + more + bytes(1024))
    keys = [record(f"GNU.sparse.{key}", random.choice(("1", "0", "99999999999", "x", "0,0,9,9")))
            for key in ("major", "minor", "map", "realsize", "numblocks", "size")]  # fmt: skip
    return "", _around(random, member("x", b"".join(keys), b"x") + member("x.png", image(2)))


def _long(random: Random) -> Mutant:
    """State a long name in the way of GNU."""
    kind = random.randrange(5)
    name = b"folder/" + b"n" * random.choice((93, 200, 5_000)) + b".png"
    if kind == 0:
        return SAME, _around(random, member("././@LongLink", name + b"\0", b"L") + _plain(2))
    if kind == 1:
        return "", _around(
            random, header("L", random.choice((2**20 + 1, 2**33, 2**18)), b"L") + name
        )
    if kind == 2:
        many = member("L", b"x.png\0", b"L") * random.choice((2, 3_000))
        return "", _around(random, many + _plain(2))
    if kind == 3:
        return "", _around(random, member("L", random.randbytes(300), b"L") + _plain(2))
    return "", _plain(0) + member("L", name, b"L") + _END


def _attributes(random: Random) -> Mutant:
    kind, data = random.randrange(7), image(2)
    if kind == 0:
        path = random.choice(("folder/e\u0301\u202e.png", "folder/" + "x" * 300 + ".png"))
        return SAME, _around(random, member("p", record("path", path), b"x") + _plain(2))
    if kind == 1:
        size = random.choice(("9" * 30, "-1", "\u0663", "1e3", "0x10", "\u00b2", "9" * 5_000, "0"))
        return "", _around(random, member("p", record("size", size), b"x") + _plain(2))
    if kind == 2:
        broken = random.choice(
            (b"9 x=y\n", b"0 a=b\n", b"-5 a=b\n", b"99999999999999999999 a=b\n", b"x", b" ",
             b"6a=b\n",
             "\u0666 a=b\n".encode(), b"9" * 5_000 + b" a=b\n")
        )  # fmt: skip
        return "", _around(random, member("p", broken, b"x") + _plain(2))
    if kind == 3:
        return "", _around(
            random, member("p", record("path", random.randbytes(80)), b"x") + _plain(2)
        )
    if kind == 4:
        lots = b"".join(record(f"key{i}", "v") for i in range(random.choice((100, 30_000))))
        return "", _around(random, member("p", lots, b"x") + _plain(2))
    if kind == 5:
        return SAME, _around(random, member("g", record("comment", "x"), b"g") + _plain(2))
    given = record("size", str(len(data))) + record("path", "folder/p.png")
    return SAME, _around(random, member("p", given, b"x") + header("q", 0) + padded(data))


def _size(random: Random) -> Mutant:
    return "", _around(random, header("x.png", random.choice(_SIZES)) + padded(image(2)))


def _sum(random: Random) -> Mutant:
    wrong = header("x.png", len(image(2)), checksum=random.choice((1, -1, 4096)))
    return "", _around(random, wrong + padded(image(2)))


def _many(random: Random) -> Mutant:
    """Hold very many members, or images in images."""
    kind = random.randrange(4)
    if kind == 0:
        return "", _plain(0) + header("e.png", 0) * random.choice((100, 40_000)) + _END
    if kind == 1:
        return "", _around(random, member("inner.tar", _plain(2) + _END))
    if kind == 2:
        bomb = io.BytesIO()
        Image.new("1", (16_000, 16_000)).save(bomb, "PNG")
        return "", _around(random, member("bomb.png", bomb.getvalue()))
    return "", b"".join(header(f"{'d' * 80}/{i}.png", 0) for i in range(20_000)) + _END


def _kinds(random: Random) -> Mutant:
    kind = random.choice(
        (b"3", b"4", b"5", b"6", b"7", b"Z", b"V", b"M", b"D", b"N", b"\xff", b"\0")
    )
    size = random.choice((0, 512, 2**33))
    return "", _around(random, header("x.png", size, kind) + bytes(512 if size == 512 else 0))


def _end(random: Random) -> Mutant:
    """End too early, too late or in the middle."""
    whole = _plain(0) + _plain(1)
    return "", random.choice(
        (whole, whole + bytes(512), whole + _END + random.randbytes(3000), b"", _END, bytes(10),
         _plain(0) + bytes(512) + _plain(1) + _END, _plain(0) + _END + _plain(1) + _END,
         (whole + _END)[: random.randrange(2500)], b"\n" + whole + _END)
    )  # fmt: skip


def _packed(random: Random) -> Mutant:
    whole = _plain(0) + _END
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("x.png", image(0))
    return "", random.choice(
        (gzip.compress(whole), bz2.compress(whole), lzma.compress(whole), zipped.getvalue(),
         b"\x28\xb5\x2f\xfd" + whole, image(0), b"<html>" * 200, b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c")
    )  # fmt: skip


def _bits(random: Random) -> Mutant:
    data = bytearray(_plain(0) + member("L", b"folder/long.png\0", b"L") + _plain(1) + _END)
    for _ in range(random.choice((1, 1, 3, 20))):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return "", bytes(data)


_TRICKS = (
    _outside, _links, _twice, _sparse, _long, _attributes, _size, _sum, _many, _kinds, _end,
    _packed, _bits, _attributes, _long,
)  # fmt: skip


def mutants(seed: int) -> Iterator[Mutant]:
    """Yield tar files without end.

    Args:
        seed: Determines the files.
    """
    for name, prefix, data in by_turns(_TRICKS, seed):
        yield f"{prefix}{name}.tar", data


if __name__ == "__main__":
    run(__doc__ or "", mutants, check)
