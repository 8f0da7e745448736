"""``crossimage train`` and ``crossimage recipes``."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import Positional

from crossimage.cli.arguments import MaxPixels, limit_pixels
from crossimage.cli.commands import parse
from crossimage.cli.early import check_data
from crossimage.data.sources.domains.data_set import as_text
from crossimage.training.schedule.request import Request
from crossimage.utils.machine.slurm import adopt_slurm_tasks
from crossimage.utils.names import check_device_name
from crossimage.utils.numbers import whole
from crossimage.utils.paths import as_path
from crossimage.utils.texts.counts import listed, verb
from crossimage.utils.texts.help_text import fill
from crossimage.utils.texts.setting_names import setting_of


def train(
    recipe: Annotated[Positional[str | None], tyro.conf.arg(metavar="RECIPE|METHOD")] = None,
    data: Annotated[str | None, tyro.conf.arg(metavar="DIR")] = None,
    out: Annotated[str | None, tyro.conf.arg(metavar="RUN")] = None,
    resume: Annotated[str | None, tyro.conf.arg(metavar="RUN")] = None,
    init: Annotated[str | None, tyro.conf.arg(metavar="RUN")] = None,
    budget: Annotated[str | None, tyro.conf.arg(metavar="TIME")] = None,
    finish: Annotated[str | None, tyro.conf.arg(metavar="TIME")] = None,
    devices: int | None = None,
    device: str = "auto",
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
        out: The run's folder; if it holds a run with the same settings, that run is continued. By
            default runs/<data>-<method>-001: an unfinished run of the same command is continued,
            and otherwise the next number is taken.
        resume: Continue this run; it knows its settings and data, so nothing else is needed.
        init: Run, model file, checkpoint or address of a model (hf://OWNER/NAME) whose networks and
            weights a new run starts from, including the discriminators if it is a run or
            checkpoint.
        budget: Time for a new run, such as 90s, 20m, 2h or 1d: the number of steps is
            chosen by their speed, and the schedule is scaled to it.
        finish: Finish a run already started within this time; its learning rate falls to 0.
        devices: Number of processes on this machine, each with its own device (1).
        device: Where to compute: auto, cpu, cuda, cuda:1, mps, ...
        accept_data_change: Continue a run although its images have changed, such as after
            unreadable ones were removed; the run records the change.
        max_pixels: Most pixels an image may have, by default 268,435,456; larger
            images are refused.
    """
    limit_pixels(max_pixels)
    # only parses: the method's settings, which are not known here, are parsed in run_train
    return {
        "recipe": recipe,
        "data": data,
        "out": None if out is None else as_path(out, "--out"),
        "resume": None if resume is None else as_path(resume, "--resume"),
        "init_from": init,
        "budget": budget,
        "finish": finish,
        "devices": devices,
        "device": device,
        "accept_data_change": accept_data_change,
    }


def run_train(arguments: list[str]) -> int:
    """Parse the arguments of ``crossimage train`` and train; return the exit status."""
    if {"-h", "--help"} & set(arguments[1:]) and not arguments[0].startswith("-"):
        _print_settings(arguments[0])
        return 0
    adopt_slurm_tasks()
    _check_options(arguments)
    known, rest = parse(train, "crossimage train", arguments, return_unknown_args=True)
    if known["resume"] and known["recipe"] and "=" in known["recipe"]:
        rest, known["recipe"] = [known["recipe"], *rest], None  # a setting, not a recipe
    from crossimage.cli.overrides import parse_overrides
    from crossimage.recipes import resolve

    if known["recipe"] is not None:
        resolve(known["recipe"])  # before settings, among which is a recipe that follows the data
    if rest and known["data"] is None and os.path.exists(rest[0]):
        raise ValueError(f"'{rest[0]}' is not a setting; the data set is given as --data {rest[0]}")
    overrides = parse_overrides(rest)
    run = known.pop("resume")
    more = [*(["--data", known["data"]] if known["data"] else []), *rest] if run else None
    resumed = _resumed(run, known, overrides, rest) if run else nullcontext((arguments, None))
    with resumed as (words, folder):
        # mistakes are named before PyTorch is loaded, as far as they can be seen without
        if known["recipe"] is not None:
            settings_of(known["recipe"], overrides)
        check_device_name(known["device"])
        _check_complete(known)
        request = Request.read(known["budget"], known["finish"], overrides)
        if request:
            request.check_begun(known["out"])
        check_data(known["data"], moved=bool(run))
        from crossimage.checkpoints.addresses import model_path
        from crossimage.cli.console import ConsoleListener
        from crossimage.training.processes.watchdog import tied_together

        listener = ConsoleListener(["train", *words], folder, more)
        known["devices"] = known["devices"] or 1
        if known["init_from"] is not None:
            known["init_from"] = model_path(known["init_from"], "--init")
        with tied_together(known["devices"]):
            from crossimage.training.run import run_training  # which takes seconds
            from crossimage.validation.by_metric import by_metric

            result = run_training(
                **known, overrides=overrides, validator=by_metric, listener=listener
            )
        return listener.report(result)


def settings_of(recipe: str, overrides: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return a recipe's method and settings, refusing unknown ones and those that override them.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The recipe or method is unknown, or a setting is.
    """
    from crossimage.recipes import resolve
    from crossimage.recipes.keys import check_keys, check_values

    method, settings = resolve(recipe)
    check_keys(method, settings, recipe)
    options = [f"--{name.replace('_', '-')}" for name in inspect.signature(train).parameters]
    check_keys(method, overrides, recipe, options[1:])
    check_values(method, recipe, settings, overrides)
    return method, settings


def _check_complete(known: dict[str, Any]) -> None:
    """Refuse a command without a recipe, data or a run's folder."""
    names = {"recipe": "a recipe or method", "data": "--data"}
    missing = [name for key, name in names.items() if known[key] is None]
    if missing:
        what = f"{listed(missing)} {verb(len(missing), 'are')} missing"
        if known["finish"]:
            raise ValueError(
                f"{what}; a run that has begun is ended with `crossimage train --resume "
                f"RUN --finish {known['finish']}`"
            )
        raise ValueError(
            f"{what}: expected `crossimage train RECIPE --data DIR`, or "
            "`crossimage train --resume RUN` to continue a run"
        )
    if known["devices"] is not None:
        whole(known["devices"], "devices", 1)


@contextmanager
def _resumed(
    run: Path, known: dict[str, Any], overrides: dict[str, Any], rest: list[str]
) -> Iterator[tuple[list[str], Path | None]]:
    """Complete the arguments by what a run has recorded, and work in the folder it was begun in.

    Yields:
        The arguments of a command that would continue the run without ``--resume``, and the folder
        in which they apply, unless it is the current one.
    """
    from crossimage.training.resume import RecordedRun

    for key, name in (("recipe", None), ("out", "--out"), ("init_from", "--init")):
        if known[key] is not None:
            what = name or f"'{known[key]}'"
            raise ValueError(
                f"--resume continues {run} with its own settings in its own folder; leave out "
                f"{what}, or use --init {run} to start a new run from its weights"
            )
    recorded = RecordedRun.read(run)
    here = Path.cwd()
    if known["data"] is None:
        if recorded.data is None:
            raise ValueError(f"{run} does not record where its images are; add --data DIR")
        known["data"], folder = recorded.data, recorded.folder
    else:
        folder = here
    known |= {"recipe": str(recorded.recipe), "out": recorded.run}
    elsewhere = folder.resolve() if folder.resolve() != here else None
    if not elsewhere:
        known |= {"recipe": str(run / "config.yaml"), "out": run}
    known["devices"] = known["devices"] or recorded.devices
    for key, value in recorded.settings.items():
        overrides.setdefault(key, value)
    data = as_text(known["data"])
    with chdir(folder):
        yield [known["recipe"], "--data", data, "--out", str(known["out"]), *rest], elsewhere


def _check_options(arguments: list[str]) -> None:
    """Refuse options of other codebases in place of ours."""
    names = [argument.partition("=")[0] for argument in arguments]
    if {"--data", "--out"} <= set(names) or "--resume" in names:
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
    from crossimage.recipes.described import describe

    settings = describe(*settings_of(recipe, {}), recipe)
    usage = f"crossimage train {recipe} --data DIR [--out RUN] [OPTIONS] [key=value ...]"
    print(fill(usage, "usage: ", " " * 7))
    print("\n`crossimage train --help` describes the options, such as --budget and --finish.\n")
    text = "Settings with their values in this recipe; change them as key=value or --key value:"
    print(f"{fill(text)}\n")
    for setting in settings:
        choices = f" One of {', '.join(setting.choices)}." if setting.choices else ""
        text = setting.text + choices
        print(f"  {setting.name}={setting.value}")
        print(fill(text, " " * 6, " " * 6))


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
    method, settings = settings_of(recipe, overrides or {})
    from crossimage.methods import find_method

    cls = find_method(method, recipe)
    return cls, build(cls.Config, settings, overrides or {}, source=recipe)
