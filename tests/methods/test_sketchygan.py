from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

import crossimage
from crossimage.checkpoints.model_file import save_model
from crossimage.config import build
from crossimage.inference.translator import Translator
from crossimage.losses import local_gradient_penalty
from crossimage.methods.base import Batch, Noise, Update
from crossimage.methods.sketchygan import SketchyGAN, SketchyGANConfig, diversity, stretched
from tests.conftest import SMALL, small

LABELS = {"attributes": "cat,dog,shoe", "label_sets": 3, "categorical": True}


def method(**changes: Any) -> SketchyGAN:
    settings = SMALL["sketchygan"] | {"steps": 100} | LABELS | changes
    return SketchyGAN(build(SketchyGANConfig, settings))


def batch(count: int = 4) -> Batch:
    names = ("x", "photo", "real")
    images = {name: torch.rand(count, 3, 32, 32) * 2 - 1 for name in names}
    labels = {name: torch.eye(3)[torch.arange(count) % 3] for name in ("x", "real")}
    return Batch(images, Noise(0, count, slice(0, count), "cpu"), labels)


def moves(networks: SketchyGAN, given: Batch) -> dict[str, dict[str, Tensor]]:
    return {update.player: update.losses for update in networks.training_step(given)}


def test_the_learning_rates_fall_to_a_fifth() -> None:
    networks = method()
    assert [networks.rate_factor(step) for step in (0, 50, 89, 100)] == [1, 0.55, 0.2, 0.2]
    assert method(lowest_rate=1).rate_factor(80) == 1
    rates = {name: adam.learning_rate for name, adam in networks.optimizers().items()}
    assert rates == {"generators": 2e-4, "discriminators": 4e-4}


def test_a_run_logs_the_rate_that_is_left(class_pairs: Path, tmp_path: Path) -> None:
    settings = small("sketchygan", steps=4, log_every=1, learning_rate=0.001)
    result = crossimage.train("sketchygan", class_pairs, tmp_path, **settings)
    rates = [row.learning_rate for row in result.history]
    assert rates == pytest.approx([0.001, 0.000775, 0.00055, 0.000325])


def test_both_forms_of_the_discriminator() -> None:
    released, paper = method(), method(stabilisation="dragan")
    layers = [m for m in released.discriminators.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert all(is_parametrized(layer, "weight") for layer in layers)
    assert not any(is_parametrized(layer) for layer in paper.discriminators.modules())
    given = batch()
    assert "penalty" not in moves(released, given)["discriminators"]
    losses = moves(paper, given)["discriminators"]
    assert losses["penalty"] >= 0


def test_the_paper_sums_over_patches_and_halves() -> None:
    paper = method(stabilisation="dragan")
    given, seen = batch(), []
    hook = paper.discriminators.register_forward_hook(lambda _, __, out: seen.append(out[0]))
    flow = paper.training_step(given)
    first = next(flow)
    on_real, on_fake = seen[:2]
    bce = nn.functional.binary_cross_entropy_with_logits
    expected = sum(
        bce(scores, torch.full_like(scores, target), reduction="none").sum((1, 2, 3)).mean()
        for scores, target in ((on_real, 1.0), (on_fake, 0.0))
    )
    torch.testing.assert_close(first.losses["adversarial"], expected / 2)
    second: Update = next(flow)
    hook.remove()
    scores = seen[-1]
    bce_g = bce(scores, torch.ones_like(scores), reduction="none").sum((1, 2, 3)).mean()
    torch.testing.assert_close(second.losses["adversarial"], bce_g)


def test_the_penalty_is_one_sided_and_near_photos() -> None:
    real, mix, noise = torch.randn(3, 3, 4, 4), torch.rand(3, 1, 1, 1), torch.rand(3, 3, 4, 4)
    scale = torch.tensor([0.01, 0.05, 2.0])[:, None, None, None]
    penalty = local_gradient_penalty(lambda x: x * scale, real, mix, noise)
    norms = scale.flatten() * 48**0.5
    torch.testing.assert_close(penalty, (norms - 1).relu().square().mean())
    seen: list[Tensor] = []

    def watch(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return x

    local_gradient_penalty(watch, real, mix, noise)
    moved = mix * noise * real.std(correction=0) / 2
    torch.testing.assert_close(seen[0], real + moved)
    constant = local_gradient_penalty(lambda x: (x * 0).sum(), real, mix, noise)
    assert constant == 0


def test_diversity_is_per_distance_of_the_noise() -> None:
    x, other = torch.zeros(2, 3, 4, 4), torch.ones(2, 3, 4, 4)
    z, far = torch.zeros(2, 4), torch.tensor([[2.0, 0, 0, 0], [0, 4.0, 0, 0]])
    torch.testing.assert_close(diversity(x, other, z, far), torch.tensor(-(0.5 + 0.25) / 2))


def test_photos_are_stretched_to_the_whole_range() -> None:
    x = torch.rand(2, 3, 8, 8) * 0.5 - 0.2
    y = stretched(x, torch.zeros_like(x))
    torch.testing.assert_close(y.amin((1, 2, 3)), -torch.ones(2))
    assert (y.amax((1, 2, 3)) > 0.96).all() and (y <= 1).all()
    # the lowest value is black even in a photo of one value
    assert (stretched(torch.full((1, 3, 4, 4), 0.5), torch.zeros(1, 3, 4, 4)) == -1).all()


def test_an_output_depends_on_nothing_but_its_input_noise_and_class() -> None:
    networks = method().eval()
    x, labels, z = batch().images["x"], torch.eye(3)[[0, 1, 2, 0]], torch.randn(4, 5)
    together = networks.translate(x, labels, z)
    alone = networks.translate(x[2:3], labels[2:3], z[2:3])
    torch.testing.assert_close(together[2:3], alone)
    published = method(test_statistics="batch").eval()
    published.load_state_dict(networks.state_dict())
    assert not torch.allclose(published.translate(x, labels, z), together, atol=1e-4)


def test_several_outputs_of_an_image_by_noise(tmp_path: Path) -> None:
    model = Translator(method().eval(), "cpu")
    x = torch.rand(2, 3, 32, 32) * 2 - 1
    y = model.translate(x, to="dog", samples=3, seed=1)
    assert y.shape == (2, 3, 3, 32, 32)
    assert (y[:, 0] - y[:, 1]).abs().max() > 0
    # images of other sizes are brought to the networks' own
    assert model.translate(x[..., :20, :], to="dog").shape[-2:] == (32, 32)
    with pytest.raises(ValueError, match="there is no label 'cow', only cat, dog, shoe"):
        model.translate(x, to="cow")
    with pytest.raises(ValueError, match="to is missing; expected some of cat, dog, shoe"):
        model.translate(x)
    save_model(tmp_path / "model.safetensors", method(), discriminators=True)
    opened = crossimage.load(tmp_path / "model.safetensors", discriminators=True)
    assert opened.classify(x).shape == (2, 3)


def test_unsuitable_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="crop must be a multiple of 32 pixels"):
        method(crop=48)
    with pytest.raises(ValueError, match="channels must be one number"):
        method(channels=[3, 3])
    with pytest.raises(ValueError, match=r"3 channels, found channels \(1,\); set weights"):
        method(channels=1, weights={"perceptual": 1.0})


def test_the_perceptual_loss_needs_weights(tmp_path: Path) -> None:
    networks = method(weights={"perceptual": 1.0}, perceptual_weights=tmp_path / "none.pth")
    with pytest.raises(FileNotFoundError, match="the perceptual loss of SketchyGAN needs the wei"):
        networks.build_fixed_networks()
