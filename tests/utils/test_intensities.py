import pytest
import torch

from crossimage.utils.intensities import from_uint8, to_uint8

ALL = torch.arange(256, dtype=torch.uint8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_every_level_survives_the_way_to_floats_and_back(dtype: torch.dtype) -> None:
    floats = from_uint8(ALL)
    assert floats.dtype == torch.float32
    assert (floats[0], floats[-1]) == (-1, 1)
    if dtype in (torch.float32, torch.float64):
        assert torch.equal(to_uint8(floats.to(dtype)), ALL)
    else:
        assert (to_uint8(floats.to(dtype)).int() - ALL.int()).abs().max() <= 1


def test_floats_are_rounded_and_clipped() -> None:
    x = torch.tensor([-3.0, -1.0, 0.4 / 127.5 - 1, 0.6 / 127.5 - 1, 1.0, 7.0])
    assert to_uint8(x).tolist() == [0, 0, 0, 1, 255, 255]


def test_inputs_stay_as_they_are() -> None:
    levels, floats = ALL.float(), torch.zeros(3, requires_grad=True)
    from_uint8(levels)
    assert torch.equal(levels, ALL.float())
    assert not to_uint8(floats).requires_grad
