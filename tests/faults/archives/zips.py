"""Zip archives with any lie in their records, as no library would write them."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random

from tests.faults.reading import ALTERED

SAME = "same-"
"""Begins the names of files that are refused, or give the same model as the undamaged one."""

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")


@dataclass
class Entry:
    """An entry; what its two headers say may differ from what it holds.

    Attributes:
        name: Its name.
        content: Its bytes, before they are compressed.
        method: How they are compressed: 0, or 8 for deflate.
        flags: The bits of both headers.
        both: What both headers say, by field: crc, packed, size, method, name, extra, offset,
            system, outside (what a system says of a file, such as that it is a link).
        local: The same for the header before the bytes alone.
        listed: The same for the header in the list of entries alone.
        after: Bytes behind the content.
        written: Whether its bytes are in the file.
        shown: Whether it is in the list of entries.
    """

    name: bytes
    content: bytes
    method: int = 0
    flags: int = 0
    both: dict[str, object] = field(default_factory=dict)
    local: dict[str, object] = field(default_factory=dict)
    listed: dict[str, object] = field(default_factory=dict)
    after: bytes = b""
    written: bool = True
    shown: bool = True


def entries_of(data: bytes) -> list[Entry]:
    """Return the entries of an archive as PyTorch writes it."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [Entry(e.filename.encode(), archive.read(e)) for e in archive.infolist()]


def write(entries: list[Entry], comment: bytes = b"", prefix: bytes = b"", **end: int) -> bytes:
    """Write an archive.

    Args:
        entries: Its entries.
        comment: Its comment.
        prefix: Bytes before it.
        **end: What the end says, by field: disk, count, length, start.
    """
    out, listed = io.BytesIO(prefix), []
    out.seek(0, io.SEEK_END)
    for entry in entries:
        packed = _packed(entry)
        facts = {
            "crc": zlib.crc32(entry.content), "packed": len(packed), "size": len(entry.content),
            "method": entry.method, "name": entry.name, "extra": b"", "offset": out.tell(),
            "flags": entry.flags, "system": 0, "outside": 0,
        } | entry.both  # fmt: skip
        if entry.written:
            out.write(_header(_LOCAL, facts | entry.local) + packed + entry.after)
        if entry.shown:
            listed.append(_header(_CENTRAL, facts | entry.listed))
    start, count = out.tell(), len(listed)
    out.write(b"".join(listed))
    said = {"disk": 0, "count": count, "length": out.tell() - start, "start": start} | end
    counts = [said["disk"]] * 2 + [said["count"]] * 2
    out.write(_END.pack(b"PK\5\6", *counts, said["length"], said["start"], len(comment)))
    return out.getvalue() + comment


def _packed(entry: Entry) -> bytes:
    if entry.method != 8:
        return entry.content
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(entry.content) + packer.flush()


def _header(form: struct.Struct, facts: dict) -> bytes:
    name, extra = facts["name"], facts["extra"]
    numbers = [facts["flags"], facts["method"], 0, 33, facts["crc"]]
    sizes = [facts["packed"], facts["size"], len(name), len(extra)]
    if form is _LOCAL:
        return form.pack(b"PK\3\4", 20, *numbers, *sizes) + name + extra
    rest = [0, 0, 0, facts["outside"], facts["offset"]]
    return (
        form.pack(b"PK\1\2", 20 | facts["system"] << 8, 20, *numbers, *sizes, *rest) + name + extra
    )


Trick = Callable[[Random, list[Entry], list[Entry]], tuple[str, bytes]]
"""A trick takes the entries of an archive, and those of one with other weights."""

_NUMBERS = (0, 1, 64, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)


def _of(entries: list[Entry], end: bytes) -> int:
    return next(i for i, entry in enumerate(entries) if entry.name.endswith(end))


def _place(random: Random, entries: list[Entry]) -> int:
    """Return the index of a tensor or of the pickle; in other archives, of any entry."""
    data = [i for i, entry in enumerate(entries) if b"/data" in entry.name]
    return random.choice(data or range(len(entries)))


def _some(random: Random, entries: list[Entry]) -> Entry:
    return entries[_place(random, entries)]


def doubled(random: Random, entries: list[Entry], others: list[Entry]) -> tuple[str, bytes]:
    """One name twice, with other contents, in either order, perhaps as another spelling."""
    place = _place(random, entries)
    twin = deepcopy(others[place])
    name = twin.name
    twin.name = random.choice((name, name, name.upper(), name + b"\0x", b"./" + name, name + b"/"))
    entries.insert(random.choice((0, place, place + 1, len(entries))), twin)
    return SAME, write(entries)


def sizes(random: Random, entries: list[Entry], _: list[Entry]) -> tuple[str, bytes]:
    """An entry that has another size than one of its headers says, or both."""
    entry = _some(random, entries)
    name = random.choice(("size", "packed", "crc"))
    right = {"size": len(entry.content), "packed": len(entry.content), "crc": 0}[name]
    value = random.choice((*_NUMBERS, max(0, right - 1), right + 1, right + 4096))
    where = random.choice(("local", "listed", "both"))
    getattr(entry, where)[name] = value
    if random.random() < 0.3:
        getattr(entry, where).update(size=value, packed=value)
    return SAME, write(entries)


def deflated(random: Random, entries: list[Entry], _: list[Entry]) -> tuple[str, bytes]:
    """Compressed entries, of which some say something else of how."""
    for entry in entries:
        entry.method = random.choice((8, 8, 0))
    if random.random() < 0.6:
        entry = _some(random, entries)
        where = random.choice((entry.local, entry.listed, entry.both))
        where["method"] = random.choice((0, 8, 9, 12, 14, 93, 99, 0xFFFF))
    return SAME, write(entries)


def bomb(random: Random, entries: list[Entry], _: list[Entry]) -> tuple[str, bytes]:
    """Entries that unpack to many times their size, and may say that they are small."""
    size = random.choice((20, 20, 64)) << 20
    name = random.choice((b"archive/data/99", b"archive/data.pkl", b"archive/byteorder", b"x"))
    found = next((entry for entry in entries if entry.name == name), None)
    entry = found or Entry(name, b"")
    entry.content, entry.method = bytes(size), 8
    if found is None:
        entries.append(entry)
    if random.random() < 0.6:
        entry.listed["size"] = random.choice((0, 1, 100, 4096))
        if random.random() < 0.5:
            entry.local["size"] = entry.listed["size"]
        return SAME, write(entries)
    return ALTERED, write(entries)


def large(random: Random, entries: list[Entry], _: list[Entry]) -> tuple[str, bytes]:
    """Fields of 64 bits, right, wrong, doubled or cut."""
    entry = _some(random, entries)
    right = [len(entry.content), len(entry.content)]
    numbers = random.choice((right, [2**40, 2**40], [2**63, right[1]], [right[0]], [], [2**64 - 1]))
    body = struct.pack(f"<{len(numbers)}Q", *numbers)
    length = len(body) + random.choice((0, 0, 8, 1000))
    extra = struct.pack("<2H", 1, length) + body
    if random.random() < 0.3:
        extra += struct.pack("<2H2Q", 1, 16, *right)
    where = random.choice((entry.both, entry.listed, entry.local))
    where["extra"] = extra
    for name in random.choice((("size", "packed"), ("size",), ("offset",), ("packed",), ())):
        where[name] = 0xFFFFFFFF
    return SAME, write(entries)


def ends_of_64_bits(random: Random, entries: list[Entry], _: list[Entry]) -> tuple[str, bytes]:
    """The end of an archive with more than 4 GB, on a small one."""
    data = write(entries)
    place = data.rfind(b"PK\5\6")
    count, _, length, start = struct.unpack_from("<2H2L", data, place + 8)
    right = [44, 45, 45, 0, 0, count, count, length, start]
    if random.random() < 0.8:
        which = random.choice((0, 3, 5, 6, 7, 8))
        right[which] = random.choice((0, 1, 2**16 - 1, 2**31, *[2**32 - 1] * (which != 3)))
        if which not in (1, 2, 3, 4):
            right[which] = random.choice((right[which], 2**40, 2**63, 2**64 - 1))
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", *right)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, random.choice((place, place, 0, 2**63)), 1)
    end = bytearray(data[place:])
    if random.random() < 0.7:
        end[8:20] = struct.pack("<2H2L", 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
    return SAME, data[:place] + record + locator * random.choice((1, 1, 1, 0)) + bytes(end)


def described_after(random: Random, entries: list[Entry], _: list[Entry]) -> tuple[str, bytes]:
    """Sizes behind the content instead of before it, right or wrong."""
    for entry in entries:
        entry.flags |= 8
        entry.local = {"crc": 0, "packed": 0, "size": 0}
        size = len(entry.content)
        facts = struct.pack("<3L", zlib.crc32(entry.content), size, size)
        entry.after = random.choice((b"PK\7\x08", b"")) + facts
    if random.random() < 0.6:
        _some(random, entries).after = random.choice((b"", b"PK\7\x08" + bytes(12), bytes(300)))
    return SAME, write(entries)


def overlapping(random: Random, entries: list[Entry], others: list[Entry]) -> tuple[str, bytes]:
    """Entries that share bytes of the file."""
    whole = write(entries)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        offsets = [entry.header_offset for entry in archive.infolist()]
    kind = random.randrange(3)
    if kind == 0:  # many names of one entry
        first = random.randrange(len(entries))
        for i in range(random.choice((1, 100, 5000))):
            twin = deepcopy(entries[first])
            twin.name, twin.written, twin.listed = b"archive/data/x%d" % i, False, {
                "offset": offsets[first]
            }  # fmt: skip
            entries.append(twin)
    elif kind == 1:  # one entry begins in another
        _some(random, entries).listed["offset"] = random.choice(offsets) + random.choice((0, 1, 30))
    else:  # one that reaches over all that follow
        entry = _some(random, entries)
        entry.both.update(packed=len(whole) - 200, size=len(whole) - 200)
    return SAME, write(entries)


_NAMES = (b"../../archive", b"/archive", b"C:\\archive", b"archive\\..", b"", b"archive\0x",
          b"\xff\xfe", "a\u202eb".encode(), b"a\x1b[2J", b"x" * 60_000)  # fmt: skip


def names(random: Random, entries: list[Entry], _: list[Entry]) -> tuple[str, bytes]:
    """Names that lead elsewhere, of one entry or of all, or of one of its headers."""
    root = random.choice(_NAMES)
    chosen = random.choice((entries, [_some(random, entries)]))
    for entry in chosen:
        name = root + b"/" + entry.name.partition(b"/")[2]
        entry.flags |= random.choice((0, 0x800))
        where = random.choice((entry.both, entry.listed, entry.local))
        where["name"] = name[:65_000]
    return SAME, write(entries)


def two_directories(random: Random, entries: list[Entry], others: list[Entry]) -> tuple[str, bytes]:
    """Two lists of entries, so that readers may see two archives in one file."""
    kind = random.randrange(4)
    one, other = write(entries), write(others)
    if kind == 0:  # the second in the comment of the first
        return SAME, write(entries, comment=other[:0xFFFF])
    if kind == 1:  # one after the other, so that the first is not where its list says
        return SAME, random.choice((one + other, other + one))
    if kind == 2:
        return SAME, write(entries, prefix=other)
    place = other.rfind(b"PK\5\6")  # an end inside the comment that lists the others
    return SAME, write(entries, prefix=other[:place], comment=other[place:])


def ends(random: Random, entries: list[Entry], _: list[Entry]) -> tuple[str, bytes]:
    """An end that says something else, or is not the end."""
    kind = random.randrange(4)
    if kind == 0:
        which = random.choice(("disk", "count", "length", "start"))
        most = 0xFFFF if which in ("disk", "count") else 0xFFFFFFFF
        return SAME, write(entries, **{which: min(most, random.choice(_NUMBERS))})
    if kind == 1:
        return SAME, write(entries, prefix=random.randbytes(random.choice((1, 64, 5000))))
    if kind == 2:
        return SAME, write(entries) + random.randbytes(random.choice((1, 64, 70_000)))
    return SAME, write(entries, comment=random.choice((b"PK\5\6" * 16_000, bytes(65_535), b"x")))


def flags(random: Random, entries: list[Entry], _: list[Entry]) -> tuple[str, bytes]:
    """Entries that say that they are encrypted, patched or masked."""
    for entry in random.choice((entries, [_some(random, entries)])):
        where = random.choice((entry.both, entry.listed, entry.local))
        where["flags"] = 1 << random.randrange(16)
    return SAME, write(entries)


def hidden(random: Random, entries: list[Entry], others: list[Entry]) -> tuple[str, bytes]:
    """Entries that are in the file, and not in the list; or the other way round."""
    for entry in random.sample(entries, random.choice((1, 2))):
        if random.random() < 0.5:
            entry.shown = False
        else:
            entry.written = False
    entries[0:0] = [deepcopy(others[0])]
    entries[0].shown = False
    return SAME, write(entries)


_FACTS = {
    b"/byteorder": (b"big", b"middle", b"", b"little\n", b"little" * 100_000, b"\xff"),
    b"/version": (b"", b"-1\n", b"99999999999999999999\n", b"x", b"3", b"9" * 100_000),
    b"/.storage_alignment": (b"", b"0", b"-1", b"9" * 5000, b"x", b"18446744073709551616"),
    b"/.format_version": (b"", b"99", b"x" * 10_000),
    b"/.data/serialization_id": (b"", b"x" * 10_000, b"\xff\xfe"),
}


def facts(random: Random, entries: list[Entry], _: list[Entry]) -> tuple[str, bytes]:
    """Entries of facts that are missing, or say something else."""
    end = random.choice(list(_FACTS))
    place = _of(entries, end)
    if random.random() < 0.3:
        del entries[place]
        return SAME, write(entries)
    content = random.choice(_FACTS[end])
    entries[place].content = content
    return ("" if content == b"big" else SAME), write(entries)


def more(random: Random, entries: list[Entry], others: list[Entry]) -> tuple[str, bytes]:
    """Entries that make a reader take the archive for another one."""
    extra = random.choice((b"archive/constants.pkl", b"archive/code/x.py", b"data.pkl",
                           b"other/data.pkl", b"archive/data/", b"archive/model.weights.h5",
                           b"archive/.data/byteorder", b"archive/data.pkl/data.pkl"))  # fmt: skip
    count = random.choice((1, 1, 3000))
    content = others[0].content
    new = [Entry(extra + b"%d" % i * (i > 0), content if i == 0 else b"") for i in range(count)]
    if random.random() < 0.5:
        return SAME, write([*new, *entries])
    return SAME, write([*entries, *new])


def links(random: Random, entries: list[Entry], _: list[Entry]) -> tuple[str, bytes]:
    """Entries that are links, folders or devices, by the system that they say to be from."""
    entry = _some(random, entries)
    kind = random.choice((0o120777, 0o40755, 0o20666, 0o10666, 0o104755))
    entry.listed["outside"], entry.listed["system"] = kind << 16, random.choice((3, 0, 255))
    if random.random() < 0.5:
        entry.content = random.choice((b"/etc/passwd", b"../../secret", b"", entries[0].name))
        return "", write(entries)
    return SAME, write(entries)


def cut(random: Random, entries: list[Entry], others: list[Entry]) -> tuple[str, bytes]:
    """An archive without some of its bytes: of its list, of its end, or of an entry."""
    data = write(entries)
    begin = data.rfind(b"PK\5\6")
    length, start = struct.unpack_from("<2L", data, begin + 12)
    first, last = random.choice(((start, begin), (begin, len(data)), (0, start)))
    place = random.randrange(first, last)
    kind = random.randrange(3)
    if kind == 0:
        return SAME, data[:place]
    if kind == 1:
        return SAME, data[:place] + data[place + random.choice((1, 46, length)) :]
    return SAME, data[:place] + write(others)[place:]


def many(random: Random, entries: list[Entry], _: list[Entry]) -> tuple[str, bytes]:
    """Very many entries, or names and fields of the most bytes that they can have."""
    kind = random.randrange(3)
    if kind == 0:
        new = [Entry(b"x%d" % i, b"") for i in range(random.choice((1_000, 65_500, 70_000)))]
        entries += new[: 0xFFFF - len(entries)]
    elif kind == 1:
        entries += [Entry(b"%d" % i + b"n" * 65_000, b"") for i in range(random.choice((9, 200)))]
    else:
        for i in range(random.choice((9, 200))):
            entries.append(Entry(b"x%d" % i, b"", both={"extra": b"\xca\xfe\0\0" * 16_000}))
    return SAME, write(entries)


PLAIN: tuple[Trick, ...] = (
    doubled, sizes, deflated, bomb, large, ends_of_64_bits, described_after, overlapping, names,
    two_directories, ends, flags, hidden, links, cut, many,
)  # fmt: skip
"""Tricks of all archives."""
TRICKS: tuple[Trick, ...] = (*PLAIN, facts, more)
"""Tricks of PyTorch's archives."""
