"""Torchvision's Inception-v3, which StarGAN v2's distances are taken in.

Choi et al., "StarGAN v2: Diverse Image Synthesis for Multiple Domains", 2020, appendix C.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchvision.models import Inception_V3_Weights, inception_v3

from crossimage.evaluation.networks.inception import (
    INCEPTION_SIZE,
    FeatureExtractor,
    resize_clean,
    resize_smooth,
)
from crossimage.evaluation.options import Resize
from crossimage.evaluation.report.figures import library
from crossimage.utils.tensor_files.published import Weights

WEIGHTS = Inception_V3_Weights.IMAGENET1K_V1
"""The published weights."""

_CLASSES = 1000  # of ImageNet; the network of 2015 has 1008


def is_torchvision(weights: Weights) -> bool:
    """Return whether weights of an Inception-v3 are in torchvision's form."""
    last = weights.state.get("fc.weight")
    return last is not None and len(last) == _CLASSES


def torchvision_inception(
    weights: Weights, device: torch.device, resize: Resize = "tensorflow"
) -> FeatureExtractor:
    """Return torchvision's Inception-v3 in use.

    Images are resized to 299 x 299 pixels as Pillow does (bilinear, antialiased), and normalised
    by the mean and the standard deviation of ImageNet.

    Args:
        weights: Its weights.
        device: Where to compute.
        resize: ``clean`` to resize images as clean-fid does.

    Raises:
        ValueError: The weights are those of something else.
    """
    clean = resize == "clean"
    own = {name: x for name, x in weights.state.items() if not name.startswith("AuxLogits.")}
    with torch.device("meta"):
        source = inception_v3(aux_logits=False, init_weights=False)
    try:
        source.load_state_dict(own, assign=True)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()[:200]
        raise ValueError(
            f"{weights.path} does not hold the weights of torchvision's Inception-v3 ({reason}); "
            f"expected {str(WEIGHTS.url).rsplit('/', 1)[-1]}"
        ) from None
    network = _Inception(source, resize_clean if clean else resize_smooth)
    name = "torchvision's Inception-v3"
    if not weights.published:
        name = f"{name} with other weights ({weights.path.name})"
    how = "clean-fid does (bicubic" if clean else "Pillow does (bilinear"
    return FeatureExtractor(
        network.eval().requires_grad_(False).to(device), network.dim, device, name,
        library("torchvision"), f"torchvision {weights.digest}{' clean' if clean else ''}",
        weights.published,
        f"images resized to {INCEPTION_SIZE} x {INCEPTION_SIZE} as {how}, antialiased)",
        "torchvision, clean" if clean else "torchvision",
    )  # fmt: skip


class _Inception(nn.Module):
    """The layers of torchvision's network, without its dropout and its own normalisation."""

    mean: Tensor
    std: Tensor

    def __init__(self, source: nn.Module, resize: Callable[[Tensor, int], Tensor]) -> None:
        super().__init__()
        self._resize = resize
        layers = dict(source.named_children())
        self.classes = layers.pop("fc")
        assert isinstance(self.classes, nn.Linear)
        self.dim = self.classes.in_features
        layers.pop("dropout")
        self.layers = nn.Sequential(*layers.values())
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None] * 255)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225])[:, None, None] * 255)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return pooled features (N, 2048) and logits (N, 1000) of images from 0 to 255."""
        features = self.layers((self._resize(x, INCEPTION_SIZE) - self.mean) / self.std).flatten(1)
        return features, self.classes(features)
