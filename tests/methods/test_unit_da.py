"""What UNIT for domain adaptation promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, mse_loss

import crossimage
from crossimage.checkpoints.model_file import save_model
from crossimage.config import build
from crossimage.methods.base import Batch, Noise, Update
from crossimage.methods.unit_da import UNITDA, UNITDAConfig
from crossimage.networks.coupled import with_coordinates

TINY = {"resize": 16, "crop": 16, "width": 4, "discriminator_width": 4, "classes": "x,y,z"}


def unit_da(**changes: Any) -> UNITDA:
    return UNITDA(build(UNITDAConfig, TINY, changes))


def batch(method: UNITDA, count: int = 4) -> Batch:
    torch.manual_seed(3)
    shapes = zip("ab", method.config.channels, strict=True)
    images = {d: torch.rand(count, c, *method.config.crop) * 2 - 1 for d, c in shapes}
    labels = {"a": torch.arange(count) % len(method.config.classes)}
    return Batch(images, Noise(0, count, slice(0, count), "cpu"), labels)


def moves(method: UNITDA, given: Batch | None = None) -> dict[str, Update]:
    return {move.player: move for move in method.training_step(given or batch(method))}


def gradients(loss: Tensor, method: UNITDA, *, biases: bool = True) -> dict[str, bool]:
    """Which of the discriminators' parts a loss moves, in all their weights and biases."""
    loss.backward()
    parts = {
        "first a": method.discriminators.first["a"],
        "first b": method.discriminators.first["b"],
    }
    parts |= {"shared": method.discriminators.shared, "classes": method.discriminators.classes}
    return {
        name: all(
            p.grad is not None and p.grad.any() for p in part.parameters() if biases or p.dim() > 1
        )
        for name, part in parts.items()
    }


def test_the_defaults_are_the_published_settings() -> None:
    config = UNITDAConfig()
    assert (config.width, config.discriminator_width, len(config.classes)) == (96, 64, 10)
    w = config.weights
    assert (w.adversarial, w.classification, w.features, w.image, w.kl) == (1, 10, 1e-4, 1e-3, 1e-4)
    assert (config.learning_rate, config.betas, config.weight_decay) == (2e-4, (0.5, 0.999), 5e-4)
    assert (config.batch_size, config.steps, config.crop, config.flip) == (
        64, 200_000, (32, 32), False,
    )  # fmt: skip


def test_the_published_networks_have_the_published_layers() -> None:
    method = UNITDA(UNITDAConfig(channels=(3, 1)))
    shapes = {name: tuple(p.shape) for name, p in method.named_parameters() if p.dim() == 4}
    assert shapes == {
        "generators.first.a.conv.weight": (96, 5, 5, 5),  # three colours and two coordinates
        "generators.first.b.conv.weight": (96, 3, 5, 5),
        "generators.encoder.0.conv.weight": (192, 96, 5, 5),
        "generators.encoder.1.conv.weight": (384, 192, 8, 8),
        "generators.encoder.2.conv.weight": (768, 384, 1, 1),
        "generators.mean.weight": (768, 768, 1, 1),
        "generators.deviation.weight": (768, 768, 1, 1),
        "generators.decoder.0.conv.weight": (768, 768, 4, 4),
        "generators.decoder.1.conv.weight": (768, 384, 4, 4),
        "generators.decoder.2.conv.weight": (384, 192, 4, 4),
        "generators.last.a.0.conv.weight": (192, 96, 4, 4),
        "generators.last.a.1.weight": (3, 96, 1, 1),
        "generators.last.b.0.conv.weight": (192, 96, 4, 4),
        "generators.last.b.1.weight": (1, 96, 1, 1),
        "discriminators.first.a.0.weight": (64, 3, 5, 5),
        "discriminators.first.b.0.weight": (64, 1, 5, 5),
        "discriminators.shared.0.0.weight": (128, 64, 5, 5),
        "discriminators.shared.1.0.weight": (256, 128, 5, 5),
        "discriminators.shared.2.0.weight": (512, 256, 5, 5),
        "discriminators.real.weight": (1, 512, 2, 2),
        "discriminators.classes.weight": (10, 512, 2, 2),
    }
    assert [layer.p for layer in method.discriminators.dropouts] == [0.1, 0.3, 0.5, 0.5]


def test_discriminators_move_first() -> None:
    assert list(moves(unit_da())) == ["discriminators", "generators"]


def test_labels_of_the_source_move_the_shared_layers_and_not_those_of_the_target() -> None:
    method = unit_da()
    moved = gradients(moves(method)["discriminators"].losses["classification"], method)
    assert moved == {"first a": True, "shared": True, "classes": True, "first b": False}


def test_equal_features_move_both_first_layers_and_not_the_class_head() -> None:
    method = unit_da()
    loss = moves(method)["discriminators"].losses["features"]
    moved = gradients(loss, method, biases=False)
    assert moved == {"first a": True, "shared": True, "classes": False, "first b": True}


def test_the_last_bias_cancels_in_the_distance_if_the_same_features_are_active() -> None:
    """It shifts both versions alike; every bias before it passes through kernels and ReLUs."""
    D = unit_da().discriminators
    images = batch(unit_da()).images
    one, two = D.features({d: x / 20 for d, x in images.items()}, drop=False).chunk(2)
    assert ((one > 0) == (two > 0)).all()
    (one - two).square().sum().backward()
    biases = [p.grad for n, p in D.named_parameters() if n.endswith("bias") and p.grad is not None]
    *others, last = (float(gradient.abs().max()) for gradient in biases)
    assert last < 1e-4 * min(others)


def test_labels_of_the_target_are_never_read() -> None:
    method = unit_da().eval()
    found = []
    for labels in (None, torch.tensor([0, 0, 0, 0]), torch.tensor([2, 1, 1, 0])):
        given = batch(method)
        if labels is not None:
            given.labels["b"] = labels
        step = moves(method, given)
        found.append([v.item() for move in step.values() for v in move.losses.values()])
    assert found[0] == found[1] == found[2]


def test_every_term_is_what_the_paper_says() -> None:
    method = unit_da().eval()  # without dropout and batch statistics
    G, D = method.generators, method.discriminators
    given = batch(method)
    x, y = given.images, given.labels["a"]
    noise = Noise(0, 4, slice(0, 4), "cpu")
    codes, features, real, fake = {}, {}, [], []
    for d in "ab":
        mu, sigma = G.encode({d: x[d]})
        codes[d] = Normal(mu, sigma), mu + sigma * noise(*mu.shape[1:])
        real.append(D.score(D.features({d: x[d]})))
    for source in "ab":
        for target in "ab":
            (image,) = G.decode(codes[source][1], target)
            features[source, target] = D.features({target: image})
            fake.append(D.score(features[source, target]))
            if source == target:
                codes[source] += (image,)

    def bce(scores: list[Tensor], truth: float) -> Tensor:
        joined = torch.cat(scores)
        return binary_cross_entropy_with_logits(joined, torch.full_like(joined, truth))

    def squares(p: Tensor, q: Tensor) -> Tensor:
        return mse_loss(p, q) * p[0].numel()

    aa, ab, ba, bb = fake
    logits = method.classify(x["a"], "a")
    unit = Normal(0.0, 1.0)
    expected = {
        ("discriminators", "adversarial"): bce(real, 1)
        + 0.5 * (bce([ab, ba], 0) + bce([aa, bb], 0)),
        ("discriminators", "classification"): cross_entropy(logits, y),
        ("discriminators", "features"): squares(features["a", "a"], features["a", "b"])
        + squares(features["b", "a"], features["b", "b"]),
        ("generators", "adversarial"): bce([ab, ba], 1) + bce([aa, bb], 1),
        ("generators", "image"): squares(codes["a"][2], x["a"]) + squares(codes["b"][2], x["b"]),
        ("generators", "kl"): sum(
            2 * kl_divergence(codes[d][0], unit).sum((1, 2, 3)).mean() for d in "ab"
        ),
    }
    step = moves(method, given)
    found = {(p, term): v for p, move in step.items() for term, v in move.losses.items()}
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=1e-4, atol=1e-5, msg=str(key))


def test_features_are_compared_without_dropout() -> None:
    method = unit_da(weights={"adversarial": 0}).train()
    G = method.generators
    x = batch(method).images
    once, twice = (method.discriminators.features(x, drop=False) for _ in range(2))
    assert torch.equal(once, twice)
    once, twice = (method.discriminators.features(x) for _ in range(2))
    assert not torch.equal(once, twice)
    assert not any("dropout" in name for name, _ in G.named_modules())


def test_what_has_no_weight_is_not_run() -> None:
    step = moves(unit_da(weights={"features": 0}))
    assert step["discriminators"].losses.keys() == {"adversarial", "classification"}


def test_encoders_see_where_a_pixel_is() -> None:
    x = with_coordinates(torch.zeros(2, 1, 4, 8))
    assert x.shape == (2, 3, 4, 8)
    torch.testing.assert_close(x[1, 1, :, 5], torch.tensor([-1.0, -0.5, 0.0, 0.5]))
    torch.testing.assert_close(
        x[1, 2, 3], torch.tensor([-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75])
    )
    first = unit_da().generators.first["a"]
    maps = first.conv(with_coordinates(torch.zeros(1, 3, 16, 16)))[0, :, 2:-2, 2:-2]
    assert (maps.amax((1, 2)) - maps.amin((1, 2))).min() > 1e-3


def test_domains_may_differ_in_channels() -> None:
    method = unit_da(channels="1,3")
    x = batch(method).images
    assert method.translate(x["a"], "b").shape == (4, 3, 16, 16)
    assert method.translate(x["b"], "a").shape == (4, 1, 16, 16)
    assert method.classify(x["a"], "a").shape == method.classify(x["b"], "b").shape == (4, 3)
    assert [score.shape for score in method.discriminate(x["b"], "b")] == [(4, 1, 1, 1)]
    assert len(moves(method)) == 2


def test_domains_that_start_equal_translate_as_they_reconstruct() -> None:
    for same_start in (False, True):
        method = unit_da(same_start=same_start).eval()
        x = batch(method).images["a"]
        x_aa, x_ab = method.generators.decode(method.encode_content(x, "a"), "a", "b")
        assert torch.equal(x_aa, x_ab) == same_start
        assert torch.equal(method.classify(x, "a"), method.classify(x, "b")) == same_start


@pytest.mark.parametrize("invert", [False, True])
def test_half_of_the_targets_training_images_are_inverted_if_asked(invert: bool) -> None:
    method = unit_da(invert=invert)
    given = batch(method, 16)
    seen: dict[str, Tensor] = {}
    for d in "ab":
        method.discriminators.first[d].register_forward_pre_hook(
            lambda _, images, d=d: seen.update({d: images[0]} | seen)
        )
    moves(method, given)
    assert torch.equal(seen["a"], given.images["a"])
    signs = (seen["b"] / given.images["b"])[:, 0, 0, 0].sign()
    assert torch.equal(seen["b"], given.images["b"] * signs[:, None, None, None])
    assert set(signs.tolist()) == ({-1.0, 1.0} if invert else {1.0})


def test_a_model_classifies_when_it_is_loaded(tmp_path: Path) -> None:
    method = unit_da(channels="1,1").eval()
    save_model(tmp_path / "model.safetensors", method)
    model = crossimage.load(tmp_path / "model.safetensors", device="cpu")
    x = batch(method).images["b"]
    torch.testing.assert_close(model.networks.classify(x, "b"), method.classify(x, "b"))
    torch.testing.assert_close(model.translate(x, to="a"), method.translate(x, "a"))


def test_a_classifier_is_learned_in_a_few_steps() -> None:
    """Bars on the left, in the middle or on the right."""
    torch.manual_seed(0)
    method = unit_da(channels="1,1", discriminator_width=8)
    classes = torch.arange(24) % 3
    images = torch.full((24, 1, 16, 16), -0.8)
    for image, c in zip(images, classes.tolist(), strict=True):
        image[:, :, 1 + 5 * c : 5 + 5 * c] = 0.8
    images = images + 0.1 * torch.randn(images.shape)
    x = {"a": images, "b": images.flip(0)}
    players = {name: list(net.parameters()) for name, net in method.players().items()}
    optimizers = {n: torch.optim.Adam(p, 2e-3, betas=(0.5, 0.999)) for n, p in players.items()}
    for step in range(30):
        given = Batch(x, Noise(step, 24, slice(0, 24), "cpu"), {"a": classes})
        for move in method.training_step(given):
            weights = method.config.weights
            total = sum(getattr(weights, name) * loss for name, loss in move.losses.items())
            total.backward(inputs=players[move.player])
            optimizers[move.player].step()
            optimizers[move.player].zero_grad()
    predicted = method.eval().classify(images, "a").argmax(1)
    assert (predicted == classes).float().mean() > 0.9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop": 24}, "crop must be a square of a multiple of 16"),
        ({"crop": "16,32"}, "crop must be a square of a multiple of 16"),
        ({"channels": "3"}, "two numbers, one per domain"),
        ({"channels": "1,3", "same_start": True}, "as many channels in both domains"),
        ({"weights": {"cycle": 1}}, "unknown key 'weights.cycle'"),
    ],
)
def test_impossible_settings_are_one_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        unit_da(**changes)


@pytest.mark.parametrize("use", ["translate", "classify", "discriminate", "encode_content"])
def test_images_of_another_size_are_refused(use: str) -> None:
    with pytest.raises(ValueError, match="found images of 32x16 pixels.*only read 16x16"):
        getattr(unit_da(), use)(torch.zeros(1, 3, 16, 32), "b")
