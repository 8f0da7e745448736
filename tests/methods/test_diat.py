"""What the DIAT paper promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch.nn.functional import mse_loss, softplus

import crossimage
from crossimage import train
from crossimage.config import build
from crossimage.methods.base import Batch, Noise, Update
from crossimage.methods.diat import DIAT, DIATConfig
from crossimage.networks.features import PREFIX, FeatureNetwork
from crossimage.recipes import list_recipes, resolve
from tests.conftest import small


def diat(**changes: Any) -> DIAT:
    return DIAT(build(DIATConfig, small("diat"), changes))


def batch(method: DIAT, step: int = 0, seed: int = 0) -> Batch:
    shape = (2, method.config.channels[0], *method.config.crop)
    images = {d: torch.rand(shape) * 2 - 1 for d in "ab"}
    return Batch(images, Noise(seed, 2, slice(0, 2), "cpu"), step=step)


def moves(method: DIAT, step: int = 0) -> list[Update]:
    return list(method.training_step(batch(method, step)))


def awake(method: DIAT) -> DIAT:
    """A method whose denoising and enhancement networks do something."""
    for refiner in (method.denoisers, method.enhancers):
        torch.nn.init.normal_(refiner.second.conv.weight, std=0.1)
    return method


@pytest.fixture
def face_network(tmp_path: Path) -> Path:
    """A model file with a feature network of images of 16 px."""
    state = FeatureNetwork(3, 16, 4, 2).state_dict()
    path = tmp_path / "faces.safetensors"
    save_file({PREFIX + name: tensor for name, tensor in state.items()}, path)
    return path


def test_the_defaults_are_the_adaptive_variant_of_the_published_networks() -> None:
    config = DIATConfig()
    assert (config.identity, config.residual_blocks) == ("adaptive", 5)
    assert config.crop == (128, 128)
    assert 0 < config.transform_steps < config.steps


def test_every_recipe_is_a_configuration() -> None:
    names = [name for name, _ in list_recipes() if name.startswith("diat/")]
    configs = {name.split("/")[1]: build(DIATConfig, resolve(name)[1]) for name in names}
    assert [n for n, c in configs.items() if c.identity == "fixed"] == [
        "celeba_fixed",
        "faces_small_fixed",
    ]
    assert all(0 < c.transform_steps < c.steps for c in configs.values())


def test_the_first_stage_trains_the_transform_and_the_second_the_enhancement() -> None:
    method = diat(transform_steps=4)
    first = ["denoisers", "discriminators", "generators"]
    assert [move.player for move in moves(method, 3)] == first
    assert [move.player for move in moves(method, 4)] == ["enhancers"]


def test_the_losses_are_those_of_the_paper() -> None:
    method = awake(diat(identity_layers=1, noise=0.3))
    given = batch(method)
    x_a, x_b = given.images["a"], given.images["b"]
    x_ab, D, F = method.generators(x_a), method.discriminators, method.denoisers
    noisy = x_b + 0.3 * batch(method).noise(3, 16, 16)
    expected = {
        "denoisers": {"denoise": mse_loss(F(noisy), x_b)},
        "discriminators": {
            "adversarial": softplus(-D(x_b)[0]).mean() + softplus(D(x_ab)[0]).mean()
        },
        "generators": {
            "adversarial": softplus(-D(x_ab)[0]).mean(),
            "identity": mse_loss(D.maps(x_ab)[-1], D.maps(x_a)[-1]),
            "smooth": mse_loss(F(x_ab), x_ab),
        },
    }
    found = {move.player: move.losses for move in method.training_step(given)}
    torch.testing.assert_close(found, expected)
    given.step = method.config.transform_steps
    (enhancement,) = method.training_step(given)
    detail = mse_loss(method.enhancers(F(x_b)), x_b)
    torch.testing.assert_close(enhancement.losses, {"enhancement": detail})


@pytest.mark.parametrize("name", ["identity", "smooth", "enhancement"])
def test_what_has_no_weight_is_left_out(name: str) -> None:
    method = diat(weights={name: 0})
    later = moves(method, method.config.steps)
    terms = {term for move in moves(method) + later for term in move.losses}
    assert terms == {"adversarial", "identity", "smooth", "denoise", "enhancement"} - {name}


def test_without_denoising_there_is_the_transform_alone() -> None:
    method = diat(weights={"denoise": 0, "smooth": 0, "enhancement": 0})
    assert [m.player for m in moves(method, 100)] == ["discriminators", "generators"]
    assert "denoisers" not in method.players()


def test_the_adaptive_identity_changes_as_the_discriminator_learns() -> None:
    method = diat()
    before = moves(method)[2].losses["identity"]
    with torch.no_grad():
        for parameter in method.discriminators.parameters():
            parameter.mul_(2)
    assert not torch.isclose(moves(method)[2].losses["identity"], before)


def test_the_fixed_identity_is_seen_by_the_given_network(face_network: Path) -> None:
    method = diat(identity="fixed", features=str(face_network), identity_layers=2)
    method.build_fixed_networks()
    given = batch(method)
    x_a = given.images["a"]
    x_ab = method.generators(x_a)
    *_, generators = method.training_step(given)
    pairs = zip(method.features.maps(x_ab)[-2:], method.features.maps(x_a)[-2:], strict=True)
    expected = sum(mse_loss(*pair) for pair in pairs)
    torch.testing.assert_close(generators.losses["identity"], expected)
    assert not any(name.startswith("features") for name in method.tensors())


def test_a_face_network_of_ones_own_trains_diat(
    face_network: Path, folders: Path, tmp_path: Path
) -> None:
    settings = small("diat", steps=2, identity="fixed", features=str(face_network))
    train("diat", folders, tmp_path / "run", **settings)
    face_network.unlink()
    model = crossimage.load(tmp_path / "run", device="cpu")
    assert model.translate(torch.zeros(1, 3, 16, 16)).shape == (1, 3, 16, 16)


def test_vgg16_is_a_fixed_network_too(vgg16_file: Path) -> None:
    method = diat(identity="fixed", features=str(vgg16_file), identity_layers=5)
    method.build_fixed_networks()
    assert moves(method)[-1].losses["identity"] > 0


def test_an_unusable_face_network_is_one_sentence(face_network: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="name its file with features=FILE"):
        diat(identity="fixed").build_fixed_networks()
    with pytest.raises(FileNotFoundError, match=r"none\.safetensors does not exist"):
        diat(identity="fixed", features=str(tmp_path / "none.safetensors")).build_fixed_networks()
    with pytest.raises(ValueError, match=r"reads images of 16x16 pixels, expected 24x24"):
        diat(identity="fixed", features=str(face_network), crop=24).build_fixed_networks()
    diat(identity="fixed", weights={"identity": 0}).build_fixed_networks()


def test_an_untrained_enhancement_changes_nothing() -> None:
    method = diat()
    x = batch(method).images["a"]
    assert torch.equal(method.translate(x, "b"), method.generators(x))
    translated = awake(method).translate(x, "b")
    assert not torch.equal(translated, method.generators(x))
    assert translated.abs().max() <= 1


def test_translations_go_one_way_and_need_no_discriminator() -> None:
    method = DIAT(diat().config, training=False)
    assert method.targets == ("b",)
    assert method.players().keys() == {"generators", "enhancers"}
    with pytest.raises(ValueError, match="a discriminator of smiling only"):
        diat(domains="neutral,smiling").discriminate(torch.zeros(1, 3, 16, 16), "a")


def test_a_sheet_shows_both_stages_beside_examples() -> None:
    method = awake(diat(domains="man,woman")).eval()
    given = batch(method)
    (panel,) = method.preview(given, given.noise)
    assert panel.title == "man to woman"
    titles = ["input", "transform", "enhanced", "examples of woman"]
    assert [title for title, _ in panel.columns] == titles
    assert all(pictures.shape == (2, 3, 16, 16) for _, pictures in panel.columns)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop": 18}, "crop must be a multiple of 4"),
        ({"crop": 16, "discriminator_layers": 4}, "too small.*need at least 32 pixels"),
        ({"channels": "3"}, "two numbers, one per domain"),
        ({"channels": "3,1"}, "domains with the same number of channels"),
        ({"identity_layers": 3}, "identity_layers .3. must be at most the discriminator_layers"),
        ({"identity": "fixed", "crop": "16,24"}, "needs a square crop"),
        ({"weights": {"denoise": 0}}, "set weights.smooth=0 and weights.enhancement=0"),
        ({"identity": "face"}, "identity: "),
    ],
)
def test_impossible_settings_are_one_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        diat(**changes)
