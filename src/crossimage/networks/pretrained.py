"""Fixed feature networks with published weights.

VGG-Face is a VGG16 of faces: Parkhi, Vedaldi, Zisserman: Deep Face Recognition. BMVC 2015. People
hold it as ``vgg_face_dag.pth``, whose layers are ``conv1_1`` to ``conv5_3`` and ``fc6`` to ``fc8``;
it takes RGB values from 0 to 255 minus their means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import VGG, VGG16_Weights, VGG19_Weights, WeightsEnum, vgg16, vgg19

from crossimage.utils.tensor_files import read_weights

FACE_MEAN = (129.186, 104.762, 93.594)
"""Mean colour that VGG-Face subtracts: red, green and blue in 0..255."""

_CONVOLUTIONS_PER_STAGE = (2, 2, 3, 3, 3)  # of VGG16; a max pool ends each stage


def _face_names() -> dict[str, str]:
    """Return the names of VGG16's convolutions in VGG-Face, by their names in torchvision."""
    names, index = {}, 0
    for stage, convolutions in enumerate(_CONVOLUTIONS_PER_STAGE, 1):
        for number in range(1, convolutions + 1):
            for kind in ("weight", "bias"):
                names[f"features.{index}.{kind}"] = f"conv{stage}_{number}.{kind}"
            index += 2  # the convolution and its ReLU
        index += 1
    return names


def convolutions_of_face(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the convolutions of VGG-Face under the names that torchvision gives to VGG16's."""
    return {ours: state[theirs] for ours, theirs in _face_names().items() if theirs in state}


class _VGGFeatures(nn.Module):
    """The first layers of a VGG with fixed weights.

    Args:
        build: Builds the whole VGG.
        published: Its weights in torchvision.
        weights: A file of such weights, to use instead of torchvision's.
        layers: Indices of the layers to keep.
        needed_by: What needs the features, for the error message.
        setting: The setting that names such a file, for the error message.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        build: Callable[..., VGG],
        published: WeightsEnum,
        weights: Path | None,
        layers: Sequence[int],
        needed_by: str,
        setting: str,
    ) -> None:
        super().__init__()
        with torch.device("meta"):  # the classifier's 120 million weights are never needed
            network = build(init_weights=False)
        network.features.to_empty(device="cpu")
        name = published.url.rsplit("/", 1)[-1].split("-")[0].upper()
        alternative = f"name a file with {setting}=FILE"
        state = read_weights(published, weights, needed_by, alternative).state
        of_faces = "conv1_1.weight" in state
        if of_faces:
            state = convolutions_of_face(state)
        # the classifier's layers may be for other classes, such as faces
        state = {key: value for key, value in state.items() if key.startswith("features.")}
        # every convolution is checked: VGG16's tensors fit into VGG19 as far as they go
        convolutions = (i for i in layers if isinstance(network.features[i], nn.Conv2d))
        names = [f"features.{i}.{kind}" for i in convolutions for kind in ("weight", "bias")]
        problem = next((f"{key} is missing" for key in names if key not in state), None)
        try:
            network.load_state_dict(state, strict=False)
        except RuntimeError as error:
            problem = str(error).splitlines()[-1].strip().rstrip(".")
        if problem:
            raise ValueError(
                f"{weights} does not hold the weights of torchvision's {name} ({problem}), which "
                f"{needed_by} needs"
            )
        self.layers = nn.Sequential(*(network.features[i] for i in layers))
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        if of_faces:
            mean, std = torch.tensor(FACE_MEAN) / 255, torch.ones(3) / 255
        self.register_buffer("mean", mean[:, None, None])
        self.register_buffer("std", std[:, None, None])
        self.requires_grad_(False).eval()

    def forward(self, x: Tensor) -> Tensor:
        """Return feature maps (N, 512, h, w) of images (N, 1 or 3, H, W) in [-1, 1]."""
        return self.layers(((x + 1) / 2 - self.mean) / self.std)


class VGG16Features(_VGGFeatures):
    """VGG16 up to relu5_3, without its fourth max-pool, as in the perceptual loss of MUNIT.

    Without that pool the features of a 512 px image are 64 px wide instead of 32: an eighth.

    Args:
        weights: A file of weights of torchvision's VGG16, or of VGG-Face; by default its ImageNet
            weights, from the cache or downloaded.
        needed_by: What needs the features, for the error message: ``the perceptual loss of MUNIT``.
        setting: The setting that names such a file, for the error message.

    Raises:
        FileNotFoundError: The given file does not exist, or the weights are not in the cache and
            cannot be downloaded.
        ValueError: The given file holds something else.
    """

    def __init__(self, weights: Path | None, needed_by: str, setting: str) -> None:
        fourth_pool, relu5_3 = 23, 29
        layers = [i for i in range(relu5_3 + 1) if i != fourth_pool]
        published = VGG16_Weights.IMAGENET1K_V1
        super().__init__(vgg16, published, weights, layers, needed_by, setting)

    def maps(self, x: Tensor) -> list[Tensor]:
        """Return the maps relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3 of images in [-1, 1]."""
        maps, h = [], ((x + 1) / 2 - self.mean) / self.std
        for i, layer in enumerate(self.layers):
            h = layer(h)
            if i in (3, 8, 15, 22, 28):
                maps.append(h)
        return maps


class VGG19Features(_VGGFeatures):
    """VGG19 up to relu5_4, the features phi_5,4 of SRGAN; they are a sixteenth as wide.

    Args:
        weights: A file of weights of torchvision's VGG19; by default its ImageNet weights, from
            the cache or downloaded.
        needed_by: What needs the features, for the error message: ``the perceptual loss of MUNIT``.
        setting: The setting that names such a file, for the error message.

    Raises:
        FileNotFoundError: The given file does not exist, or the weights are not in the cache and
            cannot be downloaded.
        ValueError: The given file holds something else.
    """

    def __init__(self, weights: Path | None, needed_by: str, setting: str) -> None:
        relu5_4 = 35
        published = VGG19_Weights.IMAGENET1K_V1
        super().__init__(vgg19, published, weights, range(relu5_4 + 1), needed_by, setting)
