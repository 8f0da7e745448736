"""Domains in folders, side-by-side pairs, list files or tar shards."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from crossimage.config import DataRules, Facts
from crossimage.data.images.formats import EXPECTED
from crossimage.data.left_out import NO_SPLIT, OTHER_SPLIT, OUTSIDE, LeftOut, describe
from crossimage.data.shards.find import FoundMembers, find_members
from crossimage.data.shards.index import is_shard
from crossimage.data.shards.member import Member
from crossimage.data.shards.names import names_shards, shown_shards
from crossimage.data.sources.choose import choose
from crossimage.data.sources.find import (
    FoundFiles,
    find_files,
    is_image_file,
    visible_folders,
    why_left_out,
)
from crossimage.data.sources.lists import read_list
from crossimage.data.sources.partner_folders import partner_folder, without_partners
from crossimage.data.sources.split_names import SPLIT_NAMES, SplitName, one_of, split_folders
from crossimage.data.stores.addresses import store_address
from crossimage.data.stores.find import find_objects
from crossimage.utils.names import near_path_hint
from crossimage.utils.paths import as_path

Split = Literal["train", "test"]
SPLITS: tuple[Split, Split] = ("train", "test")

GIVEN_ONE_BY_ONE = "images given one by one"
"""Where images come from whose paths a user lists."""

LAYOUTS = (
    "expected the folders trainA and trainB, or one folder per domain, directly or in train, or "
    "train with side-by-side pairs"
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
        called: What the data calls it, such as trainA, if only an order, or a similar name, tells
            that it is this domain.
        roots: If the images come from several paths, their folders.
        part: In shards of pairs, the part of the names of this domain's images, such as ``photo``
            of ``0001.photo.png``.
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
    called: str = ""
    roots: tuple[Path, ...] = ()
    part: str = ""

    def files(self, split: Split) -> tuple[Path, ...]:
        """Return the training or the test images."""
        return self.train if split == "train" else self.test

    def root(self, split: Split) -> Path:
        """Return the folder or list file of the training or the test images."""
        return self.train_root if split == "train" else self.test_root

    def below_root(self, path: Path, split: Split) -> Path:
        """Return a training or test image's path below its folder, which partners share."""
        return path.relative_to(self._root_of(path, split) or path.parent)

    def name_below(self, path: Path, *, in_class: bool = False) -> str:
        """Return an image's path below its folder, with ``/``, on which its styles depend.

        That is its name for ``translate_files`` with this folder. For images that a list or a table
        names, the folder is the one that holds all of them.

        Args:
            path: A training or test image.
            in_class: Whether the folder is that of its class.
        """
        split: Split = "test" if self.test and self.test_root in path.parents else "train"
        root = self._root_of(path, split)
        if root is None:
            return Path(os.path.relpath(path, self._shared_folder)).as_posix()
        below = path.relative_to(root)
        holds_classes = in_class and root not in self._roots
        if holds_classes and len(below.parts) > 1:
            below = below.relative_to(below.parts[0])
        return below.as_posix()

    def _root_of(self, path: Path, split: Split) -> Path | None:
        """Return the folder of the training or test images that holds an image."""
        own = self.root(split)
        return next((p for p in path.parents if p in self._roots or p == own), None)

    @cached_property
    def _shared_folder(self) -> Path:
        """The folder that holds all images."""
        return Path(os.path.commonpath({path.parent.absolute() for path in self.train + self.test}))

    @cached_property
    def _roots(self) -> frozenset[Path]:
        return frozenset(self.roots)

    def label_names(self, split: Split) -> Iterator[str]:
        """Iterate over the class names of all training or test images; nothing if unknown."""
        indices = self.class_indices if split == "train" else self.test_class_indices
        return (self.classes[index] for index in indices)

    def holding_out(self, indices: Collection[int]) -> Self:
        """Return the domain with some of its training images in place of its test images."""
        kept = [index for index in range(len(self.train)) if index not in indices]
        tests = sorted(indices)
        if self.class_indices:
            test_classes = [self.class_indices[i] for i in tests]
        else:
            known = {name: index for index, name in enumerate(self.classes)}
            folders = [self.below_root(self.train[i], "train").parts[0] for i in tests]
            in_folders = known and all(folder in known for folder in folders)
            test_classes = [known[folder] for folder in folders] if in_folders else []
        return replace(
            self,
            train=tuple(self.train[index] for index in kept),
            test=tuple(self.train[index] for index in tests),
            lines=tuple(self.lines[index] for index in kept if self.lines),
            class_indices=tuple(self.class_indices[i] for i in kept if self.class_indices),
            test_class_indices=tuple(test_classes),
            test_root=self.train_root,
        )

    def with_tests_of(self, other: Self) -> Self:
        """Return the domain with the test images of another one."""
        return replace(
            self, test=other.test, test_class_indices=other.test_class_indices,
            test_root=other.test_root, test_from=other.test_from,
        )  # fmt: skip


def find_images(data: str, names: Sequence[str] = (), rules: DataRules = 3) -> Domain:
    """Find the images of a data set with a single domain.

    Layouts: ``DIR/train[, DIR/test]``, where ``val`` replaces a missing ``test``; images anywhere
    below ``DIR`` if it has no folder ``train``, except those that
    :func:`~crossimage.data.sources.choose.choose` reserves for testing; a list file with one path
    per line; tar shards; a folder in a store.

    Args:
        data: The folder, the list file, or the shards.
        names: Name of the domain; by default the folder's.
        rules: The rules by which files are found.

    Raises:
        FileNotFoundError: The folder or a listed file is missing.
        ValueError: The path is empty, the folder has no images, or there is more than one name.
    """
    folder = as_path(data, "the path of the data set", stores=True)
    if names_shards(folder):
        found = find_members([folder])
        domain = from_shards(found.shards[0].stem, found, found.images)
    elif address := store_address(folder, web=True):
        domain = from_store(folder.name, address)
    elif folder.is_file():
        domain = from_list(folder.stem, folder, rules)
    elif not folder.is_dir():
        raise FileNotFoundError(
            f"{data} is not a folder; expected a folder of images{near_path_hint(folder)}"
        )
    elif train_folder(folder, rules):
        (domain,) = in_folders(folder, [(folder.resolve().name, "", "")], rules)
    else:
        domain = from_one_folder(folder, rules)
    if len(names) > 1:
        raise ValueError(f"domains={','.join(names)} names {len(names)}, expected one name")
    return replace(domain, name=names[0]) if names else domain


def facts_of(domains: Sequence[Domain]) -> Facts:
    """Return the facts about domains: names, classes, and the images of the largest one."""
    return Facts(
        domains=tuple(domain.name for domain in domains),
        epoch=max(len(domain.train) for domain in domains),
        classes=next((domain.classes for domain in domains if domain.classes), ()),
        halves=tuple(("left", "right")[d.half] for d in domains if d.half is not None),
        pair_aspect=domains[0].aspect,
    )


def train_folder(folder: Path, rules: DataRules = 3) -> Path | None:
    """Return the folder of the training images, such as ``train``; None if there is none."""
    names = split_folders(visible_folders(folder, rules), rules).get(("train", ""), [])
    return one_of([folder / name for name in names]) if names else None


def in_folders(
    folder: Path,
    places: Sequence[tuple[str, str, str]],
    rules: DataRules,
    *,
    alone: bool = False,
) -> tuple[Domain, ...]:
    """Return domains whose images are in folders of splits.

    All domains use the same split for testing: validation images only if no domain has test images,
    so that images of different splits are never taken for pairs.

    Args:
        folder: The folder of the data set.
        places: Name, letter and sub-folder of each domain.
        rules: The rules by which files are found.
        alone: Whether the data set is more than this folder, so that what else it holds does not
            count as left out.
    """
    by_split = split_folders(visible_folders(folder, rules), rules)
    below_train = by_split.get(("train", ""), []) if any(below for *_, below in places) else []
    siblings = [name for split in below_train for name in visible_folders(folder / split, rules)]

    def paths(split: SplitName, letter: str, below: str) -> list[Path]:
        known = [folder / name for name in by_split.get((split, letter), [f"{split}{letter}"])]
        if split == "train":
            return [path / below for path in known]
        return [partner_folder(path, below, siblings, rules) for path in known]

    def images(split: SplitName) -> list[dict[Path, FoundFiles]]:
        all_paths = (paths(split, letter, below) for _, letter, below in places)
        return [{p: f for p in group if (f := find_files(p, rules)).images} for group in all_paths]

    tests, tested = images("test"), "test"
    if not any(tests) and any(validation := images("val")):
        tests, tested = validation, "val"
    domains = []
    for (name, letter, below), candidates in zip(places, tests, strict=True):
        root = one_of(paths("train", letter, below))
        train, left_out = required(root, rules)
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
    if alone:
        return tuple(domains)
    first, *rest = domains
    spare_parts = _without_split(folder, rules)
    if siblings and rules == 3:
        splits: tuple[SplitName, ...] = ("train", "test") if tested == "test" else SPLIT_NAMES
        held = (folder / name for split in splits for name in by_split.get((split, ""), []))
        spare_parts += tuple(e for path in held for e in without_partners(path, siblings, rules))
    return (replace(first, left_out=first.left_out + spare_parts), *rest)


def _without_split(folder: Path, rules: DataRules) -> tuple[LeftOut, ...]:
    """Return the images, and folders of images such as ``more``, beside the folders of splits."""
    if rules == 1:
        return ()
    files = sorted(path for path in folder.iterdir() if path.is_file()) if rules == 3 else []
    loose = [LeftOut(OUTSIDE, path.name, str(path)) for path in files if why_left_out(path) is None]
    names = visible_folders(folder, rules)
    known = {name for group in split_folders(names, rules).values() for name in group}
    others = [
        LeftOut(NO_SPLIT, name, str(folder / name))
        for name in names
        if name not in known and any(map(is_image_file, (folder / name).rglob("*")))
    ]
    return (*others, *loose)


def from_one_folder(folder: Path, rules: DataRules) -> Domain:
    """Return the images below a folder that has no folder of training images."""
    images, left_out = required(folder, rules)
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


def from_list(name: str, file: Path, rules: DataRules) -> Domain:
    """Return the images that a list file names."""
    paths, lines = zip(*sorted(read_list(file, rules)), strict=True)
    return Domain(name, paths, train_root=file, lines=lines, train_from=str(file))


def from_shards(name: str, found: FoundMembers, images: Sequence[Member], part: str = "") -> Domain:
    """Return images in tar shards as a domain; their folders in the shards may name splits.

    Args:
        name: Name of the domain.
        found: All images of the shards.
        images: Those of this domain.
        part: As for :class:`Domain`.
    """
    place = shown_shards(found.shards)
    # splits are chosen as if the images were in one folder
    members: dict[Path, list[Member]] = {}
    for image in images:
        members.setdefault(Path(place, found.below_top(image)), []).append(image)
    choice = choose([*members], Path(place))
    train, test = (
        tuple(image for path in paths for image in members[path])
        for paths in (choice.train, choice.test)
    )
    tops = tuple(shard / found.top for shard in found.shards)
    return Domain(
        name, train, test, train_root=tops[0], test_root=tops[0], roots=tops, part=part,
        train_from=f"{choice.train_from} in {place}" if choice.train_from else place,
        test_from=f"{choice.test_from} in {place}" if test else "",
        left_out=found.left_out + choice.left_out,
    )  # fmt: skip


def from_store(name: str, address: str) -> Domain:
    """Return the images below an address as a domain; their folders may name splits.

    Raises:
        FileNotFoundError: There is nothing of that name.
        ValueError: There are no images, or it is the address of a web server, which has no folders.
        OSError: The store can't be used.
    """
    if store_address(address) is None:
        raise ValueError(
            f"{address} does not name tar files, and of web servers nothing else is read; expected "
            "such as https://host/a-{000..099}.tar"
        )
    objects = find_objects(address)
    images = tuple(image for image, _ in objects.images)
    if not images:
        holds = describe(objects.left_out) or "no files at all"
        raise ValueError(f"{address}: there is no image ({holds}); expected {EXPECTED}")
    found = FoundMembers(images, tuple(objects.left_out), (Path(objects.folder),), "")
    return from_shards(name, found, images)


def required(folder: Path, rules: DataRules) -> FoundFiles:
    """Find the images below a folder; if there are none, raise an error that lists its contents."""
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}; {LAYOUTS}")
    files = find_files(folder, rules)
    if not files.images:
        others = Counter(entry.name for entry in files.left_out).most_common(5)
        holds = ", ".join(f"{number} x {name}" for name, number in others) or "it is empty"
        tar = any(is_shard(entry.path) for entry in files.left_out)
        shards = f"; for tar files, give {folder / '*.tar'}" if tar else ""
        raise ValueError(f"{folder} holds no images ({holds}); expected {EXPECTED}{shards}")
    return files
