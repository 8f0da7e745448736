"""The index of a tar file: where its members are, found without reading them."""

from __future__ import annotations

import os
import shlex
import tarfile
from functools import lru_cache
from pathlib import Path
from typing import IO, NamedTuple

from crossimage.data.shards.member import ByteSource, Member, Shard, member
from crossimage.utils.numbers import digits
from crossimage.utils.texts.shown import cut

_BLOCK = tarfile.BLOCKSIZE
_MOST_TEXT = 1 << 20  # bytes of a long name, or of a member's extended attributes
_COMPRESSED = (
    (b"\x1f\x8b", "gzip", (".gz", ".tgz"), "gunzip"),
    (b"BZh", "bzip2", (".bz2", ".tbz2", ".tbz"), "bunzip2"),
    (b"\xfd7zXZ\0", "xz", (".xz", ".txz"), "unxz"),
    (b"\x28\xb5\x2f\xfd", "zstd", (".zst", ".tzst"), "unzstd"),
)
_NAMES = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_ATTRIBUTES = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)

LINK = ("link inside a tar file", "links inside tar files")
SPARSE = ("sparse file inside a tar file", "sparse files inside tar files")
DEVICE = ("special file inside a tar file", "special files inside tar files")
OUTSIDE = ("member whose name leads out of its tar file", "members whose names lead out of it")
REPLACED = ("member that a later one of its name replaces", "members that later ones replace")


class NotUsed(NamedTuple):
    """A member that is not a plain file.

    Attributes:
        reason: Why it is not used, as a noun for one and for several.
        name: Its name in the shard.
    """

    reason: tuple[str, str]
    name: str


class Index(NamedTuple):
    """The members of a tar file.

    Attributes:
        members: The plain files, in their order in the shard.
        not_used: All others but folders.
    """

    members: tuple[Member, ...]
    not_used: tuple[NotUsed, ...]


def is_shard(path: str | Path) -> bool:
    """Return whether a path names a tar file, compressed or not, judging by its name."""
    name = os.path.basename(path).lower()
    short = tuple(s for _, _, suffixes, _ in _COMPRESSED for s in suffixes if s.startswith(".t"))
    stem = name
    for _, _, suffixes, _ in _COMPRESSED:
        for suffix in suffixes:
            stem = stem.removesuffix(suffix)
    return stem.endswith(".tar") or name.endswith(short)


def read_index(path: Path | ByteSource) -> Index:
    """Return the members of a tar file; it is read again only if its size or time have changed.

    Args:
        path: Its path, or where it is.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a tar file, or is compressed, damaged or cut short.
        OSError: It can't be read.
    """
    if not isinstance(path, Path):
        return _read_index(path)
    state = os.stat(path)
    return _read_index(Shard(str(path), state.st_size, state.st_mtime_ns))


def find_member(text: str | Path) -> Member | None:
    """Return the member that a path such as ``shard.tar/name.png`` names; None if it names none.

    Raises:
        ValueError: The part before the name is a damaged tar file.
    """
    path = Path(text)
    for parent in path.parents if ".t" in str(text).lower() else ():
        if is_shard(parent.name) and parent.is_file():
            return _by_path(read_index(parent)).get(path)
    return None


@lru_cache(maxsize=16)
def _by_path(index: Index) -> dict[Path, Member]:
    return {path: path for path in index.members}


@lru_cache(maxsize=1024)
def _read_index(shard: ByteSource) -> Index:
    with shard.open() as file:
        return _Walk(file, shard).index()


class _Walk:
    """Goes from header to header of a tar file."""

    def __init__(self, file: IO[bytes], shard: ByteSource) -> None:
        self._file, self._shard = file, shard

    def index(self) -> Index:
        """Return the members."""
        found: dict[str, Member] = {}
        others: list[NotUsed] = []
        at, attributes = 0, dict[str, str]()  # from the headers before a member
        while (header := self._header(at)) is not None:
            here, data = at, at + _BLOCK
            if header.type in _NAMES or header.type in _ATTRIBUTES:
                text = self._text(header, data)
                at = data + _padded(header.size)
                if header.type == tarfile.GNUTYPE_LONGNAME:
                    attributes["path"] = text.rstrip(b"\0").decode("utf-8", "surrogateescape")
                elif header.type in _ATTRIBUTES and header.type != tarfile.XGLTYPE:
                    attributes |= self._attributes(text, here)
                continue
            data = self._after_map(header, data)
            size = self._size(attributes, header, at)
            holds = header.isreg() or header.type not in tarfile.SUPPORTED_TYPES
            name = attributes.get("path", header.name)
            at = data + (_padded(size) if holds else 0)
            if holds and data + size > self._shard.size:
                raise self._damaged(f"it ends within {_shown(name)}: it is cut short")
            sparse = header.type == tarfile.GNUTYPE_SPARSE
            sparse = sparse or any(key.startswith("GNU.sparse.") for key in attributes)
            attributes = {}
            if header.isdir():
                continue
            parts = [part for part in name.split("/") if part not in ("", ".")]
            if reason := _why_not(header, parts, sparse):
                others.append(NotUsed(reason, name))
                continue
            name = "/".join(parts)
            if found.pop(name, None) is not None:
                others.append(NotUsed(REPLACED, name))
            found[name] = member(self._shard, name, data, size)
        return Index(tuple(found.values()), tuple(others))

    def _header(self, at: int) -> tarfile.TarInfo | None:
        """Return the header at a position; None at the mark of the end."""
        self._file.seek(at)
        block = self._file.read(_BLOCK)
        if block and not block.strip(b"\0"):
            return None
        if not at:
            self._check_plain(block)
        if not block:
            what = "it has no end mark, as if cut short"
            if "://" in self._shard.path:
                raise self._damaged(what)
            size = f"truncate -s +{2 * _BLOCK} {shlex.quote(self._shard.path)}"
            raise self._damaged(f"{what}; if nothing is missing, add it: {size}", "")
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError:
            if not at:
                raise ValueError(f"{self._shard.path} is not a tar file") from None
            raise self._damaged(f"there is no header at byte {at:,}") from None
        if header.size < 0:
            raise self._damaged(f"the header at byte {at:,} states a size of {header.size:,}")
        return header

    def _text(self, header: tarfile.TarInfo, at: int) -> bytes:
        """Return the long name or the attributes that a header announces."""
        if header.size > _MOST_TEXT:
            raise self._damaged(
                f"the header before byte {at:,} announces a name or attributes of "
                f"{header.size:,} bytes; expected at most {_MOST_TEXT:,}"
            )
        data = self._file.read(header.size)
        if len(data) < header.size:
            raise self._damaged("it ends within a header: it is cut short")
        return data

    def _attributes(self, text: bytes, at: int) -> dict[str, str]:
        """Return the records ``LENGTH KEY=VALUE`` of a header."""
        records: dict[str, str] = {}
        while text:
            length, _, rest = text.partition(b" ")
            count = digits(length.decode("ascii", "replace"))
            if count is None or not len(length) < count <= len(text):
                raise self._damaged(f"the attributes at byte {at:,} can't be understood")
            key, _, value = rest[: count - len(length) - 1].partition(b"=")
            records[key.decode("utf-8", "replace")] = value.removesuffix(b"\n").decode(
                "utf-8", "surrogateescape"
            )
            text = text[count:]
        return records

    def _size(self, attributes: dict[str, str], header: tarfile.TarInfo, at: int) -> int:
        """Return the size of a member, which attributes tell if it is too large for its header."""
        if "size" not in attributes:
            return header.size
        if (size := digits(attributes["size"], 18)) is None:
            raise self._damaged(
                f"the attributes before byte {at:,} state the size '{cut(attributes['size'], 40)}'"
            )
        return size

    def _after_map(self, header: tarfile.TarInfo, at: int) -> int:
        """Return where the data begins: after the blocks with the map of a sparse file."""
        if header.type != tarfile.GNUTYPE_SPARSE:
            return at
        self._file.seek(at - _BLOCK)
        more, flag = self._file.read(_BLOCK)[482:483], 504
        while more.strip(b"\0"):
            block = self._file.read(_BLOCK)
            at += _BLOCK
            more = block[flag : flag + 1]
        return at

    def _check_plain(self, start: bytes) -> None:
        """Refuse what is compressed, from which no single member can be read."""
        path = self._shard.path
        for magic, kind, suffixes, command in _COMPRESSED:
            if start.startswith(magic):
                if "://" in path:
                    raise ValueError(
                        f"{path} is compressed ({kind}), so that no single image can be read from "
                        f"it; download it, unpack it with {command}, and upload the plain tar file"
                    )
                named = path.lower().endswith(suffixes)
                source = path if named else f"{path}{suffixes[0]}"
                rename = "" if named else f"mv {shlex.quote(path)} {shlex.quote(source)} && "
                raise ValueError(
                    f"{path} is compressed ({kind}), so that no single image can be read from it; "
                    f"unpack it with `{rename}{command} {shlex.quote(source)}` and give the plain "
                    "tar file"
                )
        if not start:
            raise ValueError(f"{path} is empty; expected a tar file")

    def _damaged(self, what: str, advice: str = "; copy it again, or leave it out") -> ValueError:
        return ValueError(f"{self._shard.path} can't be read: {what}{advice}")


def _why_not(header: tarfile.TarInfo, parts: list[str], sparse: bool) -> tuple[str, str] | None:
    """Return why a member can't be used; None if it is a plain file."""
    if header.issym() or header.islnk():
        return LINK
    if sparse:
        return SPARSE
    if header.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE):
        return DEVICE
    return OUTSIDE if ".." in parts or not parts or "\0" in "".join(parts) else None


def _padded(size: int) -> int:
    """Return a number of bytes rounded up to whole blocks."""
    return -(-size // _BLOCK) * _BLOCK


def _shown(name: str) -> str:
    return name if len(name) <= 100 else f"{name[:60]}...{name[-30:]}"
