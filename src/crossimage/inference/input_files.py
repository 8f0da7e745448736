"""Find the image files to translate."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from crossimage.data.images.formats import EXPECTED
from crossimage.data.sources.find import (
    RESULT,
    TWICE,
    LeftOut,
    NameIndex,
    check_image,
    describe,
    find_files,
    judge,
)
from crossimage.data.sources.lists import find_entry, list_entries
from crossimage.utils.files import as_path

_LIST = ".txt"


class InputFile(NamedTuple):
    """An input file.

    Attributes:
        path: Path of the file.
        folder: Sub-folder that its outputs go to, relative to the folder of all outputs.
    """

    path: Path
    folder: Path


@dataclass
class FoundInputs:
    """The inputs that a user's paths name.

    Attributes:
        files: The input files, in the order in which they were given, each once.
        left_out: Everything else that was found, each with the reason.
    """

    files: list[InputFile] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def find_inputs(
    paths: str | Path | Sequence[str | Path], out: Path, left_out: list[LeftOut] | None = None
) -> list[InputFile]:
    """Find the input files, each once.

    Files are named by their paths; by folders, including their sub-folders; by patterns such as
    ``photos/**/*.jpg``, which are relative to their part without wildcards; or by list files, as
    ``@list.txt`` or simply ``list.txt``, with an image per line. In folders and patterns, images
    are recognised as in training (:func:`crossimage.data.sources.find.find_files`).

    Args:
        paths: Files, folders, patterns and lists.
        out: Folder for the outputs. If it is inside an input folder, its files are not inputs.
        left_out: Collects what was found besides inputs.

    Raises:
        FileNotFoundError: A path does not exist, or a pattern has no match.
        ValueError: There is no image, or a path is empty or not a path.
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    found = FoundInputs(left_out=[] if left_out is None else left_out)
    seen: set[str] = set()
    for source in _sources(given, out.resolve(), found):
        key = os.path.abspath(source.path)
        if key in seen:
            found.left_out.append(
                LeftOut(TWICE, str(source.path), f"{source.path} {len(found.left_out)}")
            )
            continue
        seen.add(key)
        found.files.append(source)
    if not found.files:
        where = f"in {', '.join(map(str, given))}" if given else "among no inputs"
        others = describe(found.left_out)
        more = f" ({others})" if others else ""
        raise ValueError(f"there is no image {where}{more}; expected {EXPECTED}")
    return found.files


def _sources(given: Sequence[str | Path], out: Path, found: FoundInputs) -> Iterator[InputFile]:
    for one in given:
        path = as_path(one, "the path of an input")
        if path.is_dir():
            yield from _images_in(path, path, out, found)
        elif path.is_file():
            if path.suffix.lower() == _LIST and _is_list(path, alone=len(given) == 1):
                yield from _listed(path)
            else:
                yield InputFile(path, Path())
        elif path.exists():
            raise ValueError(
                f"{path} is not a regular file; to read an image from a pipe, give - in its place"
            )
        elif str(path).startswith("@"):
            yield from _listed(as_path(str(path)[1:], "the path of a list"))
        else:
            yield from _matches(path, out, found)


def _matches(pattern: Path, out: Path, found: FoundInputs) -> Iterator[InputFile]:
    """Yield the images that match a pattern, and those of matching folders."""
    base, rest = Path(pattern.anchor), [*pattern.relative_to(pattern.anchor).parts]
    while rest and (base / rest[0]).exists():  # names that exist mean themselves
        base /= rest.pop(0)
    names = sorted(glob.glob(os.path.join(*rest), root_dir=base, recursive=True)) if rest else []
    if not names:
        raise FileNotFoundError(
            f"{pattern} is not a file or folder, and as a pattern it matches none"
        )
    listed = [base / name for name in names]
    folders = [path for path in listed if path.is_dir()]
    for path in listed:
        if "**" in rest and any(folder in path.parents for folder in folders):
            continue  # found with its folder
        if path in folders:
            yield from _images_in(path, base, out, found)
        elif _is_output(path, base, out):
            found.left_out.append(LeftOut(RESULT, str(out), str(path)))
        elif refused := judge(path):
            found.left_out.append(refused)
        else:
            yield InputFile(path, path.relative_to(base).parent)


def _images_in(folder: Path, base: Path, out: Path, found: FoundInputs) -> Iterator[InputFile]:
    """Yield the images of a folder and its sub-folders, except outputs."""
    files = find_files(folder)
    found.left_out += [
        entry for entry in files.left_out if not _is_output(Path(entry.path), base, out)
    ]
    for path in files.images:
        if _is_output(path, base, out):
            found.left_out.append(LeftOut(RESULT, str(out), str(path)))
        else:
            yield InputFile(path, path.relative_to(base).parent)


def _is_output(path: Path, base: Path, out: Path) -> bool:
    """Return whether a path is in the folder of outputs, if that is inside an input folder."""
    return base.resolve() in out.parents and out in path.resolve().parents


def _is_list(file: Path, alone: bool) -> bool:
    """Return whether a text file lists images, rather than being one of many other files.

    Args:
        file: The file.
        alone: Whether it is the only input, which then must be a list.
    """
    if check_image(file):  # by its content
        return False
    if alone:
        return True
    try:
        number, text = list_entries(file)[0]
        find_entry(file, number, text, NameIndex())
    except (ValueError, OSError):
        return False
    return True


def _listed(file: Path) -> Iterator[InputFile]:
    """Yield the images of a list file; those below its folder keep their sub-folders."""
    index = NameIndex()
    for number, text in list_entries(file):
        path = find_entry(file, number, text, index)
        yield InputFile(path, _folder_of(text))


def _folder_of(text: str) -> Path:
    """Return the sub-folder of an entry's results: its own, unless it leads elsewhere."""
    parent = Path(text).parent
    return Path() if parent.is_absolute() or {"..", "~"} & {*parent.parts} else parent
