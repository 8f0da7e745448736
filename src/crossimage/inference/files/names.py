"""Name the outputs of input files."""

from __future__ import annotations

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain, count
from pathlib import Path, PurePath

from crossimage.inference.input_files import InputFile

_MAX_NAME = 250  # bytes; file systems take 255
_KEPT = 200  # bytes of a longer stem


def name_outputs(
    sources: Sequence[InputFile],
    suffix_for: Callable[[PurePath], str],
    outputs: int | Sequence[str],
) -> list[list[Path]]:
    """Name the outputs of each input, relative to their folder, all differently.

    Inputs whose outputs would share a name are prefixed with the name of their folder or suffixed
    with their type, whichever distinguishes them, and otherwise numbered.

    Args:
        sources: The inputs.
        suffix_for: Returns the suffix of the outputs of an input.
        outputs: Outputs per input, numbered if there are several; or what each shows, which is
            appended to its name.

    Returns:
        For each input, the names of its outputs.

    Raises:
        ValueError: Two outputs would share a name.
    """
    by_name: dict[str, list[InputFile]] = defaultdict(list)
    for source in sources:
        by_name[_key(_output(source, source.path.stem, suffix_for))].append(source)
    names: dict[InputFile, Path] = {}
    taken = set(by_name)
    for group in by_name.values():
        stems = (
            [source.path.stem for source in group]
            if len(group) == 1
            else _distinct_stems(group, taken, suffix_for)
        )
        for source, stem in zip(group, stems, strict=True):
            names[source] = _output(source, stem, suffix_for)
            taken.add(_key(names[source]))
    endings = endings_of(outputs)
    if not endings:
        return [[names[source]] for source in sources]
    paths = [
        [path.with_name(_fitting(f"{path.stem}_{ending}", path.suffix)) for ending in endings]
        for path in (names[source] for source in sources)
    ]
    seen: set[str] = set()
    for path in chain(*paths):
        if _key(path) in seen:
            raise ValueError(
                f"two results would be called {path}; translate to one label at a time"
            )
        seen.add(_key(path))
    return paths


def endings_of(outputs: int | Sequence[str]) -> list[str]:
    """Return what is appended to the names of an input's outputs; empty for a single output.

    Args:
        outputs: As for :func:`name_outputs`.
    """
    if isinstance(outputs, int):
        return [str(k) for k in range(1, outputs + 1)] if outputs > 1 else []
    return [_safe(title) for title in outputs]


def output_names(
    name: str, suffix_for: Callable[[PurePath], str], endings: Sequence[str]
) -> list[str]:
    """Name the outputs of one input, whose name collides with no other.

    Args:
        name: The input's path relative to its folder, with ``/``.
        suffix_for: As for :func:`name_outputs`; it looks at the suffix of the input alone.
        endings: As :func:`endings_of` returns them.
    """
    folder, separator, base = name.rpartition("/")
    stem, dot, own = base.rpartition(".")
    if own and stem.strip("."):
        own = dot + own
    else:  # what a dot at the start or the end means
        stem, own = PurePath(base).stem, PurePath(base).suffix
    suffix = _suffix_for(own, suffix_for)
    first = _fitting(stem, suffix)
    if not endings:
        return [folder + separator + first]
    stem = first[: len(first) - len(suffix)]
    return [folder + separator + _fitting(f"{stem}_{ending}", suffix) for ending in endings]


@lru_cache(maxsize=64)
def _suffix_for(own: str, suffix_for: Callable[[PurePath], str]) -> str:
    return suffix_for(PurePath(f"x{own}"))


def _safe(text: str) -> str:
    """Replace the characters that file names cannot hold."""
    return re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", text)


def _distinct_stems(
    group: list[InputFile], taken: set[str], suffix_for: Callable[[PurePath], str]
) -> list[str]:
    """Give inputs of one name different stems."""
    rules: list[Callable[[InputFile], str]] = [
        lambda source: f"{source.path.resolve().parent.name}_{source.path.stem}",
        lambda source: f"{source.path.stem}_{source.path.suffix[1:].lower()}",
    ]
    for rule in rules:
        stems = [rule(source) for source in group]
        keys = {_key(_output(s, stem, suffix_for)) for s, stem in zip(group, stems, strict=True)}
        if len(keys) == len(group) and not keys & taken:
            return stems
    numbered = (f"{group[0].path.stem}-{number}" for number in count(1))
    free = (stem for stem in numbered if _key(_output(group[0], stem, suffix_for)) not in taken)
    return [next(free) for _ in group]


def _output(source: InputFile, stem: str, suffix_for: Callable[[PurePath], str]) -> Path:
    return source.folder / _fitting(stem, suffix_for(source.path))


def _fitting(stem: str, suffix: str) -> str:
    """Return a file's name, with the end of a stem that is too long replaced by its hash."""
    if len(stem) < _MAX_NAME // 8:  # up to four bytes per character
        return stem + suffix
    encoded = os.fsencode(stem)
    if len(encoded) + len(os.fsencode(suffix)) <= _MAX_NAME:
        return stem + suffix
    kept = encoded[:_KEPT].decode(errors="ignore")
    return f"{kept}-{hashlib.sha256(encoded).hexdigest()[:16]}{suffix}"


def _key(path: Path) -> str:
    # Some file systems do not distinguish a.png from A.PNG.
    return str(path).casefold()
