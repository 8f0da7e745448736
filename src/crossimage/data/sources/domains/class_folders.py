"""One data set of images in classes: class folders, or paths of each class by its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from crossimage.config import DataRules
from crossimage.data.left_out import NO_DOMAIN, OUTSIDE, OUTSIDE_DOMAINS
from crossimage.data.sources.classes import classified
from crossimage.data.sources.domains.data_set import DataSet, paths_of, read_data_set, shown
from crossimage.data.sources.domains.named import (
    check_apart,
    domain_folders,
    in_domain_folders,
    named_domain,
)
from crossimage.data.sources.find import find_files, visible_folders
from crossimage.data.sources.folders import SPLITS, Domain, find_images, train_folder
from crossimage.data.sources.split_names import one_of, split_folders
from crossimage.data.stores.addresses import store_address
from crossimage.utils.paths import as_path

_TABLES = (".csv", ".tsv")


def find_classes(data: DataSet | Path, rules: DataRules = 3, *, unseen: bool = False) -> Domain:
    """Find images in classes.

    Layouts: ``DIR/train/<class>[, DIR/test/<class>]``; ``DIR/<class>[, DIR/test/<class>]``; or
    paths of each class by its name, see :func:`named_domain`.

    Args:
        data: The folder, or the paths.
        rules: The rules by which files are found.
        unseen: Whether test images may be of other classes. Their indices are -1.

    Returns:
        A domain with classes and with the class of every image.

    Raises:
        FileNotFoundError: A folder or a listed file is missing.
        ValueError: A class has no images, or an image has no class or is in several.
    """
    given = read_data_set(data)
    if not isinstance(given, str):
        for name in given:
            for path in paths_of(given, name):
                if path.suffix.lower() in _TABLES:
                    raise ValueError(
                        f"{name}={path} is a table, and paths by name are those of classes; give "
                        "the path of a table alone, or several separated by commas"
                    )
        parts = [named_domain(name, paths_of(given, name), rules) for name in given]
        check_apart(parts, shown(given))
        return _joined(" and ".join(given), parts)
    folder = as_path(given, "the path of the data set")
    if rules == 3 and not train_folder(folder, rules) and len(domain_folders(folder, rules)) > 1:
        return _in_class_folders(folder, rules, unseen)
    return classified([find_images(given, rules=rules)], [0], rules, unseen=unseen)[0]


def _in_class_folders(folder: Path, rules: DataRules, unseen: bool) -> Domain:
    """Return the images in ``DIR/<class>`` and ``DIR/test/<class>``."""
    by_split = split_folders(visible_folders(folder, rules), rules)
    splits = {name for group in by_split.values() for name in group}
    names = [name for name in visible_folders(folder, rules) if name not in splits]
    for name in names:
        if not find_files(folder / name, rules).images:
            raise ValueError(f"{folder / name} holds no images; expected images of every class")
    parts = in_domain_folders(folder, names, rules)
    loose = [entry.path for entry in parts[0].left_out if entry.reason == OUTSIDE]
    if loose:
        raise ValueError(
            f"{loose[0]} is outside the class folders of {folder} ({len(loose)} in all); expected "
            f"every image in a folder such as {folder / names[0]}"
        )
    joined = _joined(folder.resolve().name, parts)
    # test images of other classes are refused below, or used
    left_out = tuple(e for e in joined.left_out if e.reason not in (NO_DOMAIN, OUTSIDE_DOMAINS))
    tests = next((by_split[s, ""] for s in ("test", "val") if by_split.get((s, ""))), [])
    if not tests or any(part.test_root == folder / part.name for part in parts if part.test):
        return replace(joined, train_from=folder.resolve().name, left_out=left_out)
    root = one_of([folder / name for name in tests])
    found = find_files(root, rules)
    indices = []
    for path in found.images:
        name = path.relative_to(root).parts[0]
        if name not in names and not (unseen and path.parent != root):
            raise ValueError(
                f"{root / name} is a class that training does not have; expected the folders "
                f"{', '.join(names)}"
            )
        indices.append(names.index(name) if name in names else -1)
    return replace(
        joined, test=found.images, test_class_indices=tuple(indices), test_root=root,
        train_from=folder.resolve().name, test_from=root.name if found.images else "",
        left_out=tuple(entry for entry in left_out if entry.path != str(root)),
    )  # fmt: skip


def _joined(name: str, parts: Sequence[Domain]) -> Domain:
    """Return the images of all classes as one domain."""
    for part in parts:
        if not part.train:
            raise ValueError(f"{part.train_root} holds no images; expected images of every class")
    numbers = range(len(parts))
    roots = (part.root(split) for part in parts for split in SPLITS if part.files(split))
    return Domain(
        name,
        tuple(path for part in parts for path in part.train),
        tuple(path for part in parts for path in part.test),
        train_root=parts[0].train_root,
        test_root=parts[0].test_root,
        classes=tuple(part.name for part in parts),
        class_indices=tuple(k for k in numbers for _ in parts[k].train),
        test_class_indices=tuple(k for k in numbers for _ in parts[k].test),
        train_from=" and ".join(dict.fromkeys(part.train_from for part in parts)),
        test_from=" and ".join(dict.fromkeys(part.test_from for part in parts if part.test)),
        left_out=tuple(entry for part in parts for entry in part.left_out),
        roots=tuple(dict.fromkeys(root for root in roots if root.is_dir() or store_address(root))),
    )
