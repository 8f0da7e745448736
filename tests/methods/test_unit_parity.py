"""Every tensor and every loss term of the official implementation, at its own weights."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from crossimage.config import read_yaml
from crossimage.methods.base import Batch, Update
from crossimage.methods.unit import UNIT
from tests import golden

TERMS = {
    "adversarial": ("adv_a", "adv_b"),
    "image": ("recon_x_a", "recon_x_b"),
    "kl": ("recon_kl_a", "recon_kl_b"),
    "cycle": ("cyc_x_a", "cyc_x_b"),
    "kl_cycle": ("recon_kl_cyc_aba", "recon_kl_cyc_bab"),
}
"""The official code reports every term once a domain; ours are their sums."""


def silence(*shape: int) -> Tensor:
    """The noise of the official figures."""
    return torch.zeros(2, *shape)


@pytest.fixture(scope="module")
def case() -> tuple[UNIT, dict[str, Tensor], dict]:
    folder = golden.folder("nvlabs_unit")
    files, config = ("gen_00010000.pt", "dis_00010000.pt"), folder / "config.yaml"
    unit = golden.imported("nvlabs-unit", *(folder / file for file in files), config=config)
    assert isinstance(unit, UNIT)
    return unit, load_file(folder / "io.safetensors"), read_yaml(config)


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected.reshape(found.shape), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("source", "target"), ["ab", "ba"])
@torch.no_grad()
def test_codes_reconstructions_and_translations(case, source: str, target: str) -> None:
    unit, io, _ = case
    x = io[f"image_{source}"]
    h = unit.encode_content(x, source)
    close(h, io[f"latent_{source}"])
    close(unit.decode(h, source), io[f"recon_{source}"])
    close(unit.translate(x, target), io[f"trans_{source}{target}"])


@torch.no_grad()
def test_scores(case) -> None:
    unit, io, _ = case
    for i, scores in enumerate(unit.discriminate(io["image_a"], "a")):
        close(scores, io[f"dis_a_scale{i}"])


def moves(unit: UNIT, io: dict[str, Tensor]) -> dict[str, Update]:
    images = {d: io[f"image_{d}"] for d in "ab"}
    return {move.player: move for move in unit.training_step(Batch(images, silence))}


def test_every_loss_term_of_both_moves(case) -> None:
    unit, io, _ = case
    step = moves(unit, io)
    close(step["discriminators"].losses["adversarial"], io["loss_dis_a"] + io["loss_dis_b"])
    assert step["generators"].losses.keys() == TERMS.keys()
    for ours, theirs in TERMS.items():
        expected = sum(io[f"loss_gen_{name}"] for name in theirs)
        close(step["generators"].losses[ours], expected)


def test_weighted_totals(case) -> None:
    unit, io, theirs = case
    weights = unit.config.weights
    names = ("gan_w", "recon_x_w", "recon_kl_w", "recon_x_cyc_w", "recon_kl_cyc_w")
    assert [getattr(weights, term) for term in TERMS] == [theirs[name] for name in names]
    for player, name in (("discriminators", "loss_dis_total"), ("generators", "loss_gen_total")):
        losses = moves(unit, io)[player].losses
        close(sum(getattr(weights, term) * value for term, value in losses.items()), io[name])
