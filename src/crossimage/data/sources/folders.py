"""Where the images of the domains lie: folders, side-by-side pairs, or list files."""

from __future__ import annotations

import os
import string
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from crossimage.config import Facts
from crossimage.data.images.files import EXTENSIONS, ImageError, probe
from crossimage.utils.files import as_path

Split = Literal["train", "test"]
SPLITS: tuple[Split, Split] = ("train", "test")

_FOLDERS = ("train", "test", "val")
_LAYOUTS = (
    "expected the folders trainA and trainB, or train with one folder a domain, or train with "
    "side-by-side pairs"
)


@dataclass(frozen=True)
class Domain:
    """The images of one domain.

    Attributes:
        name: What the domain is called.
        train: Training images, sorted.
        test: Test images, sorted; may be empty.
        half: 0 or 1 where the left or right half of each picture belongs to the domain.
        train_root: The folder, or the list file, that the training images were found in.
        test_root: The folder of the test images; where there are none, where they would be.
        lines: Of a list file, the line of every training image.
        classes: Names of the classes; empty where they are not asked for. See
            :func:`crossimage.data.sources.classes.classified`.
        class_indices: Index in ``classes`` of every training image; empty where training may not
            know them.
        test_class_indices: Index in ``classes`` of every test image; empty where unknown.
    """

    name: str
    train: tuple[Path, ...]
    test: tuple[Path, ...] = ()
    half: int | None = None
    train_root: Path = Path()
    test_root: Path = Path()
    lines: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()
    class_indices: tuple[int, ...] = ()
    test_class_indices: tuple[int, ...] = ()

    def files(self, split: Split) -> tuple[Path, ...]:
        """The training or the test images."""
        return self.train if split == "train" else self.test

    def root(self, split: Split) -> Path:
        """Where the training or the test images were found."""
        return self.train_root if split == "train" else self.test_root

    def shown(self, split: Split) -> Iterator[str]:
        """The classes of the training or the test images, one an image; none where unknown."""
        indices = self.class_indices if split == "train" else self.test_class_indices
        return (self.classes[index] for index in indices)


def scan_domains(data: str, names: Sequence[str] = (), count: int | None = 2) -> tuple[Domain, ...]:
    """Find the domains of a data set.

    Layouts: ``DIR/trainA, trainB[, testA, testB]``; ``DIR/train/<domain>[, test/<domain>]``;
    side-by-side pairs directly in ``DIR/train[, test]``; list files ``A=list.txt,B=list.txt``
    with one path a line, relative to the list or else to the working folder. ``val`` stands in
    for ``test``. Folders are searched recursively; hidden files are ignored.

    Args:
        data: The folder, or the list files.
        names: New names of the domains; with ``DIR/train/<domain>`` also a choice among the
            folders, in the order wanted.
        count: Domains expected; None: any number from two on.

    Returns:
        The domains in the order of their letters, folder names, or lists.

    Raises:
        FileNotFoundError: A folder or a listed file is missing.
        ValueError: An empty path, a folder without images, pictures that are no pairs, or another
            number of domains than expected.
    """
    folder = as_path(data, "the path of the data set")
    if len(set(names)) < len(names):
        raise ValueError(f"domains={','.join(names)} names a domain twice; give each its own name")
    if "=" in data and not folder.exists():
        domains = _from_lists(data)
    elif not folder.is_dir():
        raise FileNotFoundError(
            f"{data} is no folder; expected the folder of a data set or A=list.txt,B=list.txt"
        )
    elif any(path.is_dir() for path in folder.glob("train[A-Z]")):
        domains = _from_letters(folder)
    elif (folder / "train").is_dir():
        train = folder / "train"
        folders = visible_folders(train)
        if not folders:
            domains = _from_pairs(folder)
        else:
            domains = tuple(
                _from_folders(name, *(folder / split / name for split in _FOLDERS))
                for name in _choose(train, folders, names)
            )
    else:
        raise FileNotFoundError(f"{data} holds no training images; {_LAYOUTS}")
    _check_count(data, domains, names, count)
    if names:
        domains = tuple(replace(d, name=n) for d, n in zip(domains, names, strict=True))
    return domains


def find_images(data: str, names: Sequence[str] = ()) -> Domain:
    """Find the images of a data set that has no domains.

    Layouts: ``DIR/train[, DIR/test]``, where ``val`` stands in for ``test``; images anywhere below
    ``DIR`` where it has no folder ``train``; a list file with one path a line.

    Args:
        data: The folder, or the list file.
        names: A name for what the images show; by default the folder's.

    Raises:
        FileNotFoundError: There is no such folder, or a listed file is missing.
        ValueError: An empty path, a folder without images, or more than one name.
    """
    folder = as_path(data, "the path of the data set")
    if folder.is_file():
        paths, lines = zip(*_read_list(folder), strict=True)
        found = Domain(folder.stem, paths, train_root=folder, lines=lines)
    elif not folder.is_dir():
        raise FileNotFoundError(f"{data} is no folder; expected a folder of images")
    elif (folder / "train").is_dir():
        name = folder.resolve().name
        found = _from_folders(name, *(folder / split for split in _FOLDERS))
    else:
        found = Domain(
            folder.resolve().name, _required(folder), train_root=folder, test_root=folder / "test"
        )
    if len(names) > 1:
        raise ValueError(f"domains={','.join(names)} names {len(names)}, expected one name")
    return replace(found, name=names[0]) if names else found


def find_two_scales(data: str, names: Sequence[str] = ()) -> tuple[Domain, Domain]:
    """Find the images of a data set, to serve as small and as large images; see `find_images`.

    Args:
        data: The folder, or the list file.
        names: Names of the small images and of the large ones; by default low and high.

    Raises:
        FileNotFoundError: The folder or a listed file is missing.
        ValueError: An empty path, a folder without images, or not two names.
    """
    images = find_images(data)
    names = names or ("low", "high")
    if len(names) != 2:
        raise ValueError(
            f"domains={','.join(names)} names {len(names)}, expected two names: of small images "
            "and of large ones"
        )
    return replace(images, name=names[0]), replace(images, name=names[1])


def facts_of(domains: Sequence[Domain]) -> Facts:
    """Return the names and the classes of domains; an epoch shows each image of the largest."""
    return Facts(
        domains=tuple(domain.name for domain in domains),
        epoch=max(len(domain.train) for domain in domains),
        classes=next((domain.classes for domain in domains if domain.classes), ()),
    )


def _check_count(
    data: str, domains: Sequence[Domain], names: Sequence[str], count: int | None
) -> None:
    known = [domain.name for domain in domains]
    found = f"{data} holds {len(domains)} domains ({', '.join(known)})"
    if len(domains) < 2 or (count is not None and len(domains) != count):
        choice = count is not None and len(domains) > count and Path(data, "train").is_dir()
        hint = f"; choose with domains={','.join(known[:count])}" if choice else ""
        raise ValueError(f"{found}, expected {count or 'at least 2'}{hint}")
    if names and len(names) != len(domains):
        raise ValueError(f"{found}, but domains={','.join(names)} names {len(names)}")


def _from_letters(folder: Path) -> tuple[Domain, ...]:
    letters = [c for c in string.ascii_uppercase if (folder / f"train{c}").is_dir()]
    # A lone trainB is as incomplete as a lone trainA.
    letters = list(string.ascii_uppercase[: max(2, string.ascii_uppercase.index(letters[-1]) + 1)])
    return tuple(
        _from_folders(c.lower(), *(folder / f"{split}{c}" for split in _FOLDERS)) for c in letters
    )


def _from_folders(name: str, train: Path, test: Path, val: Path) -> Domain:
    """A domain whose images lie below folders."""
    images, tests = _required(train), images_below(test)
    if not tests and (tests := images_below(val)):
        test = val
    return Domain(name, images, tests, train_root=train, test_root=test)


def _choose(train: Path, folders: list[str], names: Sequence[str]) -> Sequence[str]:
    """The folders to use; ``names`` may select and order them, or rename all of them."""
    unknown = [name for name in names if name not in folders]
    if len(unknown) == len(names):
        return folders
    if unknown:
        raise ValueError(
            f"{train} holds no folder '{unknown[0]}'; expected some of {', '.join(folders)}"
        )
    return names


def _from_pairs(folder: Path) -> tuple[Domain, ...]:
    pictures = _from_folders("", *(folder / split for split in _FOLDERS))
    for path in pictures.train[:3]:
        try:
            info = probe(path)
        except ImageError:
            continue  # training counts and names the broken ones
        if 2 * info.width < 3 * info.height or info.width % 2:
            raise ValueError(
                f"{path} is {info.width} x {info.height}: no side-by-side pair, which is even and "
                f"clearly wider than high; {_LAYOUTS}"
            )
    return replace(pictures, name="a", half=0), replace(pictures, name="b", half=1)


def _from_lists(data: str) -> tuple[Domain, ...]:
    domains = []
    for part in data.split(","):
        name, equals, file = (piece.strip() for piece in part.partition("="))
        if not (name and equals and file):
            raise ValueError(f"'{part}' is not understood: expected A=list.txt,B=list.txt")
        paths, lines = zip(*_read_list(Path(file)), strict=True)
        domains.append(Domain(name, paths, train_root=Path(file), lines=lines))
    if len({domain.name for domain in domains}) < len(domains):
        raise ValueError(f"{data} names a domain twice; give each list its own name")
    return tuple(domains)


def _read_list(file: Path) -> list[tuple[Path, int]]:
    """The images that a list names, sorted, with the lines they stand in."""
    if not file.is_file():
        raise FileNotFoundError(f"there is no list file {file}; expected one image path a line")
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{file} is no text; expected one image path a line") from None
    found = []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        near, here = file.parent / text, Path(text)
        path = near if near.is_file() else here
        if not path.is_file():
            raise FileNotFoundError(f"{file}, line {number}: there is no file {text}")
        if path.suffix.lower() not in EXTENSIONS:
            raise ValueError(
                f"{file}, line {number}: {text} is no image; expected {', '.join(EXTENSIONS)}"
            )
        found.append((path, number))
    if not found:
        raise ValueError(f"{file} lists no images; expected one path a line")
    return sorted(found)


def visible_folders(folder: Path) -> list[str]:
    """Names of a folder's own sub-folders, sorted, without hidden ones."""
    if not folder.is_dir():
        return []
    return sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def _files(folder: Path) -> list[Path]:
    """All files below a folder, sorted, without hidden ones."""
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(root, name) for name in files if not name.startswith(".")]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def images_below(folder: Path) -> tuple[Path, ...]:
    """Images below a folder, if any."""
    return tuple(path for path in _files(folder) if path.suffix.lower() in EXTENSIONS)


def _required(folder: Path) -> tuple[Path, ...]:
    """Images below a folder; raises an error that says what is there instead."""
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}; {_LAYOUTS}")
    images = images_below(folder)
    if not images:
        others = Counter(path.suffix.lower() or "no suffix" for path in _files(folder))
        kinds = ", ".join(f"{number} x {suffix}" for suffix, number in others.most_common(5))
        raise ValueError(
            f"{folder} holds no images ({kinds if others else 'it is empty'}); "
            f"expected {', '.join(EXTENSIONS)}"
        )
    return images
