"""Validation images, by which the best model of a run is chosen, apart from its test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from crossimage.config import DataRules, Layout
from crossimage.data.holdout import HELD_OUT_OF, D, hold_out
from crossimage.data.left_out import OTHER_SPLIT, LeftOut
from crossimage.data.sources.find import find_files, visible_folders
from crossimage.data.sources.folders import Domain
from crossimage.data.sources.pairs import align
from crossimage.data.sources.partner_folders import partner_folder
from crossimage.data.sources.split_names import split_folders, split_in

VALIDATION = 0.1
"""Share of the training images that is held out for validation."""


def split_validation(
    layout: Layout, domains: Sequence[D], rules: DataRules
) -> tuple[tuple[D, ...], tuple[D, ...]]:
    """Return domains without their validation images, and the domains of these.

    Validation images are those of folders such as ``val`` beside test images. Where there are none,
    or they stand in for test images, a share of the training images is taken, chosen by content
    like test images that are held out: pairs and copies stay together. Test images are the same
    with and without validation.

    Args:
        layout: How the images belong together.
        domains: The domains, with their test images.
        rules: The rules by which files are found.

    Returns:
        The domains that are trained on, and the same domains with the validation images in place of
        their test images.

    Raises:
        ValueError: There are too few images.
    """
    given = _given(layout, domains, rules)
    if given is not None:
        return given
    alone = tuple(domain.holding_out(()) for domain in domains)  # without test images
    # images to learn to generate from are held out one by one
    split = hold_out("unpaired" if layout == "single" else layout, alone, VALIDATION)
    for domain in split:
        if not domain.test:
            raise ValueError(
                f"evaluate_every needs validation images, and {domain.name} has only "
                f"{len(domain.train)} training images, too few to hold any out; add images, at "
                f"least {round(1 / VALIDATION)} in all per domain or class, or a folder val beside "
                "the folder test, or leave out evaluate_every"
            )
    rest = (own.with_tests_of(domain) for domain, own in zip(domains, split, strict=True))
    return tuple(rest), split


def describe_validation(domains: Sequence[Domain], validation: Sequence[Domain]) -> str:
    """Return a sentence on which images are for validation.

    Args:
        domains: The domains that are trained on.
        validation: The domains with the validation images in place of test images.
    """
    parts = []
    for domain, own in zip(domains, validation, strict=True):
        count = len(own.test)
        if own.test_from.startswith(HELD_OUT_OF):
            total = len(domain.train) + count
            parts.append(f"{count:,} of {total:,} training images of {domain.name}")
        else:
            parts.append(f"{count:,} images of {domain.name} ({own.test_from})")
    return (
        f"for validation: {', '.join(parts)}; the best model is chosen by them, and nothing is "
        "trained or tested with them"
    )


def _given(
    layout: Layout, domains: Sequence[D], rules: DataRules
) -> tuple[tuple[D, ...], tuple[D, ...]] | None:
    """Return the domains and those of the validation images that folders hold beside test images.

    Only of independent domains and of pairs: None if there are none, or the layout has others.
    """
    if layout not in ("unpaired", "paired", "single", "super_resolution"):
        return None
    spare = [entry for domain in domains for entry in domain.left_out if _is_validation(entry)]
    found = [_folder_of(domain, spare, rules) for domain in domains]
    if domains[0].half is not None or layout == "super_resolution":  # of the same files
        found = [found[0]] * len(domains)
    used = {one[0] for one in found if one}
    validation = []
    for domain, one in zip(domains, found, strict=True):
        if one is None:
            return None
        entry, root, images = one
        origin = entry.name if root == Path(entry.path) else f"{entry.name}/{root.name}"
        validation.append(
            replace(domain.holding_out(()), test=images, test_root=root, test_from=origin)
        )
    aligned: Sequence[Domain] = validation
    if layout == "paired" or domains[0].half is not None:
        aligned = align(validation, rules)
    rest = (
        replace(domain, left_out=tuple(entry for entry in domain.left_out if entry not in used))
        for domain in domains
    )
    return tuple(rest), tuple(
        replace(own, test=other.test) for own, other in zip(validation, aligned, strict=True)
    )


def _is_validation(entry: LeftOut) -> bool:
    """Return whether a folder was left out because its name means validation images."""
    if entry.reason != OTHER_SPLIT:
        return False
    splits = {split for split, _ in split_folders(Path(entry.name).parts)}
    return "val" in splits or split_in(entry.name) == "val"


def _folder_of(
    domain: Domain, spare: Sequence[LeftOut], rules: DataRules
) -> tuple[LeftOut, Path, tuple[Path, ...]] | None:
    """Return a domain's folder of validation images among those left out, and its images."""
    if not domain.test:
        return None
    for entry in spare:
        siblings = visible_folders(domain.train_root.parent, rules)
        own_name = domain.train_root.name
        shared = partner_folder(Path(entry.path), own_name, siblings, rules)  # as in DIR/val/cats
        root = Path(entry.path) if entry in domain.left_out and not shared.is_dir() else shared
        if images := find_files(root, rules).images:
            return entry, root, images
    return None
