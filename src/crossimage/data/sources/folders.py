"""Domains in folders, side-by-side pairs or list files."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from crossimage.config import DataRules, Facts
from crossimage.data.images.formats import EXPECTED
from crossimage.data.sources.choose import choose, largest
from crossimage.data.sources.find import (
    NO_SPLIT,
    OTHER_SPLIT,
    FoundFiles,
    LeftOut,
    check_image,
    find_files,
    visible_folders,
)
from crossimage.data.sources.lists import read_list
from crossimage.data.sources.side_by_side import check_side_by_side
from crossimage.data.sources.split_names import SplitName, one_of, split_folders
from crossimage.utils.files import as_path

Split = Literal["train", "test"]
SPLITS: tuple[Split, Split] = ("train", "test")

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
        aspect: Usual ratio of width to height of the files that hold such halves; 0 if none do.
        train_root: The folder, or list file, of the training images.
        test_root: The folder of the test images, whether or not it exists.
        lines: In a list file, the line of every training image.
        classes: Names of the classes; empty unless requested. See
            :func:`crossimage.data.sources.classes.classified`.
        class_indices: Index of the class of every training image; empty if training must not use
            it.
        test_class_indices: Index of the class of every test image; empty if unknown.
        train_from: Where the training images come from, as shown to users.
        test_from: Where the test images come from.
        left_out: Files and folders that are not used.
    """

    name: str
    train: tuple[Path, ...]
    test: tuple[Path, ...] = ()
    half: int | None = None
    aspect: float = 0.0
    train_root: Path = Path()
    test_root: Path = Path()
    lines: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()
    class_indices: tuple[int, ...] = ()
    test_class_indices: tuple[int, ...] = ()
    train_from: str = ""
    test_from: str = ""
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
    data: str,
    names: Sequence[str] = (),
    count: int | None = 2,
    *,
    paired: bool = True,
    rules: DataRules = 2,
) -> tuple[Domain, ...]:
    """Find the domains of a data set.

    Layouts: ``DIR/trainA, trainB[, testA, testB]``; ``DIR/train/<domain>[, test/<domain>]``;
    side-by-side pairs directly in ``DIR/train[, test]``; list files ``A=list.txt,B=list.txt``
    with one path per line, relative to the list or else to the working folder. Splits are
    recognised as by :func:`~crossimage.data.sources.split_names.split_of`. Validation images take
    the place of test images if no domain has any. Folders are searched recursively; hidden
    files and the folders of training runs are ignored.

    Args:
        data: The folder, or the list files.
        names: New names of the domains; with ``DIR/train/<domain>`` also the folders to use, in
            this order.
        count: Expected number of domains; None: any from two on.
        paired: Whether the images of the domains belong together. Otherwise files are treated
            as side-by-side pairs only if each is exactly twice as wide as high.
        rules: The rules by which files are found.

    Returns:
        The domains in the order of their letters, folder names, or lists.

    Raises:
        FileNotFoundError: A folder or a listed file is missing.
        ValueError: The path is empty, a folder has no images, the images are not all side-by-side
            pairs, the number of domains is wrong, or the choice of folders is ambiguous.
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
    else:
        domains = _from_splits(folder, names, paired, rules)
    _check_count(data, domains, names, count)
    if names:
        domains = tuple(replace(d, name=n) for d, n in zip(domains, names, strict=True))
    return domains


def find_images(data: str, names: Sequence[str] = (), rules: DataRules = 2) -> Domain:
    """Find the images of a data set with a single domain.

    Layouts: ``DIR/train[, DIR/test]``, where ``val`` replaces a missing ``test``; images anywhere
    below ``DIR`` if it has no folder ``train``, except those that
    :func:`~crossimage.data.sources.choose.choose` reserves for testing; a list file with one path
    per line.

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
        domain = _from_list(folder.stem, folder, rules)
    elif not folder.is_dir():
        raise FileNotFoundError(f"{data} is not a folder; expected a folder of images")
    elif train_folder(folder, rules):
        (domain,) = _in_folders(folder, [(folder.resolve().name, "", "")], rules)
    else:
        domain = _from_one_folder(folder, rules)
    if len(names) > 1:
        raise ValueError(f"domains={','.join(names)} names {len(names)}, expected one name")
    return replace(domain, name=names[0]) if names else domain


def find_large_images(data: str, names: Sequence[str] = (), rules: DataRules = 2) -> Domain:
    """Find images like :func:`find_images`, without folders of low-resolution copies."""
    domain = find_images(data, names, rules)
    if rules == 1 or domain.lines:
        return domain
    train, low = largest(domain.train, domain.train_root)
    test, other = largest(domain.test, domain.test_root) if domain.test else ((), ())
    return replace(domain, train=train, test=test, left_out=domain.left_out + low + other)


def find_two_scales(
    data: str, names: Sequence[str] = (), rules: DataRules = 2
) -> tuple[Domain, Domain]:
    """Find the images of a data set, as a domain of small images and one of large images.

    Args:
        data: As for :func:`find_images`.
        names: Names of the small images and of the large ones; by default low and high.
        rules: The rules by which files are found.

    Raises:
        FileNotFoundError: The folder or a listed file is missing.
        ValueError: The path is empty, the folder has no images, or there are not two names.
    """
    images = find_large_images(data, rules=rules)
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
        halves=tuple(("left", "right")[d.half] for d in domains if d.half is not None),
        pair_aspect=domains[0].aspect,
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


def train_folder(folder: Path, rules: DataRules = 2) -> Path | None:
    """Return the folder of the training images, such as ``train``; None if there is none."""
    names = split_folders(visible_folders(folder, rules), rules).get(("train", ""), [])
    return one_of([folder / name for name in names]) if names else None


def _from_splits(
    folder: Path, names: Sequence[str], paired: bool, rules: DataRules
) -> tuple[Domain, ...]:
    """Return the domains below a folder that has folders of training images."""
    by_split = split_folders(visible_folders(folder, rules), rules)
    letters = sorted({letter for split, letter in by_split if split == "train"} - {""})
    if letters:
        # a lone trainB is as incomplete as a lone trainA
        alphabet = string.ascii_uppercase
        letters = list(alphabet[: max(2, alphabet.index(letters[-1]) + 1)])
        return _in_folders(folder, [(c.lower(), c, "") for c in letters], rules)
    train = train_folder(folder, rules)
    if train is None:
        raise FileNotFoundError(f"{folder} holds no training images; {_LAYOUTS}")
    if folders := visible_folders(train, rules):
        chosen = _choose(train, folders, names)
        return _in_folders(folder, [(name, "", name) for name in chosen], rules)
    (images,) = _in_folders(folder, [("", "", "")], rules)
    aspect = check_side_by_side(images.train, images.test, paired, _LAYOUTS, rules)
    images = replace(images, aspect=round(aspect, 4))
    return replace(images, name="a", half=0), replace(images, name="b", half=1)


def _in_folders(
    folder: Path, places: Sequence[tuple[str, str, str]], rules: DataRules
) -> tuple[Domain, ...]:
    """Return domains whose images are in folders of splits.

    All domains use the same split for testing: validation images only if no domain has test images,
    so that images of different splits are never taken for pairs.

    Args:
        folder: The folder of the data set.
        places: Name, letter and sub-folder of each domain.
        rules: The rules by which files are found.
    """
    by_split = split_folders(visible_folders(folder, rules), rules)

    def paths(split: SplitName, letter: str, below: str) -> list[Path]:
        known = by_split.get((split, letter), [f"{split}{letter}"])
        return [folder / name / below for name in known]

    def images(split: SplitName) -> list[dict[Path, FoundFiles]]:
        all_paths = (paths(split, letter, below) for _, letter, below in places)
        return [{p: f for p in group if (f := find_files(p, rules)).images} for group in all_paths]

    tests, tested = images("test"), "test"
    if not any(tests) and any(validation := images("val")):
        tests, tested = validation, "val"
    domains = []
    for (name, letter, below), candidates in zip(places, tests, strict=True):
        root = one_of(paths("train", letter, below))
        train, left_out = _required(root, rules)
        test_root = one_of([*candidates] or paths("test", letter, below)[:1])
        test, others = candidates.get(test_root, FoundFiles((), ()))
        if tested == "test":
            spare = (path for path in paths("val", letter, below) if path.is_dir())
            others += tuple(
                LeftOut(OTHER_SPLIT, path.relative_to(folder).as_posix(), str(path))
                for path in spare
            )
        test_from = test_root.relative_to(folder).as_posix() if test else ""
        domains.append(
            Domain(
                name, train, test, train_root=root, test_root=test_root,
                left_out=left_out + others, train_from=root.relative_to(folder).as_posix(),
                test_from=f"{test_from}, in place of test images" if tested == "val" else test_from,
            )
        )  # fmt: skip
    first, *rest = domains
    return (replace(first, left_out=first.left_out + _without_split(folder, rules)), *rest)


def _without_split(folder: Path, rules: DataRules) -> tuple[LeftOut, ...]:
    """Return the folders of images that are beside those of the splits, such as ``more``."""
    if rules == 1:
        return ()
    names = visible_folders(folder, rules)
    known = {name for group in split_folders(names, rules).values() for name in group}
    return tuple(
        LeftOut(NO_SPLIT, name, str(folder / name))
        for name in names
        if name not in known and any(map(check_image, (folder / name).rglob("*")))
    )


def _from_one_folder(folder: Path, rules: DataRules) -> Domain:
    """Return the images below a folder that has no folder of training images."""
    images, left_out = _required(folder, rules)
    name = folder.resolve().name
    if rules == 1:
        return Domain(
            name, images, train_root=folder, test_root=folder / "test", left_out=left_out,
            train_from=name,
        )  # fmt: skip
    choice = choose(images, folder)
    return Domain(
        name, choice.train, choice.test, train_root=folder,
        test_root=folder if choice.test else folder / "test",
        train_from=choice.train_from or name, test_from=choice.test_from,
        left_out=left_out + choice.left_out,
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


def _from_lists(data: str, rules: DataRules) -> tuple[Domain, ...]:
    domains = []
    for part in data.split(","):
        name, equals, file = (piece.strip() for piece in part.partition("="))
        if not (name and equals and file):
            raise ValueError(f"'{part}' is not understood: expected A=list.txt,B=list.txt")
        domains.append(_from_list(name, as_path(file, "the path of a list"), rules))
    if len({domain.name for domain in domains}) < len(domains):
        raise ValueError(f"{data} names a domain twice; give each list its own name")
    return tuple(domains)


def _from_list(name: str, file: Path, rules: DataRules) -> Domain:
    paths, lines = zip(*sorted(read_list(file, rules)), strict=True)
    return Domain(name, paths, train_root=file, lines=lines, train_from=str(file))


def _required(folder: Path, rules: DataRules) -> FoundFiles:
    """Find the images below a folder; if there are none, raise an error that lists its contents."""
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}; {_LAYOUTS}")
    files = find_files(folder, rules)
    if not files.images:
        others = Counter(entry.name for entry in files.left_out).most_common(5)
        holds = ", ".join(f"{number} x {name}" for name, number in others) or "it is empty"
        raise ValueError(f"{folder} holds no images ({holds}); expected {EXPECTED}")
    return files
