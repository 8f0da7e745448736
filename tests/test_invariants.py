"""What holds for every method, whatever its paper."""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from itertools import chain, cycle
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.torch import load_file
from torch import Tensor

import crossimage
from crossimage import train
from crossimage.checkpoints.training_state import Checkpoints
from crossimage.config import build
from crossimage.data.loader import LoadedBatch, Sample, collate
from crossimage.data.samples.datasets import ImageDataset
from crossimage.inference.translator import Translator
from crossimage.methods import METHODS
from crossimage.methods.base import Batch, Method, Noise, Update
from crossimage.networks.augmentation import strength
from crossimage.networks.augmentation.discriminators import Augmentation
from crossimage.networks.layers.blocks import BatchNorm, Dropout
from crossimage.training.step.stepper import Stepper
from tests.conftest import SMALL, open_dataset, slow, slow_except, small
from tests.faults.harness import compare, digest

every_method = pytest.mark.parametrize("name", METHODS)
CURVES = Path(__file__).with_name("curves")
STAGES = ("classifier_steps", "transform_steps", "mse_steps", "shape_steps")
"""Settings that tell where a method's second stage begins."""


@pytest.fixture
def data(
    name: str, folders: Path, pairs: Path, classes: Path, labelled: Path, class_pairs: Path
) -> Path:
    """Images that a method can be trained on."""
    if METHODS[name].labelled:
        return classes
    of_layout = {
        "paired": pairs, "labelled": labelled, "classes": labelled, "class_pairs": class_pairs
    }  # fmt: skip
    return of_layout.get(METHODS[name].layout, folders)


def stages(name: str) -> list[int]:
    """The first step of every stage of a method's tiny run."""
    config = build(METHODS[name].Config, small(name))
    return [0, *(getattr(config, key) for key in STAGES if hasattr(config, key))]


def weights(run: Path) -> dict[str, Tensor]:
    found = Checkpoints(run, 1).load_newest(pytest.fail)
    assert found is not None
    return found[1]["method"]


def rows(run: Path) -> list[dict[str, str]]:
    with open(run / "metrics.csv") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def networks(name: str, data: Path, step: int = 0) -> tuple[Method, Batch]:
    """A tiny method and the batch of its first step, to be seen as that of another step."""
    cls = METHODS[name]
    config = build(cls.Config, small(name))
    images = open_dataset(data, config, cls.layout, cls.labelled, cls.companions(config))
    count = images.config.samples
    batch = collate([images[number] for number in range(count)])
    noise = Noise(0, count, slice(0, count), "cpu")
    return cls(images.config), Batch(batch.images, noise, batch.labels, step)


def answers(method: Method, batch: Batch) -> tuple[dict[str, Any], Tensor]:
    """Arguments of a translator's translate, and what the networks make of them."""
    style = torch.randn(2, method.style_dim) if method.style_dim else None
    if method.few_shot:
        x = batch.images["x"][:2]
        return {"x": x, "style": style}, method.translate(x, "x", style)
    if method.labels:
        x, goal = batch.images["x"][:2], batch.labels.get("target", batch.labels["x"])[:2]
        given = {"x": x, "to": goal} | ({} if style is None else {"style": style})
        return given, method.translate(x, goal, style)
    letter = method.targets[-1]
    x = batch.images["a" if letter == "b" else "b"][:2]
    given = {"x": x, "to": method.names[letter], "style": style}
    return given, method.translate(x, letter, style)


def test_every_method_is_tried() -> None:
    assert SMALL.keys() == METHODS.keys()


@every_method
def test_every_loss_term_has_a_weight_and_every_move_its_players(name: str, data: Path) -> None:
    for step in stages(name):
        method, batch = networks(name, data, step)
        for update in method.training_step(batch):
            assert update.players and set(update.players) <= method.players().keys()
            for term in update.losses:
                assert isinstance(getattr(method.config.weights, term), float)


@every_method
def test_every_player_has_an_optimizer(name: str, data: Path) -> None:
    method, _ = networks(name, data)
    assert method.optimizers().keys() == method.players().keys()


@every_method
def test_a_move_touches_only_its_players(name: str, data: Path) -> None:
    method, batch = networks(name, data)
    players = {p: list(net.parameters()) for p, net in method.players().items()}
    assert sum(map(len, players.values())) == len({id(p) for own in players.values() for p in own})
    moved: set[str] = set()
    steps = (method.training_step(replace(batch, step=step)) for step in stages(name))
    for update in chain.from_iterable(steps):
        moving = [p for player in update.players for p in players[player]]
        sum(update.losses.values()).backward(inputs=moving)
        with torch.no_grad():
            for parameter in method.parameters():
                mine = any(parameter is p for p in moving)
                assert mine or parameter.grad is None
                if mine and parameter.grad is not None:
                    parameter -= 0.01 * parameter.grad
                parameter.grad = None
        moved.update(update.players)
    assert moved == players.keys()


@every_method
def test_only_the_players_that_translate_are_built_for_inference(name: str, data: Path) -> None:
    method, _ = networks(name, data)
    built = type(method)(method.config, training=False)
    assert built.players().keys() == set(method.inference_players)
    kept = (*method.inference_players, *method.fixed())
    assert built.tensors().keys() == method.tensors(*kept).keys()


@every_method
@pytest.mark.usefixtures("without_sheets")
def test_two_micro_batches_are_one_batch(name: str, data: Path, tmp_path: Path) -> None:
    method, _ = networks(name, data)
    if any(isinstance(layer, BatchNorm | Dropout) for layer in method.modules()):
        pytest.skip("batch norm and dropout know of their own micro-batch only")
    for parts in (1, 2):
        settings = small(name, steps=3, log_every=1, save_every=1, accumulate=parts)
        train(name, data, tmp_path / str(parts), **settings)
    assert_one_big_batch(tmp_path / "1", tmp_path / "2")


def assert_one_big_batch(one: Path, two: Path) -> None:
    """The losses agree, and so do the first step's gradients, which Adam's running means hold.

    From then on Adam makes whole steps of differences that are hardly more than rounding.
    """
    for row, other in zip(rows(one), rows(two), strict=True):
        expected = {key: float(value) for key, value in row.items() if value}
        found = {key: float(value) for key, value in other.items() if value}
        assert found == pytest.approx(expected, rel=1e-3)
    of_two = first_gradients(two)
    for player, mean in first_gradients(one).items():
        difference = (of_two[player] - mean).norm() / mean.norm()
        assert difference < 1e-5, player


def first_gradients(run: Path) -> dict[str, Tensor]:
    """All gradients of a player's first move, up to a factor; those of RMSprop without signs."""
    state = torch.load(run / "checkpoints" / "step-00000001.pt", weights_only=True)

    def of(entry: dict[str, Tensor]) -> Tensor:
        mean = entry["exp_avg"] if "exp_avg" in entry else entry["square_avg"].sqrt()
        return mean.flatten()

    return {
        player: torch.cat([of(entry) for entry in optimizer["state"].values()])
        for player, optimizer in state["optimizers"].items()
        if optimizer["state"]  # a later stage's player has not moved yet
    }


THROUGH_DISCRIMINATORS = {
    "adversarial", "adversarial_vae", "classification", "features", "gradient_penalty", "penalty",
    "r1",
}  # fmt: skip
"""Loss terms whose images pass through discriminators."""


@every_method
def test_augmentation_changes_what_discriminators_see_and_nothing_else(
    name: str, data: Path
) -> None:
    """Neither the noise, nor identities, contrasted patches and all that generators see."""
    for step in stages(name):
        kept: list[dict[str, Tensor]] = []
        for kinds in ((), ("color", "translation", "cutout")):
            torch.manual_seed(0)
            method, batch = networks(name, data, step)
            augmentation = Augmentation(
                kinds, method.discriminator_networks(), method.condition_channels
            )
            terms: dict[str, Tensor] = {}
            moves = method.training_step(batch)
            torch.manual_seed(1)  # for dropout
            while True:
                with augmentation.of_move(Noise(7, batch.noise.total, batch.noise.rows, "cpu")):
                    update = next(moves, None)
                if update is None:
                    break
                terms |= {f"{update.player}/{term}": loss for term, loss in update.losses.items()}
            kept.append(terms)
        plain, augmented = kept
        assert plain.keys() == augmented.keys()
        for key, loss in augmented.items():
            player, term = key.split("/")
            through = term in THROUGH_DISCRIMINATORS and player != "classifier"
            assert torch.equal(loss, plain[key]) != through, key
            if through and player in method.inference_players:
                own = list(method.players()[player].parameters())
                gradients = torch.autograd.grad(loss, own, retain_graph=True, allow_unused=True)
                assert any(g is not None and g.abs().sum() > 0 for g in gradients), key


@every_method
@pytest.mark.usefixtures("without_sheets")
def test_two_micro_batches_are_one_batch_when_they_are_augmented(
    name: str, data: Path, tmp_path: Path
) -> None:
    method, _ = networks(name, data)
    if any(isinstance(layer, BatchNorm | Dropout) for layer in method.modules()):
        pytest.skip("batch norm and dropout know of their own micro-batch only")
    for parts in (1, 2):
        # optimizers turn rounding into whole steps, whose effect grows from step to step
        settings = small(name, steps=2, log_every=1, save_every=1, accumulate=parts)
        settings |= {"augment": "color,translation,cutout"}
        train(name, data, tmp_path / str(parts), **settings)
    assert_one_big_batch(tmp_path / "1", tmp_path / "2")


@every_method
@pytest.mark.usefixtures("without_sheets")
def test_a_continued_run_has_the_strength_of_augmentation_that_it_had(
    name: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strength, "TARGET", -1.0)  # so that it rises from the first step on
    steps = max(stages(name)) + 6
    settings = small(name, steps=steps, save_every=steps - 3, log_every=1, augment="adaptive")
    settings |= {"augment_images": 40}
    train(name, data, tmp_path / "whole", **settings)
    shutil.copytree(tmp_path / "whole", tmp_path / "parts")
    (tmp_path / "parts" / "checkpoints" / f"step-{steps:08}.pt").unlink()
    parts = train(name, data, tmp_path / "parts", **settings)
    assert parts.first_step == steps - 3
    compare(tmp_path / "whole", tmp_path / "parts")
    found = [float(row["augmentation/probability"] or 0) for row in rows(tmp_path / "whole")]
    assert max(found) > 0


LOADED = {
    "cyclegan", "funit", "gan", "pix2pix", "sincut", "sketch_to_photo", "sketchygan", "srgan",
    "stargan", "unit_da",
}  # fmt: skip
"""Methods that `make test` also tries with loader processes: each way to load samples."""


@pytest.mark.parametrize(
    ("name", "workers"),
    [(name, 0) for name in METHODS]
    + [(name, 2) if name in LOADED else slow(name, 2) for name in METHODS],
)
def test_a_continued_run_is_the_uninterrupted_one(
    name: str, workers: int, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = small(name, workers=workers, save_every=3, ema_decay=0.9)
    train(name, data, tmp_path / "whole", **settings)

    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        real = Checkpoints.save
        saves = iter((real, die))
        patched.setattr(Checkpoints, "save", lambda *a: next(saves)(*a))
        with pytest.raises(Killed):
            train(name, data, tmp_path / "parts", **settings)
    train(name, data, tmp_path / "parts", **settings)
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(torch.equal(whole[key], parts[key]) for key in whole)
    assert rows(tmp_path / "whole") == rows(tmp_path / "parts")
    models = [load_file(tmp_path / run / "model.safetensors") for run in ("whole", "parts")]
    assert all(torch.equal(models[0][key], models[1][key]) for key in models[0])


def poison_sample(monkeypatch: pytest.MonkeyPatch, *numbers: int) -> None:
    """Put a pixel that is not finite into every image of some samples."""
    real = ImageDataset.__getitem__

    def poisoned(self: ImageDataset, number: int) -> Sample:
        sample = real(self, number)
        if number in numbers:
            for image in sample.images.values():
                image[:, 5, 5] = float("inf")
        return sample

    monkeypatch.setattr(ImageDataset, "__getitem__", poisoned)


def poison_loss(monkeypatch: pytest.MonkeyPatch, name: str, step: int, player: str) -> None:
    """Make all losses of a player NaN in a step."""
    method = METHODS[name]
    real = method.training_step

    def poisoned(self: Method, batch: Batch) -> Iterator[Update]:
        for update in real(self, batch):
            if batch.step == step and update.player == player:
                update.losses = {term: loss * float("nan") for term, loss in update.losses.items()}
            yield update

    monkeypatch.setattr(method, "training_step", poisoned)


def watch_step(monkeypatch: pytest.MonkeyPatch, step: int) -> list[dict[str, str]]:
    """Record what a step finds and leaves, of buffers and of the players that made no move."""
    seen: list[dict[str, str]] = []
    moved: set[str] = set()
    skipped: set[str] = set()
    real_step, real_move = Stepper.train_step, Stepper._move

    def contents(trainer: Stepper) -> dict[str, str]:
        found = {"buffers": digest(dict(trainer.method.named_buffers()))}
        for player, weights in trainer.players.items():
            found[player] = digest(weights)
            found[f"{player} (moments)"] = digest(trainer.optimizers[player].state_dict()["state"])
        if trainer.average is not None:
            found["average"] = digest(trainer.average.state_dict())
        return found

    def watched_move(self: Stepper, descent: Any) -> bool:
        made = real_move(self, descent)
        if self.step == step:
            (moved if made else skipped).update(descent.players)
        return made

    def watched_step(self: Stepper, micro_batches: list[LoadedBatch]) -> dict[str, Tensor]:
        if self.step != step:
            return real_step(self, micro_batches)
        before = contents(self)
        losses = real_step(self, micro_batches)
        after = contents(self)
        for player in moved:
            del before[player], before[f"{player} (moments)"]
            del after[player], after[f"{player} (moments)"]
        if not skipped & set(self.method.inference_players):
            del before["average"], after["average"]
        seen.extend((before, after))
        return losses

    monkeypatch.setattr(Stepper, "train_step", watched_step)
    monkeypatch.setattr(Stepper, "_move", watched_move)
    return seen


def norms(name: str) -> dict[str, Any]:
    """Settings by which a method's networks remember as much as they can."""
    batch_norms = {"norm": "batch", "discriminator": {"norm": "batch", "layers": 2, "width": 4}}
    return batch_norms if name == "pix2pix" else {}


@pytest.mark.parametrize(
    ("name", "accumulate"),
    [(name, 2) for name in METHODS]
    + [(name, 1) if name in ("munit", "pix2pix", "stargan") else slow(name, 1) for name in METHODS],
)
@pytest.mark.usefixtures("without_sheets")
def test_a_bad_image_leaves_no_trace(
    name: str, accumulate: int, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in stages(name):
        with monkeypatch.context() as patched:
            samples = build(METHODS[name].Config, small(name)).samples
            poison_sample(patched, (step + 1) * samples - 1)  # in the last micro-batch
            before_and_after = watch_step(patched, step)
            settings = small(name, ema_decay=0.9, accumulate=accumulate, **norms(name))
            settings |= {"steps": max(stages(name)) + 2, "log_every": 1}
            result = train(name, data, tmp_path / str(step), **settings)
        before, after = before_and_after
        assert before == after
        assert len(before) > 1 or name == "stargan"  # where a move has images of its own
        assert result.skipped_steps == 1
        assert all(value.isfinite().all() for value in weights(tmp_path / str(step)).values())
        for row in result.history:
            assert all(map(math.isfinite, row.losses.values()))


@every_method
@pytest.mark.usefixtures("without_sheets")
def test_a_bad_loss_stops_its_player_alone(
    name: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, batch = networks(name, data)
    for player in {update.player for update in method.training_step(batch)}:
        with monkeypatch.context() as patched:
            poison_loss(patched, name, 1, player)
            before_and_after = watch_step(patched, 1)
            settings = small(name, steps=2, ema_decay=0.9, **norms(name))
            result = train(name, data, tmp_path / player, **settings)
        before, after = before_and_after
        assert before == after and player in before
        assert result.skipped_steps == 1 and f"{player}/" in result.warnings[0]


@pytest.mark.parametrize("name", slow_except("munit", "pix2pix", "stargan"))
@pytest.mark.usefixtures("without_sheets")
def test_a_run_continued_around_bad_images_is_the_uninterrupted_one(
    name: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = build(METHODS[name].Config, small(name)).samples
    poison_sample(monkeypatch, 0, 2 * samples, 3 * samples, 5 * samples)
    settings = small(name, save_every=1, ema_decay=0.9, log_every=4, keep=9)
    whole = train(name, data, tmp_path / "whole", **settings)
    assert whole.skipped_steps == 4
    shutil.copytree(tmp_path / "whole", tmp_path / "parts")
    for step in (4, 5, 6):
        (tmp_path / "parts" / "checkpoints" / f"step-{step:08}.pt").unlink()
    parts = train(name, data, tmp_path / "parts", **settings)
    assert (parts.first_step, parts.skipped_steps) == (3, 4)
    compare(tmp_path / "whole", tmp_path / "parts")


@every_method
@pytest.mark.parametrize("precision", ["fp32", pytest.param("bf16", marks=pytest.mark.slow)])
@pytest.mark.parametrize("greys", [[0], [0, 128, 255]], ids=["black", "greys"])
def test_constant_images_are_trained_on(
    name: str, precision: str, greys: list[int], data: Path, tmp_path: Path
) -> None:
    for path, grey in zip(sorted(data.rglob("*.png")), cycle(greys), strict=False):
        blank = tmp_path / "data" / path.relative_to(data)
        blank.parent.mkdir(parents=True, exist_ok=True)
        distinct = PngInfo()  # equal files would be test images that are also training images
        distinct.add_text("Title", str(path.relative_to(data)))
        Image.new("RGB", (24, 24), (grey, grey, grey)).save(blank, pnginfo=distinct)
    settings = small(name, steps=max(stages(name)) + 3, precision=precision, log_every=1)
    result = train(name, tmp_path / "data", tmp_path / "run", **settings)
    assert result.skipped_steps == 0 and result.warnings == ()
    assert all(value.isfinite().all() for value in weights(tmp_path / "run").values())


@pytest.fixture(scope="module")
def first_steps(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Path], Path]:
    """The first steps of a method, as a run that is made once and only read.

    The steps are small, since Adam turns rounding, which differs between machines, into whole ones.
    """

    @cache
    def run(name: str, data: Path) -> Path:
        folder = tmp_path_factory.mktemp(name)
        settings = small(name, steps=5, log_every=1, learning_rate=1e-5, holdout=0, ema_decay=0.0)
        train(name, data, folder, **settings)
        return folder

    return run


@every_method
def test_a_model_translates_the_same_when_it_is_loaded(
    name: str, data: Path, first_steps: Callable[[str, Path], Path]
) -> None:
    run = first_steps(name, data)
    translator = crossimage.load(run, device="cpu")
    method = METHODS[name](translator.config)
    method.load_state_dict(weights(run), strict=False)
    again = Translator(method, "cpu")  # which arranges the weights in memory
    with torch.no_grad():
        if not method.targets:
            expected = method.generate(translator.sample_style(2, seed=1))
            found = translator.sample(2, seed=1)
        else:
            given, expected = answers(method, networks(name, data)[1])
            if method.stochastic:
                given["seed"] = 1
                expected = again.translate(**given)
            found = translator.translate(**given)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@every_method
def test_the_loss_curve_of_the_first_steps(
    name: str, data: Path, first_steps: Callable[[str, Path], Path]
) -> None:
    """Changed only for a stated reason: delete the file and run this test to record it anew."""
    # a stage has no values of another's terms
    curve = [{k: float(v) for k, v in row.items() if v} for row in rows(first_steps(name, data))]
    golden = CURVES / f"{name}.json"
    if not golden.exists():
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(json.dumps(curve, indent=1))
        pytest.fail(
            f"{name} had no loss curve, so its first 5 steps were recorded in {golden}. Check that "
            "all terms are there, finite and of a plausible size, commit the file, and run the "
            "test again: it passes if the curve is reproduced"
        )
    expected = json.loads(golden.read_text())
    assert [row.keys() for row in curve] == [row.keys() for row in expected]
    for found, row in zip(curve, expected, strict=True):
        assert found == pytest.approx(row, rel=1e-3)


@every_method
def test_images_of_the_training_size_are_translated_as_they_are(name: str, data: Path) -> None:
    method, batch = networks(name, data)
    if not method.targets:
        return  # makes images of noise
    translator = Translator(method, "cpu")
    with torch.no_grad():
        given, expected = answers(method, batch)
    torch.testing.assert_close(translator.translate(**given), expected)
