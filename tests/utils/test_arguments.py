"""Checks of devices, and generators from seeds."""

import pytest
import torch

from crossimage.utils.arguments import exact, find_device, seeded


def test_a_device_that_cannot_be_used_is_named() -> None:
    assert find_device("cpu") == find_device(torch.device("cpu")) == torch.device("cpu")
    assert find_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(ValueError, match="device 'cuda:99' cannot be used .*; try auto or cpu"):
        find_device("cuda:99")
    with pytest.raises(ValueError, match="no device 'cudo'; expected auto, .*mean 'cuda'"):
        find_device("cudo")


@pytest.mark.parametrize(
    ("cuda", "turned_off", "found"),
    [(False, None, "mps"), (True, None, "cuda"), (False, "1", "cpu"), (False, "0", "mps")],
)
def test_auto_is_apples_gpu_where_there_is_one_and_no_other(
    cuda: bool, turned_off: str | None, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.delenv("DISABLE_MPS", raising=False)
    if turned_off:
        monkeypatch.setenv("DISABLE_MPS", turned_off)
    assert find_device("auto").type == found


def test_float64_is_computed_on_the_cpu_where_the_gpu_has_none() -> None:
    class OnApple(torch.Tensor):
        device = torch.device("mps")

        def cpu(self, *_: object) -> torch.Tensor:
            return self.as_subclass(torch.Tensor)

        def double(self) -> torch.Tensor:
            raise TypeError("the MPS framework doesn't support float64")

    values = torch.rand(4)
    expected = values.double()
    for x in (values, values.as_subclass(OnApple)):
        found = exact(x)
        assert found.dtype == torch.float64 and torch.equal(found, expected)


def test_a_seed_means_the_same_every_time_and_has_at_most_64_bits() -> None:
    first, second = (torch.rand(3, generator=seeded(7)) for _ in range(2))
    assert torch.equal(first, second)
    for seed in (2**64, -(2**63) - 1):
        with pytest.raises(ValueError, match="seed must have at most 64 bits"):
            seeded(seed)
