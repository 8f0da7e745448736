"""VGG16, and distances in its features that see the content rather than the class or domain.

With instance normalisation, the features of images of one scene are close to each other in any
domain: Huang et al., "Multimodal Unsupervised Image-to-Image Translation", 2018, appendix C.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models import VGG16_Weights, vgg16

from crossimage.evaluation.galleries.images import check_pairs
from crossimage.evaluation.report.figures import library
from crossimage.networks.layers.normalisation import instance_norm
from crossimage.utils.paths import expanded
from crossimage.utils.tensor_files.published import read_weights

RELU4_3, RELU5_3 = 23, 30
"""Numbers of layers up to these."""

_MIN_SIZE = 32  # pixels, for relu5_3 to have more than one
_BATCH_SIZE = 32


class VGG16(nn.Module):
    """VGG16 up to one of its layers.

    Args:
        state: Its weights by torchvision's names.
        layers: Number of layers to keep.

    Raises:
        KeyError, RuntimeError: The state holds other tensors.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, state: dict[str, Tensor], layers: int) -> None:
        super().__init__()
        with torch.device("meta"):  # the rest of the network is large
            self.layers = vgg16().features[:layers]
        own = {name: state[f"features.{name}"] for name in self.layers.state_dict()}
        self.layers.load_state_dict(own, assign=True)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None] * 255)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225])[:, None, None] * 255)

    def forward(self, x: Tensor) -> Tensor:
        """Return feature maps (N, 512, h, w) of uint8 images (N, 3, H, W)."""
        return self.layers((x.float() - self.mean) / self.std)


class OpenVGG(NamedTuple):
    """VGG16 in use.

    Attributes:
        network: Computes the features.
        name: Description for a reader.
        comparable: Whether it has the published weights.
    """

    network: nn.Module
    name: str
    comparable: bool


def open_vgg(weights: str | None, device: torch.device, layers: int, option: str) -> OpenVGG:
    """Open VGG16.

    Args:
        weights: A file of torchvision's VGG16 weights, or ``random``, for trying things out without
            meaningful results; None: from torch hub's cache or the network.
        device: Where to compute.
        layers: Number of layers to keep.
        option: The option that names the weights, for error messages.

    Raises:
        FileNotFoundError: The weights are missing.
        ValueError: The file holds something else.
    """
    if weights == "random":
        network, name, comparable = VGG16(_random(), layers), "VGG16 of random weights", False
    else:
        file = expanded(Path(weights)) if weights else None
        loaded = read_weights(
            VGG16_Weights.IMAGENET1K_V1, file, "the perceptual distance",
            f"name a file with {option} FILE, or try {option} random",
        )  # fmt: skip
        comparable = loaded.published
        name = "VGG16" if comparable else f"VGG16 with other weights ({loaded.path.name})"
        try:
            network = VGG16(loaded.state, layers)
        except (KeyError, RuntimeError) as error:
            reason = f"no {error}" if isinstance(error, KeyError) else "tensors of other shapes"
            raise ValueError(
                f"{loaded.path} does not hold the weights of torchvision's VGG16 ({reason}); name "
                "a file that does"
            ) from None
    return OpenVGG(network.eval().requires_grad_(False).to(device), name, comparable)


@dataclass(frozen=True)
class ContentDistance:
    """The domain-invariant perceptual distance between images.

    Attributes:
        network: Computes the features.
        device: Where to compute.
        name: Description for a reader.
        comparable: Whether the network has the published weights.
        library: The packages that it comes from, with versions.
    """

    network: nn.Module
    device: torch.device
    name: str
    comparable: bool
    library: str

    @torch.no_grad()
    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the distances (N,) of images (N, 3, H, W) of uint8, on the CPU.

        Raises:
            ValueError: They are not such images, differ in size, or are too small.
        """
        check_pairs(x, y, "relu5_3 of VGG16", _MIN_SIZE)
        parts = zip(torch.split(x, _BATCH_SIZE), torch.split(y, _BATCH_SIZE), strict=True)
        return torch.cat([self._distances(a, b) for a, b in parts]).cpu()

    def _distances(self, x: Tensor, y: Tensor) -> Tensor:
        a, b = (instance_norm(self.network(side.to(self.device))) for side in (x, y))
        return (a - b).square().mean((1, 2, 3))


def open_content_distance(weights: str | None, device: torch.device) -> ContentDistance:
    """Open the domain-invariant perceptual distance of VGG16's relu5_3; see :func:`open_vgg`."""
    network, name, comparable = open_vgg(weights, device, RELU5_3, "--vgg-weights")
    packages = library("torch", "torchvision")
    return ContentDistance(network, device, f"{name}, relu5_3", comparable, packages)


def _random() -> dict[str, Tensor]:
    """Return random weights of VGG16's convolutions, always the same."""
    with torch.device("meta"):
        shapes = {f"features.{k}": x.shape for k, x in vgg16().features.state_dict().items()}
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(shape, generator=generator) * (2 / shape[1:].numel()) ** 0.5
        if len(shape) == 4
        else torch.zeros(shape)
        for name, shape in shapes.items()
    }
