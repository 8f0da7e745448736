"""Results that a study compares: those of trained models for test images, or folders of them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from os.path import commonpath
from pathlib import Path

from crossimage.checkpoints.addresses import scheme_of
from crossimage.data.sources.find import find_files, is_run, same_name, shared_name
from crossimage.evaluation.compare import open_gallery
from crossimage.evaluation.galleries.base import Gallery
from crossimage.evaluation.galleries.images import images_in, read_rgb
from crossimage.evaluation.galleries.results import results_in
from crossimage.evaluation.options import Options
from crossimage.inference.load import load
from crossimage.study.images import StudyImage, StudyImages
from crossimage.utils.numbers import evenly_spaced
from crossimage.utils.paths import as_path
from crossimage.utils.progress import ProgressCallback
from crossimage.utils.texts.counts import counted
from crossimage.utils.texts.shown import few


@dataclass(frozen=True)
class StudyResult:
    """A result for one input.

    Attributes:
        output: The result.
        input: The input, where it is known.
        target: The true output, for pairs.
    """

    output: StudyImage
    input: StudyImage | None = None
    target: StudyImage | None = None


@dataclass
class MethodResults:
    """The results of one method for one target.

    Attributes:
        method: Name of the method.
        attribute: Name of the target; empty for the default.
        by_item: The results by the name of their input.
        real: Real images of the target domain.
        direction: From which domain to which, where it is known.
    """

    method: str
    attribute: str
    by_item: dict[str, StudyResult] = field(default_factory=dict)
    real: list[StudyImage] = field(default_factory=list)
    direction: str = ""


@dataclass(frozen=True)
class Requirements:
    """What a protocol needs of its methods.

    Attributes:
        inputs: Whether the input of every result is shown.
        real: Number of real images to keep; 0: none; None: all.
        limit: Number of inputs, evenly spaced; None: all.
        seed: Seed of random styles.
        data: The data set, or the folder of inputs or real images.
    """

    inputs: bool
    real: int | None
    limit: int | None
    seed: int
    data: str | None


def read_method(
    name: str, path: str, attribute: str, requirements: Requirements, images: StudyImages,
    progress: ProgressCallback | None,
) -> MethodResults:  # fmt: skip
    """Read the results of a method and write their images into the study.

    Args:
        name: Name of the method.
        path: A run folder, a model file, or a folder of results.
        attribute: Name of the target; empty for the default.
        requirements: What is needed.
        images: Receives the images.
        progress: Receives the progress; None: not reported.

    Raises:
        FileNotFoundError: A file or folder is missing.
        ValueError: The data does not fit, or images can't be read.
    """
    if scheme_of(path)[0] or is_model(as_path(path, name)):
        return _of_model(name, path, attribute, requirements, images, progress)
    return _of_folder(name, Path(path), attribute, requirements, images)


def is_model(path: Path) -> bool:
    """Return whether a path is a run or a model file rather than a folder of results."""
    if not path.exists():
        raise FileNotFoundError(f"there is no {path}; expected a run, a model or a folder")
    return path.is_file() or (path / "model.safetensors").exists() or is_run(path)


def _of_model(
    name: str, path: str, attribute: str, requirements: Requirements, images: StudyImages,
    progress: ProgressCallback | None,
) -> MethodResults:  # fmt: skip
    if requirements.data is None:
        raise ValueError(f"--data is missing: the data set whose test images {name} translates")
    model = load(path)
    if not (model.networks.labels or model.networks.targets):
        raise ValueError(
            f"{name} is a {model.method}, which makes images from noise; studies compare "
            "translations, so save its images and give the folder as NAME=DIR"
        )
    options = Options(to=attribute or None, seed=requirements.seed)
    gallery = open_gallery(name, model, requirements.data, options)
    results = MethodResults(name, attribute, direction=gallery.facts.get("direction", ""))
    if len(gallery.parts) > 1:
        names = [part.target for part in gallery.parts]
        example = shlex.join(["--to", *names[:2]])
        raise ValueError(
            f"{name} translates to several classes, {few(names, separator=', ')}; name those that "
            f"people see, such as {shlex.join(['--to', names[0]])} or {example}"
        )
    root = Path(commonpath([file.parent for file in gallery.paths]))
    count = len(evenly_spaced(gallery.total, requirements.limit))
    for index, item in enumerate(gallery.items(requirements.limit, 1)):
        if progress:
            progress(f"translating with {name}", index, count)
        key = _item(item.path.relative_to(root))
        if key in results.by_item:  # of another type, such as a.jpg beside a.png
            key = _text(same_name(item.path.relative_to(root).as_posix()))
        assert key not in results.by_item, "inputs of a gallery have different paths"
        results.by_item[key] = StudyResult(
            images.add(item.outputs[0]),
            images.add(item.input) if requirements.inputs and item.input is not None else None,
            images.add(item.target) if item.target is not None else None,
        )
    results.real = _real(gallery, requirements.real, images)
    return results


def _real(gallery: Gallery, count: int | None, images: StudyImages) -> list[StudyImage]:
    paths = gallery.real.paths
    chosen = [paths[index] for index in evenly_spaced(len(paths), count)] if count != 0 else []
    return [images.add(gallery.real.read(path)) for path in chosen]


def _of_folder(
    name: str, folder: Path, attribute: str, requirements: Requirements, images: StudyImages
) -> MethodResults:
    below = folder / attribute
    if attribute and below.is_dir():
        found = results_in(below)
    else:
        has_list = bool(list(folder.glob("crossimage.jsonl"))) if attribute else False
        found = results_in(folder, attribute if has_list else None)
    inputs = _inputs(requirements.data) if requirements.inputs else {}
    results, files = MethodResults(name, attribute), dict[str, Path]()
    for group, paths in found.groups:
        item = _text(group)
        if (other := files.setdefault(item, paths[0])) != paths[0]:
            raise ValueError(
                f"{other} and {paths[0]} are both the result of {item}; keep one of them, or "
                "rename it after another input"
            )
        shown = _input_of(item, inputs) if requirements.inputs else None
        results.by_item[item] = StudyResult(
            images.add(read_rgb(paths[0])), images.add(read_rgb(shown)) if shown else None
        )
    if requirements.real != 0 and requirements.data is not None:
        real = images_in(as_path(requirements.data, "--data")).paths
        chosen = [real[index] for index in evenly_spaced(len(real), requirements.real)]
        results.real = [images.add(read_rgb(path)) for path in chosen]
    return results


def _item(path: Path) -> str:
    """Return what a study calls an image: its path without the suffix."""
    return _text(shared_name(path))


def _text(name: str) -> str:
    """Escape the bytes of a name that are not text, which databases refuse."""
    return name.encode(errors="backslashreplace").decode()


def _inputs(data: str | None) -> dict[str, list[Path]]:
    """Return the images below a folder by their names without suffix."""
    if data is None:
        raise ValueError("--data is missing: the folder of the inputs, which are shown to people")
    folder = as_path(data, "--data")
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}; expected the inputs of the results")
    inputs: dict[str, list[Path]] = {}
    for path in find_files(folder).images:
        stem, relative = _item(Path(path.name)), _item(path.relative_to(folder))
        inputs.setdefault(stem, []).append(path)
        if relative != stem:
            inputs.setdefault(relative, []).append(path)
    return inputs


def _input_of(item: str, inputs: dict[str, list[Path]]) -> Path | None:
    paths = inputs.get(item) or inputs.get(Path(item).name) or []
    if len(paths) > 1:
        raise ValueError(
            f"{paths[0]} and {paths[1]} may both be the input of {item}; give the folder of the "
            "inputs alone as --data, such as that of the first"
        )
    return paths[0] if paths else None


def match(methods: Sequence[MethodResults]) -> tuple[list[str], list[str]]:
    """Return the inputs that all methods have for one target, and notes on those left out.

    Args:
        methods: The results of all methods for this target.

    Raises:
        ValueError: Models are of different domains, or results have no name in common, lack their
            inputs, or differ in size.
    """
    first = next((one for one in methods if one.direction), None)
    for one in methods:
        if first and one.direction and one.direction != first.direction:
            raise ValueError(
                f"{one.method} translates {one.direction} and {first.method} {first.direction}; "
                "expected models of the same domains"
            )
    items = [item for item in methods[0].by_item if all(item in one.by_item for one in methods)]
    if not items:
        examples = [f"{one.method} (such as {next(iter(one.by_item))})" for one in methods]
        raise ValueError(
            f"the results of {', '.join(examples[:-1])} and {examples[-1]} have no name in common; "
            "expected results of all methods for the same inputs, named after them"
        )
    for item in items:
        results = [(one.method, one.by_item[item].output) for one in methods]
        _check_sizes(item, results)
    names = set(chain.from_iterable(one.by_item for one in methods))
    left_out = len(names) - len(items)
    said = f"{counted(left_out, 'input')} left out that not all methods have"
    notes = [said] if left_out else []
    return items, notes


def _check_sizes(item: str, results: Sequence[tuple[str, StudyImage]]) -> None:
    first, image = results[0]
    for method, other in results[1:]:
        if other[1:] != image[1:]:
            raise ValueError(
                f"{item}: the result of {first} is {image.width} x {image.height} pixels and "
                f"that of {method} {other.width} x {other.height}; expected one size, since the "
                "size would give a method away"
            )
