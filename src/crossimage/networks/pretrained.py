"""Fixed feature networks with published weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor, nn
from torchvision.models import VGG, VGG16_Weights, VGG19_Weights, WeightsEnum, vgg16, vgg19


class _VGGFeatures(nn.Module):
    """The first layers of a VGG, fixed.

    Args:
        network: The whole VGG.
        published: torchvision's weights of it.
        weights: A ``.pth`` file of the weights instead of torchvision's.
        layers: Places of the layers to keep.
        setting: The setting that names such a file, for the error message.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: VGG,
        published: WeightsEnum,
        weights: Path | None,
        layers: Sequence[int],
        setting: str,
    ) -> None:
        super().__init__()
        name = published.url.rsplit("/", 1)[-1].split("-")[0].upper()
        state = _read(weights, name) if weights else _published(published, name, setting)
        # all of them, since VGG16's tensors fit into VGG19 as far as they go, and the reverse
        convs = [i for i in layers if isinstance(network.features[i], nn.Conv2d)]
        # what classifies may be of other classes, such as faces
        state = {key: value for key, value in state.items() if key.startswith("features.")}
        try:
            network.load_state_dict(state, strict=False)
            missing = {f"features.{i}.weight" for i in convs} - state.keys()
        except RuntimeError:
            missing = {f"features.0.weight of {name}'s shape"}
        if missing:
            raise ValueError(
                f"{weights} does not hold the weights of torchvision's {name}: "
                f"{min(missing)} is missing"
            )
        self.layers = nn.Sequential(*(network.features[i] for i in layers))
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None])
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225])[:, None, None])
        self.requires_grad_(False).eval()

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps (N, 512, h, w) of images (N, 1 or 3, H, W) in [-1, 1]."""
        return self.layers(((x + 1) / 2 - self.mean) / self.std)


class VGG16Features(_VGGFeatures):
    """VGG16 up to relu5_3, without its fourth max-pool, as the perceptual loss of MUNIT wants it.

    Without that pool the features of a 512 px image are 64 px wide instead of 32: an eighth.

    Args:
        weights: A ``.pth`` file of torchvision's VGG16; by default torchvision's ImageNet
            weights, from its cache or the network.

    Raises:
        FileNotFoundError: The weights are neither in the cache nor to be downloaded, or the given
            file does not exist.
        ValueError: The given file holds something else.
    """

    def __init__(self, weights: Path | None = None) -> None:
        fourth_pool, relu5_3 = 23, 29
        layers = [i for i in range(relu5_3 + 1) if i != fourth_pool]
        published = VGG16_Weights.IMAGENET1K_V1
        super().__init__(
            vgg16(init_weights=False), published, weights, layers, "perceptual_weights"
        )

    def maps(self, x: Tensor) -> list[Tensor]:
        """The maps relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3 of images in [-1, 1]."""
        found, h = [], ((x + 1) / 2 - self.mean) / self.std
        for i, layer in enumerate(self.layers):
            h = layer(h)
            if i in (3, 8, 15, 22, 28):
                found.append(h)
        return found


class VGG19Features(_VGGFeatures):
    """VGG19 up to relu5_4, the features phi_5,4 of SRGAN; they are a sixteenth as wide.

    Args:
        weights: A ``.pth`` file of torchvision's VGG19; by default torchvision's ImageNet
            weights, from its cache or the network.

    Raises:
        FileNotFoundError: The weights are neither in the cache nor to be downloaded, or the given
            file does not exist.
        ValueError: The given file holds something else.
    """

    def __init__(self, weights: Path | None = None) -> None:
        relu5_4 = 35
        published = VGG19_Weights.IMAGENET1K_V1
        super().__init__(
            vgg19(init_weights=False), published, weights, range(relu5_4 + 1), "features"
        )


def _read(path: Path, name: str) -> dict[str, Tensor]:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; expected weights of torchvision's {name}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler's errors have no common class
        raise ValueError(
            f"{path} is not a readable .pth file of tensors ({type(error).__name__})"
        ) from None
    if not isinstance(state, dict):
        raise ValueError(f"{path} holds a {type(state).__name__}; expected tensors by name")
    return state


def _published(weights: WeightsEnum, network: str, setting: str) -> dict[str, Tensor]:
    name = weights.url.rsplit("/", 1)[-1]
    try:
        state: dict[str, Tensor] = dict(weights.get_state_dict(progress=False, check_hash=True))
    except (URLError, OSError) as error:
        cache = Path(torch.hub.get_dir()) / "checkpoints" / name
        raise FileNotFoundError(
            f"the perceptual loss needs torchvision's {network} weights, which are not in the "
            f"cache and could not be downloaded ({error}): put {name} from {weights.url} at "
            f"{cache}, or name a file with {setting}=FILE"
        ) from None
    return state
