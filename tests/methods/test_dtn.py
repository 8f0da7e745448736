"""What DTN promises."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss

import crossimage
from crossimage import train
from crossimage.checkpoints.model_file import save_model
from crossimage.cli.app import main
from crossimage.config import build
from crossimage.losses import total_variation
from crossimage.methods.base import Batch, Noise, Update
from crossimage.methods.dtn import DTN, DTNConfig
from tests.conftest import small

TINY = {
    "resize": 16,
    "crop": 16,
    "width": 4,
    "classifier_width": 4,
    "discriminator_width": 4,
    "classes": "x,y,z",
    "classifier_steps": 10,
}


def dtn(**changes: Any) -> DTN:
    torch.manual_seed(0)
    return DTN(build(DTNConfig, TINY, changes))


def batch(method: DTN, step: int = 10, count: int = 4) -> Batch:
    torch.manual_seed(3)
    shapes = zip("ab", method.config.channels, strict=True)
    images = {d: torch.rand(count, c, *method.config.crop) * 2 - 1 for d, c in shapes}
    labels = {"a": torch.arange(count) % len(method.config.classes)}
    return Batch(images, Noise(0, count, slice(0, count), "cpu"), labels, step)


def moves(method: DTN, given: Batch | None = None) -> dict[str, Update]:
    return {move.player: move for move in method.training_step(given or batch(method))}


def test_the_defaults_are_the_published_settings() -> None:
    config = DTNConfig(channels=(3, 1))
    w = config.weights
    assert (w.adversarial, w.const, w.tid, w.tv) == (1, 15, 15, 0)
    method = DTN(config)
    shapes = {n: tuple(p.shape) for n, p in method.named_parameters() if p.ndim == 4}
    assert shapes == {
        "classifier.convs.0.weight": (64, 3, 3, 3),
        "classifier.convs.1.weight": (128, 64, 3, 3),
        "classifier.convs.2.weight": (256, 128, 3, 3),
        "classifier.last.weight": (128, 256, 4, 4),
        "generators.layers.0.weight": (128, 512, 4, 4),
        "generators.layers.3.weight": (512, 256, 4, 4),
        "generators.layers.6.weight": (256, 128, 4, 4),
        "generators.layers.9.weight": (128, 1, 4, 4),
        "discriminators.layers.0.weight": (128, 1, 4, 4),
        "discriminators.layers.2.weight": (256, 128, 4, 4),
        "discriminators.layers.5.weight": (512, 256, 4, 4),
        "discriminators.layers.8.weight": (3, 512, 4, 4),
    }


def test_first_f_learns_the_classes_and_then_the_others_play() -> None:
    method = dtn()
    assert list(moves(method, batch(method, step=9))) == ["classifier"]
    assert list(moves(method, batch(method, step=10))) == ["discriminators", "generators"]


def test_labels_are_read_while_f_learns_and_never_again() -> None:
    method = dtn().eval()
    given = batch(method, step=0)
    loss = moves(method, given)["classifier"].losses["classification"]
    torch.testing.assert_close(
        loss, cross_entropy(method.classify(given.images["a"], "a"), given.labels["a"])
    )
    moves(method, replace(given, labels={}, step=10))


def test_every_term_is_what_the_paper_says() -> None:
    method = dtn(weights={"tv": 1}).eval()  # without batch statistics
    f, given = method.classifier, batch(method)
    s, t = given.images["a"], given.images["b"]
    made_s, made_t = method.translate(s, "b"), method.translate(t, "b")

    def nll(x: Tensor, kind: int) -> Tensor:
        (logits,) = method.discriminators(x)
        return cross_entropy(logits[:, :, 0, 0], torch.full((len(x),), kind - 1))

    expected = {
        ("discriminators", "adversarial"): nll(made_s, 1) + nll(made_t, 2) + nll(t, 3),
        ("generators", "adversarial"): nll(made_s, 3) + nll(made_t, 3),
        ("generators", "const"): mse_loss(f(made_s), f(s)),
        ("generators", "tid"): mse_loss(made_t, t),
        ("generators", "tv"): (total_variation(made_s) + total_variation(made_t)) / 2,
    }
    step = moves(method, given)
    found = {(p, term): v for p, move in step.items() for term, v in move.losses.items()}
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, msg=str(key))


def test_what_has_no_weight_is_left_out() -> None:
    step = moves(dtn(weights={"const": 0, "tid": 0}))
    assert step["generators"].losses.keys() == {"adversarial"}


def test_constancy_reaches_the_generator_through_f() -> None:
    method = dtn()
    moves(method)["generators"].losses["const"].backward(
        inputs=list(method.generators.parameters())
    )
    assert all(p.grad is not None and p.grad.any() for p in method.generators.parameters())
    assert all(p.grad is None for p in method.classifier.parameters())


@pytest.mark.parametrize("channels", [(3, 1), (1, 3), (1, 1)])
def test_f_reads_gray_images_beside_colours(channels: tuple[int, int]) -> None:
    method = dtn(channels=list(channels))
    x = batch(method).images
    assert method.translate(x["a"], "b").shape == (4, channels[1], 16, 16)
    assert method.classify(x["a"], "a").shape == method.classify(x["b"], "b").shape == (4, 3)
    assert len(moves(method)) == 2


def test_the_score_is_that_of_an_image_of_the_targets_own() -> None:
    method = dtn().eval()
    x = batch(method).images["b"]
    (score,) = method.discriminate(x, "b")
    (logits,) = method.discriminators(x)
    torch.testing.assert_close(score.sigmoid().flatten(), logits.softmax(1)[:, 2].flatten())
    with pytest.raises(ValueError, match="no discriminator of a, the source"):
        method.discriminate(x, "a")


def test_a_model_file_holds_f(tmp_path: Path) -> None:
    method = dtn().eval()
    save_model(tmp_path / "model.safetensors", method)
    model = crossimage.load(tmp_path / "model.safetensors", device="cpu")
    x = batch(method).images["a"]
    torch.testing.assert_close(model.classify(x, "a"), method.classify(x, "a"))
    torch.testing.assert_close(model.translate(x), method.translate(x, "b"))
    assert model.targets == ("b",)


def test_f_may_be_that_of_another_run_and_is_not_changed(classes: Path, tmp_path: Path) -> None:
    train("dtn", classes, tmp_path / "f", **small("dtn", steps=2))
    given = {"classifier_steps": 0, "features": tmp_path / "f" / "model.safetensors"}
    train("dtn", classes, tmp_path / "g", **small("dtn", steps=3, seed=5, **given))
    given["features"].rename(tmp_path / "moved")  # a model needs the file no more
    f = crossimage.load(tmp_path / "g", device="cpu").networks.classifier
    (tmp_path / "moved").rename(given["features"])
    before = crossimage.load(tmp_path / "f", device="cpu").networks.classifier
    assert all(torch.equal(v, before.state_dict()[k]) for k, v in f.state_dict().items())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classifier_width": 5}, "has classifier_width 4, and this run 5"),
        ({"classes": "x,y"}, "has classes 3, and this run 2"),
        ({"crop": 32}, r"f\.safetensors reads images of 16x16 pixels, expected 32x32"),
    ],
)
def test_an_f_that_does_not_fit_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = tmp_path / "f.safetensors"
    save_model(path, dtn())
    method = dtn(classifier_steps=0, features=str(path), **changes)
    with pytest.raises(ValueError, match=message):
        method.build_fixed_networks()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop": 24}, "crop must be a square of side 8, 16, 32"),
        ({"crop": "16,32"}, "crop must be a square"),
        ({"channels": "3"}, "two numbers, one per domain"),
        ({"channels": "3,4"}, "equal or one of them 1"),
        ({"classifier_steps": 0}, "f is either trained or given"),
        ({"features": "f.safetensors"}, "f is either trained or given"),
        ({"weights": {"identity": 1}}, "unknown key 'weights.identity'"),
    ],
)
def test_impossible_settings_are_one_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dtn(**changes)


@pytest.mark.parametrize("use", ["translate", "classify", "discriminate"])
def test_images_of_another_size_are_refused(use: str) -> None:
    with pytest.raises(ValueError, match="found images of 32x16 pixels.*only read 16x16"):
        getattr(dtn(), use)(torch.zeros(1, 3, 16, 32), "b")


def test_the_identity_on_the_target_is_learned_in_a_few_steps() -> None:
    """Bars on the left, in the middle or on the right; those of the target are paler."""
    method = dtn(channels="1,1", classifier_steps=40, classifier_width=8, width=16)
    classes = torch.arange(24) % 3
    bars = torch.full((24, 1, 16, 16), -0.8)
    for image, c in zip(bars, classes.tolist(), strict=True):
        image[:, :, 1 + 5 * c : 5 + 5 * c] = 0.8
    images = {"a": bars, "b": bars.flip(0) / 2}
    optimizers = {
        name: torch.optim.Adam(net.parameters(), 5e-3, betas=(0.5, 0.999))
        for name, net in method.players().items()
    }
    tid = []
    for step in range(100):
        noise = Noise(step, 24, slice(0, 24), "cpu")
        for move in method.training_step(Batch(images, noise, {"a": classes}, step)):
            weights = method.config.weights
            total = sum(getattr(weights, name) * loss for name, loss in move.losses.items())
            total.backward(inputs=list(method.players()[move.player].parameters()))
            optimizers[move.player].step()
            optimizers[move.player].zero_grad()
            tid += [move.losses["tid"].item()] if "tid" in move.losses else []
    assert (method.classify(bars, "a").argmax(1) == classes).float().mean() > 0.9
    assert tid[-1] < tid[0] / 2


def test_a_given_f_needs_no_labels() -> None:
    given = build(DTNConfig, {"classifier_steps": 0, "features": "f.safetensors"})
    assert DTN.needs_labels(given) == ()
    assert DTN.needs_labels(build(DTNConfig, {})) == ("a",)


def test_data_inspect_asks_for_classes_only_where_f_learns_them(folders: Path) -> None:
    assert main(["data", "inspect", str(folders), "dtn"]) == 1
    given = ["classifier_steps=0", "features=f.safetensors"]
    assert main(["data", "inspect", str(folders), "dtn", *given, "--no-estimate"]) == 0
