"""Classes of images: the folders directly below a domain's folder."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from crossimage.config import DataRules
from crossimage.data.shards.member import is_member
from crossimage.data.sources.find import same_name, visible_folders
from crossimage.data.sources.folders import Domain, Split

_NAMED = 20  # classes named at most in an error message


def classified(
    domains: Sequence[Domain],
    with_classes: Collection[int],
    rules: DataRules,
    *,
    unseen: bool = False,
) -> tuple[Domain, ...]:
    """Add classes to the domains.

    The class folders of the training images name the classes, in alphabetical order. Domains that
    need classes get them for all their images. The other domains get them for their test images
    only, if these are in class folders: training must not use any others.

    Args:
        domains: The domains of a data set.
        with_classes: Indices of the domains whose training images need classes; empty: the domains
            stay as they are.
        rules: The rules by which folders are found.
        unseen: Whether test images may be of classes that training does not have. Their indices
            are -1.

    Raises:
        ValueError: Class folders are missing, empty or unknown, or images are outside of them.
    """
    if not with_classes:
        return tuple(domains)
    first = domains[min(with_classes)]
    classes = tuple(visible_folders(first.train_root, rules) or _folders_in_shards(first))
    if not classes or first.half is not None or first.lines:
        raise ValueError(
            f"{first.train_root} holds no class folders; the images of domain {first.name} need "
            f"classes, so expected one folder per class, such as {first.train_root / 'cat'}/1.png"
        )
    results = []
    for number, domain in enumerate(domains):
        indices: tuple[int, ...] = ()
        test_indices: tuple[int, ...] = ()
        if number in with_classes:
            indices = _class_indices(domain, "train", classes)
            for missing in sorted(set(range(len(classes))) - set(indices)):
                raise ValueError(
                    f"{domain.train_root / classes[missing]} holds no images; expected images "
                    "of every class"
                )
        in_folders = domain.half is None and any(_class_folders(domain, "test"))
        if number in with_classes or in_folders:
            test_indices = _class_indices(domain, "test", classes, unseen)
        results.append(
            replace(domain, classes=classes, class_indices=indices, test_class_indices=test_indices)
        )
    return tuple(results)


def _folders_in_shards(domain: Domain) -> list[str]:
    """Return the sorted class folders of the images in shards; none of other images."""
    if not all(map(is_member, domain.train)):
        return []
    return sorted({*_class_folders(domain, "train")} - {""})


def _class_folders(domain: Domain, split: Split) -> list[str]:
    """Return the class folder of every image; empty for images outside of one."""
    paths = [domain.below_root(path, split) for path in domain.files(split)]
    return [path.parts[0] if len(path.parts) > 1 else "" for path in paths]


def _class_indices(
    domain: Domain, split: Split, classes: tuple[str, ...], unseen: bool = False
) -> tuple[int, ...]:
    """Return the index of every image's class; all images must be in known class folders.

    With ``unseen``, the folders may be unknown, and their index is -1.
    """
    index_of = {same_name(name): index for index, name in enumerate(classes)}
    root, folders = domain.root(split), _class_folders(domain, split)
    outside = folders.count("")
    if outside:
        path = domain.files(split)[folders.index("")]
        raise ValueError(
            f"{path} is outside the class folders of {root} ({outside} in all); expected every "
            f"image in a folder such as {root / classes[0]}"
        )
    for name in folders:
        if same_name(name) not in index_of and not unseen:
            listed = ", ".join(classes[:_NAMED]) + (", ..." if len(classes) > _NAMED else "")
            raise ValueError(
                f"{root / name} is a class that training does not have; expected the folders "
                f"{listed}"
            )
    return tuple(index_of.get(same_name(name), -1) for name in folders)
