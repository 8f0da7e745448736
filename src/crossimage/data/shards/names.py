"""Names of shards: ranges in braces, and patterns."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from crossimage.data.shards.index import is_shard
from crossimage.data.stores.addresses import shown, store_address
from crossimage.data.stores.objects import StoredFile, stored_files

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_MOST = 20_000
_NAMED = 3


def names_shards(path: str | Path) -> bool:
    """Return whether a path, a range such as ``a-{000..099}.tar`` or a pattern names tar files."""
    return all(is_shard(name) for name in _expanded(str(path), 2)) and not Path(path).is_dir()


def expand_shards(paths: Iterable[str | Path]) -> list[Path | StoredFile]:
    """Return the tar files that paths, ranges in braces and patterns name, each once.

    Args:
        paths: Paths; ``{000..099}`` stands for numbers of as many digits, ``{a,b}`` for either
            text, and ``*``, ``?``, ``[...]`` and ``**`` are patterns. Names that exist mean
            themselves. They may be addresses of stores and web servers.

    Raises:
        FileNotFoundError: A file is missing, or a pattern has no match.
        ValueError: A file is named twice, or there are too many.
        OSError: A store can't be used.
    """
    files: dict[Path | StoredFile, str] = {}
    for given in map(shown, paths):
        for path in _matches(given):
            if path in files:
                name = path if isinstance(path, Path) else path.address
                raise ValueError(
                    f"{name} is named twice, by {files[path]} and {given}; name it once"
                )
            files[path] = given
    return [*files]


def shown_shards(paths: Sequence[Path]) -> str:
    """Return a short text that names tar files."""
    if len(paths) == 1:
        return shown(paths[0])
    return f"{len(paths):,} tar files, {shown(paths[0])} to {paths[-1].name}"


def _matches(given: str) -> list[Path | StoredFile]:
    if Path(given).is_file():
        return [Path(given)]
    names = _expanded(given, _MOST)
    if len(names) > _MOST:
        raise ValueError(f"{given} names more than {_MOST:,} tar files; expected fewer")
    stored = store_address(given, web=True)
    all_found: Iterable[Sequence[Path | StoredFile]]
    all_found = stored_files(names) if stored else map(_local_files, names)
    found: list[Path | StoredFile] = []
    missing: list[str] = []
    for name, here in zip(names, all_found, strict=True):
        found += here
        missing += [] if here else [name]
    if missing:
        unlisted = ""
        if "*" in given and stored and stored.startswith("http"):
            unlisted = "; few web servers list their files: give a range, such as a-{000..099}.tar"
        several = f"{len(missing):,} of its {len(names):,} files are missing"
        listed = ", ".join(Path(name).name for name in missing[:_NAMED])
        more = ", ..." if len(missing) > _NAMED else ""
        raise FileNotFoundError(
            f"{given}: {several} ({listed}{more}); copy them there, or name those that exist"
            if len(names) > 1
            else f"there is no tar file {given}{unlisted}"
        )
    return found


def _local_files(name: str) -> list[Path]:
    here = [name] if Path(name).is_file() else sorted(glob.glob(name, recursive=True))
    return [Path(path) for path in here]


def _expanded(text: str, most: int) -> list[str]:
    """Return the texts that braces stand for; at most ``most`` and one more."""
    if Path(text).exists():
        return [text]
    return [*islice(_readings(text, most), most + 1)]


def _readings(text: str, most: int) -> Iterator[str]:
    for braces in _BRACES.finditer(text):
        choices = _choices(braces[1], most)
        if choices is not None:
            start, end = text[: braces.start()], text[braces.end() :]
            for choice in choices:
                yield from _readings(f"{start}{choice}{end}", most)
            return
    yield text


def _choices(text: str, most: int) -> list[str] | None:
    """Return what one pair of braces stands for; None if it is neither a range nor a list."""
    if match := _RANGE.fullmatch(text):
        first, last = int(match[1]), int(match[2])
        digits = len(match[1]) if match[1].startswith("0") else 0
        step = 1 if last >= first else -1
        last = max(min(last, first + most), first - most)
        return [f"{number:0{digits}}" for number in range(first, last + step, step)]
    return text.split(",") if "," in text else None
