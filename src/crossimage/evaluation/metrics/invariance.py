"""Does the domain-invariant perceptual distance see the scene rather than the domain?

Huang et al., "Multimodal Unsupervised Image-to-Image Translation", 2018, appendix C.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from crossimage.data.sources.domains.data_set import DataSet, shown
from crossimage.data.sources.domains.scan import scan_domains
from crossimage.data.sources.folders import Domain
from crossimage.data.sources.pairs import align
from crossimage.evaluation.galleries.images import center_square, prefetch, read_rgb
from crossimage.evaluation.networks.vgg import RELU4_3, open_vgg
from crossimage.evaluation.report.figures import HIGHER, Figure, library, mean_of, neither
from crossimage.evaluation.report.plots import Histogram
from crossimage.networks.layers.normalisation import instance_norm
from crossimage.utils.numbers import evenly_spaced
from crossimage.utils.seeds import seed_of

SIZE = 256
"""Height and width of the images that are compared, in pixels."""

MAX_SCENES = 200
"""Maximum number of scenes that are compared."""

_VARIANTS = (("", "without instance norm"), ("_normalised", "with instance norm"))
_DISTANCES = ("same_scene", "same_domain")


class InvarianceCheck(NamedTuple):
    """The results of the check.

    Attributes:
        figures: For both variants of the distance, its mean over images of the same scene and of
            the same domain, and the share of comparisons in which the image of the same scene is
            nearer.
        histograms: For both variants, all distances.
    """

    figures: list[Figure]
    histograms: list[Histogram]


def check_invariance(
    data: DataSet, weights: str | None, device: torch.device, seed: int = 0
) -> InvarianceCheck:
    """Compare distances between images of one scene and between images of one domain.

    The two images of every scene are compared with each other (same scene), and each with the one
    of another scene drawn at random (same domain). The distance is the mean squared difference of
    VGG16's relu4_3 features, before and after instance normalisation. Images are resized to 256
    pixels on their shortest side and center-cropped to a square.

    Args:
        data: Pairs of images of one scene in two domains; the test pairs if there are any.
        weights: A file of torchvision's VGG16 weights, or ``random`` to try the command without
            meaningful results; None: from torch hub's cache or the network.
        device: Where to compute.
        seed: Seed of the choice of the other scenes.

    Raises:
        FileNotFoundError: The data or the weights are missing.
        ValueError: The data are not pairs, there is only one pair, or the weights can't be used.
    """
    domains = align(scan_domains(data))
    tested = all(domain.test for domain in domains)
    split = [domain.test if tested else domain.train for domain in domains]
    indices = evenly_spaced(len(split[0]), MAX_SCENES)
    if len(indices) < 2:
        raise ValueError(f"{shown(data)} holds one pair; expected at least two, to compare scenes")
    network, name, comparable = open_vgg(weights, device, RELU4_3, "--weights")
    generator = torch.Generator().manual_seed(seed_of(seed, "scenes"))
    order = [indices[k] for k in torch.randperm(len(indices), generator=generator).tolist()]
    values: dict[str, list[float]] = {
        distance + suffix: [] for suffix, _ in _VARIANTS for distance in _DISTANCES
    }
    nearer: dict[str, list[float]] = {suffix: [] for suffix, _ in _VARIANTS}
    for ours, theirs in _neighbours(network, _scenes(domains, split, order), device):
        for suffix, x, other in (
            ("", ours, theirs),
            ("_normalised", instance_norm(ours), instance_norm(theirs)),
        ):
            scene = float((x[0] - x[1]).square().mean())
            domain = (x - other).square().mean((1, 2, 3)).tolist()
            values[f"same_scene{suffix}"].append(scene)
            values[f"same_domain{suffix}"].append(sum(domain) / 2)
            nearer[suffix].append(sum(scene < value for value in domain) / 2)
    histograms = [
        Histogram(
            f"distances {words}", f"{name}, relu4_3",
            {distance.replace("_", " "): values[distance + suffix] for distance in _DISTANCES},
        )
        for suffix, words in _VARIANTS
    ]  # fmt: skip
    return InvarianceCheck(_figures(values, nearer, name, comparable, seed), histograms)


def _scenes(
    domains: Sequence[Domain], split: Sequence[tuple[Path, ...]], order: Sequence[int]
) -> Iterator[Tensor]:
    """Yield pairs (2, 3, 256, 256) of uint8 in an order, and the first one again."""

    def read(index: int) -> Tensor:
        both = [_image(files[index], d.half) for files, d in zip(split, domains, strict=True)]
        return torch.stack(both)

    return prefetch(read, [*order, order[0]], 8)


def _neighbours(
    network: nn.Module, scenes: Iterator[Tensor], device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield features (2, C, H, W) of each scene and of the next one, which is a random other."""
    previous: Tensor | None = None
    for scene in scenes:
        with torch.no_grad():
            features = network(scene.to(device, non_blocking=True))
        if previous is not None:
            yield previous, features
        previous = features


def _image(path: Path, half: int | None) -> Tensor:
    """Read the middle (3, 256, 256) of an image."""
    x = read_rgb(path)
    if half is not None:
        x = x.chunk(2, dim=2)[half]
    return center_square(x, SIZE)


def _figures(
    values: dict[str, list[float]], nearer: dict[str, list[float]], name: str, comparable: bool,
    seed: int,
) -> list[Figure]:  # fmt: skip
    figures = []
    packages = library("torch", "torchvision")
    for suffix, words in _VARIANTS:
        features = f"{name}, relu4_3, {words}"
        rows = [
            ("same_scene", values[f"same_scene{suffix}"],
             f"mean squared difference of {features}, between the two images of a scene"),
            ("same_domain", values[f"same_domain{suffix}"],
             f"mean squared difference of {features}, between images of one domain that show "
             "different scenes"),
            ("scene_nearer", nearer[suffix],
             f"share of comparisons in which, by {features}, an image is nearer to that of the "
             "same scene than to one of the same domain"),
        ]  # fmt: skip
        for figure, own, protocol in rows:
            value, interval = mean_of(own)
            note = "" if comparable else f"not comparable: {name}"
            direction = HIGHER if figure == "scene_nearer" else neither("distance")
            figures.append(
                Figure(
                    figure + suffix, value, interval, len(own), protocol, seed, packages,
                    comparable, note, direction,
                )
            )  # fmt: skip
    return figures
