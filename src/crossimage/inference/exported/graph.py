"""A graph in onnxruntime, from tensors to a tensor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from crossimage.inference.exported.onnx_file import require
from crossimage.utils.memory import is_out_of_memory
from crossimage.utils.texts.shown import first_line

_ERRORS_ONLY = 3


class Graph:
    """A graph that is ready to run, on the CPU, with as many threads as PyTorch has.

    Args:
        content: The bytes of an ONNX file that refers to no other.
        source: Origin of the file, for error messages.

    Attributes:
        inputs: Names of its inputs.

    Raises:
        ValueError: onnxruntime is not installed, or cannot run the graph.
    """

    def __init__(self, content: bytes, source: Path | str) -> None:
        ort: Any = require("onnxruntime")
        options = ort.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = _ERRORS_ONLY + 1
        self._source = source
        try:
            self._session = ort.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's errors have no class in common
            raise ValueError(
                f"{source} holds a graph that onnxruntime {ort.__version__} cannot run "
                f"({first_line(error)}); export the model again, or upgrade onnxruntime"
            ) from None
        self.inputs = tuple(entry.name for entry in self._session.get_inputs())

    def __call__(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return the graph's float32 result.

        Args:
            values: At least the graph's inputs, by name.

        Raises:
            MemoryError: It does not fit in memory.
            ValueError: The graph has another input, or cannot be run with these.
        """
        if missing := [name for name in self.inputs if name not in values]:
            raise ValueError(
                f"{self._source} needs an input '{missing[0]}', which no exported model of this "
                "method has; export the model again"
            )
        arrays = {name: values[name].float().contiguous().numpy() for name in self.inputs}
        try:
            (result,) = self._session.run(None, arrays)
        except Exception as error:  # as above
            if is_out_of_memory(error) or "Failed to allocate memory" in str(error):
                raise MemoryError(str(error)) from None
            raise ValueError(
                f"{self._source} cannot be run on these images ({first_line(error)}); export the "
                "model again"
            ) from None
        return torch.from_numpy(result)
