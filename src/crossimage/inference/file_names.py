"""Which files are translated, and what the results are called."""

from __future__ import annotations

import glob
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

from crossimage.data.images.files import EXTENSIONS
from crossimage.utils.files import as_path
from crossimage.utils.names import did_you_mean


class Source(NamedTuple):
    """An input file.

    Attributes:
        path: Where it is.
        folder: Sub-folder of the results that its own go to.
    """

    path: Path
    folder: Path


def collect(paths: str | Path | Sequence[str | Path], out: Path) -> list[Source]:
    """Find the input files, each once.

    Args:
        paths: Files, folders and patterns.
        out: Folder for the results; where it lies inside an input folder, its files are no input.

    Raises:
        FileNotFoundError: A path does not exist, or a pattern has no match.
        ValueError: There is no image, or a path is empty.
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    sources: dict[Path, Source] = {}
    for path in given:
        for found in _matches(as_path(path, "the path of an input")):
            files = _inside(found, out) if found.is_dir() else [Source(found, Path())]
            for source in files:
                sources.setdefault(source.path.resolve(), source)
    if not sources:
        places = f"in {', '.join(map(str, given))}" if given else "among no inputs"
        raise ValueError(f"there is no image {places}; expected {', '.join(sorted(EXTENSIONS))}")
    return list(sources.values())


def _matches(path: Path) -> list[Path]:
    if path.exists():
        return [path]
    found = sorted(Path(name) for name in glob.glob(str(path), recursive=True))
    if not found:
        raise FileNotFoundError(f"no file, folder or match of a pattern: {path}")
    return found


def _inside(folder: Path, out: Path) -> Iterator[Source]:
    results = out.resolve()
    within = folder.resolve() in results.parents
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in relative.parts)
        own = within and results in path.resolve().parents
        if path.suffix.lower() in EXTENSIONS and path.is_file() and not hidden and not own:
            yield Source(path, relative.parent)


def name_results(
    sources: Sequence[Source], format: str | None, answers: int | Sequence[str]
) -> list[list[Path]]:
    """Names of the results, relative to their folder: all different, for every input its list.

    Inputs whose results would share a name all get the name of their folder in front or of their
    type behind, whichever tells them apart, and otherwise a number.

    Args:
        sources: The inputs.
        format: Type of the results; each input's own where None.
        answers: Results an input, numbered where there are several; or what each is of, to stand
            at the end of its name.

    Raises:
        ValueError: There is no such format, or two results would have one name.
    """
    suffix = None if format is None else suffix_of(format)
    by_name: dict[str, list[Source]] = defaultdict(list)
    for source in sources:
        by_name[_key(_path(source, source.path.stem, suffix))].append(source)
    names: dict[Source, Path] = {}
    taken = set(by_name)
    for group in by_name.values():
        stems = (
            [source.path.stem for source in group]
            if len(group) == 1
            else _rename(group, taken, suffix)
        )
        for source, stem in zip(group, stems, strict=True):
            names[source] = _path(source, stem, suffix)
            taken.add(_key(names[source]))
    if answers == 1:
        return [[names[source]] for source in sources]
    if isinstance(answers, int):
        ends = [str(k) for k in range(1, answers + 1)]
    else:
        ends = [_harmless(answer) for answer in answers]
    found = [
        [path.with_name(f"{path.stem}_{end}{path.suffix}") for end in ends]
        for path in (names[source] for source in sources)
    ]
    seen: set[str] = set()
    for path in chain(*found):
        if _key(path) in seen:
            raise ValueError(
                f"two results would be called {path}; translate to one label at a time"
            )
        seen.add(_key(path))
    return found


def _harmless(text: str) -> str:
    """A text without what file names can't hold."""
    return re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", text)


def _rename(group: list[Source], taken: set[str], suffix: str | None) -> list[str]:
    """Other stems for inputs of one name."""
    rules: list[Callable[[Source], str]] = [
        lambda source: f"{source.path.resolve().parent.name}_{source.path.stem}",
        lambda source: f"{source.path.stem}_{source.path.suffix[1:].lower()}",
    ]
    for rule in rules:
        stems = [rule(source) for source in group]
        keys = {_key(_path(s, stem, suffix)) for s, stem in zip(group, stems, strict=True)}
        if len(keys) == len(group) and not keys & taken:
            return stems
    numbered = (f"{group[0].path.stem}-{number}" for number in count(1))
    free = (stem for stem in numbered if _key(_path(group[0], stem, suffix)) not in taken)
    return [next(free) for _ in group]


def _path(source: Source, stem: str, suffix: str | None) -> Path:
    own = source.path.suffix if source.path.suffix.lower() in EXTENSIONS else ".png"
    return source.folder / (stem + (suffix or own))


def _key(path: Path) -> str:
    # Some file systems do not tell a.png from A.PNG.
    return str(path).casefold()


def suffix_of(format: str) -> str:
    """The suffix of a format such as ``png``.

    Raises:
        ValueError: There is no such format.
    """
    suffix = f".{format.lower().removeprefix('.')}"
    if suffix not in EXTENSIONS:
        known = sorted(extension[1:] for extension in EXTENSIONS)
        hint = did_you_mean(suffix[1:], known)
        raise ValueError(f"format '{format}' is unknown; expected one of {', '.join(known)}{hint}")
    return suffix
