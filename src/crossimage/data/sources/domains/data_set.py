"""A data set as users give it: a path, or the paths of each domain by its name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from pathlib import Path

from crossimage.data.sources.find import same_name
from crossimage.data.stores.addresses import local_path
from crossimage.data.stores.addresses import shown as shown_place
from crossimage.utils.paths import as_path

DataSet = str | Mapping[str, Sequence[str]]
"""A path (or several paths of tables, separated by commas), or paths of each domain by its name."""

Data = str | Path | Mapping[str, str | Path | Sequence[str | Path]]
"""What users give: a path or text, or a path or paths of each domain by its name."""

_SHOWN = 3


def read_data_set(data: object) -> DataSet:
    """Read a data set as given by a user.

    Texts such as ``cats=DIR,dogs=DIR`` become paths by name. Commas and equals signs may be parts
    of paths: whatever exists is taken for a path, and so is the part after a comma that does not
    begin with a name and an equals sign.

    Args:
        data: A path or such a text; or a mapping from the name of each domain to a path, or to a
            list of paths of folders, images or lists of images.

    Raises:
        TypeError: It is none of these.
        ValueError: A name or a path is empty, a name occurs twice, or a text can be understood in
            several ways.
    """
    if isinstance(data, Mapping):
        return _by_name(data)
    if not isinstance(data, str | os.PathLike):
        raise TypeError(
            "data is a path, a text such as 'cats=DIR,dogs=DIR', or a mapping such as {'cats': "
            f"[paths], 'dogs': [paths]}}; found {type(data).__name__}"
        )
    text = _place(os.fspath(data), "the path of the data set")
    parts = text.split(",")
    if "=" not in text or not isinstance(data, str) or os.path.exists(text):
        return text
    if all(os.path.exists(os.path.expanduser(part.strip())) for part in parts):
        return text  # several tables
    return _split(text, parts)


def shown(data: DataSet) -> str:
    """Return a data set as text for users, as on the command line."""
    if isinstance(data, str):
        return data
    return ",".join(
        f"{name}={', '.join(paths)}" if len(paths) <= _SHOWN else f"{name}={len(paths):,} paths"
        for name, paths in data.items()
    )


def as_text(data: DataSet) -> str:
    """Return a data set as an option takes it.

    ``LIST.txt`` stands for the list of files that several paths of a domain need.
    """
    if isinstance(data, str):
        return data
    return ",".join(
        f"{name}={paths[0] if len(paths) == 1 else 'LIST.txt'}" for name, paths in data.items()
    )


def recorded(data: DataSet) -> str | dict[str, list[str]]:
    """Return a data set as plain data, for JSON."""
    return data if isinstance(data, str) else {name: [*paths] for name, paths in data.items()}


def _by_name(data: Mapping[object, object]) -> DataSet:
    """Return the paths of a mapping as lists of texts."""
    if not data:
        raise ValueError("data names no domain; expected paths by name: {'cats': DIR, 'dogs': DIR}")
    paths_of: dict[str, tuple[str, ...]] = {}
    for name, given in data.items():
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"data: the name of a domain must be text, found {name!r}")
        if isinstance(given, str | os.PathLike):
            given = [given]
        if not isinstance(given, Sequence) or isinstance(given, bytes | bytearray) or not given:
            raise ValueError(
                f"data: expected a path or a list of paths of {name}, found {_described(given)}"
            )
        paths_of[name.strip()] = tuple(_place(path, f"a path of {name}") for path in given)
    _check_names([str(name).strip() for name in data])
    return paths_of


def _described(given: object) -> str:
    """Describe a value that is not a list of paths, and how to make one of it if it holds some."""
    if isinstance(given, Sized) and not isinstance(given, bytes | bytearray) and not len(given):
        return f"an empty {type(given).__name__}"
    hint = ""
    if isinstance(given, Iterable) and not isinstance(given, bytes | bytearray):
        hint = "; if it holds paths, give sorted(...) or list(...) of it"
    return f"{type(given).__name__}{hint}"


def _split(text: str, parts: Sequence[str]) -> DataSet:
    """Return the paths by name of a text such as ``cats=DIR,dogs=DIR``."""
    existing = [found for found in _readings(parts) if all(map(_exists, found))]
    if len(existing) > 1:
        both = " or as ".join(" and ".join(reading) for reading in existing[:2])
        raise ValueError(
            f"--data {text} can be read as {both}, since all of these exist; rename a folder, or "
            "give the paths in Python as data={'name': path, ...}"
        )
    entries = existing[0] if existing else _plain(parts)
    named = []
    for entry in entries:
        name, equals, path = entry.partition("=")
        if not (name.strip() and equals and path.strip()):
            raise ValueError(
                f"'{entry}' is not understood: expected NAME=DIR,NAME=DIR or NAME=list.txt,"
                "NAME=list.txt"
            )
        named.append((name.strip(), _path_of(path)))
    _check_names([name for name, _ in named])
    return {name: (path,) for name, path in named}


def _readings(parts: Sequence[str]) -> Iterator[list[str]]:
    """Yield the ways to join parts to entries ``NAME=PATH``; a part without ``=`` never begins one.

    Only ways whose finished entries exist are followed, so that there are few.
    """

    def continued(entries: list[str], rest: Sequence[str]) -> Iterator[list[str]]:
        if not rest:
            yield entries
            return
        part = rest[0]
        if entries:
            yield from continued([*entries[:-1], f"{entries[-1]},{part}"], rest[1:])
        if "=" in part and (not entries or _exists(entries[-1])):
            yield from continued([*entries, part], rest[1:])

    yield from continued([], parts)


def _plain(parts: Sequence[str]) -> list[str]:
    """Return entries that each begin where a part has a name and an equals sign."""
    entries: list[str] = []
    for part in parts:
        if "=" in part or not entries:
            entries.append(part)
        else:
            entries[-1] += f",{part}"
    return entries


def _exists(entry: str) -> bool:
    name, _, path = entry.partition("=")
    return bool(name.strip()) and os.path.exists(_path_of(path))


def _path_of(text: str) -> str:
    """Return a path without the spaces around it, unless it is called so."""
    path = os.path.expanduser(text)
    if not path.strip() or not os.path.exists(path):
        path = text.strip()
    return _place(path, "a path") if path else path


def _place(path: str | Path, name: str) -> str:
    """Return a path as text; an address of a store as it is, of ``file:///folder`` the folder."""
    place = as_path(path, name, stores=True)
    return shown_place(local_path(place))


def _check_names(names: Sequence[str]) -> None:
    for index, name in enumerate(names):
        if same_name(name) in map(same_name, names[:index]):
            raise ValueError(f"the data names the domain {name} twice; give each its own name")


def paths_of(data: Mapping[str, Sequence[str]], name: str) -> list[Path]:
    """Return the paths of a domain."""
    return [Path(path) for path in data[name]]
