"""Domains whose paths are given by name, and domains in folders of their own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from crossimage.config import DataRules
from crossimage.data.left_out import OTHER_SPLIT, OUTSIDE, LeftOut
from crossimage.data.shards.find import find_members
from crossimage.data.shards.names import names_shards
from crossimage.data.sources.find import find_files, is_image_file, visible_folders, why_left_out
from crossimage.data.sources.folders import (
    GIVEN_ONE_BY_ONE,
    SPLITS,
    Domain,
    Split,
    from_list,
    from_one_folder,
    from_shards,
    from_store,
    in_folders,
    train_folder,
)
from crossimage.data.sources.partner_folders import partner_folder, without_partners
from crossimage.data.sources.split_names import one_of, split_folders, split_of
from crossimage.data.stores.addresses import store_address
from crossimage.utils.names import near_path_hint
from crossimage.utils.paths import RealPaths
from crossimage.utils.texts.counts import counted, verb

_LISTS = (".txt", ".lst", ".list")


def named_domain(name: str, paths: Sequence[Path], rules: DataRules) -> Domain:
    """Return the domain whose images are at some paths.

    A path is a folder, an image or a list file. A folder's own folders ``train`` and ``test`` are
    its splits; a folder such as ``DIR/train/cats`` or ``DIR/trainA`` has its test images in
    ``DIR/test/cats`` or ``DIR/testA``. Images that are given one by one belong to the pair of their
    place in the list. Tar shards are named by paths, ranges and patterns. Both folders and shards
    may be in stores.

    Raises:
        FileNotFoundError: A path or a listed file is missing.
        ValueError: A folder has no images, or an image is given twice.
    """
    images = [path for path in paths if path.is_file() and is_image_file(path, rules)]
    if len(images) == len(paths):
        _check_once(name, images)
        order = sorted(range(len(images)), key=images.__getitem__)
        return Domain(
            name,
            tuple(images[index] for index in order),
            lines=tuple(index + 1 for index in order),
            train_root=paths[0],
            train_from=GIVEN_ONE_BY_ONE,
        )
    shards = [path for path in paths if names_shards(path)]
    parts = [_one_path(name, path, rules) for path in paths if path not in shards]
    if shards:
        found = find_members(shards)
        parts.append(from_shards(name, found, found.images))
    if len(parts) == 1:
        return parts[0]
    files = [path for part in parts for split in SPLITS for path in part.files(split)]
    _check_once(name, files)
    roots = [part.root(split) for part in parts for split in SPLITS]
    inside = [root for part in parts for root in part.roots]

    def origin(split: Split) -> str:
        own = (part.train_from if split == "train" else part.test_from for part in parts)
        return " and ".join(dict.fromkeys(text for text in own if text))

    return Domain(
        name,
        tuple(path for part in parts for path in part.train),
        tuple(path for part in parts for path in part.test),
        train_root=parts[0].train_root,
        test_root=parts[0].test_root,
        train_from=origin("train"),
        test_from=origin("test"),
        left_out=tuple(entry for part in parts for entry in part.left_out),
        roots=(*(root for root in roots if root.is_dir()), *inside),
    )


def domain_folders(folder: Path, rules: DataRules) -> dict[str, Path]:
    """Return the folders below one without ``train`` that are domains: those that hold images.

    Folders that are called like a split, such as ``test``, are none.
    """
    names = visible_folders(folder, rules)
    splits = {name for group in split_folders(names, rules).values() for name in group}
    others = {name: folder / name for name in names if name not in splits}
    return {name: path for name, path in others.items() if find_files(path, rules).images}


def in_domain_folders(folder: Path, names: Sequence[str], rules: DataRules) -> tuple[Domain, ...]:
    """Return the domains in ``DIR/<domain>``.

    Their test images are in ``DIR/test/<domain>`` or ``DIR/<domain>/test``. Images directly in the
    folder, and folders that are not used, are left out.

    Args:
        folder: The folder.
        names: The folders to use.
        rules: The rules by which files are found.
    """
    found = {name: _one_path(name, folder / name, rules, in_split=False) for name in names}
    domains = [replace(domain, train_from=name) for name, domain in found.items()]
    by_split = split_folders(visible_folders(folder, rules), rules)
    splits = {name for group in by_split.values() for name in group}
    loose = tuple(
        LeftOut(OUTSIDE, path.name, str(path))
        for path in sorted(folder.iterdir())
        if path.is_file() and why_left_out(path) is None
    )
    places = {s: [folder / name for name in by_split.get((s, ""), [])] for s in ("test", "val")}
    unused = [path for group in places.values() for path in group]
    for split, known in places.items():
        root = one_of(known) if known and not any(domain.test for domain in domains) else None
        if root is None:
            continue
        siblings = [name for name in visible_folders(folder, rules) if name not in splits]
        own = [partner_folder(root, name, siblings, rules) for name in names]
        if any(find_files(path, rules).images for path in own):
            instead = ", in place of test images" if split == "val" else ""
            domains = [
                _tested(domain, path, instead, rules)
                for domain, path in zip(domains, own, strict=True)
            ]
            unused.remove(root)
            loose += tuple(without_partners(root, siblings, rules))
    spare = tuple(LeftOut(OTHER_SPLIT, path.name, str(path)) for path in unused)
    first, *rest = domains
    return (replace(first, left_out=first.left_out + loose + spare), *rest)


def _tested(domain: Domain, root: Path, instead: str, rules: DataRules) -> Domain:
    """Return a domain with the test images in a folder."""
    files = find_files(root, rules)
    return replace(
        domain,
        test=files.images,
        test_root=root,
        test_from=f"{root.parent.name}/{root.name}{instead}" if files.images else "",
        left_out=domain.left_out + files.left_out,
    )


def check_apart(domains: Sequence[Domain], data: str) -> None:
    """Refuse images that are training images of several domains, as in overlapping folders.

    Images that are listed one by one may be in several.

    Raises:
        ValueError: An image is in several domains.
    """
    owners: dict[str, tuple[str, Path]] = {}
    real = RealPaths()
    shared: list[tuple[Path, str, str]] = []
    for domain in domains:
        for path in () if domain.lines else domain.train:
            other, _ = owners.setdefault(real.of(path), (domain.name, path))
            if other != domain.name:
                shared.append((path, other, domain.name))
    if shared:
        (path, one, other), count = shared[0], len(shared)
        raise ValueError(
            f"{data}: {counted(count, 'image')} {verb(count, 'are')} in both {one} and {other}, "
            f"such as {path}; give each domain a folder of its own, neither the other's nor inside "
            "it"
        )


def _one_path(name: str, path: Path, rules: DataRules, *, in_split: bool = True) -> Domain:
    """Return the images at a path as a domain.

    Args:
        name: The domain's name.
        path: A folder, an image or a list file.
        rules: The rules by which files are found.
        in_split: Whether a folder in ``train`` has test images beside it.
    """
    if address := store_address(path, web=True):
        return from_store(name, address)
    if path.is_file():
        if is_image_file(path, rules):
            return Domain(name, (path,), train_root=path.parent, train_from=str(path))
        return from_list(name, path, rules)
    if not path.is_dir():
        kind = "list file " if path.suffix.lower() in _LISTS else ""
        raise FileNotFoundError(
            f"there is no {kind}{path}, which is to hold images of {name}; expected a folder, an "
            f"image, a list file or tar files{near_path_hint(path)}"
        )
    if in_split and (split := _in_split(path, rules)) is not None:
        letter, below = split
        folder = path.parent if letter else path.parent.parent
        (domain,) = in_folders(folder, [(name, letter, below)], rules, alone=True)
        return domain
    if train_folder(path, rules):
        (domain,) = in_folders(path, [(name, "", "")], rules)
        return replace(domain, train_from=f"{path.name}/{domain.train_from}")
    return replace(from_one_folder(path, rules), name=name, train_from=str(path))


def _in_split(path: Path, rules: DataRules) -> tuple[str, str] | None:
    """Return letter and sub-folder of a folder of training images, such as trainA or train/cats."""
    if split_of(path.parent.name) == "train":
        return "", path.name
    by_split = split_folders([path.name], rules)
    letter = next((letter for split, letter in by_split if split == "train"), "")
    return (letter, "") if letter else None


def _check_once(name: str, paths: Sequence[Path]) -> None:
    seen: dict[str, Path] = {}
    for path in paths:
        other = seen.setdefault(os.path.realpath(path), path)
        if other is not path:
            raise ValueError(
                f"{name} has {path} twice; give each image once, and no folder inside another"
            )
