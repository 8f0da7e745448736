"""Steps: what holds between two moves."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from crossimage import train
from crossimage.networks.layers import convolution
from tests.conftest import small


def test_copies_of_weights_in_half_precision_follow_every_move(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Tensor] = []  # as if graphs lived longer than a move
    real = convolution.matrix_of

    def matrix_of(weight: Tensor) -> Tensor:
        matrix = real(weight)
        assert torch.equal(matrix, weight.to(matrix.dtype).flatten(1))
        kept.append(matrix)
        return matrix

    monkeypatch.setattr(convolution, "_WEIGHTS", 0)
    monkeypatch.setattr(convolution, "matrix_of", matrix_of)
    train("pix2pix", pairs, tmp_path / "run", **small("pix2pix", steps=3, precision="bf16"))
    assert any(matrix.dtype == torch.bfloat16 for matrix in kept)


class _MixedLayouts(TorchDispatchMode):
    """Sums and products of maps of the same shape in two memory layouts, which take long."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def __torch_dispatch__(
        self, operator: Any, types: Any, arguments: Any = (), named: Any = None
    ) -> Any:
        maps = [t for t in arguments if isinstance(t, Tensor) and t.dim() == 4 and t.shape[1] > 3]
        maps = [t for t in maps if t.shape == maps[0].shape and min(t.shape[2:]) > 1]
        channels_last = {t.stride(1) == 1 for t in maps if 0 not in t.stride()}
        aten = torch.ops.aten
        if len(channels_last) > 1 and operator in (aten.add.Tensor, aten.mul.Tensor):
            self.found.add(f"{operator.name()} of {tuple(maps[0].shape)}")
        return operator(*arguments, **(named or {}))


@pytest.mark.parametrize("method", ["munit", "cyclegan", "pix2pix"])
def test_a_step_keeps_maps_in_one_memory_layout(
    method: str, request: pytest.FixtureRequest, tmp_path: Path, without_sheets: None
) -> None:
    data = request.getfixturevalue("pairs" if method == "pix2pix" else "folders")
    with _MixedLayouts() as layouts:
        train(method, data, tmp_path / "run", **small(method, steps=1, precision="bf16"))
    assert not layouts.found
