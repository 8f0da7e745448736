"""Find the image files below a folder, and what is left out."""

from __future__ import annotations

import errno
import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from crossimage.config import DataRules
from crossimage.data.images.formats import HEAD, SUFFIXES, is_image
from crossimage.data.left_out import (
    BROKEN_LINK,
    BY_PATH,
    CYCLE,
    FORMAT,
    JUNK_FILE,
    JUNK_FOLDER,
    NO_ACCESS,
    NOT_IMAGE,
    NOT_LISTED,
    RESULT,
    RUN,
    SHEET,
    SPECIAL,
    LeftOut,
)
from crossimage.data.shards.index import find_member
from crossimage.data.shards.member import is_member
from crossimage.data.sources.results import entries_below, is_own, split_results
from crossimage.utils.manifest import Entry
from crossimage.utils.reading import open_data, read_text

_EARLIER_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
_JUNK = frozenset(
    {
        "@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "__macosx",
        "lost+found", "$recycle.bin", "system volume information", "__pycache__",
        "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r",
    }
)  # fmt: skip
"""Lower-case names of files and folders left behind by file managers and storage devices."""
_UNFINISHED = ("~", ".bak", ".tmp", ".part", ".partial", ".crdownload", ".swp")
_UNSUPPORTED = frozenset(
    {
        ".tga", ".psd", ".ico", ".cur", ".icns", ".pcx", ".dds", ".svg", ".eps", ".wmf", ".emf",
        ".exr", ".hdr", ".dcm", ".jxl", ".xcf", ".dng", ".nef", ".cr2", ".cr3", ".arw", ".raf",
        ".orf", ".rw2", ".svs", ".ndpi", ".czi", ".lif", ".qoi", ".sgi",
    }
)  # fmt: skip
_RUN_PARTS = ("checkpoints", "samples", "logs")


class FoundFiles(NamedTuple):
    """The image files below a folder.

    Attributes:
        images: The images, sorted by their paths.
        left_out: All other files, and the folders that are not searched.
    """

    images: tuple[Path, ...]
    left_out: tuple[LeftOut, ...]


class FoundResults(NamedTuple):
    """The results in a folder.

    Attributes:
        images: The results, sorted by their paths.
        left_out: All other files, and the folders that are not searched.
        entries: What the lists of results say about files, by real path; empty without a list.
    """

    images: tuple[Path, ...]
    left_out: tuple[LeftOut, ...]
    entries: dict[str, Entry]


def find_files(folder: Path, rules: DataRules = 3) -> FoundFiles:
    """Find the images below a folder; none if it does not exist.

    Images are recognised by suffix, or else by content. Linked files and folders are followed.
    Hidden files, leftovers of file managers, the sheets of training runs and contact sheets are
    left out, and so are results of earlier translations, unless the folder holds nothing else.

    Args:
        folder: The folder.
        rules: The rules of the data; 1: links to folders are not followed, and only the suffix
            counts.
    """
    images, left_out, entries = _find(folder, rules)
    if rules == 1:
        return FoundFiles(tuple(images), tuple(left_out))
    kept = _set_results_aside(images, entries, left_out)
    return FoundFiles(tuple(kept), tuple(left_out))


def walk_images(folder: str, folders: list[LeftOut], files: list[LeftOut]) -> Iterator[str]:
    """Yield the paths of the images below a folder like :func:`find_files`, one by one.

    Results of earlier translations and contact sheets are not told from other images.

    Args:
        folder: The folder.
        folders: Collects the folders that are left out.
        files: Collects the files that are left out.
    """
    for path, is_file in _walk(folder, (), folders):
        reason = _why_left_out(path, is_file, 3)
        if reason is None:
            yield path
        else:
            files.append(reason)


def without_results(paths: Sequence[Path], left_out: list[LeftOut]) -> list[Path]:
    """Return images without the results among them, unless there is nothing else.

    Args:
        paths: Images of any folders.
        left_out: Collects the results and contact sheets.
    """
    entries: dict[str, Entry] = {}
    for folder in dict.fromkeys(path.parent for path in paths):
        entries |= entries_below(folder, ())
    return _set_results_aside(paths, entries, left_out)


def find_results(folder: Path) -> FoundResults:
    """Find the results below a folder: those that its lists name, or all images without a list."""
    images, left_out, entries = _find(folder, 2)
    others, results, sheets = split_results(images, entries)
    left_out += [LeftOut(SHEET, path.name, str(path)) for path in sheets]
    if results:
        left_out += [LeftOut(NOT_LISTED, path.suffix.lower(), str(path)) for path in others]
    return FoundResults(tuple(results or others), tuple(left_out), entries)


def _set_results_aside(
    images: Sequence[Path], entries: dict[str, Entry], left_out: list[LeftOut]
) -> list[Path]:
    """Return images without the results among them, unless there is nothing else."""
    others, results, sheets = split_results(images, entries)
    left_out += [LeftOut(SHEET, path.name, str(path)) for path in sheets]
    if others:
        left_out += [LeftOut(RESULT, str(path.parent), str(path)) for path in results]
    return others or results


def _find(folder: Path, rules: DataRules) -> tuple[list[Path], list[LeftOut], dict[str, Entry]]:
    """Find all images below a folder, what is left out, and what the lists of results say."""
    images: list[Path] = []
    refused: list[LeftOut] = []
    left_out: list[LeftOut] = []
    walk = _walk_earlier(str(folder)) if rules == 1 else _walk(str(folder), (), left_out)
    for path, is_file in walk:
        reason = _why_left_out(path, is_file, rules)
        if reason is None:
            images.append(Path(path))
        else:
            refused.append(reason)
    if rules == 1:
        images.sort(key=lambda path: path.relative_to(folder).as_posix())
        return images, refused, {}
    entries = entries_below(folder, (entry.path for entry in refused))
    left_out += [entry for entry in refused if not is_own(entry.path, entries)]
    return images, left_out, entries


def visible_folders(folder: Path, rules: DataRules = 3) -> list[str]:
    """Return the sorted names of a folder's direct subfolders that are not hidden, junk or runs.

    Those that a run has written into the folder itself are not images of users either.
    """
    if not folder.is_dir():
        return []
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    if rules == 1:
        return [name for name in names if not name.startswith(".")]
    written = _RUN_PARTS if is_run(folder) else ()
    kept = [name for name in names if not _is_junk(name) and name not in written]
    return [name for name in kept if not is_run(folder / name)]


def is_run(folder: Path) -> bool:
    """Return whether a folder is that of a training run, judging by its files."""
    if not any((folder / part).is_dir() for part in _RUN_PARTS):
        return False
    try:
        return "method:" in read_text(folder / "config.yaml").split()
    except (OSError, UnicodeDecodeError):
        return False


def is_image_file(path: Path, rules: DataRules = 3) -> bool:
    """Return whether a file that the user names is an image by its suffix or content."""
    return _refuse(path, path.is_file(), rules) in (None, JUNK_FILE)


def why_left_out(path: Path, below: str | None = None) -> LeftOut | None:
    """Return why a file would be left out of its folder, or shard; None if it is an image.

    Args:
        path: The file.
        below: The part of its path, with ``/``, whose folders may be junk; by default that inside
            a shard.
    """
    if is_member(path):
        parts = (path.inside if below is None else below).split("/")[:-1]
        junk = next((part for part in parts if _is_junk(part)), None)
        if junk is not None:
            return LeftOut(JUNK_FOLDER, junk, str(path.parent))
    return _why_left_out(path, path.is_file(), 2)


def same_name(name: str) -> str:
    """Return a file name in the Unicode form in which names are compared.

    Systems store accents in two ways, so that equal names may differ in their bytes.
    """
    return unicodedata.normalize("NFC", name)


def shared_name(path: Path) -> str:
    """Return the name that images of a pair share: without suffix, in one Unicode form.

    A number at the end, as in ``scan.002``, is no suffix.

    Args:
        path: The path of an image below its folder.
    """
    whole = path.suffix[1:].isdecimal()
    return same_name((path if whole else path.with_suffix("")).as_posix())


class NameIndex:
    """Files by name, regardless of the Unicode form of their names."""

    def __init__(self) -> None:
        self._folders: dict[str, dict[str, str]] = {}

    def find(self, path: Path) -> Path | None:
        """Return the path of the file, folder or member of a shard; None if there is none."""
        try:
            if path.exists():
                return path
            if member := find_member(path):
                return member
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:  # no file has such a name
                return None
            raise
        if path.name.isascii() and str(path.parent).isascii() or path.parent == path:
            return None
        parent = self.find(path.parent)
        if parent is None or not parent.is_dir():
            return None
        key = str(parent)
        if key not in self._folders:
            self._folders[key] = {same_name(name): name for name in os.listdir(parent)}
        name = self._folders[key].get(same_name(path.name))
        return parent / name if name is not None else None


def _walk(
    folder: str, parents: tuple[str, ...], left_out: list[LeftOut]
) -> Iterator[tuple[str, bool]]:
    """Yield the files below a folder, following links, and collect the folders left out.

    Args:
        folder: The folder.
        parents: The real paths of the folders on the way to it.
        left_out: Collects the folders and links that are left out.

    Yields:
        Paths, and whether each is a regular file rather than a broken link or a pipe.
    """
    inside_run = not parents and is_run(Path(folder))
    parents = (*parents, os.path.realpath(folder))
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=_order)
    except FileNotFoundError:
        return
    except OSError as error:
        left_out.append(LeftOut(NO_ACCESS, f"{folder}: {error.strerror}", folder))
        return
    for entry in entries:
        if not _is(entry.is_dir):
            yield entry.path, _is(entry.is_file)
        elif _is_junk(entry.name):
            left_out.append(LeftOut(JUNK_FOLDER, entry.name, entry.path))
        elif (inside_run and entry.name in _RUN_PARTS) or is_run(Path(entry.path)):
            left_out.append(LeftOut(RUN, entry.name, entry.path))
        elif entry.is_symlink() and _leads_back(os.path.realpath(entry.path), parents):
            left_out.append(LeftOut(CYCLE, entry.path, entry.path))
        else:
            yield from _walk(entry.path, parents, left_out)


def _order(entry: os.DirEntry[str]) -> str:
    """Return what files and folders are sorted by, so that files come in the order of paths."""
    return f"{entry.name}/" if _is(entry.is_dir) else entry.name


def _is(kind: Callable[[], bool]) -> bool:
    try:
        return kind()
    except OSError:  # a link to itself
        return False


def find_cycle(path: Path, base: Path) -> LeftOut | None:
    """Return the first link on the way from a folder to a file or folder that leads back."""
    here = base
    parents: tuple[str, ...] = (os.path.realpath(base),)
    for part in path.relative_to(base).parts:
        here /= part
        real = os.path.realpath(here)
        if here.is_symlink() and here.is_dir() and _leads_back(real, parents):
            return LeftOut(CYCLE, str(here), str(here))
        parents = (*parents, real)
    return None


def _leads_back(target: str, parents: tuple[str, ...]) -> bool:
    """Return whether one of the folders on the way is, or is inside, the target of a link."""
    inside = os.path.join(target, "")
    return any(parent == target or parent.startswith(inside) for parent in parents)


def _walk_earlier(folder: str) -> Iterator[tuple[str, bool]]:
    """Yield the files below a folder that are not hidden, without following links to folders."""
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from ((os.path.join(root, name), True) for name in files if name[0] != ".")


def _is_junk(name: str) -> bool:
    return name.startswith(".") or name.lower() in _JUNK


def _why_left_out(path: str | Path, is_file: bool, rules: DataRules) -> LeftOut | None:
    """Return why a file is left out; None if it is an image."""
    reason = _refuse(path, is_file, rules)
    if reason is None:
        return None
    suffix = os.path.splitext(path)[1].lower() or "no suffix"
    name = os.path.basename(path) if reason is JUNK_FILE else suffix
    return LeftOut(reason, str(path) if reason in BY_PATH else name, str(path))


def _refuse(path: str | Path, is_file: bool, rules: DataRules) -> tuple[str, str] | None:
    """Return why a file is not used as an image; None if it is."""
    name = os.path.basename(path)
    suffix = os.path.splitext(name)[1].lower()
    if rules == 1:
        return None if suffix in _EARLIER_SUFFIXES else NOT_IMAGE
    if _is_junk(name) or name.lower().endswith(_UNFINISHED):
        return JUNK_FILE
    if not is_file:
        return SPECIAL if os.path.exists(path) else BROKEN_LINK
    if suffix in SUFFIXES:
        return None
    try:
        with open_data(Path(path) if isinstance(path, str) else path) as file:
            head = file.read(HEAD)
    except OSError:
        head = b""
    if is_image(suffix, head):
        return None
    return FORMAT if suffix in _UNSUPPORTED else NOT_IMAGE
