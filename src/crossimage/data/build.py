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
from crossimage.data.holdout import describe_held_out, hold_out
from crossimage.data.samples.class_images import ClassImages
from crossimage.data.samples.class_pairs import ClassPairs
from crossimage.data.samples.datasets import ImageDataset, PairedImages, SingleImages
from crossimage.data.samples.labelled import LabelledImages
from crossimage.data.samples.super_resolution import SuperResolutionImages
from crossimage.data.samples.unpaired import UnpairedImages
from crossimage.data.shards.names import names_shards
from crossimage.data.sources.class_pairs import facts_of_class_pairs, find_class_pairs
from crossimage.data.sources.class_sets import find_class_set
from crossimage.data.sources.classes import classified
from crossimage.data.sources.domains.data_set import DataSet
from crossimage.data.sources.domains.scan import find_one, find_two_scales, scan_domains
from crossimage.data.sources.folders import Domain, facts_of, find_images
from crossimage.data.sources.labelled import (
    LabelledDomain,
    checked,
    facts_of_labelled,
    find_labelled,
)
from crossimage.data.sources.pairs import advise_unpaired, align
from crossimage.data.sources.side_by_side import check_not_side_by_side
from crossimage.data.sources.summary import describe_names
from crossimage.data.validation import describe_validation, split_validation
from crossimage.labels import ClassPairsConfig, LabelledConfig, ReferencesConfig


@dataclass(frozen=True)
class Source:
    """The images of a data set, and the facts about them.

    Attributes:
        layout: How the images belong together.
        domains: The images of each domain, or of each labelled data set.
        facts: The settings that the data determines.
        companions: Letter and images of each companion, by its name.
        notes: Sentences for the user on what the domains are called, and which images are held out.
        validation: The domains with validation images in place of test images; empty if the run is
            not evaluated on its way.
    """

    layout: Layout
    domains: tuple[Domain, ...]
    facts: Facts
    companions: Mapping[str, tuple[str, Domain]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    validation: tuple[Domain, ...] = ()


_DATASETS: dict[Layout, Callable[[Any, Any], ImageDataset]] = {
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
    data: DataSet,
    config: Config,
    layout: Layout = "unpaired",
    class_letters: Collection[str] = (),
    companions: Mapping[str, Companion] | None = None,
    *,
    flexible: bool = False,
) -> Source:
    """Find the images of a data set.

    Args:
        data: A folder, paths by name, or tables, depending on the layout.
        config: The settings of the run; its ``domains`` choose domains by name, or name those
            without names.
        layout: The layout that the method learns from.
        class_letters: Letters of the domains whose images need classes.
        companions: Further images of each sample by name, for the layout ``unpaired``.
        flexible: Whether the data's own names take the place of other ``domains``; see
            :meth:`crossimage.methods.base.Method.has_direction`.

    Raises:
        FileNotFoundError: A folder or a listed file is missing.
        ValueError: The data does not have that layout, or can't be used.
    """
    found = _find_domains(data, config, layout, class_letters, flexible)
    domains = hold_out(layout, found, config.holdout)
    notes = describe_held_out(found, domains, config.holdout if layout != "single" else 0)
    validation: tuple[Domain, ...] = ()
    if config.evaluate_every:
        domains, validation = split_validation(layout, domains, config.data_rules)
        notes.append(describe_validation(domains, validation))
    if layout in ("labelled", "classes"):
        data_sets = checked([each for each in domains if isinstance(each, LabelledDomain)])
        facts = facts_of_labelled(data_sets)
        return Source(layout, data_sets, facts, notes=tuple(notes), validation=validation)
    if layout == "class_pairs":
        facts = facts_of_class_pairs(domains)
        return Source(layout, domains, facts, notes=tuple(notes), validation=validation)
    if config.data_rules == 3 and layout in ("unpaired", "paired"):
        typed = tuple(data) if isinstance(data, Mapping) else ()  # in the order that was meant
        notes = [*describe_names(domains, config.domains or typed), *notes]
    others = {
        name: (companion.letter, _find_companion(name, companion, domains, config.data_rules))
        for name, companion in (companions or {}).items()
    }
    return Source(layout, domains, facts_of(domains), others, tuple(notes), validation)


def _find_domains(
    data: DataSet,
    config: Config,
    layout: Layout,
    class_letters: Collection[str],
    flexible: bool,
) -> tuple[Domain, ...]:
    """Find the domains, or the labelled data sets, of a data set."""
    names, rules = config.domains, config.data_rules
    if layout in ("labelled", "classes", "class_pairs"):
        _check_no_shards(data)
    match layout:
        case "unpaired":
            indices = [string.ascii_lowercase.index(letter) for letter in class_letters]
            domains = scan_domains(data, names, paired=False, rules=rules, flexible=flexible)
            return classified(domains, indices, rules)
        case "paired":
            domains = scan_domains(data, names, rules=rules, flexible=flexible)
            domains = align(domains, rules, advise_unpaired(data))
            if not names and rules != 1:
                images = (path for domain in domains for path in domain.train)
                check_not_side_by_side([domain.train_root for domain in domains], images)
            return domains
        case "single":
            return (find_one(data, names, rules),)
        case "super_resolution":
            return find_two_scales(data, names, rules)
        case "labelled":
            assert isinstance(config, LabelledConfig)
            return find_labelled(data, config.attributes, rules, config.values)
        case "classes":
            assert isinstance(config, ReferencesConfig)
            data_set = find_class_set(
                data, config.attributes, rules, config.values, references=config.references,
                unseen=config.unseen_classes,
            )  # fmt: skip
            return (data_set,)
        case "class_pairs":
            assert isinstance(config, ClassPairsConfig)
            return find_class_pairs(
                data, config.attributes, rules, needed=config.needed, because=config.because
            )


def _check_no_shards(data: DataSet) -> None:
    """Refuse tar files for methods that learn from labels.

    Raises:
        ValueError: The data names some.
    """
    given = [data] if isinstance(data, str) else [path for own in data.values() for path in own]
    for path in given:
        if names_shards(path):
            raise ValueError(
                f"{path} names tar files, which methods with labels don't read; unpack them with "
                "`tar -xf` and give the folder"
            )


def _find_companion(
    name: str, companion: Companion, domains: Sequence[Domain], rules: DataRules
) -> Domain:
    """Return the images that a companion is drawn from; none of a folder are test images."""
    if companion.folder is None:
        return domains[string.ascii_lowercase.index(companion.letter)]
    found = find_images(str(companion.folder), [f"{name} images"], rules)
    return replace(found, test=())


def build_dataset(source: Source, config: Config) -> ImageDataset:
    """Return the samples of a source, prepared according to a completed config.

    Raises:
        ValueError: ``config.channels`` holds a wrong number of channels, or two data sets share a
            label.
    """
    if source.companions:
        assert source.layout == "unpaired"
        return UnpairedImages(source.domains, config, source.companions)
    return _DATASETS[source.layout](source.domains, config)
