"""Headers of safetensors files are not believed."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from crossimage.utils.tensor_files.safetensors_files import read_safetensors, write_safetensors


@pytest.mark.parametrize("shape", ["", {}, None, 0, "1", [True], [-1], [[]], [1.0]])
def test_a_shape_that_is_no_list_of_sizes_is_refused(shape: Any, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with path.open("wb") as file:
        write_safetensors(file, {"count": torch.tensor(3)}, {"format": "1"})
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header["count"]["shape"] = shape
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[start:])
    with pytest.raises(ValueError, match=r"m\.safetensors is truncated .* 'count'"):
        read_safetensors(path, "a file")
