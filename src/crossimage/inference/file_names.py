"""Find the files to translate and name their outputs."""

from __future__ import annotations

import glob
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

from crossimage.data.images.files import EXTENSIONS
from crossimage.data.images.formats import EXPECTED
from crossimage.data.sources.find import LeftOut, find_files
from crossimage.utils.files import as_path
from crossimage.utils.names import did_you_mean


class InputFile(NamedTuple):
    """An input file.

    Attributes:
        path: Path of the file.
        folder: Sub-folder that its outputs go to, relative to the folder of all outputs.
    """

    path: Path
    folder: Path


def find_inputs(
    paths: str | Path | Sequence[str | Path], out: Path, left_out: list[LeftOut] | None = None
) -> list[InputFile]:
    """Find the input files, each once.

    Args:
        paths: Files, folders and patterns.
        out: Folder for the outputs. If it is inside an input folder, its files are not inputs.
        left_out: Collects what folders hold besides images.

    Raises:
        FileNotFoundError: A path does not exist, or a pattern has no match.
        ValueError: There is no image, or a path is empty.
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    sources: dict[Path, InputFile] = {}
    for path in given:
        for match in _matches(as_path(path, "the path of an input")):
            others = [] if left_out is None else left_out
            files = _images_in(match, out, others) if match.is_dir() else [InputFile(match, Path())]
            for source in files:
                sources.setdefault(source.path.resolve(), source)
    if not sources:
        where = f"in {', '.join(map(str, given))}" if given else "among no inputs"
        raise ValueError(f"there is no image {where}; expected {EXPECTED}")
    return list(sources.values())


def _matches(path: Path) -> list[Path]:
    if path.exists():
        return [path]
    matches = sorted(Path(name) for name in glob.glob(str(path), recursive=True))
    if not matches:
        raise FileNotFoundError(f"{path} is not a file or folder, and as a pattern it matches none")
    return matches


def _images_in(folder: Path, out: Path, left_out: list[LeftOut]) -> list[InputFile]:
    """Find the images of a folder and its sub-folders, except outputs."""
    found, outputs = find_files(folder), out.resolve()
    out_is_inside = folder.resolve() in outputs.parents

    def is_output(path: str | Path) -> bool:
        return out_is_inside and outputs in Path(path).resolve().parents

    left_out += [entry for entry in found.left_out if not is_output(entry.path)]
    return [
        InputFile(path, path.relative_to(folder).parent)
        for path in found.images
        if not is_output(path)
    ]


def name_outputs(
    sources: Sequence[InputFile], format: str | None, outputs: int | Sequence[str]
) -> list[list[Path]]:
    """Name the outputs of each input, relative to their folder, all differently.

    Inputs whose outputs would share a name are prefixed with the name of their folder or suffixed
    with their type, whichever distinguishes them, and otherwise numbered.

    Args:
        sources: The inputs.
        format: Type of the outputs; None for each input's own.
        outputs: Outputs per input, numbered if there are several; or what each shows, which is
            appended to its name.

    Returns:
        For each input, the names of its outputs.

    Raises:
        ValueError: The format is unknown, or two outputs would share a name.
    """
    suffix = None if format is None else suffix_of(format)
    by_name: dict[str, list[InputFile]] = defaultdict(list)
    for source in sources:
        by_name[_key(_output(source, source.path.stem, suffix))].append(source)
    names: dict[InputFile, Path] = {}
    taken = set(by_name)
    for group in by_name.values():
        stems = (
            [source.path.stem for source in group]
            if len(group) == 1
            else _distinct_stems(group, taken, suffix)
        )
        for source, stem in zip(group, stems, strict=True):
            names[source] = _output(source, stem, suffix)
            taken.add(_key(names[source]))
    if outputs == 1:
        return [[names[source]] for source in sources]
    if isinstance(outputs, int):
        endings = [str(k) for k in range(1, outputs + 1)]
    else:
        endings = [_safe(title) for title in outputs]
    paths = [
        [path.with_name(f"{path.stem}_{ending}{path.suffix}") for ending in endings]
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


def _safe(text: str) -> str:
    """Replace the characters that file names cannot hold."""
    return re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", text)


def _distinct_stems(group: list[InputFile], taken: set[str], suffix: str | None) -> list[str]:
    """Give inputs of one name different stems."""
    rules: list[Callable[[InputFile], str]] = [
        lambda source: f"{source.path.resolve().parent.name}_{source.path.stem}",
        lambda source: f"{source.path.stem}_{source.path.suffix[1:].lower()}",
    ]
    for rule in rules:
        stems = [rule(source) for source in group]
        keys = {_key(_output(s, stem, suffix)) for s, stem in zip(group, stems, strict=True)}
        if len(keys) == len(group) and not keys & taken:
            return stems
    numbered = (f"{group[0].path.stem}-{number}" for number in count(1))
    free = (stem for stem in numbered if _key(_output(group[0], stem, suffix)) not in taken)
    return [next(free) for _ in group]


def _output(source: InputFile, stem: str, suffix: str | None) -> Path:
    own = source.path.suffix if source.path.suffix.lower() in EXTENSIONS else ".png"
    return source.folder / (stem + (suffix or own))


def _key(path: Path) -> str:
    # Some file systems do not distinguish a.png from A.PNG.
    return str(path).casefold()


def suffix_of(format: str) -> str:
    """Return the suffix of a format such as ``png``.

    Raises:
        ValueError: The format is unknown.
    """
    suffix = f".{format.lower().removeprefix('.')}"
    if suffix not in EXTENSIONS:
        known = sorted(extension[1:] for extension in EXTENSIONS)
        hint = did_you_mean(suffix[1:], known)
        raise ValueError(f"format '{format}' is unknown; expected one of {', '.join(known)}{hint}")
    return suffix
