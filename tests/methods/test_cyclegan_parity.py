"""Translations and scores of the official implementation, at its own weights."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from crossimage.methods.cyclegan import CycleGAN
from tests import golden


@pytest.fixture(scope="module")
def case() -> tuple[CycleGAN, dict[str, Tensor]]:
    folder = golden.folder("junyanz_cyclegan")
    names = ("G_A", "G_B", "D_A", "D_B")
    files = (folder / f"latest_net_{name}.pth" for name in names)
    cyclegan = golden.imported("junyanz-cyclegan", *files, options={"test_mode": "eval"})
    assert isinstance(cyclegan, CycleGAN)
    return cyclegan, load_file(folder / "io.safetensors")


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("to", "theirs"), [("b", "A"), ("a", "B")])
@torch.no_grad()
def test_translations(case: tuple[CycleGAN, dict[str, Tensor]], to: str, theirs: str) -> None:
    cyclegan, io = case
    close(cyclegan.translate(io[f"image_{theirs}"], to), io[f"translated_{theirs}"])


@pytest.mark.parametrize(("domain", "theirs"), [("b", "A"), ("a", "B")])
@torch.no_grad()
def test_scores(case: tuple[CycleGAN, dict[str, Tensor]], domain: str, theirs: str) -> None:
    cyclegan, io = case
    (scores,) = cyclegan.discriminate(io[f"dis_in_{theirs}"], domain)
    close(scores, io[f"dis_{theirs}"])
