"""From a network to an ONNX graph: PyTorch's exporter, and the clean-up after it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from crossimage.inference.exported.onnx_file import require
from crossimage.networks.layers.plain import plain_layers
from crossimage.utils.texts.shown import cut

if TYPE_CHECKING:
    from onnx import ModelProto

RESULT = "result"
"""Name of the output of every graph."""


class NotExportable(ValueError):
    """A model that cannot be exported; the message says why."""


class _Call(nn.Module):
    """A function of inputs by name as a module, with the networks that it uses."""

    def __init__(
        self, networks: nn.Module, function: Callable[..., Tensor], names: Sequence[str]
    ) -> None:
        super().__init__()
        self.networks, self._function, self._names = networks, function, names

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the function's value."""
        return self._function(**dict(zip(self._names, inputs, strict=True)))


def build_graph(
    networks: nn.Module,
    function: Callable[..., Tensor],
    inputs: Mapping[str, Tensor],
    sides: int | None,
) -> ModelProto:
    """Export a function of tensors, in which every size that may vary is symbolic.

    Args:
        networks: The networks that the function uses, in evaluation mode.
        function: Takes the inputs by name; none of its steps depends on their values.
        inputs: Examples, of batches of 2; ``image`` is (N, C, H, W), all others (N, length).
        sides: Height and width of images are multiples of this; None: they are fixed.

    Returns:
        The graph, without inputs that it does not use, and with nothing that depends on where and
        when it was made.

    Raises:
        NotExportable: The exporter does not know a step of the function.
    """
    require("onnxscript")
    onnx = require("onnx")
    batch = torch.export.Dim("batch")
    dims: dict[str, dict[int, Any]] = {name: {0: batch} for name in inputs}
    if sides is not None and "image" in dims:
        dims["image"] |= {2: _side("height", sides), 3: _side("width", sides)}
    try:
        with torch.no_grad(), plain_layers(), _constant_switches(networks), _quiet():
            program = torch.onnx.export(
                _Call(networks, function, list(inputs)).eval(), tuple(inputs.values()),
                dynamo=True, input_names=list(inputs), output_names=[RESULT],
                dynamic_shapes=(tuple(dims.values()),), external_data=False, verbose=False,
            )  # fmt: skip
    except Exception as error:  # whatever the steps of a method raise, inside the exporter's own
        cause = _first_cause(error)
        raise NotExportable(
            f"PyTorch's exporter cannot follow it ({type(cause).__name__}: {_sentence(cause)})"
        ) from error
    assert program is not None
    model = onnx.ModelProto()
    model.CopyFrom(program.model_proto)
    _tidy(model)
    return model


def _side(name: str, multiple: int) -> Any:
    return torch.export.Dim(name) if multiple == 1 else multiple * torch.export.Dim(f"{name}_parts")


@contextmanager
def _constant_switches(networks: nn.Module) -> Iterator[None]:
    """Turn saved switches, buffers that are one truth value, into constants of the graph."""
    switches = [
        (module, name, buffer)
        for module in networks.modules()
        for name, buffer in module.named_buffers(recurse=False)
        if buffer.dtype == torch.bool and buffer.ndim == 0
    ]
    for module, name, buffer in switches:
        delattr(module, name)
        setattr(module, name, bool(buffer))
    try:
        yield
    finally:
        for module, name, buffer in switches:
            delattr(module, name)
            module.register_buffer(name, buffer)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's notes about its internals off the terminal."""
    level = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(level)


def _first_cause(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _sentence(error: BaseException) -> str:
    return cut(" ".join(str(error).split()).partition(". ")[0].rstrip("."))


def _tidy(model: ModelProto) -> None:
    """Leave out inputs that nothing uses, and notes such as the lines of code behind a node."""
    graph = model.graph
    used = {name for node in graph.node for name in node.input}
    kept = [entry for entry in graph.input if entry.name in used]
    del graph.input[:]
    graph.input.extend(kept)
    del graph.value_info[:], graph.metadata_props[:], model.metadata_props[:]
    named = [*graph.node, *graph.initializer, *graph.input, *graph.output]
    for entry in named:
        entry.ClearField("doc_string")
        entry.ClearField("metadata_props")
    for node in graph.node:  # whose names count up over all exports of a process
        node.ClearField("name")
    graph.name = "crossimage"
    model.ClearField("doc_string")
    model.producer_name, model.producer_version = "crossimage", ""
    imports = [entry for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    del model.opset_import[:]
    model.opset_import.extend(imports)
