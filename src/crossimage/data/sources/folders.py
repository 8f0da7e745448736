"""Domains in folders, side-by-side pairs or list files."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from crossimage.config import DataRules, Facts
from crossimage.data.images.files import probe
from crossimage.data.images.formats import EXPECTED
from crossimage.data.images.pixels import ImageError
from crossimage.data.sources.find import (
    FoundFiles,
    LeftOut,
    NameIndex,
    check_image,
    find_files,
    visible_folders,
)
from crossimage.utils.files import as_path

Split = Literal["train", "test"]
SPLITS: tuple[Split, Split] = ("train", "test")

_FOLDERS = ("train", "test", "val")
_LAYOUTS = (
    "expected the folders trainA and trainB, or train with one folder per domain, or train with "
    "side-by-side pairs"
)


@dataclass(frozen=True)
class Domain:
    """The images of one domain.

    Attributes:
        name: Name of the domain.
        train: Training images, sorted.
        test: Test images, sorted; may be empty.
        half: 0 or 1 if the domain's images are the left or right halves of the files.
        train_root: The folder, or list file, of the training images.
        test_root: The folder of the test images, whether or not it exists.
        lines: In a list file, the line of every training image.
        classes: Names of the classes; empty unless they were asked for. See
            :func:`crossimage.data.sources.classes.classified`.
        class_indices: Index of the class of every training image; empty if training must not know
            it.
        test_class_indices: Index of the class of every test image; empty if unknown.
        left_out: Files and folders beside the images that are not used.
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
    left_out: tuple[LeftOut, ...] = ()

    def files(self, split: Split) -> tuple[Path, ...]:
        """Return the training or the test images."""
        return self.train if split == "train" else self.test

    def root(self, split: Split) -> Path:
        """Return the folder or list file of the training or the test images."""
        return self.train_root if split == "train" else self.test_root

    def label_names(self, split: Split) -> Iterator[str]:
        """Iterate over the class names of all training or test images; nothing if unknown."""
        indices = self.class_indices if split == "train" else self.test_class_indices
        return (self.classes[index] for index in indices)


def scan_domains(
    data: str, names: Sequence[str] = (), count: int | None = 2, rules: DataRules = 2
) -> tuple[Domain, ...]:
    """Find the domains of a data set.

    Layouts: ``DIR/trainA, trainB[, testA, testB]``; ``DIR/train/<domain>[, test/<domain>]``;
    side-by-side pairs directly in ``DIR/train[, test]``; list files ``A=list.txt,B=list.txt``
    with one path per line, relative to the list or else to the working folder. ``val`` stands in
    for a missing ``test``. Folders are searched recursively; hidden files are ignored.

    Args:
        data: The folder, or the list files.
        names: New names of the domains; with ``DIR/train/<domain>`` also the folders to use, in
            this order.
        count: Expected number of domains; None: any from two on.
        rules: The rules by which files are found.

    Returns:
        The domains in the order of their letters, folder names, or lists.

    Raises:
        FileNotFoundError: A folder or a listed file is missing.
        ValueError: The path is empty, a folder has no images, the images are not side-by-side
            pairs, or the number of domains is not the expected one.
    """
    folder = as_path(data, "the path of the data set")
    if len(set(names)) < len(names):
        raise ValueError(f"domains={','.join(names)} names a domain twice; give each its own name")
    if "=" in data and not folder.exists():
        domains = _from_lists(data, rules)
    elif not folder.is_dir():
        raise FileNotFoundError(
            f"{data} is not a folder; expected the folder of a data set or A=list.txt,B=list.txt"
        )
    elif any(path.is_dir() for path in folder.glob("train[A-Z]")):
        domains = _from_letters(folder, rules)
    elif (folder / "train").is_dir():
        train = folder / "train"
        folders = visible_folders(train, rules)
        if not folders:
            domains = _from_pairs(folder, rules)
        else:
            domains = tuple(
                _from_folders(name, rules, *(folder / split / name for split in _FOLDERS))
                for name in _choose(train, folders, names)
            )
    else:
        raise FileNotFoundError(f"{data} holds no training images; {_LAYOUTS}")
    _check_count(data, domains, names, count)
    if names:
        domains = tuple(replace(d, name=n) for d, n in zip(domains, names, strict=True))
    return domains


def find_images(data: str, names: Sequence[str] = (), rules: DataRules = 2) -> Domain:
    """Find the images of a data set with a single domain.

    Layouts: ``DIR/train[, DIR/test]``, where ``val`` stands in for a missing ``test``; images
    anywhere below ``DIR`` if it has no folder ``train``; a list file with one path per line.

    Args:
        data: The folder, or the list file.
        names: Name of the domain; by default the folder's.
        rules: The rules by which files are found.

    Raises:
        FileNotFoundError: The folder or a listed file is missing.
        ValueError: The path is empty, the folder has no images, or there is more than one name.
    """
    folder = as_path(data, "the path of the data set")
    if folder.is_file():
        paths, lines = zip(*_read_list(folder, rules), strict=True)
        domain = Domain(folder.stem, paths, train_root=folder, lines=lines)
    elif not folder.is_dir():
        raise FileNotFoundError(f"{data} is not a folder; expected a folder of images")
    elif (folder / "train").is_dir():
        name = folder.resolve().name
        domain = _from_folders(name, rules, *(folder / split for split in _FOLDERS))
    else:
        images, left_out = _required(folder, rules)
        domain = Domain(
            folder.resolve().name, images, train_root=folder, test_root=folder / "test",
            left_out=left_out,
        )  # fmt: skip
    if len(names) > 1:
        raise ValueError(f"domains={','.join(names)} names {len(names)}, expected one name")
    return replace(domain, name=names[0]) if names else domain


def find_two_scales(
    data: str, names: Sequence[str] = (), rules: DataRules = 2
) -> tuple[Domain, Domain]:
    """Find the images of a data set, as a domain of small images and one of large images.

    Args:
        data: What :func:`find_images` takes.
        names: Names of the small images and of the large ones; by default low and high.
        rules: The rules by which files are found.

    Raises:
        FileNotFoundError: The folder or a listed file is missing.
        ValueError: The path is empty, the folder has no images, or there are not two names.
    """
    images = find_images(data, rules=rules)
    names = names or ("low", "high")
    if len(names) != 2:
        raise ValueError(
            f"domains={','.join(names)} names {len(names)}, expected two names: of small images "
            "and of large ones"
        )
    return replace(images, name=names[0]), replace(images, name=names[1])


def facts_of(domains: Sequence[Domain]) -> Facts:
    """Return the facts about domains: names, classes, and the images of the largest one."""
    return Facts(
        domains=tuple(domain.name for domain in domains),
        epoch=max(len(domain.train) for domain in domains),
        classes=next((domain.classes for domain in domains if domain.classes), ()),
    )


def _check_count(
    data: str, domains: Sequence[Domain], names: Sequence[str], count: int | None
) -> None:
    folders = [domain.name for domain in domains]
    holds = f"{data} holds {len(domains)} domains ({', '.join(folders)})"
    if len(domains) < 2 or (count is not None and len(domains) != count):
        choice = count is not None and len(domains) > count and Path(data, "train").is_dir()
        hint = f"; choose with domains={','.join(folders[:count])}" if choice else ""
        raise ValueError(f"{holds}, expected {count or 'at least 2'}{hint}")
    if names and len(names) != len(domains):
        raise ValueError(f"{holds}, but domains={','.join(names)} names {len(names)}")


def _from_letters(folder: Path, rules: DataRules) -> tuple[Domain, ...]:
    letters = [c for c in string.ascii_uppercase if (folder / f"train{c}").is_dir()]
    # a lone trainB is as incomplete as a lone trainA
    letters = list(string.ascii_uppercase[: max(2, string.ascii_uppercase.index(letters[-1]) + 1)])
    return tuple(
        _from_folders(c.lower(), rules, *(folder / f"{split}{c}" for split in _FOLDERS))
        for c in letters
    )


def _from_folders(name: str, rules: DataRules, train: Path, test: Path, val: Path) -> Domain:
    """Return the domain of some folders; ``val`` stands in for a test folder without images."""
    images, left_out = _required(train, rules)
    tests = find_files(test, rules)
    if not tests.images and (others := find_files(val, rules)).images:
        test, tests = val, others
    return Domain(
        name, images, tests.images, train_root=train, test_root=test,
        left_out=left_out + tests.left_out,
    )  # fmt: skip


def _choose(train: Path, folders: list[str], names: Sequence[str]) -> Sequence[str]:
    """Return the folders to use; ``names`` may select and order them, or rename all."""
    unknown = [name for name in names if name not in folders]
    if len(unknown) == len(names):
        return folders
    if unknown:
        raise ValueError(
            f"{train} holds no folder '{unknown[0]}'; expected some of {', '.join(folders)}"
        )
    return names


def _from_pairs(folder: Path, rules: DataRules) -> tuple[Domain, ...]:
    images = _from_folders("", rules, *(folder / split for split in _FOLDERS))
    for path in images.train[:3]:
        try:
            info = probe(path)
        except ImageError:
            continue  # training counts and names broken files
        if 2 * info.width < 3 * info.height or info.width % 2:
            raise ValueError(
                f"{path} is {info.width} x {info.height}, not a side-by-side pair, whose width is "
                f"even and clearly larger than its height; {_LAYOUTS}"
            )
    return replace(images, name="a", half=0), replace(images, name="b", half=1)


def _from_lists(data: str, rules: DataRules) -> tuple[Domain, ...]:
    domains = []
    for part in data.split(","):
        name, equals, file = (piece.strip() for piece in part.partition("="))
        if not (name and equals and file):
            raise ValueError(f"'{part}' is not understood: expected A=list.txt,B=list.txt")
        paths, lines = zip(*_read_list(Path(file), rules), strict=True)
        domains.append(Domain(name, paths, train_root=Path(file), lines=lines))
    if len({domain.name for domain in domains}) < len(domains):
        raise ValueError(f"{data} names a domain twice; give each list its own name")
    return tuple(domains)


def _read_list(file: Path, rules: DataRules) -> list[tuple[Path, int]]:
    """Return the images that a list file names, sorted, with their line numbers."""
    if not file.is_file():
        raise FileNotFoundError(f"there is no list file {file}; expected one image path per line")
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not a text file; expected one image path per line") from None
    images, index = [], NameIndex()
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        path = index.find(file.parent / text) or index.find(Path(text))
        if path is None or not path.is_file():
            raise FileNotFoundError(f"{file}, line {number}: there is no file {text}")
        if not check_image(path, rules):
            raise ValueError(f"{file}, line {number}: {text} is not an image; expected {EXPECTED}")
        images.append((path, number))
    if not images:
        raise ValueError(f"{file} lists no images; expected one path per line")
    return sorted(images)


def _required(folder: Path, rules: DataRules) -> FoundFiles:
    """Find the images below a folder; without any, raise an error that says what is there."""
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}; {_LAYOUTS}")
    found = find_files(folder, rules)
    if not found.images:
        others = Counter(entry.name for entry in found.left_out).most_common(5)
        holds = ", ".join(f"{number} x {name}" for name, number in others) or "it is empty"
        raise ValueError(f"{folder} holds no images ({holds}); expected {EXPECTED}")
    return found
