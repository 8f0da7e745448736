import weakref

import pytest
import torch
from torch import Tensor, nn

from crossimage.networks.layers import saving
from crossimage.networks.layers.blocks import ConvBlock, ResidualBlock
from crossimage.networks.layers.convolution import conv_by_product
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


def test_all_passes_of_a_graph_share_one_copy_of_a_large_weight_in_half_precision() -> None:
    weight = nn.Parameter(torch.randn(4, 3, 4, 4))
    inputs = [torch.randn(n, 3, 8, 8, requires_grad=True) for n in (1, 2)]

    def gradient(shared: bool) -> Tensor:
        outputs, copies = [], set()
        with torch.autocast("cpu"):
            for x in inputs:
                outputs.append(conv_by_product(x, weight, None, (2, 2), (1, 1)))
                copies.add(saving.matrix_of(weight).data_ptr())
                if not shared:
                    saving._matrices.clear()
        assert len(copies) == (1 if shared else 2)
        (found,) = torch.autograd.grad(torch.cat(outputs).float().square().sum(), weight)
        return found

    together, apart = gradient(True), gradient(False)
    torch.testing.assert_close(together, apart, rtol=0.02, atol=0.02 * float(apart.abs().max()))


def test_the_copy_lives_as_long_as_the_graph_and_follows_the_weight() -> None:
    weight = nn.Parameter(torch.randn(4, 3, 4, 4))
    x = torch.randn(1, 3, 8, 8, requires_grad=True)
    with torch.autocast("cpu"):
        y = conv_by_product(x, weight, None, (2, 2), (1, 1))
        kept = saving._matrices[weight].value
        assert kept() is not None
        with torch.no_grad():
            weight.add_(1)
        assert torch.equal(saving.matrix_of(weight), weight.bfloat16().flatten(1))
    y.sum().backward()
    assert kept() is None


def test_a_fused_step_while_a_graph_lives_leaves_no_old_copy() -> None:
    weight = nn.Parameter(torch.randn(4, 3, 4, 4))
    optimizer = torch.optim.Adam([weight], fused=True)
    x = torch.randn(1, 3, 8, 8, requires_grad=True)
    with torch.autocast("cpu"):
        y = conv_by_product(x, weight, None, (2, 2), (1, 1))
        y.sum().backward(retain_graph=True)
        optimizer.step()
        saving.forget_matrices()
        assert torch.equal(saving.matrix_of(weight), weight.bfloat16().flatten(1))
