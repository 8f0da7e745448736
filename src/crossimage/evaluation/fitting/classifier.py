"""Training of classifiers on real images in class folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.transforms.v2 import functional as transforms

from crossimage.data.sources.domains.data_set import Data, read_data_set
from crossimage.evaluation.fitting.class_folders import LabelledPaths, find_class_images
from crossimage.evaluation.galleries.images import ImageStream, center_square, prefetch, read_rgb
from crossimage.evaluation.networks.classifier import (
    CLASSIFIERS,
    Classifier,
    ClassifierNetwork,
    freeze_classifier,
    save_classifier,
)
from crossimage.evaluation.networks.network_file import check_out
from crossimage.evaluation.options import ClassifierName
from crossimage.evaluation.report.figures import Figure, share_of
from crossimage.training.processes.fabric import arithmetic
from crossimage.utils.devices import find_device
from crossimage.utils.numbers import whole
from crossimage.utils.paths import expanded
from crossimage.utils.progress import ProgressCallback, track
from crossimage.utils.seeds import OwnRandomNumbers, seed_of
from crossimage.utils.tensor_files.published import read_weights

T = TypeVar("T")

_BATCH_SIZE = 64
_MAX_SCALE = 9 / 8  # of the shortest side before cropping
_RATE, _RATE_PRETRAINED = 1e-3, 1e-4  # peak learning rate


def fit_classifier(
    data: Data,
    out: Path,
    *,
    network: ClassifierName = "resnet18",
    size: int | None = None,
    epochs: int = 20,
    flip: bool = True,
    weights: str | None = None,
    seed: int = 0,
    device: torch.device,
    progress: ProgressCallback | None = None,
) -> Figure:
    """Train a classifier, test it on held-out images, and write it to a file.

    Training uses AdamW with a one-cycle learning rate; images are enlarged by up to an eighth,
    cropped at random and flipped. On the same kind of device, results are reproducible from the
    seed as far as PyTorch's operations are.

    Args:
        data: The folder; see
            :func:`~crossimage.evaluation.fitting.class_folders.find_class_images`.
        out: The ``.safetensors`` file.
        network: Name of its architecture.
        size: Height and width that images are fitted to, ideally those of the images to be
            evaluated; None: the architecture's default.
        epochs: Passes over the images.
        flip: Whether mirror images keep their class, which those of digits do not.
        weights: ``imagenet`` to start from torchvision's published weights, from the cache or the
            network, or a file of them; None: from random ones.
        seed: Seed of the initialisation, the split, and the order and crops of the images.
        device: Where to compute.
        progress: Receives the progress; None: not reported.

    Returns:
        The accuracy on the held-out images, with its Wilson interval, and a warning if it is no
        better than chance.

    Raises:
        FileNotFoundError: The folder or the weights are missing.
        ValueError: There are fewer than two classes, or too few images of one; an image or the
            weights can't be used; a number is too small.
    """
    architecture = CLASSIFIERS[network]
    size = size or architecture.size
    _check(out, size, architecture.min_size, epochs)
    classes, train, held_out = find_class_images(read_data_set(data), seed)
    with OwnRandomNumbers(seed_of(seed, "classifier")):
        model = ClassifierNetwork(network, size, len(classes))
        begun = _load_published(model, network, weights) if weights else "random weights"
        rate = _RATE_PRETRAINED if weights else _RATE
        _check_held_out(held_out, size, progress)
        _train(model.to(device), train, epochs, flip, seed, rate, progress)
    figure = accuracy(freeze_classifier(model, network, classes), held_out, progress)
    chance = max(Counter(held_out.labels).values()) / len(held_out.labels)
    correct = f"{100 * figure.value:.2f} % of {figure.count} held-out images"
    facts = {
        "held_out": f"{correct} classified correctly",
        "chance": chance,
        "data": f"{len(train.paths)} images, {ImageStream(train.paths).digest[:16]}",
        "begun_with": begun,
        "epochs": epochs,
        "flip": flip,
        "seed": seed,
    }
    save_classifier(out, network, model, classes, facts)
    trained = freeze_classifier(model, network, classes, str(facts["held_out"]), chance=chance)
    return replace(figure, warnings=(trained.warning,) if trained.warning else ())


def accuracy(
    classifier: Classifier, examples: LabelledPaths, progress: ProgressCallback | None = None
) -> Figure:
    """Return the share of real images that a classifier classifies correctly.

    Args:
        classifier: The classifier.
        examples: The images.
        progress: Receives the progress; None: not reported.
    """
    stream = _squares(examples, classifier.size)
    tracked = track(stream, "held-out images", len(stream), progress, len)
    predicted = torch.cat([classifier.probabilities(images).argmax(1) for images in tracked])
    hits = predicted.eq(torch.tensor(examples.labels)).double().tolist()
    value, interval = share_of(hits)
    protocol = f"share of held-out real images that {classifier.name} classifies correctly"
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


def _check_held_out(examples: LabelledPaths, size: int, progress: ProgressCallback | None) -> None:
    """Read all held-out images, as one that can't be read would cost the whole training."""
    stream = _squares(examples, size)
    for _ in track(stream, "checking held-out images", len(stream), progress, len):
        pass


def _squares(examples: LabelledPaths, size: int) -> ImageStream:
    return ImageStream(examples.paths, lambda path: center_square(read_rgb(path), size))


def _check(out: Path, size: int, min_size: int, epochs: int) -> None:
    check_out(out, "classifier")
    whole(size, "--size", min_size)
    whole(epochs, "--epochs", 1)


def _load_published(model: ClassifierNetwork, network: ClassifierName, weights: str) -> str:
    """Load published weights up to the last layer; returns the name of their file."""
    architecture = CLASSIFIERS[network]
    if architecture.weights is None:
        raise ValueError(f"there are no published weights of {network}; leave --weights out")
    file = None if weights == "imagenet" else expanded(Path(weights))
    instead = "name a file with --weights FILE"
    title = architecture.title
    published = read_weights(architecture.weights, file, f"training a {title}", instead)
    others = ("fc.", "AuxLogits.")  # not part of this network
    state = {name: x for name, x in published.state.items() if not name.startswith(others)}
    try:
        model.body.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()[:200]
        raise ValueError(
            f"{published.path} does not hold the weights of torchvision's {title} ({reason}); "
            f"expected {str(architecture.weights.url).rsplit('/', 1)[-1]}"
        ) from None
    return published.path.name


def _train(
    model: ClassifierNetwork, examples: LabelledPaths, epochs: int, flip: bool, seed: int,
    rate: float, progress: ProgressCallback | None,
) -> None:  # fmt: skip
    """Train on the model's device."""
    steps = epochs * len(_batches(examples.paths))
    optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    model.train()
    batches = _stream(examples, model.size, epochs, flip, seed)
    for images, labels in track(batches, "training", steps, progress):
        with autocast(model.mean.device):
            _, logits = model(images.to(model.mean.device, non_blocking=True).float())
        loss = functional.cross_entropy(logits.float(), labels.to(logits.device))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()


def autocast(device: torch.device) -> torch.autocast:
    """Return the arithmetic that ``precision=auto`` would train with on a device."""
    auto = device.type == find_device("auto").type and arithmetic("auto") == "bf16"
    return torch.autocast(device.type, torch.bfloat16, enabled=auto)


def _stream(
    examples: LabelledPaths, size: int, epochs: int, flip: bool, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield images (n, 3, size, size) of uint8 with labels (n,), reshuffled every epoch."""
    read = partial(_crop, examples, size, flip, seed)
    for epoch in range(epochs):
        generator = torch.Generator().manual_seed(seed_of(seed, "order", epoch))
        order = torch.randperm(len(examples.paths), generator=generator).tolist()
        images = prefetch(read, [(epoch, index) for index in order], 2 * _BATCH_SIZE)
        for batch in _batches(order):
            labels = [examples.labels[index] for index in batch]
            yield torch.stack([next(images) for _ in batch]), torch.tensor(labels)


def _batches(items: Sequence[T]) -> list[Sequence[T]]:
    """Split into batches; a single last item, too few for batch norm, joins the batch before."""
    ends = list(range(_BATCH_SIZE, len(items) - 1, _BATCH_SIZE))
    return [items[a:b] for a, b in zip([0, *ends], [*ends, len(items)], strict=True)]


def _crop(
    examples: LabelledPaths, size: int, flip: bool, seed: int, position: tuple[int, int]
) -> Tensor:
    """Return a random crop (3, size, size) of an image, randomly enlarged and flipped."""
    epoch, index = position
    generator = torch.Generator().manual_seed(seed_of(seed, "part", epoch, index))
    larger, down, across, mirrored = torch.rand(4, generator=generator).tolist()
    side = round(size * (1 + larger * (_MAX_SCALE - 1)))
    x = transforms.resize(read_rgb(examples.paths[index]), [side], antialias=True)
    top, left = round(down * (x.shape[1] - size)), round(across * (x.shape[2] - size))
    crop = x[:, top : top + size, left : left + size]
    return crop.flip(2) if flip and mirrored < 0.5 else crop
