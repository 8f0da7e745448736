"""Exported models whose graphs are written by hand: a translation adds the first style number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crossimage.config import build, to_dict
from crossimage.inference.exported.about import ExportMetadata, Part, beside
from crossimage.inference.exported.onnx_file import sealed
from crossimage.methods import METHODS
from tests.conftest import small

onnx = pytest.importorskip("onnx", reason="the extra `export` is not installed")
pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")

STYLE_DIM = 3
IMAGE = ["n", 3, "height", "width"]


def about_of(method: str = "munit", to: str = "b", **settings: Any) -> ExportMetadata:
    config = to_dict(build(METHODS[method].Config, small(method, **settings)))
    return ExportMetadata("translation", method, config, to, "0" * 64)


def graph_of(nodes: list[Any], inputs: dict[str, list[Any]], output: list[Any]) -> Any:
    """A model whose last value is called ``result``."""
    values = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in inputs.items()
    ]
    result = onnx.helper.make_tensor_value_info("result", onnx.TensorProto.FLOAT, output)
    constants = {"zero": [0], "one": [1], "axes": [2, 3], "pixels": [2, 3]}
    initializers = [
        onnx.helper.make_tensor(name, onnx.TensorProto.INT64, [len(value)], value)
        for name, value in constants.items()
    ]
    graph = onnx.helper.make_graph(nodes, "test", values, [result], initializers)
    opset = onnx.helper.make_opsetid("", 18)
    return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10)


def translation(style_dim: int = STYLE_DIM, channels: int = 3) -> Any:
    node = onnx.helper.make_node
    image = ["n", channels, "height", "width"]
    if not style_dim:
        return graph_of([node("Neg", ["image"], ["result"])], {"image": image}, image)
    nodes = [
        node("Slice", ["style", "zero", "one", "one"], ["first"]),
        node("Unsqueeze", ["first", "axes"], ["shift"]),
        node("Add", ["image", "shift"], ["result"]),
    ]
    return graph_of(nodes, {"image": image, "style": ["n", style_dim]}, image)


def style() -> Any:
    """The mean of each channel, so that a style has as many numbers as an image has channels."""
    nodes = [onnx.helper.make_node("ReduceMean", ["image", "pixels"], ["result"], keepdims=0)]
    return graph_of(nodes, {"image": IMAGE}, ["n", 3])


def write(path: Path, model: Any, about: ExportMetadata, part: Part = "translation") -> Path:
    """Write a model as the exporter does."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    for key, value in sorted(replace(about, part=part).metadata({}).items()):
        model.metadata_props.add(key=key, value=value)
    path = beside(path, part)
    path.write_bytes(sealed(model))
    return path
