"""``crossimage translate``, ``crossimage ledger`` and ``crossimage sample``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from tyro.conf import Positional

from crossimage.cli.arguments import (
    Changes,
    Inputs,
    MaxPixels,
    Out,
    References,
    Run,
    Style,
    Threads,
    limit_pixels,
    parse_shard,
    parse_style,
    use_threads,
)
from crossimage.cli.early import check_counts, check_early, check_inputs
from crossimage.cli.pipes import PIPE, check_single, read_pipes, results_folder, write_stdout
from crossimage.data.stores.addresses import local_path, store_address
from crossimage.data.stores.missing import is_missing, missing
from crossimage.inference.output_types import check_results_folder, suffix_of
from crossimage.utils.paths import as_path
from crossimage.utils.progress import StderrProgress
from crossimage.utils.streams import print_error, print_line, printable
from crossimage.utils.texts.counts import counted

if TYPE_CHECKING:
    from crossimage.bulk.cluster import Cluster

_NAMED = 10  # files of a kind that are named

SOME_SKIPPED = 3
"""Exit status when some inputs were skipped and everything else was written."""


def translate(
    run: Positional[Run],
    inputs: Positional[Inputs],
    *,
    out: Out,
    to: str | None = None,
    samples: int = 1,
    reference: References = (),
    style: Style = None,
    same_style: bool = False,
    seed: int | None = None,
    truncation: float = 1.0,
    size: int | None = None,
    half: Literal["left", "right", "whole"] | None = None,
    format: str | None = None,
    alpha: Literal["white", "keep", "drop"] = "white",
    depth: Literal["auto", "8", "16", "float"] = "auto",
    batch_size: int = 4,
    skip_existing: bool = False,
    shard: Annotated[str | None, tyro.conf.arg(metavar="K/N")] = None,
    engine: Annotated[str | None, tyro.conf.arg(metavar="ray[://HOST:PORT]")] = None,
    workers: int | None = None,
    gpus: float = 0.0,
    device: str = "auto",
    precision: Literal["fp32", "bf16"] = "fp32",
    memory: str = "auto",
    threads: Threads = None,
    value_range: Annotated[str | None, tyro.conf.arg(metavar="LOW,HIGH")] = None,
    max_pixels: MaxPixels = None,
    set: Changes = (),
) -> None:
    """Translate images with a trained model.

    Args:
        run: A run folder, a model file or an exported model (.onnx).
        inputs: Images, folders (including their subfolders), quoted patterns such as 'in/**/*.jpg',
            lists of files (@list.txt or list.txt, one path per line), addresses (https://...), or -
            for an image from stdin.
        out: Folder for the results, which keep the names of the inputs; - writes a single result to
            stdout.
        to: The target domain; by default the only possible one, or the second one. For models with
            labels: a label, values such as Male=1,Young=0 (labels not named are 0; for stargan also
            values between), or all, which gives an image per label and sheet.png.
        samples: Translations per input, each with a random style or noise.
        reference: Images of the target domain whose style is used, named like the inputs; with
            several, each input gets one translation per reference. For few-shot models (FUNIT), a
            folder is one class, which gives one translation, as are all images beside folders.
        style: The style code of all results, as numbers with commas between them; `crossimage demo`
            shows those of its images.
        same_style: Use the same random styles for all inputs.
        seed: Makes the random styles reproducible.
        truncation: How far random styles may be from the target's mean style, from 0 to 1: lower
            values are more typical and less varied (StarGAN v2).
        size: Resize the shortest side of the inputs to this many pixels first; for few-shot models
            (FUNIT) also that of the references.
        half: The part of the inputs that is translated, for side-by-side pairs; by default all of
            it, or for a model that was trained on such pairs the half of the source domain, if an
            input has their shape.
        format: File type of the results (png, jpg, webp, bmp, tif); by default that of each input
            if it is one of these, and otherwise png.
        alpha: Transparent parts are white, as in training; with keep, results also get the opacity
            of their inputs; with drop, colours are taken as if they were opaque.
        depth: How results store their values: with 8 or 16 bits, or in floating point; auto: like
            their inputs, as far as their type allows.
        batch_size: Images that pass through the networks at a time; always one if the networks draw
            noise of their own (dropout).
        skip_existing: Do not translate inputs again whose results in --out are unchanged and were
            made from the same image with the same model and settings; without --seed, with any.
        shard: The part of the inputs to translate, such as 3/16 for the third of 16, for array jobs
            that share a folder of results; needs --seed. What is there already is skipped, and
            results of another model, seed or settings are refused.
        engine: Translate with the workers of a Ray cluster: ray for one on this machine alone, or
            ray://HOST:PORT for the one with this head. All its machines see the model, the inputs
            and --out. Needs --seed; what is there already is skipped.
        workers: With --engine, the most workers; by default as many as there is room for.
        gpus: With --engine, the share of a GPU that each worker takes, such as 1 or 0.25.
        device: Where to compute: auto, cpu, cuda, cuda:1, ...
        precision: bf16 is about three times as fast on hardware that supports it, but not exact.
        memory: Memory to use, such as 2GB; auto: all that is free. Images that do not fit
            are translated in strips of rows, with the same results.
        threads: CPU threads to use; by default one per core that nothing else uses.
            With --engine, the CPUs of each worker, by default 1.
        value_range: Lowest and highest value of images of more than 8 bits; by default those that
            the model was trained with.
        max_pixels: Most pixels an image may have, by default 268,435,456; larger
            images are refused.
        set: Settings that may be changed after training, such as test_mode=eval or
            value_range=0,4095; --set may be omitted.
    """
    from crossimage.cli.overrides import parse_overrides

    limit_pixels(max_pixels)
    check_early(run, device=device, threads=threads, memory=memory)
    check_counts(samples=samples, batch_size=batch_size, size=size)
    check_inputs(inputs, "the path of an input")
    check_inputs(reference, "a reference", "--reference")
    part = parse_shard(shard, seed)
    cluster = _cluster(engine, workers, gpus, threads, device, out)
    if out != PIPE and not store_address(out):
        check_results_folder(local_path(as_path(out, "--out", stores=True)))
    if out == PIPE:
        check_single(inputs, max(samples, len(reference)))
    images, references = read_pipes(inputs, reference)
    from crossimage.config import Config, build
    from crossimage.inference.files.options import FileOptions

    ranges = build(Config, {"value_range": value_range}, source="crossimage translate").value_range
    options = FileOptions(
        samples=samples, reference=references or None, same_style=same_style, seed=seed,
        truncation=truncation, size=size, half=half, format=format, alpha=alpha, depth=depth,
        batch_size=batch_size, skip_existing=skip_existing, style=parse_style(style), shard=part,
    ).check()  # fmt: skip
    from crossimage.inference.files.translate import ignore, translate_all
    from crossimage.inference.load import load
    from crossimage.labels import parse_target

    use_threads(threads, device)
    with results_folder(out) as folder, StderrProgress(skip_short=True) as progress:
        loading: dict[str, Any] = {
            "precision": precision,
            "value_range": ranges,
            "settings": parse_overrides(set),
            "memory": memory,
        }
        model = load(run, "cpu" if cluster else device, **loading)
        labels = model.networks.labels
        target = parse_target(to, labels.names) if to and labels else to
        options = replace(options, progress=progress)
        written: list[Path] = []  # for stdout, which takes a single one
        if cluster:
            from crossimage.bulk.ray_engine import translate_with_ray

            loading["device"] = "cuda" if gpus else "cpu"
            report = translate_with_ray(
                model, run, loading, images, folder, target, options, cluster
            )
        else:
            report = translate_all(
                model, images, folder, target, options,
                on_written=(lambda _, name: written.append(folder / name))
                if out == PIPE else ignore,
            )  # fmt: skip
        if out == PIPE:
            write_stdout(written)
    skips = [f"skipped: {reason}" for _, reason in report.skipped]
    for line in (*skips, report.left_out, *report.notes):
        if line:
            print_error(line.replace("\n", "\\n"))  # in names
    skipped = len(report.skipped)
    also = f"; {counted(skipped, 'input')} skipped" if skipped else ""
    there = f"; {report.existing} already there" if report.existing else ""
    if out != PIPE:
        print_line(f"{counted(report.written, 'image')} written to {printable(out)}{there}{also}")
    if skipped:
        raise SystemExit(SOME_SKIPPED)


def _cluster(
    engine: str | None, workers: int | None, gpus: float, threads: int | None, device: str, out: str
) -> Cluster | None:
    """Return how ``--engine`` uses a cluster; None without it.

    Raises:
        ValueError: An option has no meaning with it, or without it.
    """
    if engine is None:
        if workers is not None or gpus:
            raise ValueError("--workers and --gpus are options of --engine ray; add it")
        return None
    from crossimage.bulk.cluster import Cluster, parse_engine

    address = parse_engine(engine)
    if device != "auto":
        raise ValueError(
            f"--engine ray chooses the devices, and --device is {device}; leave it out, and give "
            "--gpus for workers on GPUs"
        )
    if out == PIPE:
        raise ValueError(
            "--engine ray writes into a folder that all machines see; name it with --out"
        )
    if workers is not None and workers < 1 or gpus < 0:
        raise ValueError(
            f"--workers is {workers} and --gpus {gpus:g}, expected at least 1 worker and a share "
            "of a GPU of 0 or more"
        )
    return Cluster(address, workers, gpus, threads or 1)


def ledger(out: Positional[Out], *, repair: bool = False) -> None:
    """Compare a folder of results with its list, crossimage.jsonl and those of shards.

    The exit status is 1 if results are missing, altered or not made.

    Args:
        out: The folder, or DIR/%06d.tar for tar files in it.
        repair: Drop the lines of missing and altered results and what killed processes left
            unfinished, so that the same translation makes the rest.
    """
    from crossimage.inference.stores.shards import PATTERN

    folder = as_path(out, "the folder of results", stores=True)
    place = str(folder.parent) if folder.name == PATTERN else out
    if is_missing(place, "the folder of results"):
        raise missing(
            place, advice="expected the folder of results that crossimage translate wrote"
        )
    from crossimage.bulk.audit import audit
    from crossimage.bulk.audit import repair as repair_list
    from crossimage.inference.stores.places import open_results

    with open_results(folder) as results:
        found = audit(results)
        if repair:
            repair_list(results, found)
    named = {
        "missing": found.missing,
        "altered": found.altered,
        "unfinished, of killed processes": found.unfinished,
        "in no list": found.unlisted,
    }
    print_line(f"{found.complete} complete")
    for what, names in named.items():
        if names:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            print_line(f"{len(names)} {what}: {printable(', '.join(names[:_NAMED]))}{more}")
    if found.not_made:
        print_line(f"{found.not_made} not made yet{_shards(found.no_list)}")
    if repair and (found.missing or found.altered or found.unfinished):
        print_line("repaired: lines of missing and altered results and unfinished files are gone")
    if not found.is_complete:
        print_line("to complete it, repeat the translation with --skip-existing, or its shards")
        raise SystemExit(1)


def _shards(missing: Sequence[str]) -> str:
    """Return which shards have listed nothing, for a line about results that are not made."""
    if not missing:
        return ""
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    return f"; nothing is listed by --shard {', '.join(missing[:_NAMED])}{more}"


def sample(
    run: Positional[Run],
    *,
    out: Out,
    samples: int = 16,
    seed: int | None = None,
    format: str = "png",
    batch_size: int = 64,
    device: str = "auto",
    threads: Threads = None,
) -> None:
    """Generate images from noise with a trained model (gan).

    Args:
        run: A run folder or a model file.
        out: Folder for the images, named 0001.png and so on, and sheet.png with the first 64.
        samples: Number of images.
        seed: Makes the images reproducible; the first ones do not depend on their number.
        format: File type of the images (png, jpg, webp, bmp, tif).
        batch_size: Images that the networks generate at a time.
        device: Where to compute: auto, cpu, cuda, cuda:1, ...
        threads: CPU threads to use; by default one per core that nothing else uses.
    """
    check_early(run, device=device, threads=threads)
    check_counts(samples=samples, batch_size=batch_size)
    folder = as_path(out, "--out")
    check_results_folder(folder)
    suffix_of(format)
    from crossimage.inference.load import load

    use_threads(threads, device)

    with StderrProgress(skip_short=True) as progress:
        written = load(run, device).sample_files(
            samples, folder, seed=seed, format=format, batch_size=batch_size, progress=progress
        )
    print_line(f"{counted(len(written), 'image')} written to {printable(out)}")
