"""Frozen networks whose features describe what images look like: Inception-v3, and a random one."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import WeightsEnum

from crossimage.evaluation.galleries.images import check_rgb
from crossimage.evaluation.options import Resize
from crossimage.evaluation.report.figures import library
from crossimage.utils.tensor_files.published import Weights, read_weights

INCEPTION_SIZE = 299
"""Height and width of the images that Inception-v3 sees, in pixels."""

_RANDOM_SIZE = 64


class FeaturesAndLogits(NamedTuple):
    """What a network computes for images: features (N, D) and class logits (N, K), float32."""

    features: Tensor
    logits: Tensor


@dataclass(frozen=True)
class FeatureExtractor:
    """A frozen network in use.

    Attributes:
        network: Computes :class:`FeaturesAndLogits` of float images (N, 3, H, W) with values from 0
            to 255.
        dim: Number of features per image, D.
        device: Where it computes.
        name: Description for a reader.
        library: The package that it comes from, with its version.
        digest: Differs between networks whose features differ.
        comparable: Whether the figures of others are made with the same weights.
        preparation: How images are resized for it, for a reader; may be empty.
        variant: The same in a word, where it is not the usual way.
        warning: Why its features may mean nothing; empty if they do.
    """

    network: nn.Module
    dim: int
    device: torch.device
    name: str
    library: str
    digest: str
    comparable: bool
    preparation: str = ""
    variant: str = ""
    warning: str = ""

    @torch.no_grad()
    def __call__(self, images: Tensor) -> FeaturesAndLogits:
        """Return features and logits of uint8 images (N, 3, H, W), on the network's device.

        They are computed in float32; the precision of convolutions on a GPU is PyTorch's setting.

        Raises:
            ValueError: They are not uint8 RGB images.
        """
        check_rgb(images)
        pixels = images.to(self.device, non_blocking=True)
        features, logits = self.network(pixels.float())
        return FeaturesAndLogits(features, logits)


def random_features(device: torch.device, resize: Resize = "tensorflow") -> FeatureExtractor:
    """Open a small network of random weights, always the same, to try things out.

    Args:
        device: Where to compute.
        resize: ``clean`` to resize images as clean-fid does; by default they are resized by
            antialiased bilinear interpolation, which is as good as any for random weights.
    """
    clean = resize == "clean"
    network = (
        _RandomNetwork(resize_clean if clean else resize_smooth)
        .eval()
        .requires_grad_(False)
        .to(device)
    )
    name = "a small network of random weights"
    return FeatureExtractor(
        network, network.dim, device, name, library("torch"),
        f"random {library('torch')}{' clean' if clean else ''}", comparable=False,
        preparation=_described("clean", _RANDOM_SIZE) if clean else "",
        variant="clean" if clean else "",
    )  # fmt: skip


def open_inception(
    file: Path | None, device: torch.device, resize: Resize = "tensorflow"
) -> FeatureExtractor:
    """Open the Inception-v3 that most published figures are made with.

    Args:
        file: A file of its weights; None: from torch hub's cache or the network.
        device: Where to compute.
        resize: How images are resized for it.

    Raises:
        FileNotFoundError: The weights are not in the cache and can't be downloaded, or the
            file does not exist.
        ModuleNotFoundError: torch-fidelity, which holds Inception-v3, is not installed.
        ValueError: The file holds something else.
    """
    weights = inception_weights(_torch_fidelity().URL_INCEPTION_V3, file)
    name = "Inception-v3"
    if not weights.published:
        name = f"{name} with other weights ({weights.path.name})"
    clean = resize == "clean"
    return FeatureExtractor(
        _inception(weights, _RESIZE[resize]).to(device).to(memory_format=torch.channels_last),
        2048, device, name,
        library("torch-fidelity"), f"inception {weights.digest}{' clean' if clean else ''}",
        weights.published, _described(resize, INCEPTION_SIZE), "clean" if clean else "",
    )  # fmt: skip


def inception_weights(published: WeightsEnum | str, file: Path | None) -> Weights:
    """Read weights of an Inception-v3.

    See :func:`~crossimage.utils.tensor_files.published.read_weights`.
    """
    return read_weights(
        published, file, "the Inception-v3 of FID, KID and IS",
        "name a file with --features FILE, or try --features random, whose figures are not "
        "comparable",
    )  # fmt: skip


def at_size(network: FeatureExtractor, size: int) -> FeatureExtractor:
    """Return a network that sees images as they are after resizing to a square.

    They are resized to ``size`` x ``size`` pixels of 8 bits (bilinear, antialiased), and only then
    prepared as the network's images are.
    """
    smaller = f"images first resized to {size} x {size} (bilinear, antialiased)"
    return replace(
        network,
        network=_AtSize(network.network, size),
        digest=f"{network.digest} at {size}",
        preparation="; ".join(filter(None, (smaller, network.preparation))),
        variant=", ".join(filter(None, (network.variant, f"{size} px"))),
    )


class _AtSize(nn.Module):
    def __init__(self, network: nn.Module, size: int) -> None:
        super().__init__()
        self.network, self.size = network, size

    def forward(self, x: Tensor) -> FeaturesAndLogits:
        features: FeaturesAndLogits = self.network(resize_smooth(x, self.size).round())
        return features


def resize_tensorflow(x: Tensor, size: int) -> Tensor:
    """Resize float images (N, C, H, W) to (N, C, size, size), with TensorFlow 1's grid.

    Output pixel i is taken at i H / size of the input, with bilinear weights and no smoothing.
    """
    low, high, weight = _taps(x.shape[3], size, x.device)
    x = torch.lerp(x[..., low], x[..., high], weight)
    low, high, weight = _taps(x.shape[2], size, x.device)
    return torch.lerp(x[:, :, low], x[:, :, high], weight[:, None])


def resize_clean(x: Tensor, size: int) -> Tensor:
    """Resize float images (N, C, H, W), 0 to 255, to (N, C, size, size) as clean-fid does.

    Parmar et al., "On Aliased Resizing and Surprising Subtleties in GAN Evaluation", 2022: with
    Pillow's bicubic filter, which is widened where images are shrunk, in float32; values are
    clipped but not rounded.
    """
    if x.shape[2:] == (size, size):
        return x
    exact = x.double() if x.device.type in ("cpu", "cuda") else x  # as Pillow's weights are
    y = functional.interpolate(exact, (size, size), mode="bicubic", antialias=True)
    return y.clamp(0, 255).to(x.dtype)


def resize_smooth(x: Tensor, size: int) -> Tensor:
    """Resize float images (N, C, H, W) to (N, C, size, size): bilinear, antialiased."""
    if x.shape[2:] == (size, size):
        return x
    return functional.interpolate(x, (size, size), mode="bilinear", antialias=True)


_Resizing = Callable[[Tensor, int], Tensor]

_RESIZE: Mapping[Resize, _Resizing] = {"tensorflow": resize_tensorflow, "clean": resize_clean}

_AS: Mapping[Resize, str] = {
    "tensorflow": "TensorFlow 1 does (bilinear, not antialiased)",
    "clean": "clean-fid does (bicubic, antialiased)",
}


def _described(resize: Resize, size: int) -> str:
    return f"images resized to {size} x {size} as {_AS[resize]}"


def _taps(length: int, size: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return both neighbours of every output pixel, and the weight of the second."""
    at = torch.arange(size, device=device) * torch.tensor(length / size)
    low = at.long()
    return low, (low + 1).clamp_max(length - 1), at - low


class _Inception(nn.Module):
    """The layers of torch-fidelity's Inception-v3, faster without changing what they compute.

    Batch normalisation is folded into the convolutions.
    """

    def __init__(self, source: nn.Module, resize: _Resizing) -> None:
        super().__init__()
        self._resize = resize
        *layers, last = source.children()
        assert isinstance(last, nn.Linear)
        self.layers = nn.Sequential(*layers)
        for module in self.layers.modules():
            if isinstance(getattr(module, "bn", None), nn.BatchNorm2d):
                module.conv = nn.utils.fuse_conv_bn_eval(module.conv, module.bn)  # type: ignore[arg-type, type-var]
                module.bn = nn.Identity()
        self.register_buffer("classes", last.weight.detach().T.contiguous())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return pooled features (N, 2048) and, as published, logits (N, 1008) without the bias."""
        x = (self._resize(x, INCEPTION_SIZE) - 128) / 128
        features = self.layers(x.contiguous(memory_format=torch.channels_last)).flatten(1)
        return features, features @ self.classes


class _RandomNetwork(nn.Module):
    """Three convolutions of fixed random weights, pooled after each."""

    dim = 16 + 32 + 64

    def __init__(self, resize: _Resizing) -> None:
        super().__init__()
        self._resize = resize
        generator = torch.Generator().manual_seed(0)
        widths = (3, 16, 32, 64)
        for i, (inside, outside) in enumerate(zip(widths, widths[1:], strict=False)):
            weight = torch.randn(outside, inside, 3, 3, generator=generator)
            self.register_buffer(f"weight{i}", weight * (2 / (9 * inside)) ** 0.5)
        self.register_buffer("classes", torch.randn(self.dim, 10, generator=generator))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (N, 112) and logits (N, 10)."""
        x, pooled = (self._resize(x, _RANDOM_SIZE) - 128) / 128, []
        for i in range(3):
            x = functional.conv2d(x, self.get_buffer(f"weight{i}"), stride=2, padding=1).relu()
            pooled.append(x.mean((2, 3)))
        features = torch.cat(pooled, 1)
        return features, features @ self.get_buffer("classes")


def _inception(weights: Weights, resize: _Resizing) -> _Inception:
    """Build Inception-v3 with given weights."""
    module = _torch_fidelity()
    # torch-fidelity would run code from a file: give it tensors that were read safely.
    tensors = io.BytesIO()
    torch.save(weights.state, tensors)
    tensors.seek(0)
    try:
        source = module.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], tensors)
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise ValueError(
            f"{weights.path} does not hold the weights of torch-fidelity's Inception-v3 "
            f"({reason[:200]}); expected {module.URL_INCEPTION_V3.rsplit('/', 1)[-1]}"
        ) from None
    return _Inception(source, resize).eval().requires_grad_(False)


def _torch_fidelity() -> ModuleType:
    """Import the module of torch-fidelity that holds Inception-v3."""
    try:
        from torch_fidelity import feature_extractor_inceptionv3 as module
    except ImportError:
        raise ModuleNotFoundError(
            "Inception-v3 is part of torch-fidelity, which is not installed: "
            "pip install 'crossimage[evaluate]', or try --features random"
        ) from None
    return cast(ModuleType, module)
