"""A type checker knows what a translator returns, from the kind of input."""

import re
import subprocess
import sys
from pathlib import Path

PROGRAM = """
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

import crossimage

model = crossimage.load("run")
x = torch.zeros(1, 3, 8, 8)
image = Image.new("RGB", (8, 8))
array: NDArray[np.uint8] = np.zeros((8, 8, 3), np.uint8)
path = Path("x.png")
file = open("x.png", "rb")
s = model.sample_style(1)


def of_a_union(x: torch.Tensor | Path | str) -> torch.Tensor | Image.Image:
    return model.translate(x)


"""

RESULTS = {
    "translate(x)": "Tensor",
    "translate(x, 'shoes', samples=3)": "Tensor",
    "translate('x.png', to='shoes')": "Image",
    "translate(path, reference=x)": "Image",
    "translate(b'data', seed=1)": "Image",
    "translate(BytesIO(b'data'))": "Image",
    "translate(file)": "Image",
    "translate(path, samples=3)": "list[Image]",
    "translate(array)": "Array",
    "translate(array, samples=3)": "list[Array]",
    "translate([path, image, 'x.png'])": "list[Image]",
    "translate(['x.png', 'y.png'], samples=2)": "list[list[Image]]",
    "translate([array, array])": "list[Array]",
    "translate([array, array], samples=2)": "list[list[Array]]",
    "translate([array, path])": "list[Any]",
    "interpolate(x, s, s)": "Tensor",
    "interpolate('x.png', s, s, 3)": "list[Image]",
    "interpolate([path], s, s)": "list[list[Image]]",
    "interpolate(array, s, s)": "list[Array]",
    "interpolate([array], s, s)": "list[list[Array]]",
}


def test_results_have_the_type_of_their_input(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    calls = (f"reveal_type(model.{call})\n" for call in RESULTS)
    program.write_text(PROGRAM + "".join(calls))
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", str(program)],  # as `make check`, whose cache it shares
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
    array = re.compile(r"numpy\.ndarray\[.*?uint8\]\]|numpy\.ndarray\[.*?\]\]\]")
    revealed = re.findall(r'Revealed type is "(.*)"', checked.stdout)
    types = [re.sub(r"[\w.]+\.", "", array.sub("Array", kind)) for kind in revealed]
    assert dict(zip(RESULTS, types, strict=True)) == RESULTS
