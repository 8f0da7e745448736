"""The plain forms of layers compute what the fast ones do."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from crossimage.networks.layers.blocks import BatchNorm
from crossimage.networks.layers.convolution import (
    BottleneckConv2d,
    BottleneckConvTranspose2d,
    PaddedConv2d,
)
from crossimage.networks.layers.normalisation import (
    AffineInstanceNorm,
    InstanceNorm,
    LayerNorm,
    adaptive_instance_norm,
)
from crossimage.networks.layers.plain import is_plain, plain_layers
from crossimage.networks.layers.upsampling import UpsampledConv
from crossimage.networks.strokes import distance_maps


def by_image() -> nn.Module:
    norm = BatchNorm(6).eval()
    norm.test_mode = "train"
    return norm


def adaptive(x: Tensor) -> Tensor:
    shift = torch.linspace(-1, 1, x.shape[0] * x.shape[1]).view(x.shape[:2])
    return adaptive_instance_norm(x, shift, shift + 2)


LAYERS: dict[str, Callable[[], Callable[[Tensor], Tensor]]] = {
    "instance": InstanceNorm,
    "affine": lambda: AffineInstanceNorm(6),
    "adaptive": lambda: adaptive,
    "by image": by_image,
    "layer": lambda: LayerNorm(6),
    "reflected": lambda: UpsampledConv(6, 4, 5, 1, 2, padding_mode="reflect"),
    "replicated": lambda: UpsampledConv(6, 4, 5, 1, 2, padding_mode="replicate"),
    "to few channels": lambda: PaddedConv2d(6, 3, 7, 1, 3),
    "to few channels, without bias": lambda: PaddedConv2d(6, 1, 3, 1, 1, bias=False),
    "zeros": lambda: UpsampledConv(6, 4, 5, 1, 2, padding_mode="zeros"),
    "small convolution": lambda: BottleneckConv2d(6, 3000, 4, 2, 1),
    "small transposed": lambda: BottleneckConvTranspose2d(6, 3000, 4, 2, 1),
    "distances": lambda: distance_maps,
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("size", [(8, 12), (6, 4)])
def test_plain_layers_compute_the_same(name: str, size: tuple[int, int]) -> None:
    layer, x = LAYERS[name](), torch.randn(2, 6, *size)
    with torch.no_grad():
        fast = layer(x)
        with plain_layers():
            plain = layer(x)
    torch.testing.assert_close(plain, fast, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("norm", [InstanceNorm(), LayerNorm(6)])
def test_constant_images_are_normalised_to_zero_in_the_plain_form_too(norm: nn.Module) -> None:
    x = torch.full((2, 6, 9, 7), 0.7) * (1 + 1e-7 * torch.randn(2, 6, 9, 7))
    with torch.no_grad(), plain_layers():
        assert not norm(x).any()


def test_layers_are_fast_again_afterwards() -> None:
    with pytest.raises(KeyError), plain_layers():
        assert is_plain()
        raise KeyError
    assert not is_plain()
