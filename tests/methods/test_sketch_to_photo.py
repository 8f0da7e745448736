"""What the sketch-to-photo paper promises, beyond parity with its official code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import crossimage
from crossimage import train
from crossimage.config import Facts, build
from crossimage.data.make.sketches import make_noise_sketches
from crossimage.inference.predictor import Predictor
from crossimage.inference.translator import Translator
from crossimage.methods.base import Batch, Noise, Update
from crossimage.methods.sketch_to_photo import SketchToPhoto, SketchToPhotoConfig, lightness
from crossimage.networks.pretrained import (
    STYLE_LAYERS,
    StyleFeatures,
    mean_and_std,
    with_statistics,
)
from tests.conftest import small


def made(**changes: Any) -> SketchToPhoto:
    return SketchToPhoto(build(SketchToPhotoConfig, small("sketch_to_photo"), changes))


def batch(method: SketchToPhoto, step: int = 0, count: int = 4, seed: int = 0) -> Batch:
    size = method.config.crop
    channels = {"a": 1, "b": 3, "noise": 1, "patch": 1, "photo": 3, "reference": 3}
    images = {name: torch.rand(count, c, *size) * 2 - 1 for name, c in channels.items()}
    return Batch(images, Noise(seed, count, slice(0, count), "cpu"), step=step)


def moves(method: SketchToPhoto, step: int, **changes: Any) -> list[Update]:
    return list(method.training_step(batch(method, step, **changes)))


def test_the_defaults_are_the_published_settings() -> None:
    c = SketchToPhotoConfig()
    assert (c.width, c.residual_blocks, c.color_width, c.color_blocks) == (64, 9, 64, 12)
    assert (c.attention, c.noise_share, c.patch_share, c.patch) == ("rows", 0.2, 0.3, 50)
    assert (c.encoder, c.reference_share, c.history) == ("vgg", 0.2, 50)
    assert (c.discriminator.width, c.discriminator.layers, c.discriminator.norm) == (
        64, 3, "instance",
    )  # fmt: skip
    w = c.weights
    assert (w.adversarial, w.cycle, w.identity) == (1, 10, 5)
    assert (w.intensity, w.content, w.style) == (10, 0.05, 0.1)
    assert (c.learning_rate, c.betas, c.batch_size) == (2e-4, (0.5, 0.999), 1)
    assert (c.epochs, c.shape_epochs, c.decay_epochs) == (1400, 700, 600)
    assert (c.resize, c.crop, c.channels) == (140, (128, 128), (1, 3))


def test_each_stage_has_its_players_and_its_terms() -> None:
    method = made()
    first, second = moves(method, 0), moves(method, 3)
    assert [move.players for move in first] == [("shape", "redrawing"), ("discriminators",)]
    assert [move.players for move in second] == [("color",), ("discriminators",)]
    assert first[0].losses.keys() == {"adversarial", "cycle", "identity"}
    assert second[0].losses.keys() == {"adversarial", "intensity", "content", "style"}


def test_the_learning_rate_falls_to_zero_in_each_stage_and_begins_anew(
    tmp_path: Path, folders
) -> None:
    settings = small("sketch_to_photo", steps=8, shape_steps=4, decay_steps=2, log_every=1)
    result = train("sketch_to_photo", folders, tmp_path, **settings)
    assert result.history
    table = (tmp_path / "metrics.csv").read_text().splitlines()
    column = table[0].split(",").index("learning_rate")
    rates = [float(row.split(",")[column]) for row in table[1:]]
    assert rates == [0.001, 0.001, 0.001, 0.0005, 0.001, 0.001, 0.001, 0.0005]


def test_epochs_of_the_first_stage_become_steps_and_the_last_of_both_settings_applies() -> None:
    facts = Facts(domains=("sketch", "photo"), epoch=10)
    published = build(SketchToPhotoConfig, {}).complete(facts)
    assert (published.steps, published.shape_steps, published.decay_steps) == (14000, 7000, 6000)
    assert build(SketchToPhotoConfig, {"shape_steps": 5}).complete(facts).shape_steps == 5
    last = build(SketchToPhotoConfig, {"shape_steps": 5}, {"shape_epochs": 2}).complete(facts)
    assert last.shape_steps == 20
    assert build(SketchToPhotoConfig, {"shape_steps": 0}).complete(facts).shape_steps == 0


def test_noise_and_patches_are_laid_over_their_shares_of_the_sketches() -> None:
    method, count = made(noise_share=0.2, patch_share=0.3), 8000
    given = batch(method, count=count)
    given.images["a"] = torch.ones(count, 1, 16, 16)
    given.images["noise"] = torch.full((count, 1, 16, 16), -0.25)
    given.images["patch"] = torch.full((count, 1, 16, 16), -0.5)
    x = method._with_noise(given)
    whole = (x == -0.25).all(3).all(2).all(1)
    patched = (x == -0.5).sum((1, 2, 3))
    assert whole.float().mean() == pytest.approx(0.2, abs=0.03)
    assert set(patched.tolist()) == {0, 36} and not (whole & (patched > 0)).any()
    assert (patched > 0).float().mean() == pytest.approx(0.3, abs=0.03)
    where = (x == -0.5).any(0)[0]  # every place of the sketch is reached
    assert where.all()
    corners = {tuple((row == -0.5)[0].nonzero()[0].tolist()) for row in x[patched > 0]}
    assert len(corners) == 11 * 11


def test_targets_are_the_clean_sketches_and_photos_meet_no_attention() -> None:
    method = made(noise_share=1.0, patch_share=0.0)
    given = batch(method)
    with torch.no_grad():
        (first, _) = method.training_step(given)
        g_b = lightness(given.images["b"])
        g_ab = method.shape(given.images["a"] * given.images["noise"], attend=True)
        cycle = (method.redrawing(g_ab) - given.images["a"]).abs().mean()
        cycle += (method.shape(method.redrawing(g_b)) - g_b).abs().mean()
        identity = (method.shape(g_b) - g_b).abs().mean()
        identity += (method.redrawing(given.images["a"]) - given.images["a"]).abs().mean()
    torch.testing.assert_close(first.losses["cycle"], cycle)
    torch.testing.assert_close(first.losses["identity"], identity)


@pytest.mark.parametrize("attention", ["rows", "channels", "none"])
def test_attention_sums_to_one_over_what_it_is_a_softmax_of(attention: str) -> None:
    method = made(attention=attention)
    features = torch.randn(2, 16, 5, 7)
    if attention == "none":
        assert "attention" not in dict(method.shape.named_children())
        x = torch.rand(1, 1, 16, 16)
        torch.testing.assert_close(method.shape(x, attend=True), method.shape(x))
        return
    weights = method.shape.weigh(features)
    assert weights.shape == (2, 1, 5, 7)
    if attention == "rows":
        torch.testing.assert_close(weights.sum(2), torch.ones(2, 1, 7))
    else:
        opposite = 1 - torch.sigmoid(method.shape.attention(features).diff(dim=1))
        torch.testing.assert_close(weights, opposite)


def test_only_photos_with_a_reference_have_content_and_style_losses() -> None:
    plain = moves(made(reference_share=0.0), 3)[0].losses
    assert plain["content"] == 0 and plain["style"] == 0
    styled = moves(made(reference_share=1.0), 3)[0].losses
    assert styled["content"] > 0 and styled["style"] > 0


def test_features_take_the_statistics_of_others() -> None:
    x, mean, std = torch.randn(2, 3, 8, 8), torch.randn(2, 3), torch.rand(2, 3) + 0.5
    found = mean_and_std(with_statistics(x, mean, std))
    torch.testing.assert_close(found[0], mean)
    torch.testing.assert_close(found[1], std, rtol=1e-3, atol=1e-3)


def test_gray_photos_have_their_own_lightness_to_the_last_bit() -> None:
    gray = torch.rand(1, 1, 9, 9) * 2 - 1
    assert torch.equal(lightness(gray.expand(-1, 3, -1, -1)), gray)
    red = torch.tensor([1.0, -1.0, -1.0]).reshape(1, 3, 1, 1)
    assert lightness(red).item() == pytest.approx(2 * 0.299 - 1)


@torch.no_grad()
def test_a_stage_that_has_not_begun_passes_images_on() -> None:
    method = made().eval()
    x = torch.rand(2, 1, 16, 16)
    assert torch.equal(method.translate(x, "b"), x.expand(-1, 3, -1, -1))
    moves(method, 0)
    gray = method.translate(x, "b")
    assert torch.equal(gray, method.shape(x, attend=True).expand(-1, 3, -1, -1))
    moves(method, 3)
    assert not torch.equal(*method.translate(x, "b").split(1)[0].chunk(3, 1)[:2])


def test_a_model_of_colours_alone_colours_gray_photos(tmp_path: Path, folders: Path) -> None:
    train("sketch_to_photo", folders, tmp_path, **small("sketch_to_photo", shape_steps=0, steps=2))
    model = crossimage.load(tmp_path, "cpu")
    x = torch.rand(1, 1, 16, 16) * 2 - 1
    with torch.no_grad():
        expected = model.networks.colorize(x, torch.zeros(1, model.networks.style_dim))
    torch.testing.assert_close(model.translate(x), expected)


def translator() -> Translator:
    method = made()
    moves(method, 0), moves(method, 3)
    return Translator(method, "cpu")


def test_a_reference_is_optional_and_each_gives_one_result() -> None:
    model = translator()
    x, references = torch.rand(2, 1, 20, 24) * 2 - 1, torch.rand(2, 3, 30, 18) * 2 - 1
    plain, styled = model.translate(x), model.translate(x, reference=references)
    assert plain.shape == styled.shape == (2, 3, 20, 24)
    assert not torch.allclose(plain, styled)
    assert torch.equal(model.translate(x), plain)
    one = model.translate(x[:1], reference=references[:1])
    torch.testing.assert_close(one, styled[:1], atol=1e-5, rtol=1e-4)
    style = model.encode_style(references, "b")
    torch.testing.assert_close(model.translate(x, style=style), styled)


def test_there_are_no_random_styles() -> None:
    model = translator()
    assert not model.multimodal
    with pytest.raises(ValueError, match="no random styles: give a reference image, or none"):
        model.sample_style(2)
    with pytest.raises(ValueError, match="leave out samples"):
        model.translate(torch.rand(1, 1, 16, 16), samples=3)


@torch.no_grad()
def test_files_and_galleries_are_translated_without_a_reference() -> None:
    method = translator().networks
    predictor = Predictor(method, "cpu")
    draw = predictor.draw(0, "name", 0)
    x = torch.rand(1, 1, 16, 16)
    found = predictor.predict(x, "b", [[draw]])[:, 0]
    torch.testing.assert_close(found, method.translate(x, "b"))


def vgg_file(folder: Path, width: int = 64, **changes: Tensor) -> Path:
    """Random weights in the form of AdaIN's vgg_normalised.pth, with layers after relu3_4."""
    features = StyleFeatures(width)
    names = [name for part in STYLE_LAYERS for name in part]
    state = {"28.weight": torch.zeros(2, 2), "28.bias": torch.zeros(2)}
    for name, layer in zip(names, features.convolutions(), strict=True):
        state[f"{name}.weight"] = torch.randn_like(layer.weight) * 0.05
        state[f"{name}.bias"] = torch.randn(len(layer.weight)) * 0.05
    path = folder / "vgg_normalised.pth"
    torch.save({**state, **changes}, path)
    return path


VGG = {"encoder": "vgg", "color_width": 64, "steps": 4, "shape_steps": 3, "batch_size": 1}


def test_vgg_is_read_from_a_file_and_kept_in_the_model(tmp_path: Path, folders: Path) -> None:
    file = vgg_file(tmp_path)
    settings = small("sketch_to_photo", **VGG)
    train("sketch_to_photo", folders, tmp_path / "run", **settings, encoder_weights=file)
    state = torch.load(file)
    model = crossimage.load(tmp_path / "run", "cpu").networks
    assert isinstance(model, SketchToPhoto)
    assert model.encoder.known
    first, *_, last = model.encoder.convolutions()
    assert torch.equal(first.weight, state["0.weight"]) and torch.equal(last.bias, state["25.bias"])

    # another run continues from the model without the file
    more = settings | {"shape_steps": 0, "steps": 1}
    train("sketch_to_photo", folders, tmp_path / "next", **more, init_from=tmp_path / "run")
    weights = crossimage.load(tmp_path / "next", "cpu").networks.encoder.convolutions()[0].weight
    assert torch.equal(weights, state["0.weight"])


def test_a_run_that_needs_vgg_says_so_at_once(tmp_path: Path, folders: Path) -> None:
    settings = small("sketch_to_photo", **VGG)
    with pytest.raises(ValueError, match=r"set encoder_weights=FILE .* or shape_steps=4"):
        train("sketch_to_photo", folders, tmp_path / "run", **settings)
    shapes = train("sketch_to_photo", folders, tmp_path / "run", **settings | {"shape_steps": 4})
    assert shapes.history
    # a model of shapes alone has no VGG to go on with
    with pytest.raises(ValueError, match="no file of them is named"):
        train("sketch_to_photo", folders, tmp_path / "b", **settings, init_from=tmp_path / "run")


def test_other_files_than_vgg_are_named(tmp_path: Path) -> None:
    for path, message in (
        (vgg_file(tmp_path, width=8), r"'2.weight' has the shape \[8, 3, 3, 3\], expected \[64"),
        (tmp_path / "none.pth", "does not exist"),
    ):
        method = made(**VGG, encoder_weights=path)
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            method.build_fixed_networks()
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "torchvision.pth")
    with pytest.raises(ValueError, match="'0.weight' is missing"):
        made(**VGG, encoder_weights=tmp_path / "torchvision.pth").build_fixed_networks()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": "3,3"}, "channels must be 1,3"),
        ({"noise_share": 0.6, "patch_share": 0.5}, "at most 1 together"),
        ({"encoder_weights": "x.pth"}, "found encoder=random and color_width=4"),
        ({"crop": 18}, "crop must be a multiple of 4"),
    ],
)
def test_settings_that_cannot_be(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made(**changes)


def test_noise_sketches_come_from_their_folder(tmp_path: Path, folders: Path) -> None:
    strokes = tmp_path / "strokes"
    make_noise_sketches(strokes, count=3, size=32)
    own = {"noise_sketches": strokes}
    settings = small("sketch_to_photo", steps=2, **own)
    result = train("sketch_to_photo", folders, tmp_path / "run", **settings)
    assert result.warnings == ()
    companions = SketchToPhoto.companions(build(SketchToPhotoConfig, own))
    assert companions["noise"].folder == strokes
    assert {name: c.letter for name, c in companions.items()} == {
        "noise": "a", "patch": "a", "photo": "b", "reference": "b",
    }  # fmt: skip
