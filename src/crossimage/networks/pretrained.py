"""Fixed feature networks with published weights.

VGG-Face is a VGG16 of faces: Parkhi, Vedaldi, Zisserman: Deep Face Recognition. BMVC 2015. People
hold it as ``vgg_face_dag.pth``, whose layers are ``conv1_1`` to ``conv5_3`` and ``fc6`` to ``fc8``;
it takes RGB values from 0 to 255 minus their means.

AdaIN's VGG-19: Huang, Belongie: Arbitrary Style Transfer in Real-time with Adaptive Instance
Normalization. ICCV 2017. The weights of its code (``vgg_normalised.pth``) are scaled so that the
mean activation of every layer is 1, behind a 1x1 convolution that turns RGB into the colours that
the network was trained on. Layers are numbered as there, with the reflecting paddings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from crossimage.networks.layers.convolution import PaddedConv2d
from crossimage.utils.tensor_files.published import read_weights
from crossimage.utils.tensor_files.torch_files import read_pickle

if TYPE_CHECKING:
    from torchvision.models import VGG, WeightsEnum

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
        from torchvision.models import VGG16_Weights, vgg16  # a second's import

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
        from torchvision.models import VGG19_Weights, vgg19

        published = VGG19_Weights.IMAGENET1K_V1
        super().__init__(vgg19, published, weights, range(relu5_4 + 1), needed_by, setting)


STYLE_LAYERS = (("0", "2"), ("5", "9"), ("12", "16"), ("19", "22", "25"))
"""Names of the convolutions of each part in the file of weights."""

STATISTICS_EPS = 1e-5


class StyleFeatures(nn.Module):
    """VGG-19 up to relu3_4, in four parts that end in relu1_1, relu2_1, relu3_1 and relu3_4.

    Its weights are fixed: random ones until :meth:`load` or a model file sets them.

    Args:
        width: Channels of the first layer: 64 in VGG-19.

    Attributes:
        channels: Channels of the last layer.
        known: Whether the weights are those of a file, (), saved with them.
    """

    known: Tensor

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.channels = 4 * width
        parts: list[list[nn.Module]] = [
            [nn.Conv2d(3, 3, 1), *_conv(3, width)],
            [*_conv(width, width), _pool(), *_conv(width, 2 * width)],
            [*_conv(2 * width, 2 * width), _pool(), *_conv(2 * width, 4 * width)],
            [layer for _ in range(3) for layer in _conv(4 * width, 4 * width)],
        ]
        self.parts = nn.ModuleList(nn.Sequential(*part) for part in parts)
        self.register_buffer("known", torch.zeros((), dtype=torch.bool))
        for layer in self.convolutions():
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        nn.init.dirac_(self.convolutions()[0].weight)
        self.requires_grad_(False)

    def convolutions(self) -> list[nn.Conv2d]:
        """Return the convolutions in the order of :data:`STYLE_LAYERS`."""
        return [layer for layer in self.modules() if isinstance(layer, nn.Conv2d)]

    def load(self, file: Path) -> None:
        """Load ``vgg_normalised.pth`` of AdaIN, with or without the layers after relu3_4.

        Raises:
            FileNotFoundError: The file does not exist.
            ValueError: It holds other weights.
        """
        state = read_pickle(file)
        names = [name for part in STYLE_LAYERS for name in part]
        for name, layer in zip(names, self.convolutions(), strict=True):
            for kind, tensor in (("weight", layer.weight), ("bias", layer.bias)):
                assert tensor is not None
                found = _tensor(state, f"{name}.{kind}", list(tensor.shape), file)
                tensor.data.copy_(found)
        self.known.fill_(True)

    def maps(self, x: Tensor) -> list[Tensor]:
        """Return the maps relu1_1, relu2_1, relu3_1 and relu3_4 of images (N, 3, H, W)."""
        maps = []
        for part in self.parts:
            x = part(x)
            maps.append(x)
        return maps

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps (N, 4 width, H / 4, W / 4) of images (N, 1 or 3, H, W)."""
        return self.maps(x.expand(-1, 3, -1, -1))[-1]


def mean_and_std(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return means and standard deviations (N, C) of maps (N, C, h, w), in float32.

    The variance is unbiased, and 1e-5 is added to it.
    """
    values = features.float().flatten(2)
    spread = values.var(2) if values.shape[2] > 1 else torch.zeros_like(values[:, :, 0])
    return values.mean(2), (spread + STATISTICS_EPS).sqrt()


def with_statistics(features: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Give maps (N, C, h, w) the means and standard deviations (N, C) of others (AdaIN)."""
    own_mean, own_std, mean, std = (
        values[:, :, None, None] for values in (*mean_and_std(features), mean, std)
    )
    result = (features.float() - own_mean) / own_std * std + mean
    return result.to(features.dtype)


def _conv(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module]:
    return PaddedConv2d(inputs, outputs, 3, 1, 1, padding_mode="reflect"), nn.ReLU()


def _pool() -> nn.Module:
    return nn.MaxPool2d(2, ceil_mode=True)


def _tensor(state: Mapping[str, object], name: str, shape: list[int], file: Path) -> Tensor:
    value = state.get(name)
    if isinstance(value, Tensor) and list(value.shape) == shape:
        return value
    found = f"has the shape {list(value.shape)}" if isinstance(value, Tensor) else "is missing"
    raise ValueError(
        f"{file} does not hold the weights of VGG-19 in the form of AdaIN's vgg_normalised.pth "
        f"(the tensor '{name}' {found}, expected {shape}); give that file, or set "
        "encoder=random to learn from random features"
    )
