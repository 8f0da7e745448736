"""The pages of TIFF files, checked before anything else is read."""

from __future__ import annotations

import struct
from typing import BinaryIO, NamedTuple

from crossimage.data.images.checks.size import check_sides
from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.pixels import ImageError

MOST = 2**15
"""Pages that a file may have."""

_MOST_TAGS = 4096
_WIDTH, _HEIGHT = 256, 257
_INTEGERS = {3: "H", 4: "I"}  # formats of the types of sides


class _Numbers(NamedTuple):
    """How a file stores numbers: byte order, formats of counts and offsets, bytes of a tag."""

    order: str
    tags: str
    offset: str
    tag_bytes: int

    @property
    def value_at(self) -> int:
        """Position of the value in a tag."""
        return self.tag_bytes - struct.calcsize(self.offset)


def check_pages(file: ImageFile, data: BinaryIO) -> int:
    """Follow the pages of a TIFF file, and return how many there are.

    Args:
        file: The file.
        data: The file, opened; it is at its start afterwards.

    Raises:
        ImageError: The pages are linked in a circle, there are more than :data:`MOST`, or a side
            of one is not positive or too long.
    """
    numbers, at = _start(data)
    size = data.seek(0, 2)
    seen: set[int] = set()
    while numbers is not None and 0 < at < size:
        if at in seen:
            raise ImageError(
                f"{file} can't be read: its pages are linked in a circle, so that it has no end; "
                "it is damaged"
            )
        if len(seen) == MOST:
            raise ImageError(
                f"{file} can't be read: it has more than {MOST:,} pages; write the one to use to "
                "a file of its own"
            )
        seen.add(at)
        at = _next(file, data, at, numbers)
    data.seek(0)
    return len(seen)


def _start(data: BinaryIO) -> tuple[_Numbers | None, int]:
    """Return how numbers are stored, and where the first page is."""
    data.seek(0)
    head = data.read(16)
    order = "<" if head[:2] == b"II" else ">"
    if len(head) >= 8 and head[2:4] in (b"*\0", b"\0*"):
        return _Numbers(order, "H", "I", 12), int(struct.unpack_from(f"{order}I", head, 4)[0])
    if len(head) == 16 and head[2:4] in (b"+\0", b"\0+"):
        return _Numbers(order, "Q", "Q", 20), int(struct.unpack_from(f"{order}Q", head, 8)[0])
    return None, 0


def _next(file: ImageFile, data: BinaryIO, at: int, numbers: _Numbers) -> int:
    """Check the sides of the page at a position; return where the next one is; 0: nowhere."""
    order, count, offset, tag_bytes = numbers
    data.seek(at)
    try:
        (tags,) = struct.unpack(order + count, data.read(struct.calcsize(count)))
        if tags > _MOST_TAGS:
            return 0
        entries = data.read(tags * tag_bytes)
        (following,) = struct.unpack(order + offset, data.read(struct.calcsize(offset)))
    except struct.error:
        return 0
    sides = _sides(entries, numbers)
    if None not in sides:
        check_sides(file, sides[0] or 0, sides[1] or 0)
    return int(following)


def _sides(entries: bytes, numbers: _Numbers) -> tuple[int | None, int | None]:
    """Return the width and the height among the tags of a page, as far as they are stated."""
    found: dict[int, int] = {}
    for at in range(0, len(entries), numbers.tag_bytes):
        code, kind = struct.unpack_from(f"{numbers.order}HH", entries, at)
        if code in (_WIDTH, _HEIGHT) and kind in _INTEGERS:
            form = numbers.order + _INTEGERS[kind]
            found[code] = int(struct.unpack_from(form, entries, at + numbers.value_at)[0])
    return found.get(_WIDTH), found.get(_HEIGHT)
