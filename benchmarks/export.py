"""Export models, and compare PyTorch, ONNX in fp32 and ONNX in int8.

    python benchmarks/export.py MODEL[=IMAGES] ... [--size 256] [--repeats 5] [--clock cpu]

Prints a table in Markdown, a line per model: the largest difference of a value, the sizes of the
files, the PSNR of int8, and the milliseconds of translating one image, the median of the
repetitions, which alternate. IMAGES is a folder of images of the source domain; without one there
is no int8.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import crossimage
from crossimage.checkpoints.addresses import model_path
from crossimage.export.write import export_model
from crossimage.inference.translator import Translator
from crossimage.utils.memory import keep_memory

_CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("models", nargs="+", metavar="MODEL[=IMAGES]")
    parser.add_argument("--size", type=int, default=256, help="height and width of the image")
    parser.add_argument("--repeats", type=int, default=5, help="repetitions")
    parser.add_argument("--clock", choices=_CLOCKS, default="wall", help="time to measure")
    options = parser.parse_args()
    keep_memory()  # as the command line does
    print(
        "| Method | Pixels | Largest difference | Model file, MB | ONNX, MB | int8, MB "
        "| int8, PSNR | PyTorch, ms | ONNX, ms | int8, ms |"
    )
    print("|---" * 10 + "|", flush=True)
    for argument in options.models:
        model, _, images = argument.partition("=")
        print(_row(model_path(model), Path(images) if images else None, options), flush=True)


def _row(path: Path, images: Path | None, options: argparse.Namespace) -> str:
    model = crossimage.load(path, "cpu")
    with tempfile.TemporaryDirectory() as folder:
        exact = export_model(model, Path(folder) / "exact.onnx")
        ways = {"torch": model, "fp32": crossimage.load(exact.files[0])}
        sizes = [(path / "model.safetensors" if path.is_dir() else path), exact.files[0]]
        psnr = None
        if images:
            try:
                int8 = export_model(model, Path(folder) / "int8.onnx", int8=images)
            except ValueError as error:
                psnr = str(error).partition("PSNR of ")[2].partition(" dB")[0] + ", refused"
            else:
                ways["int8"] = crossimage.load(int8.files[0])
                sizes.append(int8.files[0])
                psnr = f"{int8.about.psnr:.1f} dB"
        megabytes = [f"{file.stat().st_size / 1e6:.1f}" for file in sizes] + [""]
        height, width = model.networks.fixed_size or (options.size, options.size)
        source = model.target(_target(model)).source
        x = torch.rand(1, model.channels(source), height, width) * 2 - 1
        taken = _times({name: _way(each, x) for name, each in ways.items()}, options)
        milliseconds = [f"{taken[name]:.3g}" if name in taken else "" for name in _ORDER]
    return (
        f"| `{model.method}` | {width} | {exact.difference:.0e} | {megabytes[0]} | {megabytes[1]} "
        f"| {megabytes[2]} | {psnr or ''} | {' | '.join(milliseconds)} |"
    )


_ORDER = ("torch", "fp32", "int8")


def _target(model: Translator) -> str | None:
    few_shot = model.networks.few_shot
    return model.targets[0] if model.networks.labels and not few_shot else None


def _way(model: Translator, x: torch.Tensor) -> Callable[[], object]:
    given: dict[str, Any] = {"to": _target(model)}
    if model.networks.style_dim:
        given["style"] = torch.zeros(1, model.networks.style_dim)
    return lambda: model.translate(x, **given)


def _times(ways: dict[str, Callable[[], object]], options: argparse.Namespace) -> dict[str, float]:
    clock, taken = _CLOCKS[options.clock], {name: list[float]() for name in ways}
    for turn in range(options.repeats + 1):
        for name, translate in ways.items():
            began = clock()
            translate()
            if turn:  # the first warms up
                taken[name].append(1e3 * (clock() - began))
    return {name: statistics.median(each) for name, each in taken.items()}


if __name__ == "__main__":
    main()
