"""The perceptual distance LPIPS.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", 2018,
section 3.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torchmetrics.functional.image.lpips import _NoTrainLpips  # the network without its weights
from torchvision.models import AlexNet_Weights, SqueezeNet1_1_Weights, VGG16_Weights

from crossimage.evaluation.galleries.images import check_pairs
from crossimage.evaluation.options import Backbone
from crossimage.evaluation.report.figures import library
from crossimage.utils.intensities import from_uint8
from crossimage.utils.paths import expanded
from crossimage.utils.seeds import OwnRandomNumbers
from crossimage.utils.tensor_files.published import Weights, read_weights

_BATCH_SIZE = 32  # pairs


class _Backbone(NamedTuple):
    title: str
    weights: Any
    min_size: int  # pixels


_BACKBONES: dict[Backbone, _Backbone] = {
    "alex": _Backbone("AlexNet", AlexNet_Weights.IMAGENET1K_V1, 31),
    "vgg": _Backbone("VGG16", VGG16_Weights.IMAGENET1K_V1, 16),
    "squeeze": _Backbone("SqueezeNet1.1", SqueezeNet1_1_Weights.IMAGENET1K_V1, 17),
}


class LPIPS:
    """Perceptual distance between images, version 0.1.

    Args:
        network: Computes the distances of float images (N, 3, H, W) in [-1, 1].
        device: Where to compute.
        name: Description for a reader.
        comparable: Whether its weights are the published ones.
        min_size: Minimum height and width of an image, in pixels.

    Attributes:
        name: Description for a reader.
        library: The package that it comes from, with its version.
        comparable: Whether the figures of others are made with the same weights.
    """

    def __init__(
        self,
        network: Callable[[Tensor, Tensor], Tensor],
        device: torch.device,
        name: str,
        comparable: bool,
        min_size: int,
    ) -> None:
        self._network, self._device, self._min_size = network, device, min_size
        self.name, self.comparable = name, comparable
        self.library = library("torchmetrics", "torchvision")

    @torch.no_grad()
    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the distances (N,) of images (N, 3, H, W) of uint8; 0 for equal ones.

        Raises:
            ValueError: They are not such images, differ in shape, or are too small.
        """
        check_pairs(x, y, f"LPIPS with {self.name}", self._min_size)
        both = zip(torch.split(x, _BATCH_SIZE), torch.split(y, _BATCH_SIZE), strict=True)
        distances = [self._network(self._signed(a), self._signed(b)).reshape(-1) for a, b in both]
        return torch.cat(distances).cpu()

    def _signed(self, x: Tensor) -> Tensor:
        return from_uint8(x.to(self._device, non_blocking=True))


def open_lpips(net: Backbone, weights: str | None, device: torch.device) -> LPIPS:
    """Open LPIPS with one of its backbones.

    The weights of its linear layers, which were fitted to human judgements, are part of
    torchmetrics; those of the backbone are torchvision's for ImageNet.

    Args:
        net: ``alex``, ``vgg`` or ``squeeze``.
        weights: A file of the backbone's weights, or ``random``, for trying things out without
            meaningful results; None: from torch hub's cache or the network.
        device: Where to compute.

    Raises:
        FileNotFoundError: The weights are not in the cache and can't be downloaded, or the
            file does not exist.
        ValueError: The file holds something else.
    """
    title, published, min_size = _BACKBONES[net]
    loaded = None
    if weights != "random":
        file = expanded(Path(weights)) if weights else None
        instead = (
            "name a file with --lpips-weights FILE, or try --lpips-weights random, whose figures "
            "are not comparable"
        )
        loaded = read_weights(published, file, f"LPIPS with {title}", instead)
    with OwnRandomNumbers(0):  # random weights are always the same
        network = _NoTrainLpips(net=net, pnet_rand=True)
    name = f"{title} of random weights"
    if loaded:
        _load(network.net, loaded, title)
        name = title if loaded.published else f"{title} with other weights ({loaded.path.name})"
    comparable = loaded is not None and loaded.published
    return LPIPS(network.eval().to(device), device, name, comparable, min_size)


def _load(backbone: nn.Module, weights: Weights, title: str) -> None:
    """Load the weights of a backbone, which holds torchvision's layers in slices."""
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
