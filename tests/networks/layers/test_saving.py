import weakref

import pytest
import torch
from torch import Tensor, nn

from crossimage.networks.layers import saving
from crossimage.networks.layers.blocks import ConvBlock, ResidualBlock
from crossimage.networks.layers.upsampling import UpsampleBlock


def gradients(network: nn.Module, x: Tensor, half: bool) -> list[Tensor]:
    """Return those of a gradient penalty and of the output, of the input and of all weights."""
    x = x.clone().requires_grad_()
    with torch.autocast("cpu", enabled=half):
        y = network(x * 1.0)
    (slope,) = torch.autograd.grad(y.float().square().sum(), x, create_graph=True)
    return list(torch.autograd.grad(slope.square().sum(), [x, *network.parameters()]))


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize(
    "network",
    [
        ConvBlock(3, 4, 7, 1, 3, norm="instance"),
        ConvBlock(3, 4, 4, 2, 1, norm="none", pad="replicate", spectral=True),
        ConvBlock(3, 4, 3, 1, 1, norm="none", pad="zeros"),
        ResidualBlock(3),
        UpsampleBlock(3, 4),
    ],
)
def test_what_is_computed_again_gives_the_same_gradients_to_the_last_bit(
    network, half, monkeypatch
) -> None:
    network.eval()  # spectral norms stay as they are
    x = torch.randn(2, 3, 8, 8).to(memory_format=torch.channels_last)
    before = gradients(network, x, half)
    monkeypatch.setattr(saving, "_LARGE", 0)
    after = gradients(network, x, half)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_padded_maps_and_cast_weights_are_not_kept(monkeypatch) -> None:
    monkeypatch.setattr(saving, "_LARGE", 0)
    conv = ConvBlock(3, 4, 3, 1, 1, activation="none").conv
    kept: list[weakref.ref[Tensor]] = []
    conv.pad = lambda x: _noted(type(conv).pad(conv, x), kept)
    with torch.autocast("cpu"):
        y = conv(torch.randn(1, 3, 8, 8, dtype=torch.bfloat16, requires_grad=True))
    assert kept[0]() is None
    y.sum().backward()
    assert conv.weight.grad is not None and len(kept) == 2


def _noted(x: Tensor, kept: list[weakref.ref[Tensor]]) -> Tensor:
    kept.append(weakref.ref(x))
    return x


def test_a_change_in_place_before_the_backward_pass_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(saving, "_LARGE", 0)
    x = torch.randn(1, 3, 8, 8)
    y = ConvBlock(3, 4, 3, 1, 1)(x)
    x += 1
    with pytest.raises(RuntimeError, match="changed in place"):
        y.sum().backward()
