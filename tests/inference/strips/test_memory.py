"""What translation in strips takes, measured in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the memory in use")

_SCRIPT = """
import json, sys
import torch
from crossimage.config import build
from crossimage.inference.predictor import Predictor
from crossimage.methods import METHODS
from crossimage.utils.memory import resident

name, settings, height, width, limit = json.loads(sys.argv[1])
torch.set_num_threads(1)
torch.manual_seed(0)
networks = METHODS[name](build(METHODS[name].Config, settings), training=False)
style = torch.randn(1, networks.style_dim) if networks.style_dim else None
first = Predictor(networks, "cpu")
first.translate_batch(torch.zeros(1, 3, 64, 64), "b", style)  # imports, and kernels of the CPU
per_pixel = first.strips.bytes_per_pixel(3, "b")
x = torch.zeros(1, 3, height, width).uniform_(-1, 1)
before = resident()
memory = "auto" if limit is None else f"{before // 10**6 + limit}MB"
model = Predictor(networks, "cpu", memory=memory)
open("/proc/self/clear_refs", "w").write("5")  # the peak counts from here
if limit is None:
    y = model._translate_whole(x, "b", style)
else:
    y = model.translate_batch(x, "b", style)
lines = open("/proc/self/status").read().splitlines()
most = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
print(json.dumps([(most - before) / 1e6, per_pixel * height * width / 1e6]))
"""


def measure(
    name: str, settings: dict[str, int], height: int, width: int, limit: int | None
) -> tuple[float, float]:
    """Megabytes that a translation takes within a limit, and those estimated for the whole."""
    arguments = json.dumps([name, settings, height, width, limit])
    command = [sys.executable, "-c", _SCRIPT, arguments]
    # A whole translation is measured without what the C library keeps of freed maps, which differs
    # from run to run; strips return it themselves.
    own = {"MALLOC_MMAP_THRESHOLD_": "65536"} if limit is None else {}
    result = subprocess.run(
        command, capture_output=True, text=True, check=True, env=os.environ | own
    )
    taken, estimated = json.loads(result.stdout)
    return taken, estimated


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("cyclegan", {"width": 16, "residual_blocks": 2}),
        ("munit", {"width": 16, "residual_blocks": 1}),
        ("pix2pix", {"width": 32, "downsamples": 5, "dropout": 0.0, "crop": 32}),
    ],
)
def test_the_peak_stays_within_the_memory(name: str, settings: dict[str, int]) -> None:
    limit = 140
    taken, estimated = measure(name, settings, 768, 1024, limit)
    assert estimated > limit  # it does not fit as a whole
    assert taken < limit


def test_with_maps_in_files_the_peak_does_not_depend_on_the_height() -> None:
    settings = {"width": 16, "residual_blocks": 1}
    low, high = (measure("cyclegan", settings, h, 384, 120)[0] for h in (2560, 5120))
    result_and_image = 2 * 3 * 4 * 384 * 2560 / 1e6  # which both are in memory here
    assert high - low < result_and_image


@pytest.mark.parametrize("name", ["cyclegan", "munit"])
def test_what_a_whole_translation_takes_is_estimated_from_the_networks(name: str) -> None:
    taken, estimated = measure(name, {"width": 16, "residual_blocks": 2}, 768, 1024, None)
    assert 0.85 * taken < estimated < 1.7 * taken
