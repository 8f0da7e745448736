"""Checks of devices."""

import pytest
import torch

from crossimage.utils.devices import exact, find_device


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
