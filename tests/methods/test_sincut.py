"""What the single-image part of the CUT paper promises, beyond parity with its official code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import crossimage
from crossimage.config import build
from crossimage.inference.large_images import is_large
from crossimage.inference.translator import Translator
from crossimage.losses import patch_nce
from crossimage.methods.base import Batch, Noise, Update
from crossimage.methods.sincut import SinCUT, SinCUTConfig
from crossimage.recipes import list_recipes, resolve
from tests.conftest import small


def sincut(**changes: Any) -> SinCUT:
    return SinCUT(build(SinCUTConfig, small("sincut"), changes))


def batch(method: SinCUT, count: int = 4, seed: int = 0) -> Batch:
    shape = count, method.config.channels[0], *method.config.crop
    images = {domain: torch.rand(shape) * 2 - 1 for domain in "ab"}
    return Batch(images, Noise(seed, count, slice(0, count), "cpu"))


def moves(method: SinCUT, given: Batch | None = None) -> list[Update]:
    return list(method.training_step(given or batch(method)))


def test_the_defaults_are_the_published_settings() -> None:
    config = SinCUTConfig()
    assert (config.widths, config.residual_blocks, config.noise) == ((80, 160), 3, True)
    assert config.discriminator_widths == (32, 64, 128, 256, 384)
    assert (config.nce_layers, config.patches, config.contrasted_crops) == ((0, 2, 4), 1, 16)
    assert (config.head_width, config.temperature) == (256, 0.07)
    w = config.weights
    assert (w.adversarial, w.r1, w.nce, w.nce_identity, w.identity) == (1, 1, 2, 2, 1)
    assert (config.learning_rate, config.betas, config.ema_decay) == (2e-3, (0, 0.99), 0)
    assert (config.crop, config.resize, config.batch_size) == ((64, 64), 0, 16)
    assert config.steps * config.batch_size == 16 * 100_000
    assert config.decay_steps * 2 == config.steps
    assert config.smallest_zoom == pytest.approx(1 / 3)


def test_every_recipe_is_a_configuration() -> None:
    names = [name for name, _ in list_recipes() if name.startswith("sincut/")]
    configs = {name: build(SinCUTConfig, resolve(name)[1]) for name in names}
    assert configs["sincut/single_image"] == SinCUTConfig()
    assert len(configs) == 2


def test_the_discriminator_moves_first_then_generator_and_heads_together() -> None:
    assert [move.players for move in moves(sincut())] == [
        ("discriminators",),
        ("generators", "heads"),
    ]


def test_patches_are_contrasted_with_those_of_the_crops_of_their_group() -> None:
    """Other groups do not matter, the crops of the same one do."""
    method = sincut(weights={"adversarial": 1, "nce_identity": 0, "identity": 0})
    given = batch(method)

    def contrast(changed: int | None) -> float:
        x, y = given.images["a"].clone(), given.images["a"].clone().roll(3, 3)
        if changed is not None:
            x[changed], y[changed] = -x[changed], -y[changed]
        draws = Noise(0, 4, slice(0, 4), "cpu")
        with torch.no_grad():
            return method._contrast(y[:2], x[:2], draws).item()

    assert contrast(None) == contrast(2) == contrast(3) != contrast(1)


def test_a_crop_that_looks_like_its_translation_costs_less_than_another() -> None:
    codes = torch.eye(4)[None]
    assert patch_nce(codes, codes, 0.07) < 1e-3 < patch_nce(codes.roll(1, 1), codes, 0.07)


@pytest.mark.parametrize(
    ("weights", "terms"),
    [
        ({"nce_identity": 0}, {"adversarial", "nce", "identity"}),
        ({"nce": 0, "identity": 0}, {"adversarial", "nce_identity"}),
    ],
)
def test_terms_of_weight_0_are_not_computed(weights: dict, terms: set[str]) -> None:
    _, generator = moves(sincut(weights=weights))
    assert generator.losses.keys() == terms


def test_an_image_has_several_translations_by_the_noise_and_one_without() -> None:
    x = torch.rand(1, 3, 20, 30) * 2 - 1
    for noise in (True, False):
        method = sincut(noise=noise)
        with torch.no_grad():
            method.generators.doublings[0].noise_strength.fill_(0.5)
        translator = Translator(method, "cpu")
        first, same, other = (translator.translate(x, "b", seed=seed) for seed in (1, 1, 2))
        assert torch.equal(first, same)
        assert torch.equal(first, other) == (not noise)


def test_the_generator_does_not_limit_its_outputs() -> None:
    method = sincut()
    with torch.no_grad():
        method.generators.last.activation.bias.fill_(5.0)
        assert method.translate(torch.rand(1, 3, 16, 16), "b").min() > 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop": 20}, "3 discriminator_widths takes crops of 16x16 pixels, found crop"),
        ({"discriminator_widths": "4,5"}, "2 discriminator_widths takes crops of 8x8 pixels"),
        ({"batch_size": 3}, r"batch_size \(3\) must be a multiple of contrasted_crops \(2\)"),
        ({"contrasted_crops": 1}, "nothing to contrast a patch with"),
        ({"nce_layers": "0,4"}, "at most 3 with 2 widths and 1 residual blocks"),
        ({"nce_layers": "2,0"}, "increasing order"),
        ({"channels": "3,1"}, "two equal numbers"),
        ({"widths": "2,2,2,2,2,2"}, "give fewer widths"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sincut(**changes)


def test_micro_batches_that_split_a_group_are_refused(folders: Path, tmp_path: Path) -> None:
    settings = small("sincut", contrasted_crops=4, accumulate=2)
    with pytest.raises(ValueError, match="needs a multiple of 4 images at a time"):
        crossimage.train("sincut", folders, tmp_path / "run", **settings)


def test_one_image_per_domain_is_enough(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 40, 52, 3), np.uint8)
    for name, image in zip(("day", "dusk"), pixels, strict=True):
        (tmp_path / "train" / name).mkdir(parents=True)
        Image.fromarray(image).save(tmp_path / "train" / name / "photo.png")
    crossimage.train("sincut", tmp_path, tmp_path / "run", **small("sincut", smallest_zoom=0.5))
    translator = crossimage.load(tmp_path / "run")
    assert not is_large(translator, (400, 520))  # which is what it is for
    image = translator.translate(Image.fromarray(pixels[0]), to="dusk")
    assert image.size == (52, 40)
