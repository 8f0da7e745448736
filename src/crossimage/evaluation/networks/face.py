"""Networks that describe whose face an image shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import VGG, vgg16

from crossimage.evaluation.galleries.images import center_square, check_rgb
from crossimage.evaluation.networks.classifier import load_classifier
from crossimage.evaluation.report.figures import library
from crossimage.networks.pretrained import FACE_MEAN, convolutions_of_face
from crossimage.utils.tensor_files.torch_files import read_pickle

_SIZE = 224  # pixels, of VGG-Face
_BATCH_SIZE = 16


@dataclass(frozen=True)
class FaceNetwork:
    """A network of faces in use.

    Attributes:
        name: Description for a reader.
        library: The package that it comes from, with its version.
        describe: Returns vectors (N, D) of images (N, 3, H, W) of uint8.
    """

    name: str
    library: str
    describe: Callable[[Tensor], Tensor]

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Return unit vectors (N, D) on the CPU for images (N, 3, H, W) of uint8."""
        check_rgb(images)
        vectors = [self.describe(batch) for batch in torch.split(images, _BATCH_SIZE)]
        return nn.functional.normalize(torch.cat(vectors).cpu().float())


def open_face(path: Path, device: torch.device) -> FaceNetwork:
    """Open VGG-Face, or a classifier of faces that was trained here.

    Vectors are VGG-Face's ``fc7`` after its ReLU (Parkhi et al., Deep Face Recognition, 2015), and
    the classifier's features before its last layer.

    Args:
        path: ``vgg_face_dag.pth``, or a ``.safetensors`` file of ``fit-classifier``.
        device: Where to compute.

    Raises:
        ValueError: The file holds something else.
    """
    if path.suffix == ".safetensors":
        features = load_classifier(path, device).features
        return FaceNetwork(features.name, features.library, lambda x: features(x).features)
    network = _read_vgg_face(path).to(device).eval().requires_grad_(False)
    mean = torch.tensor(FACE_MEAN, device=device)[:, None, None]

    def describe(images: Tensor) -> Tensor:
        x = center_square(images.to(device).float(), _SIZE) - mean
        return network.classifier(network.features(x).flatten(1))

    return FaceNetwork("fc7 of VGG-Face", library("torchvision"), describe)


def _read_vgg_face(path: Path) -> VGG:
    state = read_pickle(path)
    try:
        first, second = state["fc6.weight"], state["fc7.weight"]
        with torch.device("meta"):
            network: VGG = vgg16(init_weights=False)
            network.classifier = nn.Sequential(
                nn.Linear(first.shape[1], first.shape[0]), nn.ReLU(),
                nn.Linear(second.shape[1], second.shape[0]), nn.ReLU(),
            )  # fmt: skip
        layers = {"fc6": "classifier.0", "fc7": "classifier.2"}
        network.load_state_dict(
            convolutions_of_face(state)
            | {f"{to}.{kind}": state[f"{of}.{kind}"] for of, to in layers.items()
               for kind in ("weight", "bias")},
            assign=True,
        )  # fmt: skip
    except (KeyError, RuntimeError, AttributeError) as error:
        problem = str(error).splitlines()[-1].strip().rstrip(".")
        raise ValueError(
            f"{path} does not hold VGG-Face ({problem}); expected vgg_face_dag.pth with layers "
            "conv1_1 to fc8, or a classifier that `crossimage evaluate fit-classifier` wrote"
        ) from None
    return network
