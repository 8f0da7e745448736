"""Measure what augmentation of the discriminators does when there are few training images.

    python benchmarks/few_images.py --data FOLDER --features FILE --out few_images.json

Trains a method on random parts of FOLDER/trainA and FOLDER/trainB with and without ``augment``, and
compares its translations with images that it has not seen. Each run's figures are added to the file
as soon as they are known. The same command continues after an interruption; with another FILE it
measures the runs anew; ``--table`` prints what there is as Markdown. FILE is a classifier by
``crossimage evaluate fit-classifier``, of these and other kinds of images.

Figures of a run are means over both directions:

- kid: kernel inception distance between translations and unseen images of the target domain, in the
  features of that classifier;
- diversity: mean distance between the features of two translations, divided by that of two unseen
  target images;
- grain: mean absolute difference of a pixel and the mean of its four neighbours in translations,
  divided by that in unseen target images;
- memorised: how much surer the discriminators are of their training images than of unseen images,
  as a share of how much surer they are of training images than of translations: 0 without
  overfitting, 1 if unseen images pass for generated ones (r_v of Karras et al. 2020).
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchmetrics.image.kid import maximum_mean_discrepancy, poly_kernel
from torchvision.utils import make_grid

import crossimage
from crossimage.data.images.arrays import to_pil
from crossimage.data.images.files import read_image
from crossimage.data.images.resize import resize_to_cover
from crossimage.data.sources.folders import find_images
from crossimage.evaluation.networks.inception import FeatureExtractor
from crossimage.evaluation.networks.open import open_features
from crossimage.utils.files import write_text

KINDS = ("none", "color,translation,cutout", "adaptive")
FIGURES = {
    "kid": "KID ↓",
    "diversity": "diversity",
    "grain": "grain",
    "memorised": "memorised ↓",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with trainA and trainB")
    parser.add_argument("--features", help="file of a classifier, for kid and diversity")
    parser.add_argument("--out", type=Path, required=True, help="JSON file of the figures")
    parser.add_argument("--runs", type=Path, default=Path("runs/few_images"), help="folder of runs")
    parser.add_argument("--recipe", default="cyclegan/emojis", help="an unpaired recipe")
    parser.add_argument("--size", type=int, default=32, help="height and width of the images")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--images", type=int, nargs="+", default=[50, 100, 400], metavar="N")
    parser.add_argument("--augment", nargs="+", default=list(KINDS[:2]), metavar="KIND")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="N")
    parser.add_argument("--unseen", type=int, default=400, help="unseen images of each domain")
    parser.add_argument("--table", action="store_true", help="print the figures and train nothing")
    parser.add_argument("--sheet", type=Path, help="PNG file of translations by the runs of a seed")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    if options.out.exists():
        rows = json.loads(options.out.read_text(encoding="utf-8"))
    if options.table:
        print(table(rows, options))
        return
    if options.sheet and options.data:
        save_sheet(options)
        return
    if options.data is None or options.features is None:
        parser.error("--data and --features are needed unless --table is given")
    network = open_features(options.features, torch.device("cpu"))
    for seed in options.seeds:
        for images in options.images:
            for kind in options.augment:
                row = {"images": images, "augment": kind, "seed": seed}
                earlier = [known for known in rows if row.items() <= known.items()]
                if earlier and earlier[0].get("features") == network.digest:
                    continue
                row |= measure(images, kind, seed, options, network)
                if earlier:  # the run was complete, and only measured anew
                    row["cpu_seconds"] = earlier[0]["cpu_seconds"]
                rows = [known for known in rows if known not in earlier] + [row]
                write_text(options.out, json.dumps(rows, indent=1) + "\n")
                print(row, flush=True)


def measure(
    images: int, kind: str, seed: int, options: argparse.Namespace, network: FeatureExtractor
) -> dict[str, Any]:
    """Train on a part of the images, and return the figures of the run."""
    run = options.runs / f"{images}-{kind.replace(',', '-')}-{seed}"
    run.mkdir(parents=True, exist_ok=True)
    seen, unseen = {}, {}
    for letter in "AB":
        paths = sorted(find_images(options.data / f"train{letter}").train)
        random.Random(f"{letter}{seed}").shuffle(paths)
        seen[letter], unseen[letter] = paths[:images], paths[-options.unseen :]
        if len(paths) < images + options.unseen:
            raise SystemExit(f"{options.data}/train{letter} has only {len(paths)} images")
        lines = "".join(f"{path.resolve()}\n" for path in seen[letter])
        write_text(run / f"{letter}.txt", lines)
    began = time.process_time()
    result = crossimage.train(
        options.recipe, f"A={run / 'A.txt'},B={run / 'B.txt'}", run / "run",
        domains=["A", "B"], resize=options.size, crop=options.size, steps=options.steps,
        decay_steps=options.steps // 2, sample_every=options.steps, save_every=500, keep=1,
        seed=seed, augment=kind, workers=0,
    )  # fmt: skip
    seconds = time.process_time() - began
    model = crossimage.load(run / "run", device="cpu", discriminators=True)
    known = {letter: read(paths, options.size) for letter, paths in seen.items()}
    new = {letter: read(paths, options.size) for letter, paths in unseen.items()}
    per_direction = []
    for source, target in ("AB", "BA"):
        fake = model.translate(new[source], to=target).clamp(-1, 1)
        x, y = features(network, new[target]), features(network, fake)
        scores = [
            statistics.mean(float(scale.mean()) for scale in model.discriminate(images, target))
            for images in (known[target], new[target], fake)
        ]
        per_direction.append(
            {
                "kid": kid(x, y),
                "diversity": spread(y) / spread(x),
                "grain": grain(fake) / grain(new[target]),
                "memorised": (scores[0] - scores[1]) / (scores[0] - scores[2]),
            }
        )
    figures: dict[str, Any] = {
        name: statistics.mean(figures[name] for figures in per_direction) for name in FIGURES
    }
    last = result.history[-1].losses if result.history else {}
    if "augmentation/probability" in last:
        figures["probability"] = last["augmentation/probability"]
    settings = {"recipe": options.recipe, "steps": options.steps, "size": options.size}
    return figures | settings | {"cpu_seconds": round(seconds), "features": network.digest}


def read(paths: Sequence[Path], size: int) -> Tensor:
    """Read images (N, 3, size, size) in [-1, 1]."""
    images = [read_image(path, 3) for path in paths]
    return torch.cat([resize_to_cover(x.reshape(1, *x.shape[-3:]), (size, size)) for x in images])


def features(network: FeatureExtractor, x: Tensor) -> Tensor:
    """Return features (N, D) of images in [-1, 1]."""
    pixels = ((x + 1) * 127.5).round().to(torch.uint8)
    parts = torch.split(pixels, 50)
    return torch.cat([network(part).features for part in parts]).double()


def kid(x: Tensor, y: Tensor) -> float:
    """Return the unbiased squared MMD with KID's kernel, of all images at once."""
    kernels = poly_kernel(x, x), poly_kernel(x, y), poly_kernel(y, y)
    return float(maximum_mean_discrepancy(*kernels))


def grain(x: Tensor) -> float:
    """Return the mean absolute difference of pixels and the means of their four neighbours."""
    inside = x[..., 1:-1, 1:-1]
    around = x[..., :-2, 1:-1] + x[..., 2:, 1:-1] + x[..., 1:-1, :-2] + x[..., 1:-1, 2:]
    return float((inside - around / 4).abs().mean())


def spread(x: Tensor) -> float:
    """Return the mean distance between two of the features (N, D)."""
    return float(torch.nn.functional.pdist(x).mean())


def table(rows: Sequence[dict[str, Any]], options: argparse.Namespace) -> str:
    """Return the means over seeds as a Markdown table, with the lowest and highest values."""
    lines = [
        "| images per domain | `augment` | runs | " + " | ".join(FIGURES.values()) + " |",
        "|---" * (3 + len(FIGURES)) + "|",
    ]
    for images in options.images:
        for kind in options.augment:
            own = [r for r in rows if (r["images"], r["augment"]) == (images, kind)]
            own = [r for r in own if r["seed"] in options.seeds]
            cells = [summary([r[name] for r in own]) for name in FIGURES]
            lines.append(f"| {images} | `{kind}` | {len(own)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def save_sheet(options: argparse.Namespace) -> None:
    """Save unseen inputs, and a row of their translations by each run of the first seed."""
    paths = sorted(find_images(options.data / "trainA").train)
    random.Random(f"A{options.seeds[0]}").shuffle(paths)
    x = read(paths[-16:], options.size)
    rows = [x]
    for images in options.images:
        for kind in options.augment:
            run = options.runs / f"{images}-{kind.replace(',', '-')}-{options.seeds[0]}" / "run"
            model = crossimage.load(run, device="cpu")
            rows.append(model.translate(x, to="B").clamp(-1, 1))
    sheet = make_grid(torch.cat(rows), len(x), pad_value=1.0)
    to_pil(resize_to_cover(sheet[None], (2 * sheet.shape[1], 2 * sheet.shape[2]))[0]).save(
        options.sheet
    )


def summary(values: Sequence[float]) -> str:
    if not values:
        return "missing"
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{statistics.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


if __name__ == "__main__":
    main()
