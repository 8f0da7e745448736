"""Every tensor and every loss term of the official implementation, at its own weights."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from crossimage.losses import patch_nce
from crossimage.methods.base import Batch, Update
from crossimage.methods.sincut import SinCUT
from tests import golden

LAYERS = (0, 2, 4)


class Given:
    """Noise by which a step takes noise and positions that were drawn elsewhere, in their order."""

    def __init__(self, noise: list[Tensor], positions: list[Tensor]) -> None:
        self.noise, self.positions = noise, positions

    def __call__(self, *shape: int) -> Tensor:
        return self.noise.pop(0)

    def shared(self, count: int) -> Tensor:
        values = torch.arange(1.0, count + 1)
        values[self.positions.pop(0)] = 0
        return values


@pytest.fixture(scope="module")
def case() -> tuple[SinCUT, dict[str, Tensor]]:
    folder = golden.folder("taesungp_sincut")
    files = (folder / f"latest_net_{name}.pth" for name in "GFD")
    sincut = golden.imported("taesungp-sincut", *files)
    assert isinstance(sincut, SinCUT)
    c = sincut.config
    weights = replace(c.weights, r1=100.0)
    sincut.config = replace(c, contrasted_crops=4, batch_size=4, weights=weights)
    return sincut, load_file(folder / "io.safetensors")


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected.reshape(found.shape), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_translations_and_scores(case) -> None:
    sincut, io = case
    images = torch.cat([io["image_A"], io["image_B"]])
    translations = sincut.generators(images, [io["noise"]])
    close(translations, torch.cat([io["fake_B"], io["idt_B"]]))
    for image, scores in (("image_B", "dis_B"), ("fake_B", "dis_fake_B")):
        close(sincut.discriminate(io[image], "b")[0], io[scores])


@torch.no_grad()
def test_maps_of_the_encoder(case) -> None:
    sincut, io = case
    image, *maps = sincut.generators(io["image_A"], layers=LAYERS)
    assert torch.equal(image, io["image_A"])
    for layer, found in zip(LAYERS[1:], maps, strict=True):
        close(found[:1], io[f"map_A_{layer}"])


@pytest.mark.parametrize(
    ("source", "translation", "prefix"),
    [("image_A", "fake_B", ""), ("image_B", "idt_B", "idt_")],
)
@torch.no_grad()
def test_descriptors_and_the_contrast_of_every_layer(
    case, source: str, translation: str, prefix: str
) -> None:
    sincut, io = case
    positions = [io[f"{prefix}patch_ids_{layer}"].long() for layer in LAYERS]
    keys = sincut.heads(sincut.generators(io[source], layers=LAYERS), positions)
    queries = sincut.heads(sincut.generators(io[translation], layers=LAYERS), positions)
    losses = io[f"{prefix}nce_per_layer"]
    for layer, key, query, loss in zip(LAYERS, keys, queries, losses, strict=True):
        key, query = key.flatten(0, 1), query.flatten(0, 1)
        close(key, io[f"{prefix}feat_k_{layer}"])
        close(query, io[f"{prefix}feat_q_{layer}"])
        close(patch_nce(query[None], key[None], sincut.config.temperature), loss)


def moves(sincut: SinCUT, io: dict[str, Tensor]) -> list[Update]:
    positions = [io[f"{of}patch_ids_{layer}"].long() for of in ("", "idt_") for layer in LAYERS]
    noise = Given(list(io["noise"].split(4)), positions)
    return list(sincut.training_step(Batch({"a": io["image_A"], "b": io["image_B"]}, noise)))


def totals(sincut: SinCUT, io: dict[str, Tensor]) -> list[Tensor]:
    weights = sincut.config.weights
    return [
        sum(getattr(weights, name) * value for name, value in move.losses.items())
        for move in moves(sincut, io)
    ]


def test_every_loss_term_of_both_moves(case) -> None:
    sincut, io = case
    discriminator, generator = moves(sincut, io)
    close(discriminator.losses["adversarial"], (io["d_fake"] + io["d_real"]) / 2)
    close(100 * discriminator.losses["r1"], io["d_r1"])
    close(generator.losses["adversarial"], io["g_gan"])
    close(4 * generator.losses["nce"], io["g_nce"])
    close(4 * generator.losses["nce_identity"], io["g_nce_idt"])
    close(generator.losses["identity"], io["g_idt"])
    for total, name in zip(totals(sincut, io), ("d_total", "g_total"), strict=True):
        close(total, io[name])


def test_gradients_of_both_moves(case) -> None:
    sincut, io = case
    of_discriminator, of_generator = totals(sincut, io)
    players = {
        "d_grad_D": (of_discriminator, sincut.discriminators),
        "g_grad_G": (of_generator, sincut.generators),
        "g_grad_F": (of_generator, sincut.heads),
    }
    for name, (total, player) in players.items():
        gradients = torch.autograd.grad(total, list(player.parameters()), retain_graph=True)
        close(torch.stack([gradient.norm() for gradient in gradients]).norm(), io[name])
