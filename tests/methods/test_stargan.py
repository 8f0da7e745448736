"""What the StarGAN paper promises, beyond parity with its official code."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import crossimage
from crossimage import train
from crossimage.config import build
from crossimage.losses import gradient_penalty
from crossimage.methods.base import Batch, Noise, Update
from crossimage.methods.stargan import CELEBA, StarGAN, StarGANConfig
from crossimage.networks.labelled import LabelledDiscriminator, LabelledGenerator
from crossimage.recipes import list_recipes, resolve
from tests.conftest import small

TWO: dict[str, Any] = {
    "domains": ("male", "young", "happy", "sad", "angry"),
    "label_sets": (2, 3),
    "categorical": (False, True),
}
"""Two data sets, of attributes and of classes."""


def stargan(**changes: Any) -> StarGAN:
    return StarGAN(build(StarGANConfig, small("stargan"), changes))


def batch(method: StarGAN, labels: Tensor | None = None) -> Batch:
    count = method.config.samples
    images = {"x": torch.rand(count, 3, *method.config.crop) * 2 - 1}
    if labels is None:
        labels = (torch.rand(count, method.labels.size) > 0.5).float()
    vectors = {"x": labels, "target": labels.flip(0)}
    return Batch(images, Noise(0, count, slice(0, count), "cpu"), vectors)


def moves(method: StarGAN, given: Batch | None = None) -> list[Update]:
    return list(method.training_step(given or batch(method)))


def test_the_defaults_are_the_published_settings() -> None:
    config = StarGANConfig()
    assert (config.width, config.residual_blocks) == (64, 6)
    assert (config.discriminator.width, config.discriminator.layers) == (64, 6)
    w = config.weights
    assert (w.adversarial, w.penalty, w.classification, w.reconstruction) == (1, 10, 1, 10)
    assert (config.learning_rate, config.betas) == (1e-4, (0.5, 0.999))
    assert (config.crop, config.batch_size, config.critic_moves) == ((128, 128), 16, 5)
    assert config.steps * config.critic_moves == 200_000
    assert config.decay_steps * config.critic_moves == 100_000
    assert config.names == CELEBA


def test_the_networks_have_the_published_size() -> None:
    method = StarGAN(StarGANConfig())
    sizes = {
        name: sum(p.numel() for p in network.parameters())
        for name, network in method.players().items()
    }
    # 7x7, two halvings, twelve 3x3 convolutions, two doublings, 7x7; two numbers a norm's channel
    convs = 49 * 8 * 64 + 16 * (64 * 128 + 128 * 256) * 2 + 12 * 9 * 256 * 256 + 49 * 64 * 3
    norms = 2 * (64 + 128 + 256 + 12 * 256 + 128 + 64)
    assert sizes["generators"] == convs + norms
    features = sum(16 * a * b + b for a, b in ((3, 64), *((64 << i, 128 << i) for i in range(5))))
    assert sizes["discriminators"] == features + 9 * 2048 + 4 * 2048 * 5


def test_every_recipe_is_a_configuration() -> None:
    names = [name for name, _ in list_recipes() if name.startswith("stargan/")]
    configs = {name.split("/")[1]: build(StarGANConfig, resolve(name)[1]) for name in names}
    assert configs["celeba"].exclusive == (CELEBA[:3],)
    assert configs["celeba"].steps * configs["celeba"].critic_moves == 200_000
    assert len(configs["rafd"].attributes) == 8
    assert configs["celeba_rafd"].attributes == CELEBA + configs["rafd"].attributes
    # half of the steps for each of the two
    assert configs["celeba_rafd"].steps == 2 * configs["celeba"].steps


def test_the_critic_moves_several_times_before_the_generator() -> None:
    players = [move.player for move in moves(stargan(critic_moves=3))]
    assert players == ["discriminators"] * 3 + ["generators"]


def test_every_move_of_the_critic_sees_images_of_its_own_and_the_generator_those_of_the_last() -> (
    None
):
    method = stargan(critic_moves=2)
    given, seen = batch(method), []
    method.generators.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    moves(method, given)
    first, last, back = seen
    torch.testing.assert_close(first, given.images["x"][0::2])
    torch.testing.assert_close(last, given.images["x"][1::2])
    assert back.shape == last.shape and back.requires_grad


def test_the_generator_runs_once_a_critic_move_and_once_back() -> None:
    method, graphs = stargan(critic_moves=3), []
    method.generators.register_forward_hook(lambda *a: graphs.append(a[2].requires_grad))
    moves(method)
    assert graphs == [False, False, True, True]


def test_the_losses_are_those_of_the_paper() -> None:
    method = stargan(critic_moves=1, domains="a,b,c")
    given = batch(method)
    x, own, wanted = given.images["x"], given.labels["x"], given.labels["target"]
    G, D = method.generators, method.discriminators
    translated = G(x, wanted)
    (on_real, logits), (on_fake, on_fake_logits) = D(x), D(translated)
    noise = Noise(0, len(x), slice(0, len(x)), "cpu")
    mix = torch.special.ndtr(noise(1, 1, 1))
    critic, generator = moves(method, given)
    assert critic.losses.keys() == {"adversarial", "penalty", "classification"}
    torch.testing.assert_close(critic.losses["adversarial"], on_fake.mean() - on_real.mean())
    # of attributes the sum, over images the mean
    entropy = F.binary_cross_entropy_with_logits(logits, own, reduction="sum") / len(x)
    torch.testing.assert_close(critic.losses["classification"], entropy)
    torch.testing.assert_close(
        critic.losses["penalty"],
        gradient_penalty(lambda y: D(y)[:1], x, translated.detach(), mix),
    )
    assert generator.losses.keys() == {"adversarial", "classification", "reconstruction"}
    torch.testing.assert_close(generator.losses["adversarial"], -on_fake.mean())
    entropy = F.binary_cross_entropy_with_logits(on_fake_logits, wanted, reduction="sum") / len(x)
    torch.testing.assert_close(generator.losses["classification"], entropy)
    torch.testing.assert_close(generator.losses["reconstruction"], F.l1_loss(G(translated, own), x))


def test_classes_are_learned_by_cross_entropy() -> None:
    method = stargan(domains="a,b,c", categorical=[True], label_sets=[3], critic_moves=1)
    numbers = torch.arange(method.config.samples) % 3
    given = batch(method, F.one_hot(numbers, 3).float())
    logits = method.classify(given.images["x"], "x")
    expected = F.cross_entropy(logits, numbers)
    torch.testing.assert_close(moves(method, given)[0].losses["classification"], expected)


@pytest.mark.parametrize("number", [0, 1])
def test_only_the_labels_of_an_images_own_data_set_are_counted(number: int) -> None:
    method = stargan(**TWO, critic_moves=1)
    assert method.labels.size == 7  # with the mask
    values = ([1, 0], [0, 0, 1])[number]
    vector = torch.tensor([method.labels.vector_of(number, values)])
    given = batch(method, vector.expand(method.config.samples, -1).contiguous())
    logits = method.classify(given.images["x"], "x").detach().requires_grad_()
    assert logits.shape[1] == 5
    loss = method._classification(logits, given.labels["x"])
    own = logits[:, method.labels.slices[number]]
    expected = (
        F.cross_entropy(own, torch.full((len(own),), 2))
        if number
        else F.binary_cross_entropy_with_logits(own, torch.tensor([[1.0, 0.0]]).expand_as(own)) * 2
    )
    torch.testing.assert_close(loss, expected)
    loss.backward()
    others = [i for i in range(5) if i not in range(*method.labels.slices[number].indices(5))]
    assert logits.grad is not None and not logits.grad[:, others].any()


@pytest.mark.parametrize("name", ["penalty", "reconstruction"])
def test_what_has_no_weight_is_not_computed(name: str) -> None:
    terms = set().union(*(move.losses for move in moves(stargan(weights={name: 0}))))
    everything = {"adversarial", "penalty", "classification", "reconstruction"}
    assert terms == everything - {name}


def test_the_penalty_is_the_same_in_half_precision() -> None:
    method = stargan(critic_moves=1)
    given = batch(method)
    found = []
    for half in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            move = next(method.training_step(given))
        method.zero_grad()
        move.losses["penalty"].backward()
        weight = method.discriminators.features[0].weight
        assert weight.grad is not None
        found.append((float(move.losses["penalty"].detach()), weight.grad.clone()))
        given.noise = Noise(0, given.noise.total, given.noise.rows, "cpu")
    assert found[1][0] == pytest.approx(found[0][0], rel=0.02)
    assert (found[1][1] - found[0][1]).norm() < 0.1 * found[0][1].norm()


def test_labels_reach_the_generators_image() -> None:
    """With padding that reflects the label maps would vanish in the first norm."""
    network = LabelledGenerator(3, 2, 4, 1)
    x = torch.rand(1, 3, 16, 16)
    one, other = network(x, torch.tensor([[1.0, 0.0]])), network(x, torch.tensor([[0.0, 1.0]]))
    assert (one - other).abs().mean() > 1e-3


def test_an_image_is_translated_the_same_whatever_is_beside_it() -> None:
    method = stargan(domains="a,b")
    x, to = torch.rand(3, 3, 16, 24) * 2 - 1, torch.eye(2)[[0, 1, 0]]
    together = method.translate(x, to)
    alone = torch.cat([method.translate(x[i : i + 1], to[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_the_classifier_sees_the_whole_image() -> None:
    network = LabelledDiscriminator(3, 5, 4, 3, (32, 64))
    source, logits = network(torch.rand(2, 3, 32, 64))
    assert source.shape == (2, 1, 4, 8) and logits.shape == (2, 5)
    # a larger image has several answers, of which it is the mean
    assert network(torch.rand(2, 3, 48, 64))[1].shape == (2, 5)


def test_the_sheet_shows_every_label_changed() -> None:
    method = stargan(domains="black,blond,male", exclusive=[["black", "blond"]])
    given = batch(method)
    given.labels["x"] = torch.tensor([[1.0, 0.0, 1.0]]).repeat(method.config.samples, 1)
    seen: list[Tensor] = []
    method.generators.register_forward_pre_hook(lambda _, a: seen.append(a[1][0]))
    (panel,) = method.preview(given, given.noise)
    assert [title for title, _ in panel.columns] == ["input", "black", "blond", "male"]
    assert torch.stack(seen).tolist() == [[1, 0, 1], [0, 1, 1], [1, 0, 0]]


def test_the_sheet_has_a_panel_for_each_data_set() -> None:
    method = stargan(**TWO)
    given = batch(method)
    titles = [panel.title for panel in method.preview(given, given.noise)]
    assert titles == ["labels of data set 1", "labels of data set 2"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop": 18}, "crop must be a multiple of 4 pixels for 2 layers"),
        ({"channels": [3, 3]}, "channels must be one number"),
        ({"domains": "a,b", "label_sets": [3]}, "do not fit the 2 labels a, b"),
        ({"critic_moves": 0}, "critic_moves"),
    ],
)
def test_settings_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(StarGANConfig, small("stargan"), changes)


def test_two_data_sets_are_learned_in_turns(labelled: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for path in (labelled / "train" / "x", labelled / "train" / "y"):
        shutil.copytree(path, other / "train" / f"new_{path.name}")
    settings = small("stargan", steps=2, log_every=1)
    train("stargan", f"{labelled},{other}", tmp_path / "run", **settings)
    model = crossimage.load(tmp_path / "run", device="cpu")
    assert model.domains == ("x", "y", "z", "new_x", "new_y")
    assert model.config.label_sets == (3, 2)
    assert model.networks.labels.vectors("new_y", 1).tolist() == [[0, 0, 0, 0, 1, 0, 1]]
    assert len(list((tmp_path / "run" / "samples").iterdir()))


def test_exclusive_labels_must_exist() -> None:
    with pytest.raises(ValueError, match="no label 'Blond'.*did you mean 'Blond_Hair'"):
        stargan(exclusive=[["Black_Hair", "Blond"]])


def test_a_model_without_its_discriminator_does_not_classify() -> None:
    method = StarGAN(build(StarGANConfig, small("stargan")), training=False)
    with pytest.raises(ValueError, match="discriminator, which is not loaded"):
        method.classify(torch.zeros(1, 3, 16, 16), "x")


def test_a_single_group_may_be_given_on_the_command_line() -> None:
    assert build(StarGANConfig, {"exclusive": "Male, Young"}).exclusive == (("Male", "Young"),)


def test_a_group_of_one_label_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two labels"):
        build(StarGANConfig, {"exclusive": ["Male", "Young"]})
