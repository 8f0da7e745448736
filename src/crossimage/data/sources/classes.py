"""Classes of images: the folders directly below a domain's folder."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from crossimage.data.sources.folders import Domain, Split, visible_folders


def classified(domains: Sequence[Domain], labelled: Collection[int]) -> tuple[Domain, ...]:
    """Give the domains classes.

    The folders of a labelled domain's training images name the classes, in alphabetical order; it
    gets labels of all its images. The other domains get labels of their test images only, where
    these lie in class folders: training shall not know theirs.

    Args:
        domains: The domains of a data set.
        labelled: Places of the domains whose training images need classes; empty: nothing changes.

    Raises:
        ValueError: Class folders are missing, empty or unknown, or images lie outside of them.
    """
    if not labelled:
        return tuple(domains)
    first = domains[min(labelled)]
    classes = tuple(visible_folders(first.train_root))
    if not classes or first.half is not None or first.lines:
        raise ValueError(
            f"{first.train_root} holds no class folders; the images of domain {first.name} need "
            f"classes, so expected one folder a class, such as {first.train_root / 'cat'}/1.png"
        )
    found = []
    for place, domain in enumerate(domains):
        labels: tuple[int, ...] = ()
        test_labels: tuple[int, ...] = ()
        if place in labelled:
            labels = _labels(domain, "train", classes)
            for missing in sorted(set(range(len(classes))) - set(labels)):
                raise ValueError(
                    f"{domain.train_root / classes[missing]} holds no images; expected images "
                    "of every class"
                )
        if place in labelled or (domain.half is None and any(_classes(domain, "test"))):
            test_labels = _labels(domain, "test", classes)
        found.append(replace(domain, classes=classes, labels=labels, test_labels=test_labels))
    return tuple(found)


def _classes(domain: Domain, split: Split) -> list[str]:
    """The class folder of every image; empty for images outside."""
    paths = [path.relative_to(domain.root(split)) for path in domain.files(split)]
    return [path.parts[0] if len(path.parts) > 1 else "" for path in paths]


def _labels(domain: Domain, split: Split, classes: tuple[str, ...]) -> tuple[int, ...]:
    numbers = {name: number for number, name in enumerate(classes)}
    root, found = domain.root(split), _classes(domain, split)
    outside = found.count("")
    if outside:
        path = domain.files(split)[found.index("")]
        raise ValueError(
            f"{path} lies outside the class folders of {root} ({outside} in all); expected every "
            f"image in a folder such as {root / classes[0]}"
        )
    for name in found:
        if name not in numbers:
            raise ValueError(
                f"{root / name} is a class that training does not have; expected the folders "
                f"{_listed(classes)}"
            )
    return tuple(numbers[name] for name in found)


def _listed(classes: tuple[str, ...]) -> str:
    return ", ".join(classes[:20]) + (", ..." if len(classes) > 20 else "")
