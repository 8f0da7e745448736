"""Fixed feature networks with published weights."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor, nn
from torchvision.models import VGG16_Weights, vgg16


class VGG16Features(nn.Module):
    """VGG16 up to relu5_3, without its fourth max-pool, as the perceptual loss of MUNIT wants it.

    Without that pool the features of a 512 px image are 64 px wide instead of 32.

    Args:
        weights: A ``.pth`` file of torchvision's VGG16; by default torchvision's ImageNet
            weights, from its cache or the network.

    Raises:
        FileNotFoundError: The weights are neither in the cache nor to be downloaded, or the given
            file does not exist.
        ValueError: The given file holds something else.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, weights: Path | None = None) -> None:
        super().__init__()
        network = vgg16()
        state = _read(weights) if weights else _published()
        try:
            network.load_state_dict(state, strict=False)
            missing = {f"features.{i}.weight" for i in (0, 28)} - state.keys()
        except RuntimeError:
            missing = {"features.0.weight of VGG16's shape"}
        if missing:
            raise ValueError(
                f"{weights} does not hold the weights of torchvision's VGG16: "
                f"{min(missing)} is missing"
            )
        fourth_pool, relu5_3 = 23, 29
        layers = [x for i, x in enumerate(network.features[: relu5_3 + 1]) if i != fourth_pool]
        self.layers = nn.Sequential(*layers)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None])
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225])[:, None, None])
        self.requires_grad_(False).eval()

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps (N, 512, H / 8, W / 8) of images (N, 1 or 3, H, W) in [-1, 1]."""
        features: Tensor = self.layers(((x + 1) / 2 - self.mean) / self.std)
        return features


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; expected weights of torchvision's VGG16")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler's errors have no common class
        raise ValueError(
            f"{path} is not a readable .pth file of tensors ({type(error).__name__})"
        ) from None
    if not isinstance(state, dict):
        raise ValueError(f"{path} holds a {type(state).__name__}; expected tensors by name")
    return state


def _published() -> dict[str, Tensor]:
    weights = VGG16_Weights.IMAGENET1K_V1
    name = weights.url.rsplit("/", 1)[-1]
    try:
        state: dict[str, Tensor] = dict(weights.get_state_dict(progress=False, check_hash=True))
    except (URLError, OSError) as error:
        cache = Path(torch.hub.get_dir()) / "checkpoints" / name
        raise FileNotFoundError(
            f"the perceptual loss needs torchvision's VGG16 weights, which are not in the cache "
            f"and could not be downloaded ({error}): put {name} from {weights.url} at {cache}, "
            f"or name a file with perceptual_weights=FILE"
        ) from None
    return state
