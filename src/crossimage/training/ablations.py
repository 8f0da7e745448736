"""Several trainings on the same data, measured side by side, as in MUNIT's table 1."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from crossimage.recipes import resolve
from crossimage.training.run import train

_SUFFIXES = (".yaml", ".yml")


class _Entry(BaseModel):
    """One training, as a list file has it."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    recipe: str
    settings: dict[str, Any] = {}


@dataclass(frozen=True)
class Variant:
    """One training.

    Attributes:
        name: What it is called in the table.
        recipe: The recipe, method or ``.yaml`` file that it follows.
        settings: What differs from the recipe.
    """

    name: str
    recipe: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """Name of its run's folder."""
        return re.sub(r"[^a-z0-9+.]+", "-", self.name.lower().replace("*", "-star")).strip("-.")


def find_variants(names: Sequence[str]) -> list[Variant]:
    """The trainings that users ask for.

    Args:
        names: Recipes and methods, and lists of trainings: those of the package by name, such as
            ``munit-table-1``, others as ``.yaml`` files that hold a list of ``name``, ``recipe``
            and, where something differs from the recipe, ``settings``.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: There is no recipe, method or list of that name, a file is neither, or two
            trainings have one name.
    """
    if not names:
        raise ValueError(f"nothing to train: give recipes, or a list such as {lists()[0]}")
    found: list[Variant] = []
    for name in names:
        listed = _shipped().get(name) or (Path(name) if name.endswith(_SUFFIXES) else None)
        entries = _read_list(listed) if listed and listed.is_file() else None
        if entries is None:
            resolve(name)
            found.append(Variant(name, name))
        else:
            found += entries
    folders = [variant.folder for variant in found]
    for variant in found:
        if not variant.folder or folders.count(variant.folder) > 1:
            raise ValueError(
                f"the name '{variant.name}' makes the folder '{variant.folder}', which is not one "
                "of its own; give every training its own name"
            )
        resolve(variant.recipe)
    return found


def lists() -> tuple[str, ...]:
    """Names of the lists of the package."""
    return tuple(sorted(_shipped()))


def train_variants(
    variants: Sequence[Variant], data: str, out: Path, overrides: Mapping[str, Any]
) -> int:
    """Train every variant in ``out``, or continue its training; finished ones are left alone.

    Args:
        variants: The trainings.
        data: The data set.
        out: Folder of the runs.
        overrides: Settings for all of them.

    Returns:
        0, or the exit status of the training that a signal stopped.

    Raises:
        ValueError: A training can't be made; those before it stay.
    """
    for variant in variants:
        settings = _merged(variant.settings, overrides)
        status = train(variant.recipe, data, out / variant.folder, settings)
        if status:
            return status
    return 0


def _merged(settings: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """A variant's settings with those for all, which win."""
    merged = dict(settings)
    for lengths in (("steps", "epochs"), ("decay_steps", "decay_epochs")):
        if set(lengths) & set(overrides):
            merged = {key: value for key, value in merged.items() if key not in lengths}
    for key, value in overrides.items():
        mine = merged.get(key)
        if isinstance(mine, Mapping) and isinstance(value, Mapping):
            value = {**mine, **value}
        merged[key] = value
    return merged


def _shipped() -> dict[str, Path]:
    folder = Path(str(files("crossimage.training"))) / "lists"
    return {path.stem: path for path in folder.glob("*.yaml")}


def _read_list(path: Path) -> list[Variant] | None:
    """The trainings of a list; None where the file is a recipe, which is no list."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} is no YAML file: {reason}") from None
    if isinstance(content, dict):
        return None
    try:
        entries = TypeAdapter(list[_Entry]).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(
            f"{path}: {place or 'the content'}: {first['msg']}; expected a list of trainings, each "
            "with name and recipe and, where something differs, settings"
        ) from None
    return [Variant(entry.name, entry.recipe, entry.settings) for entry in entries]
