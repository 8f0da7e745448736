"""Find the images to translate."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from crossimage.data.images.encoded import EncodedImage
from crossimage.data.images.formats import EXPECTED
from crossimage.data.images.pixels import ImageError
from crossimage.data.left_out import IN_OUTPUT, RESULT, TWICE, LeftOut, describe
from crossimage.data.shards.find import find_members
from crossimage.data.shards.index import find_member
from crossimage.data.shards.names import names_shards
from crossimage.data.sources.find import (
    NameIndex,
    find_cycle,
    find_files,
    is_image_file,
    why_left_out,
    without_results,
)
from crossimage.data.sources.lists import find_entry, list_entries
from crossimage.data.stores.addresses import local_path, store_address
from crossimage.data.stores.find import find_objects, is_in
from crossimage.inference.incoming import Incoming
from crossimage.inference.inputs import read_file
from crossimage.inference.web import is_address, without_secrets
from crossimage.utils.manifest import is_manifest, known_files
from crossimage.utils.names import near_path_hint
from crossimage.utils.paths import RealPaths, as_path
from crossimage.utils.progress import ProgressCallback, report_progress

_LIST = ".txt"
_IN_MEMORY = ("PIL.", "numpy", "torch")


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
    """The inputs that a user named.

    Attributes:
        files: The input files, in the order in which they were given, each once.
        left_out: Everything else that was found, each with the reason.
        skipped: Inputs that could not be downloaded, each with a sentence that says why.
    """

    files: list[InputFile] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)


def find_inputs(
    given: object, out: Path, incoming: Incoming, progress: bool | ProgressCallback = False
) -> FoundInputs:
    """Find the input files, each once.

    Inputs are named by paths of files; by folders, including their sub-folders; by patterns such
    as ``photos/**/*.jpg``, relative to their part without wildcards; by list files, as
    ``@list.txt`` or simply ``list.txt``, with a path or address per line; by tar files, whose
    images they are, also as ranges and patterns such as ``photos-{000..099}.tar``; by addresses of
    stores, ``s3://bucket/folder``; or by those of images in the web, ``https://...``. They may also
    be encoded images in memory or in files opened in binary mode.
    In folders and patterns, images are recognised as in training
    (:func:`crossimage.data.sources.find.find_files`).

    Args:
        given: One input or a list of them.
        out: Folder for the outputs. If it is inside an input folder, its files are not inputs.
        incoming: Keeps the images that are not files.
        progress: Whether to report the progress of downloads on stderr, or to which callback.

    Raises:
        FileNotFoundError: A path does not exist, or a pattern has no match.
        ValueError: There is no image, or an input is nothing of the above.
    """
    inputs = as_inputs(given)
    found, seen = FoundInputs(), set[str]()
    sources: list[InputFile | str] = []
    for source in _sources(inputs, out if store_address(out) else out.resolve(), found, incoming):
        key = source if isinstance(source, str) else os.path.abspath(source.path)
        if key in seen:
            name = without_secrets(source) if isinstance(source, str) else str(source.path)
            found.left_out.append(LeftOut(TWICE, name, f"{name} {len(found.left_out)}"))
        else:
            seen.add(key)
            sources.append(source)
    sources = _without_own(sources, out, found)
    addresses = [source for source in sources if isinstance(source, str)]
    downloads = _download(addresses, incoming, found, progress if addresses else False)
    for source in sources:
        file = source if isinstance(source, InputFile) else downloads.get(source)
        found.files += [file] if file else []
    if not found.files:
        raise ValueError(_nothing(inputs, found))
    return found


def _download(
    addresses: Sequence[str], incoming: Incoming, found: FoundInputs,
    progress: bool | ProgressCallback,
) -> dict[str, InputFile]:  # fmt: skip
    """Download images and return their files by address; failures are noted as skipped."""
    files = {}
    with report_progress("downloading images", len(addresses), progress) as advance:
        for address in addresses:
            try:
                files[address] = InputFile(incoming.download(address), Path())
            except ImageError as error:
                found.skipped.append((Path(without_secrets(address)), str(error)))
            advance(1)
    return files


def as_inputs(given: object) -> list[Any]:
    """Return one input or several as a list.

    Raises:
        ValueError: It is neither.
    """
    if isinstance(given, str | Path | bytes | bytearray) or hasattr(given, "read"):
        return [given]
    in_memory = type(given).__module__.startswith(_IN_MEMORY)
    if in_memory or isinstance(given, Mapping) or not isinstance(given, Iterable):
        raise ValueError(f"expected paths of images, found {_kind_of(given)}")
    return list(given)


def _kind_of(given: object) -> str:
    """Return what was given in place of a path, and what to do with it."""
    kind = f"{type(given).__module__}.{type(given).__name__}".removeprefix("builtins.")
    if kind.startswith(_IN_MEMORY):
        return f"{kind}; `translate` takes images in memory and returns the results"
    return kind


def _nothing(inputs: Sequence[object], found: FoundInputs) -> str:
    if found.skipped:
        count, reason = len(found.skipped), found.skipped[0][1]
        if count == 1:
            return f"the input can't be read: {reason}"
        return f"none of the {count:,} inputs can be read; the first: {reason}"
    if not inputs:
        return f"there is no image among no inputs; expected {EXPECTED}"
    others = describe(found.left_out)
    more = f" ({others})" if others else ""
    return f"there is no image in {', '.join(map(str, inputs))}{more}; expected {EXPECTED}"


def _sources(
    inputs: Sequence[Any], out: Path, found: FoundInputs, incoming: Incoming
) -> Iterator[InputFile | str]:
    """Yield files, and addresses to download."""
    for given in inputs:
        if isinstance(given, bytes | bytearray):
            yield InputFile(incoming.add(EncodedImage(bytes(given))), Path())
        elif hasattr(given, "read"):
            name = getattr(given, "name", None)
            name = name if isinstance(name, str) else "image"
            yield InputFile(incoming.add(read_file(given), name), Path())
        elif isinstance(given, str | Path) and _names_stored_shards(given):
            yield from _members(given, found)
        elif isinstance(given, str | Path) and (address := store_address(given)):
            objects = find_objects(address)
            found.left_out += objects.left_out
            for image, below in objects.images:
                place = store_address(out) or ""
                if is_in(place, address) and is_in(image, place):
                    found.left_out.append(LeftOut(IN_OUTPUT, place, str(image)))
                else:
                    yield InputFile(image, Path(below))
        elif not _is_local(given) and is_address(given):
            yield given
        elif isinstance(given, str | Path):
            path = local_path(as_path(given, "the path of an input", stores=True))
            yield from _named(path, out, found, alone=len(inputs) == 1)
        else:
            raise ValueError(f"expected the path of an image, found {_kind_of(given)}")


def _is_local(given: object) -> bool:
    """Return whether a text is an address of a local file, ``file:///...``."""
    return isinstance(given, str) and given.lower().startswith("file:///")


def _named(path: Path, out: Path, found: FoundInputs, alone: bool) -> Iterator[InputFile | str]:
    """Yield what a path names."""
    if path.is_dir():
        yield from _images_in(path, path, out, found)
    elif names_shards(path):
        yield from _members(path, found)
    elif path.is_file():
        if path.suffix.lower() == _LIST and _is_list(path, alone):
            yield from _listed(path)
        else:
            yield InputFile(path, Path())
    elif path.exists():
        raise ValueError(
            f"{path} is not a regular file; to read an image from a pipe, give - in its place"
        )
    elif (named := find_member(path)) is not None:
        yield InputFile(named, Path())
    elif str(path).startswith("@"):
        yield from _listed(as_path(str(path)[1:], "the path of a list"))
    else:
        yield from _matches(path, out, found)


def _names_stored_shards(given: str | Path) -> bool:
    """Return whether an input names tar files in a store or on a web server."""
    return store_address(given, web=True) is not None and names_shards(given)


def _members(shards: str | Path, found: FoundInputs) -> Iterator[InputFile]:
    """Yield the images in tar files."""
    members = find_members([shards])
    found.left_out += members.left_out
    for member in members.images:
        yield InputFile(member, Path(members.below_top(member)).parent)


def _matches(pattern: Path, out: Path, found: FoundInputs) -> Iterator[InputFile]:
    """Yield the images that match a pattern, and those of matching folders."""
    base, rest = Path(pattern.anchor), [*pattern.relative_to(pattern.anchor).parts]
    while rest and (base / rest[0]).exists():  # names that exist mean themselves
        base /= rest.pop(0)
    names = sorted(glob.glob(os.path.join(*rest), root_dir=base, recursive=True)) if rest else []
    if not names:
        raise FileNotFoundError(
            f"{pattern} is not a file or folder, and as a pattern it matches none"
            f"{near_path_hint(pattern)}"
        )
    listed = _without_cycles([base / name for name in names], base, found)
    folders = [path for path in listed if path.is_dir()]
    kept = set(without_results([path for path in listed if is_image_file(path)], found.left_out))
    for path in listed:
        if "**" in rest and any(folder in path.parents for folder in folders):
            continue  # found with its folder
        if path in folders:
            yield from _images_in(path, base, out, found)
        elif _is_output(path, base, out):
            found.left_out.append(LeftOut(IN_OUTPUT, str(out), str(path)))
        elif refused := why_left_out(path):
            if not is_manifest(path.name):
                found.left_out.append(refused)
        elif path in kept:
            yield InputFile(path, path.relative_to(base).parent)


def _without_cycles(paths: Sequence[Path], base: Path, found: FoundInputs) -> list[Path]:
    """Leave out paths through links to folders that contain them, which patterns follow."""
    cycles = {folder: find_cycle(folder, base) for folder in {path.parent for path in paths}}
    kept = []
    for path in paths:
        cycle = cycles[path.parent] or (find_cycle(path, base) if path.is_dir() else None)
        if cycle is None:
            kept.append(path)
        elif cycle not in found.left_out:
            found.left_out.append(cycle)
    return kept


def _images_in(folder: Path, base: Path, out: Path, found: FoundInputs) -> Iterator[InputFile]:
    """Yield the images of a folder and its sub-folders, except outputs."""
    files = find_files(folder)
    found.left_out += [
        entry for entry in files.left_out if not _is_output(Path(entry.path), base, out)
    ]
    for path in files.images:
        if _is_output(path, base, out):
            found.left_out.append(LeftOut(IN_OUTPUT, str(out), str(path)))
        else:
            yield InputFile(path, path.relative_to(base).parent)


def _without_own(
    sources: Sequence[InputFile | str], out: Path, found: FoundInputs
) -> list[InputFile | str]:
    """Leave out files that an earlier run wrote into the folder of outputs, if there are others."""
    real, place = RealPaths(), os.path.join(os.path.realpath(out), "")
    inside = [
        source
        for source in sources
        if isinstance(source, InputFile) and real.of(source.path).startswith(place)
    ]
    own = {os.path.realpath(path) for path in known_files(out)} if inside else set()
    mine = {source for source in inside if real.of(source.path) in own}
    if not mine or len(mine) == len(sources):
        return list(sources)
    found.left_out += [LeftOut(RESULT, str(out), str(s.path)) for s in inside if s in mine]
    return [source for source in sources if source not in mine]


def _is_output(path: Path, base: Path, out: Path) -> bool:
    """Return whether a path is in the folder of outputs, if that is inside an input folder."""
    return base.resolve() in out.parents and out in path.resolve().parents


def _is_list(file: Path, alone: bool) -> bool:
    """Return whether a text file lists images, rather than being one of many other files.

    Args:
        file: The file.
        alone: Whether it is the only input, which then must be a list.
    """
    if is_image_file(file):  # by its content
        return False
    if alone:
        return True
    try:
        number, text = list_entries(file)[0]
        if not is_address(text):
            find_entry(file, number, text, NameIndex())
    except (ValueError, OSError):
        return False
    return True


def _listed(file: Path) -> Iterator[InputFile | str]:
    """Yield the images of a list file; those below its folder keep their sub-folders."""
    index = NameIndex()
    for number, text in list_entries(file):
        if is_address(text):
            yield text
        else:
            yield InputFile(find_entry(file, number, text, index), _folder_of(text))


def _folder_of(text: str) -> Path:
    """Return the sub-folder of an entry's results: its own, unless it leads elsewhere."""
    parent = Path(text).parent
    return Path() if parent.is_absolute() or {"..", "~"} & {*parent.parts} else parent
