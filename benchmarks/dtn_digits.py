"""How many translated digits a classifier of the target domain reads rightly.

    python benchmarks/dtn_digits.py --data DIR --from ORIGINALS --classifier FILE RUN [RUN ...]

trains a classifier on the labelled training images of the target (or reads it from FILE, where an
earlier call has left it), translates the test images of the source with every run, and prints the
shares that the classifier gets right: of the target's own test images, of the source's as they are
(in grey, if the target is grey), and of every run's translations. It sees no image of the source
before; nothing is chosen by these shares.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import cross_entropy
from torchvision.transforms.v2 import functional as transforms

import crossimage
from crossimage.config import Config
from crossimage.data.datasets import UnpairedImages, find_domains
from crossimage.data.digits import Digits, find_digits
from crossimage.networks.features import PREFIX, FeatureNetwork, read_features

EPOCHS, BATCH, RATE, WIDTH = 2, 128, 1e-3, 32


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", required=True, help="data set with the source's test images")
    parser.add_argument("--from", required=True, type=Path, help="folder of the digits' originals")
    parser.add_argument("--target", default="mnist", help="mnist, usps or svhn")
    parser.add_argument("--classifier", required=True, type=Path, help="file for the classifier")
    parser.add_argument("runs", nargs="+", type=Path)
    options = parser.parse_args()
    models = {run.name: crossimage.load(run) for run in options.runs}
    config = next(iter(models.values())).config
    target = find_digits(options.target, vars(options)["from"])
    x, y = prepared(target["test"], config)
    if not options.classifier.exists():
        classifier = train(*prepared(target["train"], config))
        tensors = {PREFIX + name: value for name, value in classifier.state_dict().items()}
        save_file(tensors, options.classifier)
    classifier = read_features(options.classifier, config.crop[0], config.channels[1])

    source = UnpairedImages(find_domains(options.data), config, "a")
    print("| test images | accuracy |\n|---|---|")
    own = zip(x.split(250), y.split(250), strict=True)
    show(f"{options.target} itself", accuracy(classifier, own))
    raw = ((in_grey(x) if config.channels[1] == 1 else x, y) for x, y in source.tests("a", 250))
    show("source, untranslated", accuracy(classifier, raw))
    for name, model in models.items():
        translated = ((model.translate(x), y) for x, y in source.tests("a", 250))
        show(name, accuracy(classifier, translated))


def prepared(digits: Digits, config: Config) -> tuple[Tensor, Tensor]:
    """All images (N, C, H, W) in [-1, 1] and their classes (N,), as the runs see them."""
    x = torch.from_numpy(digits.images.copy())
    x = x[:, None] if x.ndim == 3 else x.permute(0, 3, 1, 2)
    size, y = list(config.crop), torch.from_numpy(digits.labels.astype(int))
    parts = [transforms.resize(p / 127.5 - 1, size, antialias=True) for p in x.split(1000)]
    return torch.cat(parts), y


def train(x: Tensor, y: Tensor) -> FeatureNetwork:
    """A classifier, by cross-entropy alone, with a learning rate that falls to 0."""
    torch.manual_seed(0)
    network = FeatureNetwork(x.shape[1], x.shape[2], WIDTH, int(y.max()) + 1)
    adam = torch.optim.Adam(network.parameters(), RATE)
    steps = EPOCHS * len(x) // BATCH
    decay = torch.optim.lr_scheduler.LinearLR(adam, 1, 1e-3, steps)
    for step in range(steps):
        rows = torch.randint(len(x), (BATCH,))
        loss = cross_entropy(network.classify(x[rows]), y[rows])
        adam.zero_grad()
        loss.backward()
        adam.step()
        decay.step()
        if step % 200 == 0:
            print(f"classifier: step {step} of {steps}, loss {loss:.3f}", flush=True)
    return network.eval()


def accuracy(network: FeatureNetwork, batches: Iterable[tuple[Tensor, Tensor]]) -> float:
    """Share of the images that a classifier gets right."""
    right, count = 0, 0
    with torch.no_grad():
        for x, y in batches:
            right += int((network.classify(x).argmax(1) == y).sum())
            count += len(y)
    return right / count


def in_grey(x: Tensor) -> Tensor:
    """Images (N, 1 or 3, H, W) as images of one channel."""
    return x if x.shape[1] == 1 else transforms.rgb_to_grayscale(x)


def show(name: str, share: float) -> None:
    """A row of the table."""
    print(f"| {name} | {share:.2%} |", flush=True)


if __name__ == "__main__":
    main()
