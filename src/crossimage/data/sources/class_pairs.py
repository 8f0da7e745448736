"""Sketches and edge maps of photos, in class folders."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from crossimage.config import DataRules, Facts
from crossimage.data.left_out import LeftOut
from crossimage.data.sources.domains.data_set import DataSet, paths_of, read_data_set
from crossimage.data.sources.domains.scan import scan_domains
from crossimage.data.sources.find import shared_name, visible_folders
from crossimage.data.sources.folders import SPLITS, Domain, Split, train_folder
from crossimage.data.sources.split_names import split_folders
from crossimage.labels import label_index
from crossimage.utils.paths import as_path

PHOTOS = "photos"
SETS = ("sketches", "edges")
LAYOUT = (
    "expected DIR/train/photos/<class>, and DIR/train/sketches/<class> or DIR/train/edges/<class> "
    "with drawings named like their photos"
)

_ALONE = ("photo without a drawing", "photos without drawings")
_UNUSED_SET = ("folder that training does not use", "folders that training does not use")
_UNUSED_CLASS = ("image of a class that is not chosen", "images of classes that are not chosen")
_NUMBER = re.compile(r"-\d+$")  # n02691156_10151-3.png is the third sketch of n02691156_10151.jpg


def find_class_pairs(
    data: DataSet,
    chosen: Sequence[str] = (),
    rules: DataRules = 3,
    *,
    needed: Collection[str] = SETS,
    because: str = "",
) -> tuple[Domain, ...]:
    """Find sketches, edge maps, or both, and the photo of each.

    Layout: ``DIR/train/photos/<class>``, ``DIR/train/sketches/<class>`` and
    ``DIR/train/edges/<class>``, and likewise ``DIR/test``; the same without ``train``; or the paths
    of photos, sketches and edges by these names. A drawing belongs to the photo of the
    same class and name; a number at the end of its name, as in ``cat/12-3.png`` for ``cat/12.jpg``,
    tells several drawings of a photo apart. Test drawings need no photos if there are none at all.

    Args:
        data: The folder, or the paths.
        chosen: The classes to use, in this order. Empty: all.
        rules: The rules by which files are found.
        needed: Which of sketches and edges must be there; others are left out.
        because: Why, for error messages.

    Returns:
        For each set in turn the domain of its drawings and that of their photos, whose n-th images
        belong together.

    Raises:
        FileNotFoundError: A folder is missing.
        ValueError: Images are outside class folders, a drawing has no photo, or a class is unknown.
    """
    present = _folders_of_sets(read_data_set(data), rules)
    for name in (PHOTOS, *(name for name in SETS if name in needed)):
        if name not in present:
            place = next(iter(present.values())).parent / name if isinstance(data, str) else name
            raise FileNotFoundError(f"there is no folder {place}; {because}{LAYOUT}")
    kept = [PHOTOS, *(name for name in SETS if name in needed)]
    photos, *sets = scan_domains(data, kept, count=None, rules=rules)
    others = tuple(
        LeftOut(_UNUSED_SET, name, str(path)) for name, path in present.items() if name not in kept
    )
    classes = _classes(photos, chosen, rules)
    domains: list[Domain] = []
    used: set[Path] = set()
    for drawings in sets:
        pair = _pair_up(drawings, photos, classes)
        used.update(pair[1].train, pair[1].test)
        domains += pair
    alone = [
        path
        for split in SPLITS
        for path, name in _folders(photos, split)
        if name in classes and path not in used
    ]
    left_out = (*photos.left_out, *others, *(LeftOut(_ALONE, p.name, str(p)) for p in alone))
    domains[0] = replace(domains[0], left_out=domains[0].left_out + left_out)
    seen = {domain.class_indices[row] for domain in domains for row in range(len(domain.train))}
    for index, name in enumerate(classes):
        if index not in seen:
            raise ValueError(
                f"no photo in {photos.train_root / name} has a drawing; add {' or '.join(kept[1:])}"
                f" of this class, or choose the other classes with attributes=A,B,..."
            )
    return tuple(domains)


def sets_in(data: DataSet) -> tuple[str, ...]:
    """Return which sets of training drawings a data set has, sketches before edges."""
    try:
        names = _folders_of_sets(read_data_set(data), 3)
    except FileNotFoundError:
        return ()
    return tuple(name for name in SETS if name in names)


def facts_of_class_pairs(domains: Sequence[Domain]) -> Facts:
    """Return the facts: the classes, as labels, and the pairs of all sets."""
    classes = domains[0].classes
    pairs = sum(len(domain.train) for domain in domains[::2])
    return Facts(classes, pairs, label_sets=(len(classes),), categorical=(True,))


def _folders_of_sets(data: DataSet, rules: DataRules) -> dict[str, Path]:
    """Return the folder of each set of training images by its name."""
    if not isinstance(data, str):
        return {name: paths_of(data, name)[0] for name in data}
    folder = as_path(data, "the path of the data set")
    if not folder.is_dir():
        raise FileNotFoundError(f"{data} is not a folder; {LAYOUT}")
    train = train_folder(folder, rules)
    if train is None and rules == 3 and PHOTOS in visible_folders(folder, rules):
        train = folder
    if train is None:
        raise FileNotFoundError(f"{data} holds no folder train; {LAYOUT}")
    names = visible_folders(train, rules)
    splits = {name for group in split_folders(names, rules).values() for name in group}
    present = {name: train / name for name in names if train != folder or name not in splits}
    if not present:
        raise FileNotFoundError(f"{train} holds no folders; {LAYOUT}")
    return present


def _classes(photos: Domain, chosen: Sequence[str], rules: DataRules) -> tuple[str, ...]:
    """Return the names of the classes: those chosen, or all class folders of the photos."""
    folders = visible_folders(photos.train_root, rules)
    if not folders:
        raise ValueError(
            f"{photos.train_root} holds no class folders; pairs need a class, so expected one "
            f"folder per class, such as {photos.train_root / 'cat'}/1.jpg"
        )
    names = tuple(folders[label_index(name, folders)] for name in chosen) or tuple(folders)
    if len(names) < 2:
        raise ValueError(
            f"{photos.train_root} has one class, {names[0]}; expected at least two class folders"
        )
    return names


def _folders(domain: Domain, split: Split) -> list[tuple[Path, str]]:
    """Return every image with the name of its class folder.

    Raises:
        ValueError: An image is outside the class folders.
    """
    root, found = domain.root(split), []
    for path in domain.files(split):
        parts = domain.below_root(path, split).parts
        if len(parts) == 1:
            raise ValueError(
                f"{path} has no class; expected every image in a class folder such as "
                f"{root / 'cat' / path.name}"
            )
        found.append((path, parts[0]))
    return found


def _pair_up(drawings: Domain, photos: Domain, classes: tuple[str, ...]) -> tuple[Domain, Domain]:
    """Return the drawings of the classes, and the photo of each."""
    pairs: dict[Split, list[tuple[Path, Path | None, int]]] = {}
    out: list[LeftOut] = []
    for split in SPLITS:
        known = _by_name(photos, split)
        pairs[split] = []
        for path, name in _folders(drawings, split):
            if name not in classes:
                out.append(LeftOut(_UNUSED_CLASS, name, str(path)))
                continue
            key = _key(drawings, path, split)
            photo = known.get(key) or known.get(_NUMBER.sub("", key))
            if photo is None and (split == "train" or photos.test):
                raise ValueError(
                    f"{path} has no photo: {photos.root(split)} holds no image named {key}; add "
                    "it or remove the drawing"
                )
            pairs[split].append((path, photo, classes.index(name)))
    both = []
    for side, domain in enumerate((drawings, photos)):
        files = {
            split: tuple(file for row in rows if (file := row[:2][side]) is not None)
            for split, rows in pairs.items()
        }
        indices = {split: tuple(row[2] for row in rows) for split, rows in pairs.items()}
        both.append(
            replace(
                domain, train=files["train"], test=files["test"], classes=classes,
                class_indices=indices["train"],
                test_class_indices=indices["test"] if files["test"] else (),
            )
        )  # fmt: skip
    return (
        replace(both[0], left_out=drawings.left_out + tuple(out)),
        replace(both[1], name=f"{PHOTOS} of {drawings.name}", left_out=()),
    )


def _by_name(photos: Domain, split: Split) -> dict[str, Path]:
    known: dict[str, Path] = {}
    for path, _ in _folders(photos, split):
        other = known.setdefault(_key(photos, path, split), path)
        if other != path:
            raise ValueError(
                f"{other} and {path} have the same name; drawings find their photos by their names "
                "without suffix, so rename or remove one of them"
            )
    return known


def _key(domain: Domain, path: Path, split: Split) -> str:
    return shared_name(domain.below_root(path, split))
