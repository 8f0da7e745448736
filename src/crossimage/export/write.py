"""``crossimage export``: write a trained model as ONNX files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from crossimage.checkpoints.model_file import model_hash
from crossimage.config import to_dict
from crossimage.export.graphs import NotExportable, build_graph
from crossimage.export.int8 import check_images, find_images, quantised
from crossimage.export.parts import Function, parts_of
from crossimage.export.verify import TOLERANCE, largest_difference
from crossimage.inference.exported.about import ExportMetadata, beside, check_name
from crossimage.inference.exported.graph import Graph
from crossimage.inference.exported.onnx_file import require, sealed
from crossimage.inference.predictor import Predictor
from crossimage.utils.files import atomic
from crossimage.utils.writing.folders import check_file, make_folder

_EXAMPLE = (40, 48)  # least height and width


class ExportedFiles(NamedTuple):
    """An exported model.

    Attributes:
        files: The file of the translation, and those of further graphs.
        difference: Largest difference of a value from the networks', in fp32.
        about: What the first file says about itself.
    """

    files: list[Path]
    difference: float
    about: ExportMetadata


def export_model(
    predictor: Predictor, path: Path, to: str | None = None, int8: Path | None = None
) -> ExportedFiles:
    """Write a trained model as ONNX.

    Every graph is compared with the networks before anything is written. References and random
    styles that a network makes need graphs of their own, in files beside the first.

    Args:
        predictor: The model, on the CPU and in fp32.
        path: The file to write (``.onnx``); further ones are called ``.style.onnx`` and
            ``.mapping.onnx``.
        to: Name of the target domain; the only or the second one if omitted. None for methods with
            labels and few-shot methods, whose target is an input.
        int8: Folder of images of the source domain, for convolutions in int8.

    Raises:
        ValueError: The model cannot be exported or differs too much, or the folder does not serve.
        OSError: A file cannot be written.
    """
    require("onnx"), require("onnxscript"), require("onnxruntime")
    letter = _target(predictor, to)
    _check(predictor, path)
    images = [] if int8 is None else find_images(int8)
    check_images(predictor, letter, images)
    functions, models, difference = parts_of(predictor, letter), {}, 0.0
    for function in functions:
        model, found = _graph(predictor, function)
        models[function.part], difference = model, max(difference, found)
    networks = predictor.networks
    about = ExportMetadata(
        "translation", predictor.method, to_dict(predictor.config), _letter(predictor, letter),
        model_hash(networks), _bytes_per_pixel(predictor, letter),
    )  # fmt: skip
    if images:
        models["translation"], measured = quantised(
            models["translation"], predictor, letter, images
        )
        about = replace(
            about, psnr=measured.psnr, calibrated=measured.calibrated, compared=measured.compared
        )
    facts = _facts(predictor, letter)
    files: list[Path] = []
    make_folder(path.parent)
    for part in reversed(models):  # the translation last, which needs the others
        own = about if part == "translation" else replace(about, part=part, psnr=None)
        for key, value in sorted(own.metadata(facts).items()):
            models[part].metadata_props.add(key=key, value=value)
        with atomic(beside(path, part), durable=True) as file:
            file.write(sealed(models[part]))
        files.insert(0, beside(path, part))
    return ExportedFiles(files, difference, about)


def _target(predictor: Predictor, to: str | None) -> str:
    """Return the letter of the target, or that of all images where the target is an input."""
    networks = predictor.networks
    if not networks.targets:
        raise ValueError(
            f"this {predictor.method} makes images from noise and does not translate; only models "
            "that translate are exported"
        )
    if networks.labels or networks.few_shot:
        if to is not None:
            what = "references" if networks.few_shot else "labels"
            raise ValueError(
                f"the target of this {predictor.method} is an input of its graph, from {what}: "
                "leave out --to"
            )
        return networks.letters[0]
    return predictor.target(to).letter


def _letter(predictor: Predictor, letter: str) -> str:
    return "" if predictor.networks.labels else letter


def _check(predictor: Predictor, path: Path) -> None:
    """Refuse what cannot be a graph, or not under this name."""
    networks, method = predictor.networks, predictor.method
    if networks.file_hash:
        raise ValueError("the model is an exported one already; give the run that it is from")
    check_name(path)
    check_file(path)
    if networks.stochastic:
        remedy = (
            "add test_mode=eval, which drops none"
            if "test_mode" in networks.test_settings
            else "train it without (noise=false)"
        )
        raise ValueError(
            f"this {method} draws random numbers while it translates, which a graph cannot draw "
            f"as PyTorch does; {remedy}"
        )
    if getattr(predictor.config, "test_statistics", None) == "batch":
        raise ValueError(
            f"this {method} normalises by the statistics of the images that are translated "
            "together, so that a graph's result would depend on the batch; add "
            "test_statistics=running"
        )


def _graph(predictor: Predictor, function: Function) -> tuple[Any, float]:
    """Return a graph that computes a function, and its largest difference from it."""
    networks, method = predictor.networks, predictor.method
    # at least twice what sides are multiples of: PyTorch takes a size of 1 for fixed
    size = function.size(*function.at_least(_EXAMPLE, (2, 3)), networks.fixed_size)
    inputs: dict[str, Tensor] = function.example(2, size)
    try:
        model = build_graph(networks, function.compute, inputs, function.sides)
        graph = Graph(model.SerializeToString(), f"the {function.part} of this {method}")
        difference = largest_difference(networks, function, graph)
    except NotExportable as error:
        raise ValueError(f"this {method} cannot be exported: {error}") from error
    except ValueError as error:
        raise ValueError(f"this {method} cannot be exported: {error}") from None
    if not difference <= TOLERANCE:
        raise ValueError(
            f"this {method} cannot be exported: values of its {function.part} graph differ by up "
            f"to {difference:.1g} from PyTorch's, where {TOLERANCE:g} is allowed"
        )
    return model, difference


def _bytes_per_pixel(predictor: Predictor, letter: str) -> float:
    networks = predictor.networks
    source = networks.source_of(letter)
    target = networks.labels.vectors(networks.labels.names[0], 1) if networks.labels else letter
    return round(predictor.strips.bytes_per_pixel(networks.channels[source], target), 1)


def _facts(predictor: Predictor, letter: str) -> dict[str, Any]:
    """Return facts for readers of the file that do not know the method."""
    networks, config = predictor.networks, predictor.config
    source = networks.source_of(letter)
    return {
        "domains": list(predictor.domains),
        "from": networks.names[source] if not networks.labels else "",
        "target": networks.names[letter] if not networks.labels else "",
        "labels": list(networks.labels.names) if networks.labels else [],
        "pixels": [-1, 1],
        "value_range": [config.range_of(each) for each in networks.letters],
        "classes": networks.classes,
        "channels": [networks.channels[source], networks.channels[letter]],
        "multiple": networks.multiple,
        "smallest": predictor.min_size,
        "size": list(networks.fixed_size or ()),
        "upscales": networks.upscales,
        "style_dim": networks.style_dim,
        "code_dim": networks.latent_dim if networks.style_dim else 0,
    }
