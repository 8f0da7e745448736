"""Ablations: several runs on the same data, compared as in MUNIT's table 1."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from crossimage.config import build, merged
from crossimage.data.sources.domains.data_set import DataSet
from crossimage.recipes import resolve
from crossimage.training.listener import Listener
from crossimage.training.result import TrainingResult
from crossimage.utils.paths import expanded
from crossimage.utils.texts.shown import cut
from crossimage.utils.texts.yaml_text import parse_yaml, read_yaml_text

if TYPE_CHECKING:
    from crossimage.training.best.validator import Validator  # which imports PyTorch

_SUFFIXES = (".yaml", ".yml")


class _Entry(BaseModel):
    """One training, as written in a list file."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    recipe: str
    settings: dict[str, Any] = {}


@dataclass(frozen=True)
class Variant:
    """One training of an ablation.

    Attributes:
        name: Its name in the table.
        recipe: The recipe, method or ``.yaml`` file that it follows.
        settings: Settings that differ from the recipe.
        file: The list that it is from; None if it is a recipe or method itself.
    """

    name: str
    recipe: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    file: Path | None = field(default=None, compare=False)

    @property
    def origin(self) -> str:
        """What error messages name: the list and the recipe."""
        return f"{self.file}: {self.recipe}" if self.file else self.recipe

    @property
    def folder(self) -> str:
        """Name of its run's folder."""
        return re.sub(r"[^a-z0-9+.]+", "-", self.name.lower().replace("*", "-star")).strip("-.")


def find_variants(names: Sequence[str]) -> list[Variant]:
    """Resolve the names of recipes, methods and lists of trainings.

    Args:
        names: Recipes, methods, and lists of trainings: a built-in list such as ``munit-table-1``,
            or a ``.yaml`` file that holds a list of ``name``, ``recipe`` and, where something
            differs from the recipe, ``settings``.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: There is no recipe, method or list of that name, a file is neither a recipe nor
            a list, or two trainings have the same name.
    """
    if not names:
        raise ValueError(f"nothing to train: give recipes, or a list such as {lists()[0]}")
    variants: list[Variant] = []
    for name in names:
        path = _built_in().get(name) or (expanded(Path(name)) if name.endswith(_SUFFIXES) else None)
        entries = _read_list(path) if path and path.is_file() else None
        if entries is None:
            resolve(name)
            variants.append(Variant(name, name))
        else:
            variants += entries
    folders = [variant.folder for variant in variants]
    for variant in variants:
        file = f"{variant.file}: " if variant.file else ""
        if not variant.folder or folders.count(variant.folder) > 1:
            raise ValueError(
                f"{file}the name '{cut(variant.name)}' leads to the run folder "
                f"'{cut(variant.folder)}', which is empty or taken; give every training a "
                "different name"
            )
        try:
            resolve(variant.recipe)
        except (FileNotFoundError, ValueError) as error:
            raise type(error)(f"{file}{error}") from None
    return variants


def lists() -> tuple[str, ...]:
    """Return the names of the built-in lists."""
    return tuple(sorted(_built_in()))


def check_variants(variants: Sequence[Variant], overrides: Mapping[str, Any]) -> None:
    """Check the settings of all variants, before the first of them is trained.

    Args:
        variants: The trainings.
        overrides: Settings that all variants share.

    Raises:
        ValueError: The settings of a variant cannot be used.
    """
    from crossimage.methods import find_method  # which imports PyTorch

    for variant in variants:
        method, settings = resolve(variant.recipe)
        config = find_method(method, variant.recipe).Config
        build(config, settings, merged(variant.settings, overrides), source=variant.origin)


def train_variant(
    variant: Variant,
    data: DataSet,
    out: Path,
    overrides: Mapping[str, Any],
    listener: Listener,
    validator: Callable[[], Validator] | None = None,
) -> TrainingResult:
    """Train a variant in its folder, or continue its training; a finished run stays as it is.

    Args:
        variant: The training.
        data: The data set.
        out: Folder of all runs.
        overrides: Settings that all variants share; they override the variant's own.
        listener: Receives progress and messages.
        validator: Makes what evaluates it on its way, if its settings ask for that.

    Raises:
        ValueError: The settings or the data cannot be used, or the training diverged.
        FileNotFoundError: A file is missing.
    """
    from crossimage.training.run import run_training  # which imports PyTorch

    settings = merged(variant.settings, overrides)
    return run_training(
        variant.recipe, data, out / variant.folder, settings, validator=validator, listener=listener
    )


def _built_in() -> dict[str, Path]:
    folder = Path(str(files("crossimage.training"))) / "lists"
    return {path.stem: path for path in folder.glob("*.yaml")}


def _read_list(path: Path) -> list[Variant] | None:
    """Read the trainings of a list file; None if the file is a recipe instead."""
    text = read_yaml_text(path)
    try:
        content = parse_yaml(text)
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} is not a YAML file: {reason}") from None
    if isinstance(content, dict):
        return None
    try:
        entries = TypeAdapter(list[_Entry]).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ValueError(
            f"{path}: {cut(key) or 'the content'}: {cut(first['msg'])}; expected a list of "
            "trainings, each with name, recipe and, where something differs from the recipe, "
            "settings"
        ) from None
    return [Variant(entry.name, entry.recipe, entry.settings, path) for entry in entries]
