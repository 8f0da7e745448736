"""FUNIT beside the official code: every tensor, loss term and gradient norm."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from crossimage.methods.base import Batch, Noise, Update
from crossimage.methods.funit import FUNIT
from tests import golden

Case = tuple[FUNIT, dict[str, Tensor]]

close = partial(torch.testing.assert_close, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def averaged() -> Case:
    """The generator that translates, which is the average, and the discriminator."""
    folder = golden.folder("nvlabs_funit")
    method = golden.imported(
        "nvlabs-funit", *files(folder), config=folder / "config.yaml", options={}
    )
    assert isinstance(method, FUNIT)
    return method, load_file(folder / "io.safetensors")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The generator that was trained, in a file of its own, and the discriminator."""
    folder = golden.folder("nvlabs_funit")
    gen, dis = files(folder)
    alone = tmp_path_factory.mktemp("funit") / "gen.pt"
    torch.save({"gen": torch.load(gen, weights_only=True)["gen"]}, alone)
    method = golden.imported("nvlabs-funit", alone, dis, config=folder / "config.yaml")
    assert isinstance(method, FUNIT)
    return method.train(), load_file(folder / "io.safetensors")


def files(folder: Path) -> tuple[Path, Path]:
    return folder / "gen_00010000.pt", folder / "dis_00010000.pt"


@torch.no_grad()
def test_codes_translations_and_reconstructions(averaged: Case) -> None:
    method, io = averaged
    x, y = io["image"], io["reference"]
    content, code = method.encode_content(x, "x"), method.encode_style(y, "x")
    close(content, io["content"])
    close(code, io["class_code"].flatten(1))
    close(method.generators.decode.mlp(code).flatten(1), io["adain"])
    close(method.translate(x, "x", code), io["translated_1shot"])
    close(method.decode(content, method.encode_style(x, "x")), io["reconstructed"])


@torch.no_grad()
def test_the_class_code_of_several_references_is_their_mean(averaged: Case) -> None:
    method, io = averaged
    codes = method.encode_style(io["references"], "x").unflatten(0, (len(io["image"]), -1)).mean(1)
    close(codes, io["class_code_kshot"].flatten(1))
    close(method.translate(io["image"], "x", codes), io["translated_kshot"])


@torch.no_grad()
def test_maps_and_features_of_the_discriminator(trained: Case) -> None:
    method, io = trained
    maps, features = method.discriminators(io["image"])
    close(maps[0], io["dis_all_maps"][0])
    close(maps[torch.arange(len(maps)), io["label"]], io["dis_map"])
    close(features, io["dis_features"])


@torch.no_grad()
def test_the_trained_generator_translates(trained: Case) -> None:
    method, io = trained
    code = method.encode_style(io["reference"], "x")
    close(method.translate(io["image"], "x", code), io["train_translated"])


def moves(method: FUNIT, io: dict[str, Tensor]) -> dict[str, Update]:
    """The moves of a step, of which none is made, so that all see the stored weights."""
    classes = len(method.config.names)
    batch = Batch(
        {"x": io["image"], "reference": io["reference"]},
        Noise(0, len(io["image"]), slice(None), "cpu"),
        {
            "x": F.one_hot(io["label"], classes).float(),
            "target": F.one_hot(io["reference_label"], classes).float(),
        },
    )
    return {update.player: update for update in method.training_step(batch)}


def test_every_loss_term_total_and_gradient(trained: Case) -> None:
    method, io = trained
    step = moves(method, io)
    losses = step["discriminators"].losses
    close(losses["adversarial"], (io["d_fake"] + io["d_real"])[0])
    close(losses["gradient_penalty"], io["d_penalty"][0])
    losses = step["generators"].losses
    close(losses["adversarial"], io["g_adversarial"][0])
    close(losses["image"], io["g_image"][0])
    close(losses["features"], (io["g_features_translation"] + io["g_features_reconstruction"])[0])
    for player, letter in (("discriminators", "d"), ("generators", "g")):
        weights = method.loss_weights(0)
        total = sum(getattr(weights, name) * value for name, value in step[player].losses.items())
        assert isinstance(total, Tensor)
        close(total, io[f"{letter}_total"][0])
        parameters = list(method.players()[player].parameters())
        gradients = torch.autograd.grad(total, parameters, retain_graph=True)
        close(torch.stack([g.norm() for g in gradients]).norm(), io[f"{letter}_grad"][0])


@torch.no_grad()
def test_each_half_of_the_feature_matching(trained: Case) -> None:
    method, io = trained
    codes = method.encode_style(torch.cat([io["reference"], io["image"]]), "x")
    content = method.encode_content(io["image"], "x")
    images = method.decode(torch.cat([content, content]), codes)
    found, expected = (
        method.discriminators.features(y).mean((2, 3)).chunk(2)
        for y in (images, torch.cat([io["reference"], io["image"]]))
    )
    close(F.l1_loss(found[0], expected[0]), io["g_features_translation"][0])
    close(F.l1_loss(found[1], expected[1]), io["g_features_reconstruction"][0])


def test_micro_batches_have_the_penalty_of_the_whole_batch(trained: Case) -> None:
    """The published penalty depends on how many images are in a step, not on how they are split."""
    method, io = trained
    total, penalties = len(io["image"]), []
    for row in range(total):
        rows = slice(row, row + 1)
        batch = Batch(
            {"x": io["image"][rows], "reference": io["reference"][rows]},
            Noise(0, total, rows, "cpu"),
            {
                "x": torch.eye(7)[io["label"][rows]],
                "target": torch.eye(7)[io["reference_label"][rows]],
            },
        )
        update = next(method.training_step(batch))
        penalties.append(update.losses["gradient_penalty"])
    close(torch.stack(penalties).mean(), io["d_penalty"][0])


def test_the_official_size() -> None:
    """The shapes at both ends of the networks with the published settings."""
    with torch.device("meta"):
        method = FUNIT(FUNIT.Config())
    shapes = {name: tuple(tensor.shape) for name, tensor in method.tensors().items()}
    assert shapes["discriminators.last.weight"] == (119, 1024, 1, 1)
    assert shapes["discriminators.pairs.4.1.first.weight"] == (1024, 1024, 3, 3)
    assert "discriminators.pairs.4.1.shortcut.weight" not in shapes
    assert shapes["generators.content.4.second.conv.weight"] == (512, 512, 3, 3)
    assert shapes["generators.style.6.weight"] == (64, 256, 1, 1)
    assert shapes["generators.decode.mlp.4.weight"] == (2 * 2 * 2 * 512, 256)
