import pytest
import torch
from torch import Tensor

from crossimage.networks.layers.prepared import is_frozen, prepared


def double(weight: Tensor) -> Tensor:
    return 2 * weight


def negative(weight: Tensor) -> Tensor:
    return -weight


@torch.no_grad()
def test_what_is_prepared_is_kept_by_what_makes_it() -> None:
    weight = torch.nn.Parameter(torch.ones(3), requires_grad=False)
    assert prepared(weight, double) is prepared(weight, double)
    assert torch.equal(prepared(weight, negative), -weight)
    assert torch.equal(prepared(weight, double), 2 * weight)


@torch.no_grad()
@pytest.mark.parametrize("change", ["in place", "replaced", "loaded"])
def test_it_follows_the_weight(change: str) -> None:
    layer = torch.nn.Linear(3, 3).requires_grad_(False)
    prepared(layer.weight, double)
    for _ in range(3):
        other = torch.randn(3, 3)
        if change == "in place":
            layer.weight.copy_(other)
        elif change == "replaced":
            layer.weight.data = other
        else:
            layer.load_state_dict({"weight": other, "bias": layer.bias})
        assert torch.equal(prepared(layer.weight, double), 2 * other)


def test_weights_that_may_train_are_not_frozen() -> None:
    weight = torch.nn.Parameter(torch.zeros(2))
    assert not is_frozen(weight)
    with torch.no_grad():
        assert not is_frozen(weight)
        assert is_frozen(weight.requires_grad_(False))
    assert not is_frozen(weight)
