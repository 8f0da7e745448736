"""Measuring several runs, one after the other, into one report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from crossimage.evaluation.galleries.base import Gallery, Results
from crossimage.evaluation.galleries.labels import Relabelled
from crossimage.evaluation.galleries.samples import Samples
from crossimage.evaluation.galleries.translations import Translations
from crossimage.evaluation.metrics.diversity import Amounts
from crossimage.evaluation.networks.open import Tools
from crossimage.evaluation.options import Options
from crossimage.evaluation.report.page import NOT_COMPARABLE, Evaluation, as_table, write_report
from crossimage.evaluation.run_metrics import choose, evaluate
from crossimage.inference.translator import Translator, load
from crossimage.utils.arguments import find_device
from crossimage.utils.files import as_path
from crossimage.utils.progress import shown


def compare_runs(
    runs: Sequence[tuple[str, str | Path]], data: str, options: Options, out: Path
) -> list[Evaluation]:
    """Measure trained models on the test images of a data set, and write a report.

    Args:
        runs: What each is called, and its run folder or model file.
        data: The data set.
        options: What is measured.
        out: Folder of the report.

    Raises:
        FileNotFoundError: A run, a folder or a network's weights are missing.
        ValueError: The data does not fit a model, or something can't be measured.
    """
    asked = {"runs": [str(run) for _, run in runs], "data": data}

    def opened(title: str, run: str | Path) -> Gallery:
        gallery = open_gallery(title, load(run, options.device), data, options)
        gallery.facts["model"] = str(run)
        return gallery

    return _compare([partial(opened, *run) for run in runs], asked, options, out)


def titles_of(paths: Sequence[str]) -> list[str]:
    """The shortest end of each path that tells it from the others, such as ``munit``."""
    parts = [Path(path).parts or (path,) for path in paths]
    titles = []
    for own in parts:
        ends = (own[-n:] for n in range(1, len(own) + 1))
        unlike = (end for end in ends if sum(end == one[-len(end) :] for one in parts) == 1)
        titles.append(str(Path(*next(unlike, own))))
    return titles


def open_gallery(title: str, model: Translator, data: str, options: Options) -> Gallery:
    """The gallery of a trained model, of whatever kind its method is.

    Args:
        title: What the gallery is called.
        model: The trained model.
        data: The data set.
        options: The target, the seed and how much is measured.

    Raises:
        FileNotFoundError: A folder or a file of the data set is missing.
        ValueError: The data does not fit the model, or there is no such target.
    """
    if model.networks.labels:
        return Relabelled(title, model, data, options.to, options.seed)
    if model.networks.targets:
        return Translations(title, model, data, options.to, options.seed)
    for flag, value in (("--to", options.to), ("--samples", options.samples)):
        if value is not None:
            raise ValueError(
                f"{title} is a {model.method}, which makes images of noise: leave out {flag}; "
                "--inputs says how many images it makes"
            )
    return Samples(title, model, data, options.inputs, options.seed)


def compare_folders(fake: Path, real: Path, options: Options, out: Path) -> list[Evaluation]:
    """Measure a folder of results beside one of real images, and write a report.

    Args:
        fake: The results; ``name_1.png``, ``name_2.png``, ... are answers to one input.
        real: The real images.
        options: What is measured.
        out: Folder of the report.

    Raises:
        FileNotFoundError: A folder or a network's weights are missing.
        ValueError: A folder holds no images, or something can't be measured.
    """
    asked = {"fake": str(fake), "real": str(real)}
    return _compare([partial(Results, fake, real)], asked, options, out)


def write(out: Path, evaluations: Sequence[Evaluation], settings: dict[str, Any]) -> None:
    """Write the report, and print its table.

    Args:
        out: Folder of the report.
        evaluations: What was measured.
        settings: What was asked for, as plain data.
    """
    several = len(evaluations) > 1
    title = f"{len(evaluations)} models compared" if several else evaluations[0].title
    write_report(out, title, settings, evaluations)
    lines = as_table(evaluations)
    if not several:  # one figure a line
        lines = [list(line) for line in zip(*lines, strict=True)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for first, *rest in lines:
        cells = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
        print("  ".join([first.ljust(widths[0]), *cells]))
    for one in evaluations:
        for name, reason in one.missing.items():
            print(f"– no {name} of {one.title}: {reason}")
    if not all(figure.comparable for one in evaluations for figure in one.figures):
        print(f"* {NOT_COMPARABLE}")
    print(f"report written to {out / 'report.html'}")


def _compare(
    galleries: Sequence[Callable[[], Gallery]], asked: dict[str, Any], options: Options, out: Path
) -> list[Evaluation]:
    options.check()
    tools = Tools(
        find_device(options.device),
        options.features,
        options.lpips,
        options.lpips_weights,
        _file(options.classifier, "--classifier"),
        _file(options.segmenter, "--segmenter"),
    )
    amounts = Amounts(options.inputs, options.samples, options.seed)
    # All is checked before the first is measured; open one at a time, models need little memory.
    choices = choose(options.names, (opened() for opened in galleries), tools, amounts)
    tools.open({name for choice in choices for name in choice.names})
    out.mkdir(parents=True, exist_ok=True)
    found = []
    for opened, choice in zip(galleries, choices, strict=True):
        evaluation = evaluate(opened(), choice.names, tools, amounts, shown)
        found.append(replace(evaluation, missing=choice.missing))
    write(out, found, asked | options.to_dict())
    return found


def _file(path: str | None, flag: str) -> Path | None:
    if path is None:
        return None
    if not (found := as_path(path, flag)).is_file():
        raise FileNotFoundError(f"there is no file {path}, which {flag} names")
    return found
