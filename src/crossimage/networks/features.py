"""A small classifier whose last features serve as an image descriptor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from torch import Tensor, nn

from crossimage.utils.tensor_files.outline import check_shapes, outline, shapes_of
from crossimage.utils.tensor_files.safetensors_files import open_safetensors

_MOST_HALVINGS = 16

PREFIX = "classifier."
"""Prefix of a feature network's tensors in a model file."""


class FeatureNetwork(nn.Module):
    """A classifier of images of one size.

    Every layer is a convolution with a ReLU. The 3x3 convolutions are followed by max pools; there
    are as many of them as it takes to get below 8 pixels. The last convolution covers the
    remaining pixels and yields a vector. At 32 pixels the layers have w, 2 w, 4 w and 2 w channels:
    with w = 64 the network of Taigman et al. (2017) for house numbers. Further halvings have 4 w.

    Args:
        channels: Channels of the images; images of one channel are always accepted.
        size: Height and width of the images: 4 to 7 times a power of two.
        width: Channels of the first layer.
        classes: Number of classes.

    Attributes:
        dim: Length of the descriptor vector.

    Raises:
        ValueError: Images of this size cannot be halved down to 4 to 7 pixels.
    """

    def __init__(self, channels: int, size: int, width: int = 64, classes: int = 10) -> None:
        super().__init__()
        halvings = halvings_of(size)
        widths = [min(2**i, 4) * width for i in range(halvings)]
        self.channels, self.size, self.dim = channels, size, 2 * width
        self.convs = nn.ModuleList(
            nn.Conv2d(i, o, 3, padding=1) for i, o in pairwise([channels, *widths])
        )
        self.last = nn.Conv2d([channels, *widths][-1], self.dim, size >> halvings)
        self.classes = nn.Linear(self.dim, classes)
        for layer in (*self.convs, self.last):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return vectors (N, dim) for images (N, C or 1, size, size) in [-1, 1]."""
        return self.maps(x)[-1].flatten(1)

    def maps(self, x: Tensor) -> list[Tensor]:
        """Return feature maps (N, c, h, w) of every layer, the vector (N, dim, 1, 1) last."""
        h = x.expand(-1, self.channels, -1, -1)
        maps = []
        for conv in self.convs:
            h = nn.functional.max_pool2d(conv(h), 2).relu()
            maps.append(h)
        return [*maps, self.last(h).relu()]

    def classify(self, x: Tensor) -> Tensor:
        """Return class logits (N, classes) of images."""
        return self.classes(self(x))


def halvings_of(size: int) -> int:
    """Return how often an image is halved until its side is 4 to 7 pixels.

    Raises:
        ValueError: The side becomes odd before that.
    """
    halvings = max(0, size.bit_length() - 3)
    if size < 4 or size % 2**halvings:
        raise ValueError(
            f"images of {size} pixels can't be halved until 4 to 7 are left; choose a size such as "
            "16, 32, 48, 64, 96, 112 or 128"
        )
    return halvings


def read_features(
    path: Path, size: int | None = None, channels: int | None = None
) -> FeatureNetwork:
    """Read the feature network of a model file, such as DTN's, fixed and in evaluation mode.

    Args:
        path: A ``.safetensors`` file, or the folder of the run that wrote it.
        size: Expected height and width of its images.
        channels: Expected channels of its images.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It holds no feature network, or one for images of another kind.
    """
    path = path / "model.safetensors" if path.is_dir() else path
    with open_safetensors(path, "a model file of dtn") as file:
        shapes = {k.removeprefix(PREFIX): v for k, v in file.shapes.items() if k.startswith(PREFIX)}
        try:
            network = outline(lambda: _built(shapes), path)
            check_shapes(path, "a feature network", shapes, shapes_of(network.state_dict()))
        except (IndexError, KeyError, ValueError) as error:
            file.check_seal(error)
            raise ValueError(
                f"{path} holds no feature network (tensors whose names begin with '{PREFIX}'); "
                "expected a model file of dtn"
            ) from None
        tensors = file.tensors()
    network = _built(shapes)
    network.load_state_dict({name: tensors[PREFIX + name] for name in shapes})
    actual = network.size
    if size not in (None, actual):
        raise ValueError(
            f"the feature network in {path} reads images of {actual}x{actual} pixels, expected "
            f"{size}x{size}; set crop={actual} or train one on images of {size} pixels"
        )
    if channels not in (None, 1, network.channels):
        raise ValueError(
            f"the feature network in {path} reads images of {network.channels} channels, expected "
            f"{channels}; train one on such images"
        )
    return network.requires_grad_(False).eval()


def _built(shapes: Mapping[str, Sequence[int]]) -> FeatureNetwork:
    """Build a network whose tensors have these shapes."""
    last, classes = shapes["last.weight"], shapes["classes.weight"]
    halvings = sum(name.startswith("convs.") for name in shapes) // 2
    if halvings > _MOST_HALVINGS:
        raise ValueError(f"{halvings} halvings")
    first = shapes["convs.0.weight"] if halvings else last
    return FeatureNetwork(first[1], last[2] << halvings, last[0] // 2, classes[0])
