"""Measure bulk translation: throughput beside a bare loop, memory, and how fast files are skipped.

Run it as ``python benchmarks/bulk.py [FOLDER] [--files 10000 100000]``. Images of 16 pixels in
folders of 1,000 are inverted rather than translated by networks, so that what is measured is all
else: finding, reading, writing, listing. Each step runs in a process of its own. Peak memory is the
most that it held; time is that of the wall clock and, since other programs may run, of the CPU.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PER_FOLDER = 1000
STEPS = ("bare loop", "translate", "skip all", "skip one shard of 16", "ledger")


def main() -> None:
    """Run every step for each number of files, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--files", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        work(arguments.step, arguments.folder)
        return
    with tempfile.TemporaryDirectory() as temporary:
        for number in arguments.files:
            place = (arguments.folder or Path(temporary)) / str(number)
            draw(place / "in", number)
            for step in STEPS:
                command = [sys.executable, __file__, str(place), "--step", step]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
                figures = json.loads(done.stdout)
                rate = {key: number / figures[key] for key in ("wall", "cpu")}
                print(
                    f"{number:>9,} {step:<22} {figures['wall']:7.1f} s {figures['cpu']:7.1f} s CPU "
                    f"{rate['wall']:9,.0f}/s {rate['cpu']:9,.0f} per s of CPU "
                    f"{figures['memory']:6.0f} MB",
                    flush=True,
                )


def draw(folder: Path, number: int) -> None:
    """Write distinct PNG files of 16 x 16 pixels."""
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "PNG")
    plain = buffer.getvalue()
    for i in range(number):
        path = folder / f"{i // PER_FOLDER:04}" / f"{i % PER_FOLDER:04}.png"
        if i % PER_FOLDER == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(plain)


def work(step: str, place: Path) -> None:
    """Run one step, and print its figures."""
    from crossimage.bulk.audit import audit
    from crossimage.inference.files.options import FileOptions
    from crossimage.inference.files.results import FolderResults
    from crossimage.inference.files.translate import translate_all

    model = cheap_model()
    inputs, out = place / "in", place / "out"
    shard = (1, 16) if "shard" in step else None
    options = FileOptions(seed=1, batch_size=32, shard=shard, skip_existing="skip" in step)
    steps: dict[str, Callable[[], object]] = {
        "bare loop": lambda: bare_loop(model, inputs, place / "bare"),
        "ledger": lambda: audit(FolderResults(out)),
    }
    run = steps.get(step, lambda: translate_all(model, inputs, out, None, options))
    start, cpu = time.perf_counter(), time.process_time()
    run()
    figures = {"wall": time.perf_counter() - start, "cpu": time.process_time() - cpu}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(figures | {"memory": memory}))


def cheap_model() -> object:
    """Return a model whose translation costs nothing: it inverts colours."""
    import torch
    from torch import Tensor

    from crossimage.config import build
    from crossimage.inference.translator import Translator
    from crossimage.methods.cyclegan import CycleGAN

    class Invert(CycleGAN):
        def translate(self, x: Tensor, to: str, style: Tensor | None = None) -> Tensor:
            return -x

    config = build(
        Invert.Config,
        {"crop": 32, "width": 2, "residual_blocks": 1},
    )
    torch.manual_seed(0)  # the same weights in all processes
    return Translator(Invert(config, training=False), "cpu")


def bare_loop(model: object, inputs: Path, out: Path) -> None:
    """Read, invert and write images one after the other, with nothing else."""
    import numpy as np
    import torch
    from PIL import Image

    for path in sorted(inputs.rglob("*.png")):
        with Image.open(path) as image:
            x = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1
        y = ((-x + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
        target = out / path.relative_to(inputs)
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(y).save(target)


if __name__ == "__main__":
    main()
