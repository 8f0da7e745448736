"""Training of segmenters on real photos with label maps."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import WeightsEnum

from crossimage.data.sources.domains.data_set import Data, read_data_set
from crossimage.evaluation.fitting.classifier import autocast
from crossimage.evaluation.galleries.images import prefetch, resize_shortest
from crossimage.evaluation.metrics.segmentation import ConfusionScores, resize_labels
from crossimage.evaluation.networks.label_maps import PhotoPairs, find_photo_pairs
from crossimage.evaluation.networks.network_file import check_out
from crossimage.evaluation.networks.palette import VOID, read_palette
from crossimage.evaluation.networks.segmenter import (
    SEGMENTERS,
    Segmenter,
    SegmenterNetwork,
    save_segmenter,
)
from crossimage.evaluation.options import SegmenterName
from crossimage.evaluation.report.figures import Figure
from crossimage.utils.numbers import whole
from crossimage.utils.paths import expanded
from crossimage.utils.progress import ProgressCallback, track
from crossimage.utils.seeds import OwnRandomNumbers, seed_of
from crossimage.utils.tensor_files.published import read_weights

_MIN_SIZE = 32  # pixels
_RATE, _WEIGHT_DECAY, _POWER = 1e-3, 1e-2, 0.9  # our choice; the rate falls as DeepLab's does


def fit_segmenter(
    data: Data,
    out: Path,
    *,
    palette: Path,
    network: SegmenterName = "fcn_resnet50",
    size: int = 256,
    epochs: int = 100,
    batch_size: int = 8,
    weights: str | None = None,
    seed: int = 0,
    device: torch.device,
    progress: ProgressCallback | None = None,
) -> list[Figure]:
    """Train a segmenter, score it on held-out photos, and write it to a file.

    Photos and label maps are pairs, in any layout of pairs that can be trained on, and are
    distinguished by their colours. Test pairs are held out, or a tenth of all. Training uses AdamW
    with a decaying learning rate; images are cropped to squares and flipped at random.

    Args:
        data: The pairs.
        out: The ``.safetensors`` file.
        palette: The table of classes and colours; see
            :func:`crossimage.evaluation.networks.palette.read_palette`.
        network: Name of its architecture.
        size: Length that the images' shortest sides are resized to, ideally that of the results to
            be scored.
        epochs: Passes over the pairs.
        batch_size: Images per step.
        weights: ``imagenet`` to start from torchvision's published weights, from the cache or the
            network, or a file of them; None: from random ones.
        seed: Seed of the initialisation, the split, and the order and crops of the images.
        device: Where to compute.
        progress: Receives the progress; None: not reported.

    Returns:
        Its FCN scores on the held-out photos.

    Raises:
        FileNotFoundError: The data, the table or the weights are missing.
        ValueError: The data are not pairs of photos and label maps, or have a colour that the
            table lacks; an image or the weights can't be used; a number is too small.
    """
    check_out(out, "segmenter")
    whole(size, "--size", _MIN_SIZE)
    whole(epochs, "--epochs", 1)
    whole(batch_size, "batch_size", 2)
    train, held_out = find_photo_pairs(read_data_set(data), read_palette(palette), seed)
    with OwnRandomNumbers(seed_of(seed, "segmenter")):
        model = SegmenterNetwork(network, len(train.palette.names))
        begun = _load_published(model, network, weights) if weights else "random weights"
        _check_held_out(held_out, progress)
        model.to(device)
        _train(model, train, size, epochs, batch_size, seed, progress)
    facts = {
        "pairs": str(len(train.photos)), "begun": begun, "epochs": str(epochs), "seed": str(seed),
    }  # fmt: skip
    segmenter = Segmenter(model, network, train.palette, size, device, facts)
    figures = _score(segmenter, held_out, progress)
    iou = next(figure for figure in figures if figure.name == "held_out_iou")
    facts["held_out"] = f"mean IoU {iou.value:.3f} on {iou.count} held-out photos"
    save_segmenter(out, segmenter)
    return figures


def _load_published(model: SegmenterNetwork, network: SegmenterName, weights: str) -> str:
    """Load published weights into the backbone; returns the name of their file."""
    title = SEGMENTERS[network].title
    wanted: WeightsEnum = SEGMENTERS[network].weights
    file = None if weights == "imagenet" else expanded(Path(weights))
    instead = "name a file with --weights FILE"
    published = read_weights(wanted, file, f"training a {title}", instead)
    backbone = model.body.backbone
    assert isinstance(backbone, nn.Module)
    # The backbone of MobileNetV3 is its features, that of ResNet-50 all but its last layer.
    state = {name.removeprefix("features."): x for name, x in published.state.items()}
    try:
        backbone.load_state_dict({name: state[name] for name in backbone.state_dict()})
    except (KeyError, RuntimeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else "tensors of other shapes"
        raise ValueError(
            f"{published.path} does not hold the weights that a {title} starts from ({reason}); "
            f"expected {str(wanted.url).rsplit('/', 1)[-1]}"
        ) from None
    return published.path.name


def _train(
    model: SegmenterNetwork, pairs: PhotoPairs, size: int, epochs: int, batch_size: int, seed: int,
    progress: ProgressCallback | None,
) -> None:  # fmt: skip
    steps = epochs * -(-len(pairs.photos) // batch_size)
    optimizer = torch.optim.AdamW(model.parameters(), _RATE, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimizer, steps, _POWER)
    batches = _batches(pairs, size, steps, batch_size, seed)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 0.1  # MobileNet's 0.01 is too slow for short trainings
    model.train()
    for images, classes in track(batches, "training", steps, progress):
        images, truth = images.to(model.mean.device), classes.to(model.mean.device).long()
        with autocast(model.mean.device):
            logits = model(images.float())
        loss = functional.cross_entropy(logits.float(), truth, ignore_index=VOID, reduction="sum")
        loss = loss / (truth != VOID).sum().clamp_min(1)  # no NaN where everything is void
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    model.eval().requires_grad_(False)


def _batches(
    pairs: PhotoPairs, size: int, steps: int, batch_size: int, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield images (n, 3, size, size) and classes (n, size, size), of uint8.

    Every pair is used once before any is used again; all batches are full, as suits batch norm.
    """

    def order() -> Iterator[tuple[int, int]]:
        for number in range(steps * batch_size):
            epoch, index = divmod(number, len(pairs.photos))
            if not index:
                generator = torch.Generator().manual_seed(seed_of(seed, "order", epoch))
                shuffled = torch.randperm(len(pairs.photos), generator=generator).tolist()
            yield epoch, shuffled[index]

    crops = prefetch(partial(_crop, pairs, size, seed), order(), 2 * batch_size)
    for _ in range(steps):
        images, classes = zip(*(next(crops) for _ in range(batch_size)), strict=True)
        yield torch.stack(images), torch.stack(classes)


def _crop(
    pairs: PhotoPairs, size: int, seed: int, position: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Return a random square crop of a pair, randomly flipped."""
    epoch, index = position
    generator = torch.Generator().manual_seed(seed_of(seed, "part", epoch, index))
    down, across, mirrored = torch.rand(3, generator=generator).tolist()
    photo, labels = pairs.read(index)
    photo = resize_shortest(photo, size)
    classes = pairs.palette.classes_of(resize_labels(labels, photo), pairs.labels[index])
    top, left = round(down * (photo.shape[1] - size)), round(across * (photo.shape[2] - size))
    rows, columns = slice(top, top + size), slice(left, left + size)
    photo, classes = photo[:, rows, columns], classes[rows, columns]
    return (photo.flip(2), classes.flip(1)) if mirrored < 0.5 else (photo, classes)


def _check_held_out(pairs: PhotoPairs, progress: ProgressCallback | None) -> None:
    """Read all held-out pairs, as one that can't be used would cost the whole training.

    Raises:
        ValueError: An image can't be read, a label map has an unknown colour, or all are void.
    """
    held_out, known = len(pairs.photos), False
    read = prefetch(partial(_truth, pairs), range(held_out), 16)
    for truth in track(read, "checking held-out photos", held_out, progress):
        known |= bool((truth != VOID).any())
    if not known:
        raise ValueError(
            f"the label maps of all {held_out} held-out photos, such as {pairs.labels[0]}, hold "
            "nothing but void; hold out pairs with classes, as test pairs"
        )


def _truth(pairs: PhotoPairs, index: int) -> Tensor:
    """Return the classes of a pair's label map, of its photo's size."""
    photo, labels = pairs.read(index)
    return pairs.palette.classes_of(resize_labels(labels, photo), pairs.labels[index])


def _score(
    segmenter: Segmenter, pairs: PhotoPairs, progress: ProgressCallback | None
) -> list[Figure]:
    scores = ConfusionScores(segmenter, "held_out", "real photos, held out in training,")
    total = len(pairs.photos)
    read = track(prefetch(pairs.read, range(total), 16), "held-out photos", total, progress)
    for path, (photo, labels) in zip(pairs.labels, read, strict=True):
        scores.update(photo[None], labels, path)
    return scores.figures()
