"""Simulate training on many GPUs: the efficiency that messages and uneven steps leave.

    python benchmarks/scaling.py [RECIPE] [--step 200] [--jitter 0.03]

No cluster was measured. The numbers and sizes of the messages are those of this code (the recipe's
networks are built without memory); times of steps, bandwidths and latencies are assumptions, which
options change. Each GPU has the same work whatever their number, so the efficiency is the time of a
step on one GPU divided by that on n.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import torch

from crossimage.config import build
from crossimage.methods import METHODS
from crossimage.recipes import resolve

PER_MACHINE = 8
COUNTS = 8, 64, 512


@dataclass(frozen=True)
class Network:
    """What connects GPUs.

    Attributes:
        name: What it is.
        inside: Bytes per second between the GPUs of a machine, per GPU.
        between: Bytes per second between machines, per machine.
        hop: Seconds until a message arrives.
    """

    name: str
    inside: float
    between: float
    hop: float


NETWORKS = (
    Network("NVLink, and InfiniBand with 8 x 200 Gbit/s per machine", 200e9, 160e9, 10e-6),
    Network("PCIe, and Ethernet with 25 Gbit/s per machine", 20e9, 2.5e9, 40e-6),
)


@dataclass(frozen=True)
class Plan:
    """How processes communicate.

    Attributes:
        name: What is changed.
        bytes: Bytes per number of a gradient.
        overlap: Share of a gradient's average that is hidden behind the backward pass.
        vote_every: Steps between two votes on stops, errors and the clock.
        tree: Whether votes go along a tree rather than around a ring.
    """

    name: str
    bytes: int = 4
    overlap: float = 0.0
    vote_every: int = 1
    tree: bool = False


PLANS = (
    Plan("as it is"),
    Plan("votes along a tree", tree=True),
    Plan("votes every 16 steps", vote_every=16),
    Plan("gradients in bf16", bytes=2),
    Plan("averages behind the backward pass (80 %)", overlap=0.8),
    Plan("all of these", bytes=2, overlap=0.8, vote_every=16, tree=True),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", nargs="?", default="munit/edges2shoes")
    parser.add_argument("--step", type=float, default=200, help="milliseconds of a step on one GPU")
    parser.add_argument("--jitter", type=float, default=0.03, help="its relative deviation")
    parser.add_argument("--memory", type=float, default=1500, help="GB per second of GPU memory")
    parser.add_argument("--vote-hop", type=float, default=60, help="microseconds, TCP of hosts")
    options = parser.parse_args()
    sizes = weights_by_player(options.recipe)
    messages = ", ".join(f"{4 * count / 1e6:.0f} MB ({name})" for name, count in sizes.items())
    print(f"{options.recipe}: {options.step:g} ms per step, uneven by {options.jitter:.0%}")
    print(f"gradients: {messages}")
    for network in NETWORKS:
        print(f"\n{network.name}\n\n| | {' | '.join(f'{n} GPUs' for n in COUNTS)} |")
        print("|---" * (len(COUNTS) + 1) + "|")
        for plan in PLANS:
            shares = [efficiency(n, plan, network, [*sizes.values()], options) for n in COUNTS]
            print(f"| {plan.name} | {' | '.join(f'{share:.0%}' for share in shares)} |")


def weights_by_player(recipe: str) -> dict[str, int]:
    """Return how many weights each player has; each moves once per step."""
    method, settings = resolve(recipe)
    cls = METHODS[method]
    with torch.device("meta"):
        players = cls(build(cls.Config, settings), training=True).players()
    return {name: sum(p.numel() for p in net.parameters()) for name, net in players.items()}


def efficiency(
    count: int, plan: Plan, network: Network, weights: list[int], options: argparse.Namespace
) -> float:
    """Return the time of a step on one GPU divided by that on ``count``."""
    alone = options.step / 1000
    rng = np.random.default_rng(0)
    # a player's move ends when the slowest process has its gradients
    share = alone / len(weights)
    deviation = options.jitter * alone / len(weights) ** 0.5
    moves = rng.normal(share, deviation, (400, len(weights), count)).max(axis=2).sum(axis=1)
    messages = 0.0
    for number in weights:
        size = number * plan.bytes
        copies = 4 * size / (options.memory * 1e9)  # into one flat tensor and back
        messages += (1 - plan.overlap) * (all_reduce(size, count, network) + copies)
    messages += all_reduce(64, count, network)  # the losses
    hosts = np.log2(count) if plan.tree else count - 1
    messages += 2 * hosts * options.vote_hop * 1e-6 / plan.vote_every
    return float(alone / (moves.mean() + messages))


def all_reduce(size: float, count: int, network: Network) -> float:
    """Return the seconds of an all-reduce over rings within a machine and between machines."""
    here = min(count, PER_MACHINE)
    machines = count // here
    seconds = 2 * (here - 1) / here * size / network.inside
    seconds += 2 * (machines - 1) / machines * size / network.between
    return float(seconds + 2 * np.log2(count) * network.hop)


if __name__ == "__main__":
    main()
