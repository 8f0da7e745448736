"""Compare the time of loading a MUNIT with that of safetensors and PyTorch alone.

    OMP_NUM_THREADS=1 python benchmarks/load_model.py

The latter builds the same networks with random weights, and reads the file's tensors into them. It
checks nothing. Both are timed in turn, in processor time, with the file in the system's cache.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from safetensors.torch import load_file

import crossimage
from crossimage.checkpoints.model_file import save_model
from crossimage.config import build
from crossimage.methods import METHODS

ROUNDS = 10


def main() -> None:
    """Print the median times and the median of the ratios."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    munit = METHODS["munit"]
    config = build(munit.Config, {"domains": "a,b"})
    with TemporaryDirectory() as folder:
        path = Path(folder) / "munit.safetensors"
        save_model(path, munit(config, training=False))

        def ours() -> None:
            crossimage.load(path, device="cpu")

        def plain() -> None:
            munit(config, training=False).load_state_dict(load_file(path), strict=False)

        ours()
        plain()
        times = [(_timed(ours), _timed(plain)) for _ in range(ROUNDS)]
        size = path.stat().st_size
    ratio = statistics.median(a / b for a, b in times)
    first, second = (statistics.median(column) for column in zip(*times, strict=True))
    print(
        f"{size / 1e6:.0f} MB: crossimage.load {first:.3f} s, safetensors and PyTorch "
        f"{second:.3f} s, ratio {ratio:.2f}"
    )


def _timed(call: Callable[[], None]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


if __name__ == "__main__":
    main()
