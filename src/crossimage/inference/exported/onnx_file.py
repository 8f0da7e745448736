"""ONNX files, which come from outside and are not trusted.

A file of ours ends in a **seal**, the SHA-256 of all bytes before it, in the form of one more
entry of the metadata: a protocol buffer may be continued by appending to it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from crossimage.inference.exported.about import ExportMetadata
from crossimage.utils.machine.usage_reports import send_no_reports
from crossimage.utils.paths import check_not_special
from crossimage.utils.reading import open_data
from crossimage.utils.texts.shown import cut, first_line

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

_SEAL = "seal"
_LARGEST = 2**31 - 1  # bytes of a protocol buffer
_STANDARD = ("", "ai.onnx")
_MOST_VALUES = 2**28
"""Values that an operator may make out of constants, which onnxruntime does when it loads a file;
larger ones would take memory without an image."""


class OnnxFile(NamedTuple):
    """A file that was checked.

    Attributes:
        path: The file.
        content: Its bytes.
        about: What it says about itself.
        sha256: The SHA-256 of its bytes.
    """

    path: Path
    content: bytes
    about: ExportMetadata
    sha256: str


def require(package: str) -> ModuleType:
    """Import a package of the extra ``export``.

    Raises:
        ValueError: It is not installed.
    """
    from importlib import import_module

    send_no_reports()
    try:
        return import_module(package)
    except ImportError:
        raise ValueError(
            f"ONNX files need the package {package.partition('.')[0]}; run "
            "`pip install 'crossimage[export]'`"
        ) from None


def sealed(model: ModelProto) -> bytes:
    """Return the bytes of a model, which depend on nothing but its contents, with their seal."""
    content = model.SerializeToString(deterministic=True)
    return content + _seal_of(content)


def _seal_of(content: bytes) -> bytes:
    onnx = require("onnx")
    seal = onnx.ModelProto()
    seal.metadata_props.add(key=_SEAL, value=hashlib.sha256(content).hexdigest())
    return bytes(seal.SerializeToString(deterministic=True))


def read_onnx(path: Path) -> OnnxFile:
    """Read an exported model.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a regular file, too large, damaged, not of crossimage, or has parts
            that no file of crossimage has.
    """
    onnx = require("onnx")
    content = _read(path)
    try:
        model = onnx.ModelProto.FromString(content)
    except Exception as error:  # DecodeError of protobuf, whose place depends on its version
        raise ValueError(
            f"{path} is not an ONNX file, or damaged ({first_line(error)}); export the model again"
        ) from None
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    if _SEAL not in metadata and not model.graph.node:
        raise ValueError(f"{path} is not an ONNX file: it holds no graph; export the model again")
    about = ExportMetadata.read(metadata, path)
    seal = _seal_of(b"")
    if content[-len(seal) :] != _seal_of(content[: -len(seal)]):
        raise ValueError(
            f"{path} is damaged or was altered: it does not match its seal; export the model again"
        )
    _check_graph(model, path)
    return OnnxFile(path, content, about, hashlib.sha256(content).hexdigest())


def _read(path: Path) -> bytes:
    check_not_special(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no model {path}")
    with open_data(path) as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            raise ValueError(f"{path} is empty; export the model again")
        if size > _LARGEST:
            raise ValueError(
                f"{path} has {size:,} bytes, and no ONNX file has more than {_LARGEST:,}; export "
                "the model again"
            )
        return file.read(_LARGEST)


def _check_graph(model: ModelProto, path: Path) -> None:
    """Refuse what no file of ours has, and what could reach other files or fill the memory."""
    unknown = [entry.domain for entry in model.opset_import if entry.domain not in _STANDARD]
    nodes = list(_nodes(model.graph))
    unknown += [node.domain for node in nodes if node.domain not in _STANDARD]
    if unknown or model.functions:
        what = f"operators of '{cut(unknown[0])}'" if unknown else "functions of its own"
        raise ValueError(
            f"{path} has {what}, which no exported model has; only operators of the ONNX standard "
            "are run: export the model again"
        )
    for tensor in _tensors(model.graph):
        if tensor.data_location or tensor.external_data:
            raise ValueError(
                f"{path} keeps '{cut(tensor.name)}' in another file, which is not read; export the "
                "model again"
            )
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in nodes:
        for attribute in node.attribute if node.op_type == "Constant" and node.output else ():
            if attribute.name == "value":
                constants[node.output[0]] = attribute.t
    for node in nodes:
        if _values_made(node, constants) > _MOST_VALUES:
            raise ValueError(
                f"{path} has an operator {cut(node.op_type)} that makes more than "
                f"{_MOST_VALUES:,} values out of constants, which no exported model has; export "
                "the model again"
            )


def _nodes(graph: GraphProto) -> Iterator[NodeProto]:
    for node in graph.node:
        yield node
        for inner in _graphs(node):
            yield from _nodes(inner)


def _graphs(node: NodeProto) -> Iterable[GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _tensors(graph: GraphProto) -> Iterator[Any]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            if attribute.HasField("sparse_tensor"):
                yield from (attribute.sparse_tensor.values, attribute.sparse_tensor.indices)
        for inner in _graphs(node):
            yield from _tensors(inner)


def _values_made(node: NodeProto, constants: dict[str, Any]) -> int:
    """Return how many values an operator makes whose shape is constant; 0 if it is not."""
    place = {"ConstantOfShape": 0, "Expand": 1, "Tile": 1, "RandomNormal": -1}.get(node.op_type)
    if place is None or place >= len(node.input) or node.input[place] not in constants:
        return 0
    from onnx.numpy_helper import to_array

    with suppress(Exception):  # onnxruntime refuses what cannot be read
        sides = [max(1, int(side)) for side in to_array(constants[node.input[place]]).reshape(-1)]
        count = 1
        for side in sides[:16]:
            count *= side
        return count
    return 0
