"""Every tensor and every loss term of the official implementation, at its own weights."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from crossimage.losses import patch_nce
from crossimage.methods.base import Batch, Update
from crossimage.methods.cut import CUT
from tests import golden

LAYERS = (0, 4, 8, 12, 16)


class Given:
    """Noise by which a step draws positions that were drawn elsewhere, in the same order."""

    def __init__(self, *positions: Tensor) -> None:
        self.positions = list(positions)

    def shared(self, count: int) -> Tensor:
        chosen = self.positions.pop(0)
        noise = torch.full((count,), float(count))
        noise[chosen] = torch.arange(float(len(chosen)))
        return noise


@pytest.fixture(scope="module")
def case() -> tuple[CUT, dict[str, Tensor]]:
    folder = golden.folder("taesungp_cut")
    files = (folder / f"latest_net_{name}.pth" for name in "GFD")
    cut = golden.imported("taesungp-cut", *files)
    assert isinstance(cut, CUT)
    cut.config = replace(cut.config, patches=64)
    return cut, load_file(folder / "io.safetensors")


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected.reshape(found.shape), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_translations_and_scores(case) -> None:
    cut, io = case
    close(cut.translate(io["image_A"], "b"), io["fake_B"])
    close(cut.translate(io["image_B"], "b"), io["idt_B"])
    for image, scores in (("image_B", "dis_B"), ("fake_B", "dis_fake_B")):
        close(cut.discriminate(io[image], "b")[0], io[scores])


@torch.no_grad()
def test_maps_of_the_generator(case) -> None:
    cut, io = case
    padded, *maps = cut.generators(io["image_A"], LAYERS)
    assert padded.shape[2:] == (70, 86)
    for layer, found in zip(LAYERS[1:], maps, strict=True):
        close(found, io[f"map_A_{layer}"])


@pytest.mark.parametrize(
    ("source", "translation", "prefix"),
    [("image_A", "fake_B", ""), ("image_B", "idt_B", "idt_")],
)
@torch.no_grad()
def test_descriptors_and_the_contrast_of_every_layer(
    case, source: str, translation: str, prefix: str
) -> None:
    cut, io = case
    positions = [io[f"{prefix}patch_ids_{layer}"] for layer in LAYERS]
    keys = cut.heads(cut.generators(io[source], LAYERS), positions)
    queries = cut.heads(cut.generators(io[translation], LAYERS), positions)
    losses = io[f"{prefix}nce_per_layer"]
    for layer, key, query, loss in zip(LAYERS, keys, queries, losses, strict=True):
        close(key.flatten(0, 1), io[f"{prefix}feat_k_{layer}"])
        close(query.flatten(0, 1), io[f"{prefix}feat_q_{layer}"])
        close(patch_nce(query, key, cut.config.temperature), loss)


def moves(cut: CUT, io: dict[str, Tensor]) -> list[Update]:
    noise = Given(*(io[f"{of}patch_ids_{layer}"] for of in ("", "idt_") for layer in LAYERS))
    return list(cut.training_step(Batch({"a": io["image_A"], "b": io["image_B"]}, noise)))


def test_every_loss_term_of_both_moves(case) -> None:
    cut, io = case
    discriminator, generator = moves(cut, io)
    close(discriminator.losses["adversarial"], io["d_total"])
    names = {"adversarial": "g_gan", "nce": "g_nce", "nce_identity": "g_nce_idt"}
    assert generator.losses.keys() == names.keys()
    for ours, theirs in names.items():
        close(generator.losses[ours], io[theirs])
    weights = cut.config.weights
    total = sum(getattr(weights, name) * value for name, value in generator.losses.items())
    close(total, io["g_total"])


def test_gradients_of_both_moves(case) -> None:
    cut, io = case
    discriminator, generator = moves(cut, io)
    weights = cut.config.weights
    total = sum(getattr(weights, name) * value for name, value in generator.losses.items())
    sums = {"D": discriminator.losses["adversarial"], "G": total, "F": total}
    players = {"D": cut.discriminators, "G": cut.generators, "F": cut.heads}
    for name, player in players.items():
        gradients = torch.autograd.grad(
            sums[name], list(player.parameters()), retain_graph=True, allow_unused=True
        )
        norm = torch.stack([g.norm() for g in gradients if g is not None]).norm()
        close(norm, io[f"{'d' if name == 'D' else 'g'}_grad_{name}"])
