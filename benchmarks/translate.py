"""Measure the time of translating images with a method's published networks.

    python benchmarks/translate.py [RECIPE|METHOD] [--peer DIR] [--batches 1 8] [key=value ...]

Prints the milliseconds per image of this project's translator for each batch size. Given a checkout
of MUNIT's official code (see peers.py), the two alternate, and their ratio is printed. The weights
are random. Clock and threads are chosen as for train_step.py.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import torch
import train_step
from peers import load_peer
from torch import Tensor
from train_step import set_clock, spread, synchronise

from crossimage.cli.overrides import parse_overrides
from crossimage.config import build
from crossimage.inference.translator import Translator
from crossimage.methods import METHODS
from crossimage.recipes import resolve
from crossimage.training.processes.fabric import arithmetic
from crossimage.utils.memory import keep_memory


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("name", nargs="?", default="munit", help="recipe or method")
    parser.add_argument("--peer", type=Path, help="checkout of the official code")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8], help="batch sizes")
    parser.add_argument("--repeats", type=int, default=5, help="repetitions")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="time to measure")
    options, settings = parser.parse_known_args()
    set_clock(options.clock)
    keep_memory()  # as the command line does; the official code benefits too
    name, recipe = resolve(options.name)
    config = build(METHODS[name].Config, recipe, parse_overrides(settings), source=options.name)
    if METHODS[name].layout == "labelled":
        raise SystemExit("translation is measured for methods that translate between two domains")
    networks = METHODS[name](config, training=False)
    translator = Translator(networks)
    ways: dict[str, Callable[[Tensor], object]] = {"ours": translator.translate}
    if arithmetic("auto") == "bf16":
        ways["ours, bf16"] = Translator(deepcopy(networks), precision="bf16").translate
    if options.peer:
        size = config.crop[0]
        peer = load_peer(name, options.peer.resolve(), size, 1)
        if peer.translate is None:
            raise SystemExit("of official code, only MUNIT's translation is measured")
        ways["official"] = peer.translate
    print(f"{options.name}, {config.crop[0]}x{config.crop[1]}, {torch.get_num_threads()} threads")
    for batch in options.batches:
        x = torch.rand(batch, config.channels[0], *config.crop, device=translator.device) * 2 - 1
        taken: dict[str, list[float]] = {way: [] for way in ways}
        for turn in range(options.repeats + 1):
            for way, translate in ways.items():
                began = train_step.clock()
                translate(x)
                synchronise()
                if turn:  # the first warms up
                    taken[way].append(train_step.clock() - began)
        for way, seconds in taken.items():
            line = f"batch {batch:<4}{way:12}{spread([1e3 * s / batch for s in seconds], '.0f')} ms"
            if options.peer:
                pairs = zip(taken["official"], seconds, strict=True)
                line += f", ratio {spread([theirs / own for theirs, own in pairs], '.2f')}"
            print(line)


if __name__ == "__main__":
    main()
