"""How much the answers to one input differ: LPIPS, and the conditional inception score.

- LPIPS: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric",
  2018, section 3; as a measure of diversity Zhu et al., "Toward Multimodal Image-to-Image
  Translation", 2017, section 5.2.
- CIS: Huang et al., "Multimodal Unsupervised Image-to-Image Translation", 2018, section 5.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torchmetrics.functional.image.lpips import _NoTrainLpips  # the network without its weights
from torchvision.models import AlexNet_Weights, SqueezeNet1_1_Weights, VGG16_Weights

from crossimage.evaluation.galleries.images import check_rgb
from crossimage.evaluation.options import Backbone
from crossimage.evaluation.report.figures import Figure, library, mean_of
from crossimage.utils.intensities import from_uint8
from crossimage.utils.tensor_files import Weights, read_weights

_TOGETHER = 32  # pairs that pass through the network at a time


class _Net(NamedTuple):
    title: str
    weights: Any
    smallest: int  # pixels


_NETS: dict[Backbone, _Net] = {
    "alex": _Net("AlexNet", AlexNet_Weights.IMAGENET1K_V1, 31),
    "vgg": _Net("VGG16", VGG16_Weights.IMAGENET1K_V1, 16),
    "squeeze": _Net("SqueezeNet1.1", SqueezeNet1_1_Weights.IMAGENET1K_V1, 17),
}


class LPIPS:
    """Perceptual distance of pictures, version 0.1.

    Args:
        network: Gives the distances of float pictures (N, 3, H, W) in [-1, 1].
        device: Where it computes.
        name: What it is, for a reader.
        comparable: Whether its weights are the published ones.
        smallest: Height and width at least that it can see, in pixels.

    Attributes:
        name: What it is, for a reader.
        library: The package that it is from, with its version.
        comparable: Whether figures of others are made with the same weights.
    """

    def __init__(
        self,
        network: Callable[[Tensor, Tensor], Tensor],
        device: torch.device,
        name: str,
        comparable: bool,
        smallest: int,
    ) -> None:
        self._network, self._device, self._smallest = network, device, smallest
        self.name, self.comparable = name, comparable
        self.library = library("torchmetrics", "torchvision")

    @torch.no_grad()
    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Distances (N,) of pictures (N, 3, H, W) of uint8; 0 for equal ones.

        Raises:
            ValueError: They are no such pictures, unlike in shape, or too small.
        """
        check_rgb(x)
        check_rgb(y)
        if x.shape != y.shape:
            raise ValueError(
                f"found pictures {tuple(x.shape)} and {tuple(y.shape)}; LPIPS compares pictures of "
                "the same size"
            )
        if min(x.shape[2:]) < self._smallest:
            raise ValueError(
                f"found pictures of {x.shape[3]} x {x.shape[2]} pixels; LPIPS with {self.name} "
                f"needs at least {self._smallest} x {self._smallest}"
            )
        both = zip(torch.split(x, _TOGETHER), torch.split(y, _TOGETHER), strict=True)
        found = [self._network(self._signed(a), self._signed(b)).reshape(-1) for a, b in both]
        return torch.cat(found).cpu()

    def _signed(self, x: Tensor) -> Tensor:
        return from_uint8(x.to(self._device, non_blocking=True))


def open_lpips(net: Backbone, weights: str | None, device: torch.device) -> LPIPS:
    """LPIPS with one of its networks.

    The weights of its linear layers, which people's judgements were fitted with, are part of
    torchmetrics; those of the network below them are torchvision's for ImageNet.

    Args:
        net: ``alex``, ``vgg`` or ``squeeze``.
        weights: A file of that network's weights, or ``random``, with which everything can be
            tried and nothing be shown; None: from torch hub's cache or the network.
        device: Where it computes.

    Raises:
        FileNotFoundError: The weights are neither in the cache nor to be downloaded, or there is
            no such file.
        ValueError: The file holds something else.
    """
    title, wanted, smallest = _NETS[net]
    found = None
    if weights != "random":
        file = Path(weights) if weights else None
        instead = "name a file with --lpips-weights FILE, or try random"
        found = read_weights(wanted, file, f"LPIPS with {title}", instead)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # random weights are always the same
        network = _NoTrainLpips(net=net, pnet_rand=True)
    name = f"{title} of random weights"
    if found:
        _fill(network.net, found, title)
        name = title if found.published else f"{title} with other weights ({found.path.name})"
    comparable = found is not None and found.published
    return LPIPS(network.eval().to(device), device, name, comparable, smallest)


def _fill(backbone: nn.Module, weights: Weights, title: str) -> None:
    """Give a backbone, which holds torchvision's layers in slices, its weights."""
    slices = [part for part in backbone.modules() if isinstance(part, nn.Sequential)]
    layers = nn.Sequential(*(layer for part in slices for layer in part))
    own = {
        name.removeprefix("features."): x
        for name, x in weights.state.items()
        if name.startswith("features.")
    }
    try:
        layers.load_state_dict(own)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()[:200]
        raise ValueError(
            f"{weights.path} does not hold the weights of torchvision's {title} ({reason}); name a "
            "file that does, or choose the network that it belongs to"
        ) from None


def conditional_inception_score(probabilities: Iterable[Tensor]) -> list[Figure]:
    """CIS and, of the same answers, the inception score, each in both forms.

    The CIS is the mean KL divergence from the classes of an answer to those of all answers to the
    same input: high where the answers to one input are sure and many-sided. The inception score
    takes the classes of all answers to all inputs in their place. Published figures are either
    these means (``cis``, ``is_classes``) or exp of them (``cis_exp``, ``is_classes_exp``).

    Args:
        probabilities: Of every input the class probabilities (k, classes) of its answers; gone
            through once.

    Raises:
        ValueError: There are no answers.
    """
    conditional: list[float] = []
    mass, plogp, count = torch.zeros((), dtype=torch.float64), 0.0, 0
    for answers in probabilities:
        p = answers.detach().cpu().double()
        conditional.append(divergence(p))
        mass, plogp, count = mass + p.sum(0), plogp - _entropy(p), count + len(p)
    if not count:
        raise ValueError("the conditional inception score needs answers, found none")
    cis, interval = mean_of(conditional)
    score = max(0.0, plogp / count + _entropy(mass / count))
    ends = (math.exp(interval[0]), math.exp(interval[1])) if interval else None
    figures = []
    for name, words, value, between in (
        ("cis", "mean KL to the marginal of one input, mean over inputs", cis, interval),
        ("cis_exp", "exp of the conditional inception score's mean KL", math.exp(cis), ends),
        ("is_classes", "mean KL to the marginal of all answers", score, None),
        ("is_classes_exp", "exp of the mean KL to that of all answers", math.exp(score), None),
    ):
        figures.append(
            Figure(name, value, between, count, words, None, library("torch"), comparable=False)
        )
    return figures


def divergence(probabilities: Tensor) -> float:
    """Mean KL divergence from the classes (k, classes) of answers to those of all of them."""
    p = probabilities.detach().cpu().double()
    return max(0.0, _entropy(p.mean(0)) - _entropy(p) / len(p))


def _entropy(p: Tensor) -> float:
    return -float(torch.xlogy(p, p).sum())
