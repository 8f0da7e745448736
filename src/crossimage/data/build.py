"""Training data, from a path to the samples that a method learns from.

``find_source`` finds the images and the facts about them, ``Config.complete`` fills in the config
from the facts, and ``build_dataset`` makes samples according to both.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from crossimage.config import Companion, Config, DataRules, Facts, Layout
from crossimage.data.class_images import ClassImages
from crossimage.data.class_pairs import ClassPairs
from crossimage.data.datasets import Images, PairedImages, SingleImages, UnpairedImages
from crossimage.data.labelled import LabelledImages
from crossimage.data.sources.class_pairs import facts_of_class_pairs, find_class_pairs
from crossimage.data.sources.class_sets import find_class_set
from crossimage.data.sources.classes import classified
from crossimage.data.sources.folders import (
    Domain,
    facts_of,
    find_images,
    find_large_images,
    find_two_scales,
    scan_domains,
)
from crossimage.data.sources.labelled import facts_of_labelled, find_labelled
from crossimage.data.sources.pairs import align
from crossimage.data.sources.side_by_side import check_not_side_by_side
from crossimage.data.super_resolution import SuperResolutionImages
from crossimage.labels import ClassPairsConfig, LabelledConfig, ReferencesConfig


@dataclass(frozen=True)
class Source:
    """The images of a data set, and the facts about them.

    Attributes:
        layout: How the images belong together.
        domains: The images of each domain, or of each labelled data set.
        facts: The settings that the data determines.
        companions: Letter and images of each companion, by its name.
    """

    layout: Layout
    domains: tuple[Domain, ...]
    facts: Facts
    companions: Mapping[str, tuple[str, Domain]] = field(default_factory=dict)


_DATASETS: dict[Layout, Callable[[Any, Any], Images]] = {
    "unpaired": UnpairedImages,
    "paired": PairedImages,
    "single": SingleImages,
    "super_resolution": SuperResolutionImages,
    "labelled": LabelledImages,
    "classes": ClassImages,
    "class_pairs": ClassPairs,
}
"""The samples of each layout, made from its domains and its config."""


def find_source(
    data: str,
    config: Config,
    layout: Layout = "unpaired",
    class_letters: Collection[str] = (),
    companions: Mapping[str, Companion] | None = None,
) -> Source:
    """Find the images of a data set.

    Args:
        data: A folder, list files or tables, depending on the layout.
        config: The settings of the run; its ``domains`` rename or select domains.
        layout: The layout that the method learns from.
        class_letters: Letters of the domains whose images need classes.
        companions: Further images of each sample by name, for the layout ``unpaired``.

    Raises:
        FileNotFoundError: A folder or a listed file is missing.
        ValueError: The data does not have that layout, or can't be used.
    """
    domains: tuple[Domain, ...]
    names, rules = config.domains, config.data_rules
    match layout:
        case "unpaired":
            indices = [string.ascii_lowercase.index(letter) for letter in class_letters]
            domains = classified(
                scan_domains(data, names, paired=False, rules=rules), indices, rules
            )
        case "paired":
            domains = align(scan_domains(data, names, rules=rules), rules)
            if not names and rules == 2:
                images = (path for domain in domains for path in domain.train)
                check_not_side_by_side([domain.train_root for domain in domains], images)
        case "single":
            domains = (find_large_images(data, names, rules),)
        case "super_resolution":
            domains = find_two_scales(data, names, rules)
        case "labelled":
            assert isinstance(config, LabelledConfig)
            data_sets = find_labelled(data, config.attributes, rules, config.values)
            return Source(layout, data_sets, facts_of_labelled(data_sets))
        case "classes":
            assert isinstance(config, ReferencesConfig)
            data_set = find_class_set(
                data, config.attributes, rules, config.values, references=config.references,
                unseen=config.unseen_classes,
            )  # fmt: skip
            return Source(layout, (data_set,), facts_of_labelled([data_set]))
        case "class_pairs":
            assert isinstance(config, ClassPairsConfig)
            domains = find_class_pairs(
                data, config.attributes, rules, needed=config.needed, because=config.because
            )
            return Source(layout, domains, facts_of_class_pairs(domains))
    found = {
        name: (companion.letter, _find_companion(name, companion, domains, rules))
        for name, companion in (companions or {}).items()
    }
    return Source(layout, domains, facts_of(domains), found)


def _find_companion(
    name: str, companion: Companion, domains: Sequence[Domain], rules: DataRules
) -> Domain:
    """Return the images that a companion is drawn from; none of a folder are test images."""
    if companion.folder is None:
        return domains[string.ascii_lowercase.index(companion.letter)]
    found = find_images(str(companion.folder), [f"{name} images"], rules)
    return replace(found, test=())


def build_dataset(source: Source, config: Config) -> Images:
    """Return the samples of a source, prepared according to a completed config.

    Raises:
        ValueError: ``config.channels`` holds a wrong number of channels, or two data sets share a
            label.
    """
    if source.companions:
        assert source.layout == "unpaired"
        return UnpairedImages(source.domains, config, source.companions)
    return _DATASETS[source.layout](source.domains, config)
