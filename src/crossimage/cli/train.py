"""``crossimage train`` and ``crossimage recipes``."""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Annotated, Any

import tyro
from tyro.conf import Positional

from crossimage.cli.arguments import (
    NUMBERS,
    Data,
    MaxPixels,
    Recipe,
    Run,
    limit_pixels,
)
from crossimage.utils.files import as_path
from crossimage.utils.setting_names import setting_of


def train(
    recipe: Positional[Recipe],
    data: Data,
    out: Run,
    init: Annotated[str | None, tyro.conf.arg(metavar="RUN")] = None,
    devices: int = 1,
    accept_data_change: bool = False,
    max_pixels: MaxPixels = None,
) -> dict[str, Any]:
    """Train a method on images, or continue a run.

    Args:
        recipe: A recipe (`crossimage recipes` lists them), a method or a .yaml file. Settings may
            follow as key=value or --key value; `crossimage train RECIPE --help` lists them.
        data: The folders of the domains as cats=DIR,dogs=DIR; or a folder of such folders, with
            trainA and trainB, or of side-by-side pairs; or lists of files as A=a.txt,B=b.txt. For
            stargan: class folders or tables of attributes, several of them separated by commas; for
            srgan and gan: one folder of images or list of files.
        out: The run's folder; if it holds a run with the same settings, that run is continued.
        init: Run, model file or checkpoint whose networks and weights a new run starts from,
            including the discriminators if it is a run or checkpoint.
        devices: Number of processes on this machine, each with its own device.
        accept_data_change: Continue a run although its images are others than before, such as after
            unreadable ones were removed; the run records the change.
        max_pixels: Pixels of an image that are decoded at once, by default 268,435,456; larger
            images are refused.
    """
    limit_pixels(max_pixels)
    # only parses: the method's settings, which are not known here, are parsed in run_train
    return {
        "recipe": recipe,
        "data": data,
        "out": as_path(out, "--out"),
        "init_from": None if init is None else as_path(init, "--init"),
        "devices": devices,
        "accept_data_change": accept_data_change,
    }


def run_train(arguments: list[str]) -> int:
    """Parse the arguments of ``crossimage train`` and train; return the exit status."""
    if {"-h", "--help"} & set(arguments[1:]) and not arguments[0].startswith("-"):
        _print_settings(arguments[0])
        return 0
    _check_options(arguments)
    known, rest = tyro.cli(
        train, prog="crossimage train", args=arguments, return_unknown_args=True, registry=NUMBERS
    )
    from crossimage.cli.overrides import parse_overrides

    overrides = parse_overrides(rest)
    from crossimage.cli.console import ConsoleListener
    from crossimage.training.run import run_training

    listener = ConsoleListener(["train", *arguments])
    return listener.report(run_training(**known, overrides=overrides, listener=listener))


def _check_options(arguments: list[str]) -> None:
    """Refuse options of other codebases in place of ours."""
    names = [argument.partition("=")[0] for argument in arguments]
    if {"--data", "--out"} <= set(names):
        return
    for argument, name in zip(arguments, names, strict=True):
        hint = setting_of(name.removeprefix("--").replace("-", "_"), ())
        if hint and hint.startswith("it is called '--") and argument != name.removeprefix("--"):
            raise ValueError(f"unknown option '{name}'; {hint}")


def recipes() -> None:
    """List the recipes: published experiments that are ready to train."""
    from crossimage.recipes import list_recipes

    known = list_recipes()
    width = max((len(name) for name, _ in known), default=0)
    for name, description in known:
        print(f"{name:{width}}  {description}".rstrip())


def _print_settings(recipe: str) -> None:
    """Print every setting of a recipe's method, its value in the recipe and its meaning."""
    _, config = configured(recipe)
    print(f"usage: crossimage train {recipe} --data DIR --out RUN [key=value ...]\n")
    print("Settings with their values in this recipe; change them as key=value or --key value:\n")
    for key, value, text in _described(config):
        print(f"  {key}={_as_text(value)}")
        print(textwrap.fill(text, 88, initial_indent=" " * 6, subsequent_indent=" " * 6))


def configured(recipe: str | None, overrides: dict[str, Any] | None = None) -> tuple[Any, Any]:
    """Return the method's class and the config of a recipe or method.

    Args:
        recipe: Its name, or a ``.yaml`` file; None for the settings that all methods share, with
            None in place of a class.
        overrides: Settings that override the recipe's.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The recipe or method is unknown, or a setting is unknown or invalid.
    """
    from crossimage.config import Config, build

    if recipe is None:
        return None, build(Config, overrides or {})
    from crossimage.recipes import resolve

    method, settings = resolve(recipe)
    from crossimage.methods import find_method

    cls = find_method(method, recipe)
    return cls, build(cls.Config, settings, overrides or {}, source=recipe)


def _described(config: Any, prefix: str = "") -> Iterator[tuple[str, Any, str]]:
    """Yield the dotted name, value and description of every setting of a config."""
    texts: dict[str, str] = {}
    for cls in reversed(type(config).__mro__):
        _, _, attributes = (inspect.getdoc(cls) or "").partition("Attributes:\n")
        texts |= dict(re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE))
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from _described(value, f"{prefix}{field.name}.")
        else:
            text = " ".join(texts.get(field.name, "").replace("``", "").split())
            yield prefix + field.name, value, text


def _as_text(value: Any) -> str:
    """Format a value as the command line accepts it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, tuple | list):
        if any(isinstance(part, tuple | list) for part in value):
            return f"[{','.join(f'[{_as_text(part)}]' for part in value)}]"
        return ",".join(map(str, value))
    return str(value)
