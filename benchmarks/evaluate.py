"""Compare the speed of feature extraction for FID, KID and IS with that of torch-fidelity.

    python benchmarks/evaluate.py [IMAGES] [SIZE] [ROUNDS]

Both use the same weights of Inception-v3 (random ones, which take as long as the published ones),
the same PNG files and the same batch size, and alternate in one run. "in memory" is the network
alone on decoded images; "from files" is everything: ours decodes in threads and accumulates the
statistics, torch-fidelity decodes in worker processes and collects the features. The last line says
how much the features differ.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import torch
from torch import Tensor, nn
from torch_fidelity import feature_extractor_inceptionv3 as inception
from torch_fidelity import utils

from crossimage.data.images.arrays import to_pil
from crossimage.evaluation.galleries.images import images_in
from crossimage.evaluation.metrics.statistics import statistics_of
from crossimage.evaluation.networks.open import open_features

BATCH = 32
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("images", nargs="?", type=int, default=64)
    parser.add_argument("size", nargs="?", type=int, default=256, help="height and width")
    parser.add_argument("rounds", nargs="?", type=int, default=3)
    options = parser.parse_args()
    images, size, rounds = options.images, options.size, options.rounds
    with TemporaryDirectory() as temporary:
        root = Path(temporary)
        weights, folder = write_weights(root / "weights.pth"), root / "images"
        write_images(folder, images, size)
        compare(weights, folder, images, size, rounds)


def compare(weights: Path, folder: Path, images: int, size: int, rounds: int) -> None:
    ours = open_features(str(weights), DEVICE)
    theirs = utils.create_feature_extractor(
        "inception-v3-compat", ["2048", "logits_unbiased"], cuda=DEVICE.type == "cuda",
        feature_extractor_weights_path=str(weights), verbose=False,
    )  # fmt: skip
    count = min(BATCH, images)
    batch = torch.randint(0, 256, (count, 3, size, size)).byte()

    def their_network() -> Tensor:
        with torch.no_grad():
            return theirs(batch.to(DEVICE))[0].cpu()

    def their_files() -> Tensor:
        warnings.simplefilter("ignore")  # it may start more workers than there are CPUs
        found = utils.extract_featuresdict_from_input_id(
            1, theirs, input1=str(folder), batch_size=count, cuda=DEVICE.type == "cuda",
            save_cpu_ram=False, verbose=False,
        )  # fmt: skip
        return found["2048"]

    print(f"{describe()}, {os.cpu_count()} CPUs, {images} images of {size}x{size}, batch {count}")
    race("in memory", count, rounds, lambda: ours(batch).features.cpu(), their_network)
    a, b = race(
        "from files", images, rounds,
        lambda: statistics_of(images_in(folder, count), ours).mean.cpu(),
        lambda: their_files().double().mean(0),
    )  # fmt: skip
    print(f"difference  {float((a - b).abs().max() / b.abs().max()):.1e} of the largest mean")


def race(
    name: str, images: int, rounds: int, ours: Callable[[], Tensor], theirs: Callable[[], Tensor]
) -> tuple[Tensor, Tensor]:
    """Let both alternate; the first round does not count."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 1):
        results = []
        for taken, run in zip(seconds, (ours, theirs), strict=True):
            began = time.perf_counter()
            results.append(run())
            if turn:
                taken.append(time.perf_counter() - began)
    rates = [images / statistics.median(taken) for taken in seconds]
    ratios = [slow / fast for fast, slow in zip(*seconds, strict=True)]
    print(
        f"{name:<11} ours {rates[0]:.1f} images/s, torch-fidelity {rates[1]:.1f} images/s; "
        f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f} in "
        f"{rounds} turns)",
        flush=True,
    )
    return results[0], results[1]


def write_weights(path: Path) -> Path:
    """Write random weights that preserve the scale of the features."""
    network_class = inception.FeatureExtractorInceptionV3
    with (
        mock.patch.object(inception, "load_state_dict_from_url"),
        mock.patch.object(network_class, "load_state_dict"),
    ):
        network = network_class("inception-v3-compat", ["2048"])
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
    torch.save(network.state_dict(), path)
    return path


def write_images(folder: Path, count: int, size: int) -> None:
    folder.mkdir()
    for number in range(count):
        coarse = torch.rand(1, 3, 16, 16) * 2 - 1
        smooth = nn.functional.interpolate(coarse, (size, size), mode="bicubic").clamp(-1, 1)
        to_pil(smooth[0]).save(folder / f"{number:05}.png")


def describe() -> str:
    if DEVICE.type == "cuda":
        return torch.cuda.get_device_name(DEVICE)
    return f"CPU with {torch.get_num_threads()} threads"


if __name__ == "__main__":
    main()
