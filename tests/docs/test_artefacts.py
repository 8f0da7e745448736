"""Artefacts are told from what real images have, on images made for it."""

import importlib.util
import math
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "artefacts.py"


@pytest.fixture(scope="module")
def artefacts() -> ModuleType:
    spec = importlib.util.spec_from_file_location("artefacts", FILE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["artefacts"] = module  # where dataclasses look for their module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def real() -> Tensor:
    """Smooth noise, as uint8."""
    noise = torch.randn(60, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(noise, (64, 64), mode="bicubic")
    fine = torch.randn(60, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    return (128 + 40 * smooth + 3 * fine).clamp(0, 255).byte()


def waves(period: float, amplitude: float = 20.0) -> Tensor:
    return amplitude * torch.cos(2 * torch.pi * torch.arange(64) / period)


def plus(images: Tensor, pattern: Tensor) -> Tensor:
    return (images.float() + pattern).clamp(0, 255).byte()


def test_the_same_images_have_no_excess(artefacts: ModuleType, real: Tensor) -> None:
    own, other = artefacts.measure([real[:25], real[25:]]), artefacts.measure([real])
    assert torch.allclose(own.axes, other.axes) and torch.allclose(own.diagonals, other.diagonals)
    assert own.saturated == own.constant == 0


@pytest.mark.parametrize("period, band", [(3.0, 4), (3.6, 3), (2.0, 7)])
def test_a_mesh_is_a_peak_in_the_band_of_its_period(
    artefacts: ModuleType, real: Tensor, period: float, band: int
) -> None:
    wave = waves(period)
    own = artefacts.measure([plus(real, wave + wave[:, None])])
    excess = own.axes / artefacts.measure([real]).axes
    assert excess.argmax() == band and excess[band] > 5
    assert excess[[i for i in range(8) if abs(i - band) > 1]].max() < 1.5


@pytest.mark.parametrize("angle", [0.0, 0.5, 2.0])
def test_a_net_is_a_peak_at_its_period_in_any_direction(
    artefacts: ModuleType, real: Tensor, angle: float
) -> None:
    one = artefacts.measure([real])
    assert float(one.peak(one).split()[0]) == 1
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    along = math.cos(angle) * x + math.sin(angle) * y
    net = plus(real, 20 * torch.cos(2 * torch.pi * along / 6))
    ratio, period = artefacts.measure([net]).peak(one).split(maxsplit=1)
    assert float(ratio) > 5 and 5.5 < float(period.strip("( px)")) < 6.5


def test_a_checkerboard_is_a_peak_along_the_diagonals(artefacts: ModuleType, real: Tensor) -> None:
    board = waves(2.0) * waves(2.0, 1.0)[:, None]
    own, other = artefacts.measure([plus(real, board)]), artefacts.measure([real])
    assert (own.diagonals / other.diagonals).argmax() == 7
    assert (own.axes / other.axes).max() < 1.5


def test_a_spot_in_every_image_is_found_at_its_place(artefacts: ModuleType, real: Tensor) -> None:
    spot = torch.zeros(64, 64)
    spot[20:23, 40:43] = 90
    assert float(artefacts.measure([real]).glint().split()[0]) < 0.6
    share, level, _, row, column = artefacts.measure([plus(real, spot)]).glint().split()
    assert float(share) > 1 and level.startswith("(+")
    assert 20 <= int(row.strip(",")) <= 22 and 40 <= int(column.strip(")")) <= 42


def test_a_spot_that_stays_where_it_is_in_mirrored_images_is_uneven(
    artefacts: ModuleType, real: Tensor
) -> None:
    spot = torch.zeros(64, 64)
    spot[20:23, 40:43] = 90

    def uneven(first: Tensor, second: Tensor) -> list[str]:
        return artefacts.measure([first]).uneven(artefacts.measure([second])).split()

    assert float(uneven(real, real.flip(3))[0]) == 0
    assert float(uneven(plus(real, spot), plus(real, spot).flip(3))[0]) == 0  # the input's own
    level, _, row, column = uneven(plus(real, spot), plus(real.flip(3), spot))
    assert 30 < float(level) < 50
    assert 20 <= int(row.strip(",")) <= 22 and 40 <= int(column.strip(")")) <= 42


def test_colour_at_the_border_is_measured_there_only(artefacts: ModuleType) -> None:
    inside = torch.full((4, 3, 64, 64), 255, dtype=torch.uint8)
    inside[:, 1:, 10:50, 10:50] = 0
    assert artefacts.measure([inside]).border == 0
    inside[:, 1:, :2] = 155
    assert 20 < artefacts.measure([inside]).border < 60


def test_blank_and_pure_outputs_are_counted(artefacts: ModuleType, real: Tensor) -> None:
    blank = torch.full((10, 3, 64, 64), 120, dtype=torch.uint8)
    pure = torch.zeros(10, 3, 64, 64, dtype=torch.uint8)
    pure[..., 32:] = 255
    own = artefacts.measure([real[:20], blank, pure])
    assert own.constant == pytest.approx(0.25) and own.saturated == pytest.approx(0.25)
