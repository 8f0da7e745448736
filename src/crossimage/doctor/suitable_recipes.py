"""The recipes and methods that can learn from a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from crossimage.config import Config, Layout, build
from crossimage.data.build import Source, find_source
from crossimage.data.sources.domains.data_set import read_data_set
from crossimage.data.sources.similar_names import are_similar
from crossimage.methods import find_method
from crossimage.methods.base import Method
from crossimage.recipes import list_recipes, resolve

_SMALL = "Small: "
_LABELS = ("attributes", "values", "references", "unseen_classes", "needed")
_ANY_FOLDER: tuple[Layout, ...] = ("single", "super_resolution")
"""Layouts that any folder of images has, which are of interest only if no other fits."""


@dataclass(frozen=True)
class SuitableRecipe:
    """A recipe that can learn from a data set.

    Attributes:
        name: Its name, or that of a method without a recipe that fits.
        description: What it trains.
        named: Whether it was made for domains of these names.
        small: Whether it takes minutes rather than days.
        paired: Whether it learns from pairs, and the data are pairs side by side.
    """

    name: str
    description: str
    named: bool
    small: bool
    paired: bool


def find_suitable_recipes(data: Any) -> list[SuitableRecipe]:
    """Return the recipes that can learn from a data set, the most suitable ones first.

    A recipe fits if its method can read the data, and if it names no domains or those of the data.
    Methods that can read the data are listed with their published settings, too.

    Args:
        data: The data set, as ``find_source`` takes it.
    """
    sources: dict[str, Source | None] = {}
    data = read_data_set(data)
    known = list_recipes()
    methods = dict.fromkeys(name.partition("/")[0] for name, _ in known)
    found: list[tuple[Layout, SuitableRecipe]] = []
    for name, description in [*known, *((method, "published settings") for method in methods)]:
        method, settings = resolve(name)
        cls = find_method(method, name)
        wanted = settings.pop("domains", ())
        config = build(cls.Config, settings, source=name)
        key = _key(cls, config)
        if key not in sources:
            sources[key] = _source(data, cls, config)
        source = sources[key]
        if source is None or (wanted and not _are_called(source.facts.domains, wanted)):
            continue
        if (config.smallest_zoom < 1) != _is_few(source):
            continue  # methods that zoom far into one large image, and all others
        small = description.startswith(_SMALL)
        paired = cls.layout == "paired" and source.domains[0].half is not None
        recipe = SuitableRecipe(name, description.removeprefix(_SMALL), bool(wanted), small, paired)
        found.append((cls.layout, recipe))
    if any(layout not in _ANY_FOLDER for layout, _ in found):
        found = [entry for entry in found if entry[0] not in _ANY_FOLDER]
    return sorted((recipe for _, recipe in found), key=_rank)


def _key(cls: type[Method], config: Config) -> str:
    """Return what determines whether a method can read a data set."""
    labels = {name: getattr(config, name, None) for name in _LABELS}
    return repr((cls.data_needs(config, ("domains",)), labels))


def _source(data: Any, cls: type[Method], config: Config) -> Source | None:
    """Return the images of a data set as a method reads them; None if it can't."""
    try:
        return find_source(data, config, **cls.data_needs(config, ("domains",)))
    except (ValueError, OSError):
        return None


def _are_called(names: Sequence[str], wanted: Sequence[str]) -> bool:
    """Return whether domains have the names of a recipe, or such that training takes for them."""
    return len(names) == len(wanted) and any(
        all(name == own or are_similar(name, own) for name, own in zip(order, wanted, strict=True))
        for order in permutations(names)
    )


def _is_few(source: Source) -> bool:
    """Return whether there is hardly more than one image per domain."""
    return sum(len(domain.train) for domain in source.domains) <= max(2, len(source.domains))


def _rank(recipe: SuitableRecipe) -> tuple[object, ...]:
    """Return what sorts recipes: own names, pairs, small ones, any photos, published ones."""
    experiment = recipe.name.partition("/")[2]
    general = experiment.startswith(("photos", "pairs"))
    return (
        not recipe.named, not recipe.paired, not recipe.small, not general, not experiment,
        recipe.name,
    )  # fmt: skip
