"""Measure how often few-shot translations are of the class that their references show.

    python benchmarks/few_shot.py RUN --data CLASSES [--references 1 5] [--size N] [--sheet FILE]

A small convolutional network is trained on the training images of all class folders, also of those
classes that the model has not seen, and its accuracy is measured on the test images. Then test
images of classes seen in training are translated to every class, each with K random test images of
it as references, and the network classifies the results.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.utils import make_grid

from crossimage.data.images.arrays import to_pil
from crossimage.data.images.files import read_image
from crossimage.data.images.resize import resize_to_cover
from crossimage.inference.load import load
from crossimage.inference.translator import Translator

Classes = dict[str, Tensor]
"""Images (N, C, H, W) in [-1, 1] by class."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="a run folder or model file of a few-shot method")
    parser.add_argument("--data", type=Path, required=True, help="train/<class> and test/<class>")
    parser.add_argument("--references", type=int, nargs="+", default=[1, 5], metavar="K")
    parser.add_argument("--count", type=int, default=200, help="translations to each class")
    parser.add_argument("--size", type=int, help="side of the images; that of training by default")
    parser.add_argument("--images", type=int, default=500, help="images of each class at most")
    parser.add_argument("--epochs", type=int, default=4, help="epochs of the classifier")
    parser.add_argument("--sheet", type=Path, help="file for a sheet of unseen classes")
    options = parser.parse_args()
    model = load(options.run, "cpu")
    side = options.size or model.config.crop[0]
    sets = {
        split: read(options.data / split, side, model, options.images)
        for split in ("train", "test")
    }
    classifier = fit(sets["train"], options.epochs)
    names = list(sets["test"])
    real = {name: accuracy(classifier, sets["test"][name], names.index(name)) for name in names}
    print(f"classifier, on real test images: {mean(real.values()):.1%}")
    seen = [name for name in names if name in model.networks.labels.names]
    contents = torch.cat([sets["test"][name] for name in seen])
    sizes = torch.tensor([len(sets["test"][name]) for name in seen])
    numbers = torch.arange(len(seen)).repeat_interleave(sizes)
    generator = torch.Generator().manual_seed(0)
    for k in options.references:
        found = {}
        for name in names:
            own = seen.index(name) if name in seen else -1
            others = contents[numbers != own]
            rows = torch.randint(len(others), (options.count,), generator=generator)
            results = translate(model, others[rows], sets["test"][name], k, generator)
            found[name] = accuracy(classifier, results, names.index(name))
        for kind, of in (("seen", seen), ("unseen", [n for n in names if n not in seen])):
            shares = ", ".join(f"{name} {found[name]:.0%}" for name in of)
            print(f"K={k}, {kind} classes: {mean(found[n] for n in of):.1%} ({shares})")
    if options.sheet:
        unseen = [name for name in names if name not in seen]
        save_sheet(model, sets["test"], seen, unseen, options.sheet)


def read(folder: Path, side: int, model: Translator, most: int) -> Classes:
    """Read the images of class folders, of each the first ones by name."""
    sets = {}
    for path in sorted(p for p in folder.iterdir() if p.is_dir()):
        images = [read_image(p, model.channels("x")) for p in sorted(path.iterdir())[:most]]
        batches = [x.reshape(1, *x.shape[-3:]) for x in images]
        sets[path.name] = torch.cat([resize_to_cover(x, (side, side)) for x in batches])
    return sets


def fit(sets: Classes, epochs: int) -> nn.Module:
    """Train a classifier."""
    torch.manual_seed(0)
    x = torch.cat(list(sets.values()))
    y = torch.cat([torch.full((len(own),), i) for i, own in enumerate(sets.values())])
    layers: list[nn.Module] = []
    for inputs, outputs in ((x.shape[1], 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
        layers += [nn.MaxPool2d(2)]
    network = nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(len(sets)))
    network(x[:2])
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    steps = epochs * (len(x) // 100)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(100)[: steps // epochs]:
            optimizer.zero_grad()
            F.cross_entropy(network(x[rows]), y[rows]).backward()
            optimizer.step()
            schedule.step()
    return network.eval()


@torch.no_grad()
def translate(
    model: Translator, x: Tensor, references: Tensor, k: int, generator: torch.Generator
) -> Tensor:
    """Translate images to a class, each with k references of its own."""
    rows = torch.stack([torch.randperm(len(references), generator=generator)[:k] for _ in x])
    codes = model.reference_style(references[rows.flatten()], "x")
    return model.translate(x, style=codes.unflatten(0, (len(x), k)).mean(1))


@torch.no_grad()
def accuracy(classifier: nn.Module, x: Tensor, label: int) -> float:
    return (classifier(x).argmax(1) == label).float().mean().item()


def mean(values: Iterable[float]) -> float:
    return statistics.mean(values)


def save_sheet(
    model: Translator, sets: Classes, seen: list[str], unseen: list[str], path: Path
) -> None:
    """Save a row per unseen class: five references, then inputs and their translations."""
    x = torch.cat([sets[name][3:4] for name in seen])
    blank = torch.ones(1, *x.shape[1:])
    rows = [torch.cat([blank.expand(5, -1, -1, -1), x])]
    for name in unseen:
        references = sets[name][:5]
        rows.append(torch.cat([references, model.translate(x, reference=references)]))
    to_pil(make_grid(torch.cat(rows), 5 + len(x), pad_value=1.0)).save(path)


if __name__ == "__main__":
    main()
