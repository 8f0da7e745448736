"""FUNIT: what the paper and its readers expect of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import crossimage
from crossimage import train
from crossimage.checkpoints.model_file import save_model
from crossimage.cli.app import main
from crossimage.config import build
from crossimage.data.build import build_dataset, find_source
from crossimage.data.loader import collate
from crossimage.inference.translator import Translator
from crossimage.methods.base import Batch, Noise
from crossimage.methods.funit import FUNIT
from crossimage.methods.optimizers import RMSprop
from tests.conftest import as_arguments, small


def funit(**changes: Any) -> FUNIT:
    values = small("funit", domains="x,y,z", categorical="true", **changes)
    return FUNIT(build(FUNIT.Config, values))


def batch(method: FUNIT, own: list[int], wanted: list[int]) -> Batch:
    labels = torch.eye(3)
    images = {name: torch.rand(len(own), 3, 16, 16) * 2 - 1 for name in ("x", "reference")}
    noise = Noise(0, len(own), slice(None), "cpu")
    return Batch(images, noise, {"x": labels[own], "target": labels[wanted]})


def picture(path: Path, seed: int, side: int = 16) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_published_settings() -> None:
    c = FUNIT.Config()
    assert (c.resize, c.crop, c.flip, c.batch_size, c.steps) == (140, (128, 128), True, 64, 100_000)
    assert (c.learning_rate, c.weight_decay, c.ema_decay) == (1e-4, 1e-4, 0.999)
    assert not (c.decay_every or c.decay_steps or c.balanced)
    w = c.weights
    assert (w.adversarial, w.gradient_penalty, w.image, w.features) == (1, 10, 0.1, 1)
    optimizer = RMSprop(1e-4, 0.99, 1e-4)  # PyTorch's own decay of the squared gradients
    assert set(funit(learning_rate=1e-4).optimizers().values()) == {optimizer}


def test_only_the_map_of_the_class_counts() -> None:
    method = funit()
    one, other = batch(method, [0, 0], [1, 1]), batch(method, [2, 0], [1, 1])
    other.images = one.images
    before = next(method.training_step(one)).losses
    same = next(method.training_step(other)).losses
    assert torch.equal(before["adversarial"], same["adversarial"])  # D scores references only
    method.discriminators.last.bias.data[2] += 5
    assert torch.equal(before["adversarial"], next(method.training_step(one)).losses["adversarial"])
    method.discriminators.last.bias.data[1] += 5
    after = next(method.training_step(one)).losses
    assert not torch.equal(before["adversarial"], after["adversarial"])


def test_reconstructions_are_scored_in_their_own_class() -> None:
    method = funit()
    x = batch(method, [0, 0], [1, 1])
    scores = []
    for index in (None, 0, 1, 2):
        if index is not None:
            method.discriminators.last.bias.data.zero_()
            method.discriminators.last.bias.data[index] = 1.0
        losses = [update.losses["adversarial"] for update in method.training_step(x)]
        scores.append(losses[1].item())
    plain, own, wanted, third = scores
    assert own == pytest.approx(plain - 0.5) and wanted == pytest.approx(plain - 0.5)
    assert third == pytest.approx(plain)


def test_the_penalty_weakens_with_the_square_of_the_batch_size() -> None:
    method = funit()
    one = batch(method, [0], [1])
    two = batch(method, [0, 0], [1, 1])
    two.images = {name: image.repeat(2, 1, 1, 1) for name, image in one.images.items()}
    alone, both = (next(method.training_step(b)).losses["gradient_penalty"] for b in (one, two))
    torch.testing.assert_close(both, alone / 4)


def test_without_its_weight_the_penalty_is_not_computed() -> None:
    method = funit(weights={"gradient_penalty": 0})
    assert next(method.training_step(batch(method, [0], [1]))).losses.keys() == {"adversarial"}


@torch.no_grad()
def test_several_references_are_one_class_and_their_order_does_not_matter() -> None:
    method = funit().eval()
    model, x, y = Translator(method, "cpu"), *(torch.rand(n, 3, 16, 16) * 2 - 1 for n in (2, 5))
    mean = method.encode_style(y, "x").mean(0, keepdim=True)
    expected = method.translate(x, "x", mean.repeat(2, 1))
    torch.testing.assert_close(model.translate(x, reference=y), expected)
    torch.testing.assert_close(model.translate(x, reference=y.flip(0)), expected)
    torch.testing.assert_close(model.translate(x, reference=list(y)), expected)
    wide = torch.rand(1, 3, 16, 24) * 2 - 1
    both = torch.stack([method.encode_style(one, "x")[0] for one in (y[:1], wide)]).mean(0)
    torch.testing.assert_close(
        model.translate(x, reference=[y[:1], wide]), method.translate(x, "x", both.repeat(2, 1))
    )


def test_a_folder_of_one_class_gives_one_result(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    save_model(Path("model.safetensors"), funit())
    picture(Path("in/a.png"), 1)
    for number in range(3):
        picture(Path(f"fox/{number}.png"), number)
        picture(Path(f"elk/{number}.png"), 9 + number)
    given = ["translate", "model.safetensors", "in/a.png", "--device", "cpu", "--reference"]
    main([*given, "fox", "--out", "one"])
    main([*given, "fox", "elk", "--out", "two"])
    assert [p.name for p in Path("one").glob("*.png")] == ["a.png"]
    assert sorted(p.name for p in Path("two").glob("*.png")) == ["a_1.png", "a_2.png"]
    assert Path("one/a.png").read_bytes() == Path("two/a_1.png").read_bytes()
    assert Path("one/a.png").read_bytes() != Path("two/a_2.png").read_bytes()
    translated = crossimage.load("model.safetensors", device="cpu").translate(
        Path("in/a.png"), reference=[Path("fox")]
    )
    with Image.open("one/a.png") as written:
        assert np.array_equal(np.asarray(written), np.asarray(translated))


def test_size_applies_to_references_too(tmp_path: Path) -> None:
    model, source = Translator(funit(), "cpu"), picture(tmp_path / "a.png", 1)
    results = {}
    for side in (16, 48):
        halves = tmp_path / f"{side}.png"
        left = np.full((side, side, 3), 255, np.uint8)
        left[:, side // 2 :] = 0
        Image.fromarray(left).save(halves)
        for size in (None, 16):
            done = model.translate_files(source, tmp_path / "out", reference=halves, size=size)
            results[side, size] = np.asarray(Image.open(done.written[0])).astype(int)
    resized, as_they_are = (
        np.abs(results[16, size] - results[48, size]).max() for size in (16, None)
    )
    assert resized <= 2 < as_they_are


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (None, "translates to the class of reference images, and there are none: give some"),
        ("classes", r"several classes, in elk, fox; give the folder of one class, such as .*elk"),
        ("empty", "there is no image in .*empty"),
    ],
)
def test_references_that_describe_no_class_are_refused(
    reference: str | None, message: str, tmp_path: Path
) -> None:
    source = picture(tmp_path / "a.png", 1)
    for name in ("fox", "elk"):
        picture(tmp_path / "classes" / name / "0.png", 1)
    (tmp_path / "empty").mkdir()
    given = None if reference is None else tmp_path / reference
    with pytest.raises(ValueError, match=message):
        Translator(funit(), "cpu").translate_files(source, tmp_path / "out", reference=given)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"crop": (18, 16)}, "crop must be a multiple of 4"),
        ({"discriminator_blocks": 5}, "discriminator_blocks must be an even number, found 5"),
        ({"discriminator_blocks": 10}, "need at least 32 pixels; .*discriminator_blocks"),
        ({"style_downsamples": 5}, "need at least 32 pixels"),
        ({"downsamples": 4}, "need at least 32 pixels; .*lower downsamples"),
        ({"mlp_layers": 1}, "mlp_layers must be at least 2, found 1"),
        ({"channels": (3, 3)}, "channels must be one number"),
    ],
)
def test_networks_that_cannot_be_built_are_refused(settings: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        funit(**settings)


def test_the_smallest_crops_train(labelled: Path, tmp_path: Path) -> None:
    settings = small(
        "funit", channels=1, steps=1, crop=16, style_downsamples=4, downsamples=3,
        discriminator_blocks=8,
    )  # fmt: skip
    result = train("funit", labelled, tmp_path, **settings)
    assert result.skipped_steps == 0
    method = result.load().networks
    assert method.translate(torch.rand(1, 1, 16, 16), "x", torch.rand(1, 3)).shape[1] == 1


def test_the_advice_after_training_works(
    labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = as_arguments(small("funit", steps=1))
    run = tmp_path / "run"
    main(["train", "funit", "--data", str(labelled), "--out", str(run), *settings])
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "IMAGES --reference CLASS --out DIR" in text and "--to" not in text
    folder = str(labelled / "test" / "y")
    main([
        "translate", str(run), folder, "--reference", folder, "--out", str(tmp_path / "out"),
        "--device", "cpu",
    ])  # fmt: skip
    assert "written" in capsys.readouterr().out


def test_classes_that_are_not_chosen_are_unseen_and_shown_on_test_sheets(
    labelled: Path, tmp_path: Path
) -> None:
    for letter in "xyz":
        for number in range(2):
            picture(tmp_path / "train" / letter / f"{number}.png", number)
            picture(tmp_path / "test" / letter / f"{number}.png", 5 + number)
    config = build(FUNIT.Config, small("funit", attributes="x,y"))
    source = find_source(str(tmp_path), config, FUNIT.layout)
    config = config.complete(source.facts)
    assert config.names == ("x", "y")
    images = build_dataset(source, config)
    fixed = images.fixed("test", 2)
    assert not fixed.labels["target"].any()  # of no class seen in training
    shown = collate([images[n] for n in range(3)])
    assert shown.labels["target"].sum(1).tolist() == [1.0] * 3
    (panel,) = FUNIT(config).preview(
        Batch(fixed.images, Noise(0, 2, slice(None), "cpu"), fixed.labels),
        Noise(1, 2, slice(None), "cpu"),
    )
    names = [name for name, _ in panel.columns]
    assert names == ["input", "reconstruction", *["reference", "translation"] * 2]


def test_its_discriminator_scores_every_training_class() -> None:
    method = funit()
    x: Tensor = torch.rand(2, 3, 16, 16)
    (maps,) = method.discriminate(x, "x")
    assert maps.shape == (2, 3, 8, 8)
    with pytest.raises(ValueError, match="loaded without its discriminators"):
        FUNIT(method.config, training=False).discriminate(x, "x")
