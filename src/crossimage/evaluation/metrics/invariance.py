"""Does the domain-invariant perceptual distance see the scene rather than the domain?

Huang et al., "Multimodal Unsupervised Image-to-Image Translation", 2018, appendix C.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models import VGG16_Weights, vgg16

from crossimage.data.sources.folders import Domain, scan_domains
from crossimage.data.sources.pairs import align
from crossimage.evaluation.galleries.base import spread
from crossimage.evaluation.galleries.images import ahead, fitted, read_rgb
from crossimage.evaluation.report.figures import HIGHER, Figure, library, mean_of, neither
from crossimage.evaluation.report.plots import Histogram
from crossimage.networks.normalisation import instance_norm
from crossimage.utils.seeds import seed_of
from crossimage.utils.tensor_files import read_weights

SIZE = 256
"""Height and width of the pictures that are compared, in pixels."""

MOST = 200
"""Scenes that are compared at most."""

_LAYERS = 23  # up to relu4_3
_FORMS = (("", "without instance norm"), ("_normalised", "with instance norm"))
_KINDS = ("same_scene", "same_domain")


class _Network(nn.Module):
    """VGG16 up to relu4_3.

    Args:
        state: Tensors that hold the weights by torchvision's names.

    Raises:
        KeyError, RuntimeError: They don't.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, state: dict[str, Tensor]) -> None:
        super().__init__()
        with torch.device("meta"):  # the rest of the network is large
            self.layers = vgg16().features[:_LAYERS]
        own = {name: state[f"features.{name}"] for name in self.layers.state_dict()}
        self.layers.load_state_dict(own, assign=True)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None] * 255)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225])[:, None, None] * 255)

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps (N, 512, H / 8, W / 8) of uint8 pictures (N, 3, H, W)."""
        features: Tensor = self.layers((x.float() - self.mean) / self.std)
        return features


class Check(NamedTuple):
    """What came out.

    Attributes:
        figures: For both forms of the distance its mean over pictures of the same scene and of the
            same domain, and the share of comparisons in which the picture of the same scene is
            nearer.
        histograms: For both forms all distances.
    """

    figures: list[Figure]
    histograms: list[Histogram]


def check_invariance(data: str, weights: str | None, device: torch.device, seed: int = 0) -> Check:
    """Compare distances between pictures of one scene and between pictures of one domain.

    Of every scene the two pictures are compared with each other (same scene), and each with that
    of another scene drawn at random (same domain). The distance is the mean squared difference of
    VGG16's relu4_3 features, as they are and after instance normalisation. Pictures are resized to
    256 pixels on their shortest side and cut to the middle square.

    Args:
        data: Pairs of pictures of one scene in two domains; the test pairs where there are any.
        weights: A file of torchvision's VGG16 weights, or ``random``, with which the command can
            be tried and nothing be shown; None: from torch hub's cache or the network.
        device: Where to compute.
        seed: Seed of the choice of the other scenes.

    Raises:
        FileNotFoundError: The data or the weights are not there.
        ValueError: The data are no pairs, there is only one, or the weights can't be used.
    """
    domains = align(scan_domains(data))
    split = [domain.test or domain.train for domain in domains]
    places = spread(len(split[0]), MOST)
    if len(places) < 2:
        raise ValueError(f"{data} holds one pair; expected at least two, to compare scenes")
    network, name, comparable = _open(weights, device)
    generator = torch.Generator().manual_seed(seed_of(seed, "scenes"))
    order = [places[k] for k in torch.randperm(len(places), generator=generator).tolist()]
    values: dict[str, list[float]] = {kind + form: [] for form, _ in _FORMS for kind in _KINDS}
    right: dict[str, list[float]] = {form: [] for form, _ in _FORMS}
    for ours, theirs in _neighbours(network, _scenes(domains, split, order), device):
        for form, x, other in (
            ("", ours, theirs),
            ("_normalised", instance_norm(ours), instance_norm(theirs)),
        ):
            scene = float((x[0] - x[1]).square().mean())
            domain = (x - other).square().mean((1, 2, 3)).tolist()
            values[f"same_scene{form}"].append(scene)
            values[f"same_domain{form}"].append(sum(domain) / 2)
            right[form].append(sum(scene < value for value in domain) / 2)
    histograms = [
        Histogram(
            f"distances {words}", f"{name}, relu4_3",
            {kind.replace("_", " "): values[kind + form] for kind in _KINDS},
        )
        for form, words in _FORMS
    ]  # fmt: skip
    return Check(_figures(values, right, name, comparable, seed), histograms)


def _open(weights: str | None, device: torch.device) -> tuple[nn.Module, str, bool]:
    """The network, what it is, and whether it has the published weights."""
    if weights == "random":
        network, name, comparable = _Network(_random()), "VGG16 of random weights", False
    else:
        file = Path(weights) if weights else None
        found = read_weights(
            VGG16_Weights.IMAGENET1K_V1, file, "the perceptual distance",
            "name a file with --weights FILE, or try --weights random",
        )  # fmt: skip
        comparable = found.published
        name = "VGG16" if comparable else f"VGG16 with other weights ({found.path.name})"
        try:
            network = _Network(found.state)
        except (KeyError, RuntimeError) as error:
            reason = f"no {error}" if isinstance(error, KeyError) else "tensors of other shapes"
            raise ValueError(
                f"{found.path} does not hold the weights of torchvision's VGG16 ({reason}); name a "
                "file that does"
            ) from None
    return network.eval().requires_grad_(False).to(device), name, comparable


def _random() -> dict[str, Tensor]:
    """Random weights of VGG16's convolutions, always the same."""
    with torch.device("meta"):
        shapes = {f"features.{k}": x.shape for k, x in vgg16().features.state_dict().items()}
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(shape, generator=generator) * (2 / shape[1:].numel()) ** 0.5
        if len(shape) == 4
        else torch.zeros(shape)
        for name, shape in shapes.items()
    }


def _scenes(
    domains: Sequence[Domain], split: Sequence[tuple[Path, ...]], order: Sequence[int]
) -> Iterator[Tensor]:
    """Pairs (2, 3, 256, 256) of uint8 in an order, and the first one again."""

    def read(place: int) -> Tensor:
        both = [_picture(files[place], d.half) for files, d in zip(split, domains, strict=True)]
        return torch.stack(both)

    return ahead(read, [*order, order[0]], 8)


def _neighbours(
    network: nn.Module, scenes: Iterator[Tensor], device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Features (2, C, H, W) of each scene and of the next one, which stands for any other."""
    previous: Tensor | None = None
    for scene in scenes:
        with torch.no_grad():
            features = network(scene.to(device, non_blocking=True))
        if previous is not None:
            yield previous, features
        previous = features


def _picture(path: Path, half: int | None) -> Tensor:
    """The middle (3, 256, 256) of a picture."""
    x = read_rgb(path)
    if half is not None:
        x = x.chunk(2, dim=2)[half]
    return fitted(x, SIZE)


def _figures(
    values: dict[str, list[float]], right: dict[str, list[float]], name: str, comparable: bool,
    seed: int,
) -> list[Figure]:  # fmt: skip
    figures = []
    packages = library("torch", "torchvision")
    for form, words in _FORMS:
        what = f"{name}, relu4_3, {words}"
        rows = [
            ("same_scene", values[f"same_scene{form}"],
             f"mean squared difference of {what}, between the two pictures of a scene"),
            ("same_domain", values[f"same_domain{form}"],
             f"mean squared difference of {what}, between pictures of one domain that show "
             "different scenes"),
            ("scene_nearer", right[form],
             f"share of comparisons in which, by {what}, a picture is nearer to that of the same "
             "scene than to one of the same domain"),
        ]  # fmt: skip
        for figure, own, protocol in rows:
            value, interval = mean_of(own)
            note = "" if comparable else f"not comparable: {name}"
            direction = HIGHER if figure == "scene_nearer" else neither("distance")
            figures.append(
                Figure(
                    figure + form, value, interval, len(own), protocol, seed, packages,
                    comparable, note, direction,
                )
            )  # fmt: skip
    return figures
