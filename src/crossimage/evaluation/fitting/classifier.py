"""Training of classifiers on real images in class folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.transforms.v2 import functional as transforms

from crossimage.evaluation.fitting.class_folders import Examples, find_examples
from crossimage.evaluation.galleries.images import Pictures, ahead, fitted, read_rgb
from crossimage.evaluation.networks.classifier import (
    KINDS,
    Classifier,
    Judge,
    classifier_of,
    save_classifier,
)
from crossimage.evaluation.networks.network_file import check_suffix
from crossimage.evaluation.options import Network
from crossimage.evaluation.report.figures import Figure, share_of
from crossimage.training.fabric import arithmetic
from crossimage.utils.arguments import find_device
from crossimage.utils.progress import shown
from crossimage.utils.seeds import seed_of
from crossimage.utils.tensor_files import read_weights

T = TypeVar("T")

_TOGETHER = 64  # images a step
_LARGER = 9 / 8  # to what the shortest side is enlarged at most, before a part is cut out
_RATE, _RATE_BEGUN = 1e-3, 1e-4  # highest learning rate, from random and from published weights


def fit_classifier(
    data: str | Path,
    out: Path,
    *,
    network: Network = "resnet18",
    size: int | None = None,
    epochs: int = 20,
    flip: bool = True,
    weights: str | None = None,
    seed: int = 0,
    device: torch.device,
) -> Figure:
    """Train a classifier, measure it on images that it has not seen, and write it to a file.

    Adam with one cycle of the learning rate; images are enlarged by up to an eighth, cut to the
    size at random, and flipped. On one kind of device a seed gives one result, as far as PyTorch's
    operations are reproducible.

    Args:
        data: The folder; see :func:`~crossimage.evaluation.fitting.class_folders.find_examples`.
        out: The ``.safetensors`` file.
        network: Which one.
        size: Height and width of the images that it sees, best those of the images to be judged;
            None: the network's own.
        epochs: How often every image is seen.
        flip: Whether an image and its mirror image are of one class; not so for digits.
        weights: ``imagenet`` to begin with torchvision's published weights, from the cache or the
            network, or a file of them; None: from random ones.
        seed: Seed of the initialisation, the split, and the order and parts of the images.
        device: Where to compute.

    Returns:
        The accuracy on the held-out images, with its Wilson interval.

    Raises:
        FileNotFoundError: The folder, or the weights, are not there.
        ValueError: There are fewer than two classes, or too few images of one; an image or the
            weights can't be used; a number makes no sense.
    """
    kind = KINDS[network]
    size = size or kind.size
    _check(out, size, kind.smallest, epochs)
    classes, train, held_out = find_examples(str(data), seed)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed_of(seed, "classifier"))
        judge = Judge(network, size, len(classes))
        begun = _begin(judge, network, weights) if weights else "random weights"
        _train(judge.to(device), train, epochs, flip, seed, _RATE_BEGUN if weights else _RATE)
    found = accuracy(classifier_of(judge, network, classes), held_out)
    facts = {
        "held_out": f"{100 * found.value:.2f} % of {found.count} held-out images right",
        "data": f"{len(train.paths)} images, {Pictures(train.paths).digest[:16]}",
        "begun_with": begun,
        "epochs": epochs,
        "flip": flip,
        "seed": seed,
    }
    save_classifier(out, network, judge, classes, facts)
    return found


def accuracy(classifier: Classifier, examples: Examples) -> Figure:
    """Share of real images whose class a classifier knows.

    Args:
        classifier: The classifier.
        examples: The images.
    """
    stream = Pictures(examples.paths, lambda path: fitted(read_rgb(path), classifier.size))
    told = shown(stream, "batches of held-out images", -(-len(stream) // stream.batch_size))
    guesses = torch.cat([classifier.probabilities(images).argmax(1) for images in told])
    hits = guesses.eq(torch.tensor(examples.labels)).double().tolist()
    value, interval = share_of(hits)
    protocol = f"share of real images, held out in training, whose class {classifier.name} tells"
    return Figure(
        "held_out_accuracy",
        value,
        interval,
        len(hits),
        protocol,
        None,
        classifier.library,
        comparable=False,
    )


def _check(out: Path, size: int, smallest: int, epochs: int) -> None:
    check_suffix(out, "classifier")
    for flag, value, least in (("--size", size, smallest), ("--epochs", epochs, 1)):
        if value < least:
            raise ValueError(f"{flag} must be at least {least}, found {value}")


def _begin(judge: Judge, network: Network, weights: str) -> str:
    """Give a network published weights up to its last layer; tells which."""
    kind = KINDS[network]
    if kind.weights is None:
        raise ValueError(f"there are no published weights of {network}; leave --weights out")
    file = None if weights == "imagenet" else Path(weights)
    instead = "name a file with --weights FILE"
    found = read_weights(kind.weights, file, f"training a {kind.title}", instead)
    others = ("fc.", "AuxLogits.")  # not part of this network
    state = {name: x for name, x in found.state.items() if not name.startswith(others)}
    try:
        judge.body.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()[:200]
        raise ValueError(
            f"{found.path} does not hold the weights of torchvision's {kind.title} ({reason}); "
            f"expected {str(kind.weights.url).rsplit('/', 1)[-1]}"
        ) from None
    return found.path.name


def _train(
    judge: Judge, examples: Examples, epochs: int, flip: bool, seed: int, rate: float
) -> None:
    """Train on the judge's device."""
    steps = epochs * len(_parts(examples.paths))
    optimizer = torch.optim.AdamW(judge.parameters(), rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    judge.train()
    flow = _batches(examples, judge.size, epochs, flip, seed)
    for images, labels in shown(flow, "training", steps, steps // epochs):
        with autocast(judge.mean.device):
            _, logits = judge(images.to(judge.mean.device, non_blocking=True).float())
        loss = functional.cross_entropy(logits.float(), labels.to(logits.device))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()


def autocast(device: torch.device) -> torch.autocast:
    """The arithmetic of training with ``precision=auto`` on the device that it would choose."""
    auto = device.type == find_device("auto").type and arithmetic("auto") == "bf16"
    return torch.autocast(device.type, torch.bfloat16, enabled=auto)


def _batches(
    examples: Examples, size: int, epochs: int, flip: bool, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Pictures (n, 3, size, size) of uint8 with labels (n,); the order is new every epoch."""
    read = partial(_part, examples, size, flip, seed)
    for epoch in range(epochs):
        generator = torch.Generator().manual_seed(seed_of(seed, "order", epoch))
        order = torch.randperm(len(examples.paths), generator=generator).tolist()
        pictures = ahead(read, [(epoch, place) for place in order], 2 * _TOGETHER)
        for places in _parts(order):
            labels = [examples.labels[place] for place in places]
            yield torch.stack([next(pictures) for _ in places]), torch.tensor(labels)


def _parts(things: Sequence[T]) -> list[Sequence[T]]:
    """Things in parts of ``_TOGETHER``; a last one alone, which batch norm can't see, joins in."""
    ends = list(range(_TOGETHER, len(things) - 1, _TOGETHER))
    return [things[a:b] for a, b in zip([0, *ends], [*ends, len(things)], strict=True)]


def _part(examples: Examples, size: int, flip: bool, seed: int, which: tuple[int, int]) -> Tensor:
    """A part (3, size, size) of an image, enlarged and flipped by chance."""
    epoch, place = which
    generator = torch.Generator().manual_seed(seed_of(seed, "part", epoch, place))
    larger, down, across, mirrored = torch.rand(4, generator=generator).tolist()
    side = round(size * (1 + larger * (_LARGER - 1)))
    x = transforms.resize(read_rgb(examples.paths[place]), [side], antialias=True)
    top, left = round(down * (x.shape[1] - size)), round(across * (x.shape[2] - size))
    part: Tensor = x[:, top : top + size, left : left + size]
    return part.flip(2) if flip and mirrored < 0.5 else part
