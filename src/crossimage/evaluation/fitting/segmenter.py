"""Training of segmenters on real photos with label maps."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import WeightsEnum

from crossimage.evaluation.fitting.classifier import autocast
from crossimage.evaluation.galleries.images import ahead, resized
from crossimage.evaluation.metrics.segmentation import FCNScores, resized_labels
from crossimage.evaluation.networks.label_maps import Pairs, find_pairs
from crossimage.evaluation.networks.network_file import check_suffix
from crossimage.evaluation.networks.palette import VOID, read_palette
from crossimage.evaluation.networks.segmenter import KINDS, Judge, Segmenter, save_segmenter
from crossimage.evaluation.options import SegmenterNetwork
from crossimage.evaluation.report.figures import Figure
from crossimage.utils.progress import shown
from crossimage.utils.seeds import seed_of
from crossimage.utils.tensor_files import read_weights

_SMALLEST = 32  # pixels
_RATE, _WEIGHT_DECAY, _POWER = 1e-3, 1e-2, 0.9  # our choice; the rate falls as DeepLab's does


def fit_segmenter(
    data: str,
    out: Path,
    *,
    palette: Path,
    network: SegmenterNetwork = "fcn_resnet50",
    size: int = 256,
    epochs: int = 100,
    batch_size: int = 8,
    weights: str | None = None,
    seed: int = 0,
    device: torch.device,
) -> list[Figure]:
    """Train a segmenter, score it on photos that it has not seen, and write it to a file.

    Photos and label maps are pairs, in any layout of pairs that can be trained on; which is which,
    the colours tell. Test pairs are held out, or a tenth of all. AdamW with a falling learning
    rate; square parts of the pictures are cut out and flipped at random.

    Args:
        data: The pairs.
        out: The ``.safetensors`` file.
        palette: The table of classes and colours; see
            :func:`crossimage.evaluation.networks.palette.read_palette`.
        network: Which one.
        size: Length that pictures' shortest sides are resized to, best that of the results to be
            scored.
        epochs: How often every pair is seen.
        batch_size: Pictures a step.
        weights: ``imagenet`` to begin with torchvision's published weights, from the cache or the
            network, or a file of them; None: from random ones.
        seed: Seed of the initialisation, the split, and the order and parts of the pictures.
        device: Where to compute.

    Returns:
        Its FCN scores on the held-out photos.

    Raises:
        FileNotFoundError: The data, the table or the weights are not there.
        ValueError: The data are no pairs of photos and label maps, or have a colour that the table
            lacks; a picture or the weights can't be used; a number makes no sense.
    """
    check_suffix(out, "segmenter")
    for flag, value, least in (
        ("--size", size, _SMALLEST), ("--epochs", epochs, 1), ("--batch-size", batch_size, 2),
    ):  # fmt: skip
        if value < least:
            raise ValueError(f"{flag} must be at least {least}, found {value}")
    train, held_out = find_pairs(data, read_palette(palette), seed)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed_of(seed, "segmenter"))
        judge = Judge(network, len(train.palette.names))
        begun = _begin(judge, network, weights) if weights else "random weights"
        judge.to(device)
        _train(judge, train, size, epochs, batch_size, seed)
    facts = {
        "pairs": str(len(train.photos)), "begun": begun, "epochs": str(epochs), "seed": str(seed),
    }  # fmt: skip
    fitted = Segmenter(judge, network, train.palette, size, device, facts)
    figures = _score(fitted, held_out)
    iou = next(figure for figure in figures if figure.name == "held_out_iou")
    facts["held_out"] = f"mean IoU {iou.value:.3f} on {iou.count} held-out photos"
    save_segmenter(out, fitted)
    return figures


def _begin(judge: Judge, network: SegmenterNetwork, weights: str) -> str:
    """Give a network's first part published weights; tells which."""
    kind = KINDS[network]
    wanted: WeightsEnum = kind.weights
    file = None if weights == "imagenet" else Path(weights)
    instead = "name a file with --weights FILE"
    found = read_weights(wanted, file, f"training a {kind.title}", instead)
    backbone = judge.body.backbone
    assert isinstance(backbone, nn.Module)
    # The backbone of MobileNetV3 are its features, that of ResNet-50 all but its last layer.
    state = {name.removeprefix("features."): x for name, x in found.state.items()}
    try:
        backbone.load_state_dict({name: state[name] for name in backbone.state_dict()})
    except (KeyError, RuntimeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else "tensors of other shapes"
        raise ValueError(
            f"{found.path} does not hold the weights that a {kind.title} begins with ({reason}); "
            f"expected {str(wanted.url).rsplit('/', 1)[-1]}"
        ) from None
    return found.path.name


def _train(judge: Judge, pairs: Pairs, size: int, epochs: int, batch_size: int, seed: int) -> None:
    steps = epochs * -(-len(pairs.photos) // batch_size)
    optimizer = torch.optim.AdamW(judge.parameters(), _RATE, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimizer, steps, _POWER)
    flow = _batches(pairs, size, steps, batch_size, seed)
    for layer in judge.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 0.1  # MobileNet's 0.01 would lag behind in short trainings
    judge.train()
    for images, classes in shown(flow, "training", steps, steps // epochs):
        images, truth = images.to(judge.mean.device), classes.to(judge.mean.device).long()
        with autocast(judge.mean.device):
            logits = judge(images.float())
        loss = functional.cross_entropy(logits.float(), truth, ignore_index=VOID, reduction="sum")
        loss = loss / (truth != VOID).sum().clamp_min(1)  # no NaN where all is void
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    judge.eval().requires_grad_(False)


def _batches(
    pairs: Pairs, size: int, steps: int, batch_size: int, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Pictures (n, 3, size, size) with classes (n, size, size), of uint8.

    Every pair comes once before any comes again; all batches are full, as batch norm likes it.
    """

    def order() -> Iterator[tuple[int, int]]:
        for number in range(steps * batch_size):
            turn, place = divmod(number, len(pairs.photos))
            if not place:
                generator = torch.Generator().manual_seed(seed_of(seed, "order", turn))
                shuffled = torch.randperm(len(pairs.photos), generator=generator).tolist()
            yield turn, shuffled[place]

    parts = ahead(partial(_part, pairs, size, seed), order(), 2 * batch_size)
    for _ in range(steps):
        images, classes = zip(*(next(parts) for _ in range(batch_size)), strict=True)
        yield torch.stack(images), torch.stack(classes)


def _part(pairs: Pairs, size: int, seed: int, which: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """A square part of a pair, flipped by chance."""
    turn, place = which
    generator = torch.Generator().manual_seed(seed_of(seed, "part", turn, place))
    down, across, mirrored = torch.rand(3, generator=generator).tolist()
    photo, labels = pairs.read(place)
    photo = resized(photo, size)
    classes = pairs.palette.classes_of(resized_labels(labels, photo), pairs.labels[place])
    top, left = round(down * (photo.shape[1] - size)), round(across * (photo.shape[2] - size))
    rows, columns = slice(top, top + size), slice(left, left + size)
    photo, classes = photo[:, rows, columns], classes[rows, columns]
    return (photo.flip(2), classes.flip(1)) if mirrored < 0.5 else (photo, classes)


def _score(segmenter: Segmenter, pairs: Pairs) -> list[Figure]:
    scores = FCNScores(segmenter, "held_out", "real photos, held out in training,")
    total = len(pairs.photos)
    read = shown(ahead(pairs.read, range(total), 16), "held-out photos", total)
    for place, (photo, labels) in enumerate(read):
        scores.update(photo[None], labels, pairs.labels[place])
    return scores.figures()
