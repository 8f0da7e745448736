"""Steps: what holds between two moves."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

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
