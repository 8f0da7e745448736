"""The command ``crossimage evaluate``: parse, call, print.

As in all of the command line, what a command needs is imported inside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import tyro
from tyro.conf import Positional

from crossimage.cli.arguments import (
    Changes,
    MaxPixels,
    Threads,
    limit_pixels,
    use_threads,
)
from crossimage.cli.commands import parse
from crossimage.cli.early import check_counts, check_data, check_early, check_paths
from crossimage.cli.overrides import collect_settings, parse_overrides
from crossimage.evaluation.metrics import METRICS
from crossimage.evaluation.options import ClassifierName, File, Options, SegmenterName, check_given
from crossimage.utils.paths import as_path
from crossimage.utils.streams import print_error, print_line

if TYPE_CHECKING:
    from crossimage.evaluation.report.result import EvaluationResult

Runs = Annotated[tuple[str, ...], tyro.conf.arg(metavar="RUN...")]
Recipes = Annotated[tuple[str, ...], tyro.conf.arg(metavar="RECIPE... [KEY=VALUE...]")]
Folder = Annotated[str | None, tyro.conf.arg(metavar="DIR")]
Real = Annotated[str | None, tyro.conf.arg(metavar="DIR|FILE.npz")]
Video = Annotated[str | None, tyro.conf.arg(metavar="FILE|DIR")]
Needed = Annotated[str, tyro.conf.arg(metavar="DIR")]
Written = Annotated[str, tyro.conf.arg(metavar="FILE")]
Chosen = Annotated[Options, tyro.conf.arg(name="")]

_DEFAULT = Options()

T = TypeVar("T")


def evaluate(
    runs: Positional[Runs] = (),
    *,
    data: Folder = None,
    fake: Folder = None,
    real: Real = None,
    video: Video = None,
    study: Folder = None,
    out: Needed = "evaluation",
    max_pixels: MaxPixels = None,
    threads: Threads = None,
    set: Changes = (),
    options: Chosen = _DEFAULT,
) -> None:
    """Evaluate trained models, or a folder of results, and write a report.

    Also: fit-classifier, fit-segmenter, invariance and ablate, each with --help.

    Args:
        runs: Run folders or model files, evaluated side by side.
        data: The data set whose test images are translated, as for training; without test images,
            those that training held out.
        fake: A folder of results to evaluate instead of runs, grouped by crossimage.jsonl, by the
            names of official codebases (x_fake_B.png), or by numbers (name_1.png, ...).
        real: The folder of real images to compare these with, by default the x_real_B.png of an
            official folder; or an .npz file of their statistics (clean-fid, pytorch-fid), which
            fid is computed from.
        video: A video, a GIF or animated WebP, or a folder of numbered frames (frame_00001.png and
            so on), for flicker: runs translate it, or --fake is its translation. With --inputs, its
            first frames count.
        study: Folder of a study with people that was analysed, whose figures are added.
        out: Folder for report.json and report.html; earlier reports there are kept, and the new one
            gets a number.
        max_pixels: Most pixels an image may have, by default 268,435,456; larger
            images are refused.
        threads: CPU threads to use; by default one per core that nothing else uses.
        set: Settings that may be changed after training, such as test_mode=eval or
            value_range=0,4095; --set may be omitted.
        options: What is evaluated.
    """
    limit_pixels(max_pixels)
    settings = parse_overrides(set)
    options.check()
    _check_no_metrics(runs, options)
    check_early(*runs, device=options.device, threads=threads)
    check_data(data)
    check_paths(fake=fake, real=real, video=video, study=study)
    check_given(runs, data=data, fake=fake, real=real, video=video, settings=settings)
    if fake is not None and real is None and video is None:
        from crossimage.evaluation.galleries.results import real_beside

        real_beside(as_path(fake, "--fake"), options.to)
    use_threads(threads, options.device)
    _evaluate(
        runs, data=data, fake=fake, real=real, video=video, study=study, out=out, options=options,
        settings=settings,
    )  # fmt: skip


def _check_no_metrics(runs: Sequence[str | Path], options: Options) -> None:
    """Refuse metrics in the place of runs, as if --metrics took several words.

    Raises:
        ValueError: There are some.
    """
    metrics = [str(run) for run in runs if str(run) in METRICS and not Path(run).exists()]
    if metrics:
        names = ",".join([*options.names, *metrics])
        raise ValueError(
            f"{metrics[0]} is a metric, not a run; put commas and no spaces between metrics: "
            f"--metrics {names}"
        )


def _evaluate(
    runs: Sequence[str | Path], *, out: str | Path, options: Options, **more: Any
) -> None:
    """Evaluate, print the result and say where the report is."""
    from crossimage.evaluation.api import evaluate as run_evaluation
    from crossimage.utils.progress import StderrProgress

    folder = as_path(out, "--out")
    with StderrProgress() as progress:
        result = run_evaluation(*runs, out=folder, on_progress=progress, **vars(options), **more)
    _show(result)


def _show(result: EvaluationResult) -> None:
    for evaluation in result:
        for note in evaluation.notes:
            print_error(f"{evaluation.title}: {note}")
    print_line(str(result))
    print_line(f"report written to {result.report_html}")


def fit_classifier(
    *,
    data: Needed,
    out: Written,
    network: ClassifierName = "resnet18",
    size: int | None = None,
    epochs: int = 20,
    flip: bool = True,
    weights: File = None,
    seed: int = 0,
    device: str = "auto",
    max_pixels: MaxPixels = None,
) -> None:
    """Train a classifier on real images in class folders, for cis, accuracy and error.

    Args:
        data: Folder with train/<class> and, held out, test/<class>; or of class folders, or these
            as cats=DIR,dogs=DIR, with a tenth of each class held out.
        out: The file to write (.safetensors).
        network: resnet18_small is for images of about 32 pixels, such as digits; conditional
            inception scores were published with inception_v3.
        size: Height and width that images are fitted to, ideally those of the images to be
            evaluated; by default 128, 32 and 299 pixels.
        epochs: Passes over the images.
        flip: Mirror images at random; not for digits, whose mirror images belong to no class.
        weights: imagenet, or a file of these weights, to start from; by default random ones.
        seed: Seed of the initialisation, the split and the order of the images.
        device: Where to compute: auto, cpu, cuda, cuda:1, ...
        max_pixels: Most pixels an image may have, by default 268,435,456; larger
            images are refused.
    """
    limit_pixels(max_pixels)
    path = as_path(out, "--out")
    _check_fit(data, size, epochs, weights, device)
    from crossimage.evaluation.fitting.classifier import fit_classifier as fit

    accuracy = _fit(
        fit, data, path, epochs, device,
        network=network, size=size, flip=flip, weights=weights, seed=seed,
    )  # fmt: skip
    low, high = accuracy.interval or (accuracy.value, accuracy.value)
    print_line(
        f"{accuracy.value:.2%} of {accuracy.count} held-out images classified correctly (95 % "
        f"interval {low:.2%} to {high:.2%}); classifier written to {path}"
    )
    for warning in accuracy.warnings:
        print_error(f"crossimage: {warning}")


def fit_segmenter(
    *,
    data: Needed,
    palette: Written,
    out: Written,
    network: SegmenterName = "fcn_resnet50",
    size: int = 256,
    epochs: int = 100,
    weights: File = None,
    seed: int = 0,
    device: str = "auto",
    max_pixels: MaxPixels = None,
) -> None:
    """Train a segmenter on real photos with label maps, for FCN scores.

    Args:
        data: Pairs of photos and label maps in the layouts of paired training; test pairs are held
            out, or a tenth of all.
        palette: Table of the classes and their colours: CSV with the columns name,r,g,b; the class
            void does not count.
        out: The file to write (.safetensors).
        network: The last one is by far the lightest.
        size: Length that the images' shortest sides are resized to, ideally that of the images to
            be evaluated.
        epochs: Passes over the pairs.
        weights: imagenet, or a file of these weights, to start from; by default random ones.
        seed: Seed of the initialisation, the split and the order of the images.
        device: Where to compute: auto, cpu, cuda, cuda:1, ...
        max_pixels: Most pixels an image may have, by default 268,435,456; larger
            images are refused.
    """
    limit_pixels(max_pixels)
    path, table = as_path(out, "--out"), as_path(palette, "--palette")
    _check_fit(data, size, epochs, weights, device)
    check_paths(palette=palette)
    from crossimage.evaluation.fitting.segmenter import fit_segmenter as fit

    figures = _fit(
        fit, data, path, epochs, device,
        palette=table, network=network, size=size, weights=weights, seed=seed,
    )  # fmt: skip
    pixel, classes, iou = (f"{figure.value:.3f}" for figure in figures)
    print_line(
        f"{figures[0].count} held-out photos: per-pixel accuracy {pixel}, per-class accuracy "
        f"{classes}, mean class IoU {iou}; segmenter written to {path}"
    )


def _check_fit(data: str, size: int | None, epochs: int, weights: str | None, device: str) -> None:
    """Refuse what no network can be trained on or from, before PyTorch is loaded."""
    check_early(device=device)
    check_counts(size=size, epochs=epochs)
    check_data(data)
    check_paths(weights=None if weights == "imagenet" else weights)


def _fit(fit: Callable[..., T], data: str, out: Path, epochs: int, device: str, **more: Any) -> T:
    """Train a network for metrics, with its progress on stderr."""
    from crossimage.utils.devices import find_device
    from crossimage.utils.progress import StderrProgress

    use_threads(device=device)
    with StderrProgress(lines={"training": epochs}) as progress:
        return fit(data, out, epochs=epochs, device=find_device(device), progress=progress, **more)


def invariance(
    *,
    data: Needed,
    out: Needed = "evaluation",
    weights: File = None,
    seed: int = 0,
    device: str = "auto",
    max_pixels: MaxPixels = None,
) -> None:
    """Check on pairs whether the perceptual distance sees the scene, not the domain.

    With instance normalisation, images of one scene are closer than of one domain.

    This is MUNIT's appendix C.

    Args:
        data: Pairs of images of one scene in two domains.
        out: Folder for report.json and report.html.
        weights: A file of the network's weights, or random; by default those of the cache.
        seed: Seed of the choice of the scenes that are compared.
        device: Where to compute: auto, cpu, cuda, cuda:1, ...
        max_pixels: Most pixels an image may have, by default 268,435,456; larger
            images are refused.
    """
    limit_pixels(max_pixels)
    folder = as_path(out, "--out")
    check_early(device=device)
    check_data(data)
    check_paths(weights=None if weights == "random" else weights)
    from crossimage.evaluation.metrics.invariance import check_invariance
    from crossimage.evaluation.report.page import Evaluation, check_out
    from crossimage.evaluation.report.result import report_result
    from crossimage.utils.devices import find_device

    check_out(folder)
    use_threads(device=device)
    figures, histograms = check_invariance(data, weights, find_device(device), seed)
    evaluation = Evaluation("domain invariance", {"data": data}, figures, histograms=histograms)
    settings = {"data": data, "seed": seed} | ({"weights": weights} if weights else {})
    _show(report_result([evaluation], settings, folder))


def ablate(
    recipes: Positional[Recipes],
    *,
    data: Needed,
    out: Needed,
    max_pixels: MaxPixels = None,
    options: Chosen = _DEFAULT,
) -> dict[str, Any]:
    """Train several recipes on the same data and evaluate them side by side.

    Finished runs are not trained again; interrupted ones are continued.

    Args:
        recipes: Recipes, methods, and lists of trainings: munit-table-1, or .yaml files that hold
            a list of name, recipe and settings. Settings that all of them share may follow as
            key=value.
        data: The data set.
        out: Folder of the runs and of the report.
        max_pixels: Most pixels an image may have, by default 268,435,456; larger
            images are refused.
        options: What is evaluated.
    """
    limit_pixels(max_pixels)
    # Only parses: settings that follow the options are handed to _ablate.
    return {"recipes": recipes, "data": data, "out": as_path(out, "--out"), "options": options}


def _ablate(
    recipes: Sequence[str], data: str, out: Path, options: Options, settings: Sequence[str]
) -> None:
    options.check()
    check_early(device=options.device)
    from crossimage.training.ablations import check_variants, find_variants, train_variant

    shared = parse_overrides([*(word for word in recipes if "=" in word), *settings])
    variants = find_variants([word for word in recipes if "=" not in word])
    check_data(data)
    from crossimage.cli.console import ConsoleListener
    from crossimage.evaluation.report.page import check_out
    from crossimage.validation.by_metric import by_metric

    check_out(out)
    check_variants(variants, shared)
    for variant in variants:
        listener = ConsoleListener()
        result = train_variant(variant, data, out, shared, listener, by_metric)
        status = listener.report(result)
        if status:
            raise SystemExit(status)
    runs = [out / variant.folder for variant in variants]
    titles = [variant.name for variant in variants]
    _evaluate(runs, titles=titles, data=data, out=out, options=options)


COMMANDS: dict[str, Callable[..., Any]] = {
    "fit-classifier": fit_classifier,
    "fit-segmenter": fit_segmenter,
    "invariance": invariance,
    "ablate": ablate,
}
"""Subcommands of ``crossimage evaluate``."""


def main(arguments: list[str]) -> int:
    """Run ``crossimage evaluate`` with these arguments and return the exit status."""
    command = COMMANDS.get(arguments[0]) if arguments else None
    name, rest = (arguments[0], arguments[1:]) if command else ("", arguments)
    run = partial(
        parse,
        command or evaluate,
        f"crossimage evaluate {name}".rstrip(),
        (rest if command else collect_settings(rest)) or ["--help"],
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    if command is ablate:
        known, settings = run(return_unknown_args=True)
        _ablate(**known, settings=settings)
    else:
        run()
    return 0
