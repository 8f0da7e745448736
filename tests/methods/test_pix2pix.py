"""What the pix2pix paper promises, beyond parity with its official code."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from crossimage import train
from crossimage.checkpoints.training_state import Checkpoints
from crossimage.config import build
from crossimage.methods.base import Batch, Noise, Update
from crossimage.methods.pix2pix import Pix2Pix, Pix2PixConfig
from crossimage.networks.color_spaces import lab_to_rgb, rgb_to_lab
from tests.conftest import small

AS_PUBLISHED = {"norm": "batch", "discriminator": {"width": 4, "layers": 2, "norm": "batch"}}
DEEP = {"crop": 64, "downsamples": 6, "dropout": 0.5}
"""The least U-Net with a layer that drops values."""


def pix2pix(**changes: Any) -> Pix2Pix:
    return Pix2Pix(build(Pix2PixConfig, small("pix2pix"), changes))


def batch(method: Pix2Pix, count: int = 2) -> Batch:
    shapes = zip("ab", method.config.channels, strict=True)
    images = {d: torch.rand(count, c, *method.config.crop) * 2 - 1 for d, c in shapes}
    return Batch(images, Noise(0, count, slice(0, count), "cpu"))


def moves(method: Pix2Pix, count: int = 2) -> list[Update]:
    return list(method.training_step(batch(method, count)))


def test_the_defaults_are_the_published_settings() -> None:
    config = Pix2PixConfig()
    assert (config.generator, config.width, config.downsamples) == ("unet", 64, 8)
    assert (config.norm, config.dropout, config.test_mode) == ("batch", 0.5, "train")
    d = config.discriminator
    assert (d.width, d.layers, d.norm) == (64, 3, "batch")
    assert (config.adversarial, config.weights.adversarial, config.weights.l1) == ("nsgan", 1, 100)
    assert (config.learning_rate, config.betas) == (2e-4, (0.5, 0.999))
    assert (config.batch_size, config.resize, config.crop) == (1, 286, (256, 256))
    assert (config.epochs, config.decay_epochs) == (200, 100)


def test_the_discriminator_moves_first() -> None:
    assert [move.player for move in moves(pix2pix())] == ["discriminators", "generators"]


def test_an_output_is_scored_together_with_its_input() -> None:
    method = pix2pix()
    images = batch(method).images
    (scores,) = method.discriminate(images["b"], "b", condition=images["a"])
    (others,) = method.discriminate(images["b"], "b", condition=images["a"].flip(0))
    assert (scores - others).abs().mean() > 1e-4
    with pytest.raises(ValueError, match="give the input images as condition"):
        method.discriminate(images["b"], "b")
    with pytest.raises(ValueError, match="only images of the domain that it translates to"):
        method.discriminate(images["a"], "a", condition=images["b"])


def test_the_l1_term_is_the_distance_to_the_ground_truth() -> None:
    method = pix2pix()
    given = batch(method)
    *_, generator = method.training_step(given)
    output = method.translate(given.images["a"], "b")
    expected = (output - given.images["b"]).abs().mean()
    torch.testing.assert_close(generator.losses["l1"], expected)


def test_what_has_no_weight_is_not_computed() -> None:
    assert [move.losses.keys() for move in moves(pix2pix(weights={"adversarial": 0}))] == [{"l1"}]
    _, generator = moves(pix2pix(weights={"l1": 0}))
    assert generator.losses.keys() == {"adversarial"}


def test_either_domain_may_be_the_input() -> None:
    method = pix2pix(direction="b-to-a", channels="1,4", crop="16,32")
    assert method.targets == ("a",)
    assert method.translate(batch(method).images["b"], "a").shape == (2, 1, 16, 32)
    assert len(moves(method)) == 2


@pytest.mark.parametrize(("layers", "patch"), [(0, 1), (1, 16), (3, 70), (5, 286)])
def test_a_score_sees_its_patch_and_no_more(layers: int, patch: int) -> None:
    method = pix2pix(
        crop=320, downsamples=3, discriminator={"width": 2, "layers": layers, "norm": "none"}
    ).double()
    x = torch.rand(1, 3, 320, 320, dtype=torch.float64, requires_grad=True)
    (scores,) = method.discriminate(x, "b", condition=x.detach())
    middle = scores.shape[2] // 2
    scores[0, 0, middle, middle].backward()
    rows = x.grad.abs().sum((0, 1, 3)).nonzero()
    assert int(rows.max() - rows.min()) + 1 == patch


@pytest.mark.parametrize("generator", ["unet", "resnet"])
@pytest.mark.parametrize("kind", ["nsgan", "lsgan"])
def test_everything_learns(generator: str, kind: str) -> None:
    method = pix2pix(generator=generator, adversarial=kind, residual_blocks=1, **AS_PUBLISHED)
    for move in method.training_step(batch(method)):
        parameters = list(method.players()[move.player].parameters())
        sum(move.losses.values()).backward(inputs=parameters)
        assert all(p.grad is not None and p.grad.isfinite().all() for p in parameters)


@pytest.mark.parametrize(
    ("changes", "random"),
    [
        ({**DEEP}, True),
        ({**DEEP, "test_mode": "eval"}, False),
        ({**DEEP, "dropout": 0}, False),
        ({"downsamples": 4, "dropout": 0.5}, False),  # no layer is deep enough
        ({"generator": "resnet", "residual_blocks": 1, "dropout": 0.5}, True),
    ],
)
def test_dropout_gives_several_translations_if_the_config_says_so(
    changes: dict[str, Any], random: bool
) -> None:
    method = pix2pix(**changes).eval()
    x = batch(method).images["a"]
    assert method.stochastic == random
    assert torch.equal(method.translate(x, "b"), method.translate(x, "b")) != random


def test_batch_norm_at_test_is_the_choice_of_the_config() -> None:
    published, running = (pix2pix(test_mode=mode, **AS_PUBLISHED) for mode in ("train", "eval"))
    moves(running)  # statistics
    published.load_state_dict(running.state_dict())
    x = batch(published).images["a"]
    with torch.no_grad():
        one = published.train().translate(x[:1], "b")
        torch.testing.assert_close(published.eval().translate(x, "b")[:1], one)
        published.load_state_dict(running.state_dict())
        assert (running.eval().translate(x, "b") - published.translate(x, "b")).abs().mean() > 1e-3


def test_a_micro_batch_is_normalised_by_its_own_statistics(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = Pix2Pix.training_step, []

    def spy(self: Pix2Pix, given: Batch) -> Iterator[Update]:
        seen.append((given.images, {k: v.clone() for k, v in self.state_dict().items()}))
        yield from real(self, given)

    monkeypatch.setattr(Pix2Pix, "training_step", spy)
    settings = small(
        "pix2pix", **AS_PUBLISHED, steps=1, decay_steps=0, batch_size=2, accumulate=2, log_every=1
    )
    train("pix2pix", pairs, tmp_path, **settings)
    (one, start), (two, _) = seen
    method = Pix2Pix(build(Pix2PixConfig, settings))
    expected = []
    for images in (one, two):
        method.load_state_dict(start)
        noise = Noise(0, 1, slice(0, 1), "cpu")
        expected.append(next(real(method, Batch(images, noise))).losses["adversarial"].item())
    (row,) = rows(tmp_path)
    assert float(row["discriminators/adversarial"]) == pytest.approx(sum(expected) / 2, rel=1e-5)

    method.load_state_dict(start)
    together = {d: torch.cat([one[d], two[d]]) for d in "ab"}
    losses = next(real(method, Batch(together, Noise(0, 2, slice(0, 2), "cpu")))).losses
    assert losses["adversarial"].item() != pytest.approx(sum(expected) / 2, rel=1e-4)


def test_a_continued_run_with_batch_norm_and_dropout_is_the_uninterrupted_one(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = small(
        "pix2pix", **AS_PUBLISHED, **DEEP, resize=64, steps=4, save_every=2, log_every=1,
        batch_size=2, accumulate=2, ema_decay=0.9, sample_every=1,
    )  # fmt: skip
    train("pix2pix", pairs, tmp_path / "whole", **settings)

    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        saves = iter((Checkpoints.save, die))
        patched.setattr(Checkpoints, "save", lambda *a: next(saves)(*a))
        with pytest.raises(Killed):
            train("pix2pix", pairs, tmp_path / "parts", **settings)
    train("pix2pix", pairs, tmp_path / "parts", **settings)
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert any("running_mean" in key for key in whole)
    assert all(torch.equal(whole[key], parts[key]) for key in whole)
    assert rows(tmp_path / "whole") == rows(tmp_path / "parts")


def weights(run: Path) -> dict[str, Tensor]:
    found = Checkpoints(run, 1).load_newest(pytest.fail)
    assert found is not None
    return found[1]["method"]


def rows(run: Path) -> list[dict[str, str]]:
    with open(run / "metrics.csv") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop": 20}, "crop must be a multiple of 16, found"),
        ({"crop": 18, "generator": "resnet"}, r"crop must be a multiple of 4, found \(18, 18\)$"),
        ({"crop": 8, "downsamples": 3}, "too small.*need at least 12 pixels"),
        ({"channels": "3"}, "two numbers, one per domain"),
        ({"direction": "a-to-a"}, "direction: "),
        ({"color_space": "lab", "channels": "3,1"}, "color_space=lab turns .* found channels"),
        ({"dropout": 1}, "dropout: .* less than 1"),
        ({"downsamples": 0}, "downsamples: .* greater than or equal to 1"),
    ],
)
def test_impossible_settings_are_one_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pix2pix(**changes)


def test_label_maps_of_class_numbers_are_translated_but_not_learnt(
    pairs: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="classes=3 is of imported models.*; leave out classes"):
        train("pix2pix", data=pairs, out=tmp_path / "run", **small("pix2pix", classes=3))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("channels", ["1,3", "3,3"])
def test_colourisation_keeps_the_lightness_of_the_input(channels: str) -> None:
    method = pix2pix(color_space="lab", channels=channels).eval()
    x = torch.rand(2, int(channels[0]), 16, 16) * 0.6 - 0.3
    y = method.translate(x, "b")
    assert y.shape == (2, 3, 16, 16)
    before, after = (rgb_to_lab(image.expand(-1, 3, -1, -1)) for image in (x, y))
    in_gamut = (y.abs() < 1).all(1)
    assert in_gamut.any()
    torch.testing.assert_close(after[:, 0][in_gamut], before[:, 0][in_gamut], atol=0.01, rtol=0)


def test_colourisation_learns_the_colours_of_lab() -> None:
    method = pix2pix(color_space="lab")
    given = batch(method)
    lightness = rgb_to_lab(given.images["a"].expand(-1, 3, -1, -1))[:, :1] / 50 - 1
    colors = rgb_to_lab(given.images["b"])[:, 1:] / 110
    torch.manual_seed(0)
    update = list(method.training_step(given))[1]
    torch.manual_seed(0)
    predicted = method.generators["G"](lightness)
    assert predicted.shape[1] == 2
    torch.testing.assert_close(update.losses["l1"], (predicted - colors).abs().mean())


def test_scores_of_a_colourised_photo_depend_on_its_colours_and_the_input_lightness() -> None:
    method = pix2pix(color_space="lab", channels="3,3").eval()
    x, y = torch.rand(2, 1, 3, 16, 16) * 1.6 - 0.8
    (scores,) = method.discriminate(y, "b", x)
    lightness = rgb_to_lab(x) * torch.tensor([1.0, 0, 0])[:, None, None]
    (gray,) = method.discriminate(y, "b", lab_to_rgb(lightness))
    torch.testing.assert_close(gray, scores, atol=1e-3, rtol=0)
    (others,) = method.discriminate(-y, "b", x)
    assert not torch.allclose(others, scores)
