"""Data sets divided into training, validation and test images."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from crossimage.data.images.files import decode, verify
from crossimage.data.left_out import LeftOut, describe
from crossimage.data.make.made import MadeDataset, check_apart, command, summarise
from crossimage.data.make.parallel import threads
from crossimage.data.near_duplicates import Fingerprint, families, find_near_duplicates, fingerprint
from crossimage.data.sources.find import find_files, shared_name, visible_folders
from crossimage.data.sources.split_names import split_folders
from crossimage.utils.files import new_folder
from crossimage.utils.numbers import whole
from crossimage.utils.progress import ProgressCallback, track
from crossimage.utils.reading import read_data
from crossimage.utils.writing.folders import copy_file

_LOST = ("image whose partner is unreadable", "images whose partners are unreadable")
_SHARE = 10  # one image in so many becomes a test image, and a validation image, by default


def make_split(
    out: Path,
    *,
    originals: Path,
    test_count: int | None = None,
    val_count: int | None = None,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> MadeDataset:
    """Copy a folder of images into ``train``, ``val`` and ``test``, with its sub-folders.

    Images are chosen by content. Those that belong together are on one side: images of the same
    name in several sub-folders, which may be pairs, and images that look the same
    (:mod:`crossimage.data.near_duplicates`). Each sub-folder is divided in the same proportion.

    Args:
        out: The folder to create; removed after an error.
        originals: The images, perhaps in a folder per domain or class.
        test_count: Number of test images, or of pairs of them, per domain; by default a tenth.
        val_count: Number of validation images, likewise.
        workers: Images processed at the same time; None: as many as there are cores.
        progress: Receives the number of images read, and then of those written.

    Returns:
        How many images each split has, what was left out and why, and the next command.

    Raises:
        FileNotFoundError: The folder is missing.
        ValueError: It has splits or no images, no training images would remain, or ``out`` is
            below ``originals`` or exists and is not empty.
    """
    if not originals.is_dir():
        raise FileNotFoundError(f"{originals} is not a folder; expected a folder of images")
    check_apart(out, originals)
    known = split_folders(visible_folders(originals))
    if known:
        names = ", ".join(name for group in known.values() for name in group)
        raise ValueError(f"{originals} is divided already ({names}); give a folder without splits")
    for flag, count in (("test-count", test_count), ("val-count", val_count)):
        if count is not None:
            whole(count, flag, 0)
    paths, left_out = find_files(originals)
    with new_folder(out) as parent, threads(workers) as pool:
        prints = track(pool.map(_examine, paths), "reading images", len(paths), progress)
        read = dict(zip(paths, prints, strict=True))
        problems = [found for found in read.values() if isinstance(found, str)]
        usable = {path: found for path, found in read.items() if not isinstance(found, str)}
        if not usable:
            why = problems[0] if problems else describe(left_out) or "it is empty"
            raise ValueError(f"{originals} holds no images that can be read; {why}")
        lost = _without_partner(usable, paths, originals)
        left_out += tuple(LeftOut(_LOST, path.name, str(path)) for path in lost)
        usable = {path: image for path, image in usable.items() if path not in set(lost)}
        split_of = _divide(usable, originals, test_count, val_count)
        jobs = [
            partial(copy_file, path, parent / split / path.relative_to(originals))
            for path, split in split_of.items()
        ]
        for _ in track(pool.map(lambda job: job(), jobs), "writing", len(jobs), progress):
            pass
    counts = Counter(split_of.values())
    written = ", ".join(f"{counts[split]} {split}" for split in ("train", "val", "test"))
    return MadeDataset(
        summarise(f"{written} images", describe(left_out, len(problems)), problems),
        command("data", "inspect", out),
    )


class _Image(NamedTuple):
    """A readable image: the hash of its file, and its fingerprint if its range is known."""

    content: str
    fingerprint: Fingerprint | None


def _examine(path: Path) -> _Image | str:
    """Read an image; return why it can't be read."""
    try:
        content = hashlib.sha256(read_data(path)).hexdigest()
        verify(path)
    except (ValueError, FileNotFoundError, PermissionError) as error:
        return str(error)
    try:
        return _Image(content, fingerprint(decode(path)))
    except ValueError:  # of unknown range or other channels: only copies are recognised
        return _Image(content, None)


def _without_partner(
    usable: Mapping[Path, _Image], paths: Sequence[Path], originals: Path
) -> list[Path]:
    """Return the usable images of pairs whose other image can't be read.

    Images are pairs if all sub-folders hold the same names.
    """
    names: dict[str, set[str]] = {}
    for path, name in zip(paths, _names(paths, originals), strict=True):
        names.setdefault(_top(path, originals), set()).add(name)
    first, *others = names.values()
    if not others or any(other != first for other in others):
        return []
    known = Counter(_names(list(usable), originals))
    return [
        path
        for path, name in zip(usable, _names(list(usable), originals), strict=True)
        if known[name] < len(names)
    ]


def _divide(
    usable: Mapping[Path, _Image], originals: Path, test_count: int | None, val_count: int | None
) -> dict[Path, str]:
    """Return the split of every image."""
    paths, images = list(usable), list(usable.values())
    known = [(i, x.fingerprint) for i, x in enumerate(images) if x.fingerprint is not None]
    together = [
        (known[p.first][0], known[p.second][0]) for p in find_near_duplicates([f for _, f in known])
    ]
    for keys in ([image.content for image in images], _names(paths, originals)):
        first: dict[str, int] = {}
        together += [(first.setdefault(key, index), index) for index, key in enumerate(keys)]
    kinds: dict[frozenset[str], list[list[int]]] = {}
    for group in families(len(paths), together):
        kinds.setdefault(frozenset(_top(paths[i], originals) for i in group), []).append(group)
    largest = max(Counter(_top(path, originals) for path in paths).values())
    shares = {
        "test": 1 / _SHARE if test_count is None else test_count / largest,
        "val": 1 / _SHARE if val_count is None else val_count / largest,
    }
    split_of: dict[Path, str] = {}
    for groups in kinds.values():
        groups.sort(key=lambda group: _key([images[i].content for i in group]))
        total = sum(map(len, groups))
        left = {split: round(share * total) for split, share in shares.items()}
        for group in groups:
            split = next((name for name in left if len(group) <= left[name]), "train")
            if split in left:
                left[split] -= len(group)
            split_of |= {paths[i]: split for i in group}
    if "train" not in split_of.values():
        raise ValueError(
            f"no training images of {originals} would remain; use a smaller --test-count or "
            "--val-count"
        )
    return {path: split_of[path] for path in paths}


def _key(contents: Sequence[str]) -> str:
    """Return what decides the split of images that belong together, whatever their names."""
    return hashlib.sha256("".join(sorted(contents)).encode()).hexdigest()


def _top(path: Path, originals: Path) -> str:
    """Return the name of the sub-folder that an image is in; empty for none."""
    below = path.relative_to(originals)
    return below.parts[0] if len(below.parts) > 1 else ""


def _names(paths: Sequence[Path], originals: Path) -> list[str]:
    """Return the part of each image's path that its partners in other sub-folders share."""
    parts = (path.relative_to(originals).parts for path in paths)
    return [shared_name(Path(*(own[1:] or own))).casefold() for own in parts]
