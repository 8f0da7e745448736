"""Convolutions in int8: ranges measured on images, and the PSNR of the outputs."""

from __future__ import annotations

import logging
import math
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from crossimage.data.images.formats import EXPECTED
from crossimage.data.images.resize import resize_shortest_side
from crossimage.data.left_out import describe
from crossimage.data.sources.find import find_files
from crossimage.export.mixed import costly_convolutions, psnr
from crossimage.inference.exported.graph import Graph
from crossimage.inference.exported.onnx_file import require
from crossimage.inference.halves import HalfRule
from crossimage.inference.inputs import read_inputs
from crossimage.inference.predictor import Predictor
from crossimage.inference.references import reference_styles
from crossimage.utils.texts.shown import first_line
from crossimage.utils.writing.scratch import scratch_folder

if TYPE_CHECKING:
    from onnx import ModelProto

LEAST_PSNR = 30.0
"""Decibels below which int8 is refused."""
_EVERY = 5
"""Of so many images, one is held out to measure the PSNR."""
_MOST = 80  # images that are used, evenly spaced
_TRIED = 8  # of them, on which convolutions are compared
_FEW_CHANNELS = 3
"""Convolutions from or to so many channels stay in fp32: with them, int8 is no faster and least
exact, since they are as wide as images. Those to images in blocks of pixels have more."""


class Int8Quality(NamedTuple):
    """The loss of quality that int8 causes.

    Attributes:
        psnr: PSNR of its translations against those in fp32, in dB, over all values in [-1, 1].
        calibrated: Images on which the ranges of values were measured.
        compared: Other images, on which the PSNR was.
    """

    psnr: float
    calibrated: int
    compared: int


def find_images(folder: Path) -> list[Path]:
    """Return the images of a folder that int8 is measured on, at most 80, evenly spaced.

    Raises:
        FileNotFoundError: The folder does not exist.
        ValueError: It holds fewer than two images.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"--int8: there is no folder {folder}; give one of images")
    found = find_files(folder)
    count = len(found.images)
    if count < 2:
        also = describe(found.left_out)
        raise ValueError(
            f"--int8: {folder} holds {'1 image' if count else 'no image'}, and at least 2 of the "
            "source domain are needed, better 100, to measure the ranges of values on; expected "
            f"{EXPECTED}{f' ({also})' if also else ''}"
        )
    step = max(1.0, count / _MOST)
    return [found.images[int(i * step)] for i in range(min(_MOST, count))]


def check_images(predictor: Predictor, letter: str, images: Sequence[Path]) -> None:
    """Check that all images can be read, before what takes long.

    Raises:
        ValueError: One can't be used.
    """
    try:
        for _ in _inputs(predictor, letter, images):
            pass
    except ValueError as error:
        raise ValueError(
            f"--int8: {error}; remove it from the folder, or give a folder of other images"
        ) from None


def quantised(
    model: ModelProto, predictor: Predictor, letter: str, images: Sequence[Path]
) -> tuple[ModelProto, Int8Quality]:
    """Return a graph whose convolutions compute in int8, and what that costs.

    Activations have 8 bits and weights 7, since CPUs without VNNI add up products of two 8-bit
    values in 16 bits, which overflow. All other operators stay in fp32, as do convolutions from
    images and those that cost the PSNR most.

    Args:
        model: The graph of a translation in fp32.
        predictor: The model that it was exported from.
        letter: The target domain.
        images: At least two images of the source domain, one of five of which is held out.

    Raises:
        ValueError: An image cannot be read, or the PSNR is below 30 dB.
    """
    held_out = images[::_EVERY]
    calibration = [path for i, path in enumerate(images) if i % _EVERY]

    def inputs(paths: Sequence[Path]) -> Iterator[dict[str, Tensor]]:
        return _inputs(predictor, letter, paths)

    prepared = _prepared(model)
    kept = _narrow(prepared)
    result = _quantise(prepared, inputs(calibration), kept)
    tried = list(inputs(calibration[:: math.ceil(len(calibration) / _TRIED)]))
    if costly := costly_convolutions(prepared, result, tried):
        result = _quantise(prepared, inputs(calibration), kept + costly)
    exact = Graph(model.SerializeToString(), "the graph in fp32")
    fast = Graph(result.SerializeToString(), "the graph in int8")
    found = psnr((fast(given), exact(given)) for given in inputs(held_out))
    if not found >= LEAST_PSNR:
        raise ValueError(
            f"--int8: translations of {len(held_out)} held-out images in {images[0].parent} have a "
            f"PSNR of {found:.1f} dB against fp32, and less than {LEAST_PSNR:g} is not written; "
            "leave out --int8, or give a folder with more images like those to translate"
        )
    return result, Int8Quality(round(found, 2), len(calibration), len(held_out))


def _inputs(
    predictor: Predictor, letter: str, paths: Sequence[Path]
) -> Iterator[dict[str, Tensor]]:
    """Yield the graph's inputs for each image, at the size of training, with a style of its own."""
    networks, config = predictor.networks, predictor.config
    source = networks.source_of(letter)
    half = HalfRule(networks, source, choosable=False)
    for number, path in enumerate(paths):
        (image,) = read_inputs(
            [path], predictor.channels(source), config.range_of(source), config.data_rules,
            networks.classes, half,
        ).batches  # fmt: skip
        side = config.resize or min(config.crop)
        if networks.layout == "super_resolution":
            side = min(config.crop) // networks.upscales
        if min(image.shape[2:]) > side and not networks.classes:
            image = resize_shortest_side(image, side)
        padded, _, _ = predictor.pad(predictor.fit_size(image))
        given = {"image": padded}
        target: Any = letter
        if networks.labels and not networks.few_shot:
            names = networks.labels.names
            target = given["labels"] = networks.labels.vectors(names[number % len(names)], 1)
        if networks.few_shot:
            given["style"] = reference_styles(predictor, [[path]], predictor.target(None))
        elif networks.style_dim:
            style = predictor.draw(0, path.name, 0, target).style
            assert style is not None
            given["style"] = style
        yield given


def _prepared(model: ModelProto) -> ModelProto:
    """Return a graph in the form that onnxruntime quantises, whose nodes have names."""
    onnx: Any = require("onnx")
    preparation: Any = require("onnxruntime.quantization.shape_inference")
    with _steps() as folder:
        first, second = folder / "given.onnx", folder / "prepared.onnx"
        onnx.save(model, first)
        preparation.quant_pre_process(str(first), str(second), skip_symbolic_shape=True)
        prepared: ModelProto = onnx.load(second)
    for number, node in enumerate(prepared.graph.node):
        node.name = str(number)
    return prepared


def _quantise(
    prepared: ModelProto, inputs: Iterator[dict[str, Tensor]], kept: Sequence[str]
) -> ModelProto:
    """Return the graph with convolutions between nodes that quantise, in operators of ONNX."""
    onnx: Any = require("onnx")
    quantization: Any = require("onnxruntime.quantization")
    names = {entry.name for entry in prepared.graph.input}

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        """The inputs, one image at a time."""

        def get_next(self) -> dict[str, np.ndarray[Any, Any]] | None:
            given = next(inputs, None)
            if given is None:
                return None
            return {k: v.float().contiguous().numpy() for k, v in given.items() if k in names}

    with _steps() as folder:
        first, second = folder / "prepared.onnx", folder / "quantised.onnx"
        onnx.save(prepared, first)
        quantization.quantize_static(
            str(first), str(second), Reader(), quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=["Conv"], nodes_to_exclude=list(kept), per_channel=True,
            reduce_range=True, activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            # ranges are means over the images of the least and largest values, since few are larger
            extra_options={"CalibMovingAverage": True},
        )  # fmt: skip
        result: ModelProto = onnx.load(second)
    del result.metadata_props[:]
    used = [entry for entry in result.opset_import if entry.domain in ("", "ai.onnx")]
    del result.opset_import[:]
    result.opset_import.extend(used)
    return result


@contextmanager
def _steps() -> Iterator[Path]:
    """Run onnxruntime's steps with a folder for their files, without their notes.

    Raises:
        ValueError: A step fails.
    """
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # the package writes its notes there
    try:
        with _own_scratch() as folder, torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield folder
    except (ValueError, OSError):
        raise
    except Exception as error:  # the package's errors have no class in common
        raise ValueError(
            f"onnxruntime cannot quantise this model ({first_line(error)}); leave out --int8"
        ) from error
    finally:
        root.setLevel(level)


@contextmanager
def _own_scratch() -> Iterator[Path]:
    """Make a temporary folder, in which the package makes its own ones as well."""
    before = tempfile.tempdir
    with scratch_folder() as folder:
        tempfile.tempdir = str(folder)
        try:
            yield folder
        finally:
            tempfile.tempdir = before


def _narrow(model: ModelProto) -> list[str]:
    """Return the names of convolutions from or to few channels."""
    shapes = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    return [
        node.name
        for node in convolutions
        if min(shapes.get(node.input[1], (_FEW_CHANNELS + 1,))[:2]) <= _FEW_CHANNELS
    ]
