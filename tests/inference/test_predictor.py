"""Targets, styles and seeds, and that files and galleries share the rule for both."""

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from crossimage.config import build
from crossimage.evaluation.galleries.translations import TranslationGallery
from crossimage.inference.files.options import FileOptions
from crossimage.inference.files.translate import translate_files
from crossimage.inference.pooling import pool_statistics
from crossimage.inference.predictor import Predictor
from crossimage.methods import METHODS
from crossimage.utils.seeds import seed_of
from tests.conftest import small


def predictor(method: str, **settings: object) -> Predictor:
    torch.manual_seed(0)
    cls = METHODS[method]
    networks = cls(build(cls.Config, small(method, **settings)), training=False)
    return Predictor(networks, "cpu")


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("munit", {}),
        ("bicyclegan", {}),
        ("pix2pix", {"generator": "resnet", "dropout": 0.5}),
        ("cyclegan", {}),
    ],
)
def test_files_and_galleries_show_the_same_outputs_for_the_same_seed(
    method: str, settings: dict[str, object], pairs: Path, tmp_path: Path
) -> None:
    model = predictor(method, **settings)
    assert model.multimodal == (method != "cyclegan")
    samples = 3 if model.multimodal else 1
    items = list(TranslationGallery("run", model, str(pairs), None, 5).items(None, samples))
    for item in items:  # as the gallery has prepared them
        assert item.input is not None
        Image.fromarray(item.input.permute(1, 2, 0).numpy()).save(tmp_path / item.name)
    options = FileOptions(samples=samples, seed=5)
    written = translate_files(model, tmp_path, tmp_path / "out", None, options).written
    assert len(written) == samples * len(items) > 1
    outputs = [output for item in items for output in item.outputs]
    for path, output in zip(written, outputs, strict=True):
        assert np.array_equal(np.asarray(Image.open(path)), output.permute(1, 2, 0).numpy())


def test_a_draw_depends_on_seed_name_and_index_only() -> None:
    model = predictor("munit")
    first = model.draw(1, "shoe.png", 0)
    assert first.seed == seed_of(1, "shoe.png", 0)
    assert first.style is not None
    assert torch.equal(first.style, model.sample_style(1, seed=first.seed))
    others = [model.draw(2, "shoe.png", 0), model.draw(1, "bag.png", 0), model.draw(1, "", 1)]
    for other in others:
        assert other.style is not None and not torch.equal(other.style, first.style)
    assert predictor("cyclegan").draw(1, "shoe.png", 0).style is None


def test_an_image_has_k_outputs_in_its_row() -> None:
    model = predictor("munit")
    x = torch.rand(2, 3, 17, 20) * 2 - 1
    draws = [[model.draw(0, name, k) for k in range(3)] for name in "xy"]
    y = model.predict(x, model.target("b").encode(2), draws)
    assert y.shape == (2, 3, 3, 17, 20)
    alone = model.translate_batch(x[1:], "b", draws[1][2].style)
    torch.testing.assert_close(y[1, 2], alone[0])


def test_noise_of_the_networks_is_drawn_for_each_output_alone() -> None:
    model = predictor("pix2pix", generator="resnet", dropout=0.5)
    assert model.multimodal
    x = torch.rand(2, 3, 32, 32) * 2 - 1
    draws = [[model.draw(0, name, k) for k in range(2)] for name in "xy"]
    y = model.predict(x, "b", draws)
    assert not torch.equal(y[0, 0], y[0, 1])
    assert torch.equal(model.predict(x[1:], "b", draws[1:]), y[1:])


def test_targets_have_their_exact_names_and_letters() -> None:
    model = predictor("munit", domains="Edges,shoes")
    assert model.targets == model.domains == ("Edges", "shoes")
    assert model.target(None).to == "shoes"
    edges = model.target("edges")
    assert (edges.to, edges.letter, edges.source) == ("Edges", "a", "b")
    assert model.target("shoes").encode(4) == "b"
    with pytest.raises(ValueError, match="no domain 'boots'"):
        model.target("boots")


def test_targets_with_labels_are_vectors_per_image() -> None:
    model = predictor("stargan", domains="young,old")
    assert model.targets == ("young", "old")
    target = model.target("Old").encode(3)
    assert torch.equal(torch.as_tensor(target), torch.tensor([[0.0, 1.0]]).expand(3, 2))
    with pytest.raises(ValueError, match="to is missing; expected some of young, old"):
        model.target(None)


def test_seeded_answers_of_networks_with_dropout_are_right_in_threads() -> None:
    model = predictor("pix2pix", generator="resnet", dropout=0.5, test_mode="train")
    x = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    letter = model.networks.targets[0]

    def answer(seed: int) -> Tensor:
        return model.translate_batch(x, letter, None, seed)

    alone = [answer(seed) for seed in range(12)]
    torch.manual_seed(0)
    before = torch.get_rng_state()
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(answer, range(12)))
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))
    assert not torch.equal(alone[0], alone[1])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("pix2pix", {"dropout": 0.5, "test_mode": "train"}),
        ("cyclegan", {"dropout": 0.5, "test_mode": "train"}),
        ("sincut", {}),
        ("munit", {}),
        ("stargan_v2", {}),
    ],
)
def test_answers_in_threads_are_right_while_memory_is_estimated(
    method: str, settings: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Estimating the memory traces the networks, which changes how modules are called."""
    monkeypatch.setattr("crossimage.inference.strips.engine._ROOMY", 10**12)
    # two models, as when one thread has just loaded another one
    models = [predictor(method, **settings) for _ in range(2)]
    target = models[0].target(models[0].targets[-1]).encode(1)
    x = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    start = threading.Barrier(4)

    def answer(model: Predictor, seed: int) -> Tensor:
        return model.predict(x, target, [[model.draw(seed, "x.png", 0, target)]])

    def answers(model: Predictor) -> list[Tensor]:
        start.wait()
        return [answer(model, seed) for seed in range(4)]

    other = predictor(method, **settings)
    expected = [answer(other, seed) for seed in range(4)]
    torch.manual_seed(0)
    before = torch.get_rng_state()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(answers, models * 2))
    for each in found:
        assert all(torch.equal(a, b) for a, b in zip(each, expected, strict=True))
    assert torch.equal(torch.get_rng_state(), before)


def test_fixed_statistics_are_those_of_their_thread_only() -> None:
    model = predictor("munit")
    x = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    draw = model.draw(1, "video", 0)

    def answer() -> Tensor:
        return model.predict(x[1:], "b", [[draw]])

    alone = answer()
    with (
        model.fixed_statistics(pool_statistics(model, x, "b", draw)),
        ThreadPoolExecutor(1) as pool,
    ):
        assert torch.equal(pool.submit(answer).result(), alone)
        assert not torch.equal(answer(), alone)
    assert torch.equal(answer(), alone)


@pytest.mark.parametrize("method", ["munit", "cyclegan", "pix2pix", "srgan"])
def test_translations_in_fp32_are_those_of_fp64(method: str) -> None:
    model = predictor(method)
    x = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(1)) * 2 - 1
    style = torch.randn(2, model.networks.style_dim) if model.networks.style_dim else None
    found = model.translate_batch(x, "b", style)
    for i in range(2):  # an image alone is translated as in a batch
        one = None if style is None else style[i : i + 1]
        alone = model.translate_batch(x[i : i + 1], "b", one)
        torch.testing.assert_close(alone, found[i : i + 1], rtol=0, atol=5e-6)
    exact = model.networks.double()
    with torch.no_grad():
        expected = exact.translate(x.double(), "b", None if style is None else style.double())
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-5)


def test_emulated_bf16_is_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossimage.inference.predictor.has_bf16", lambda device: False)
    monkeypatch.setattr("crossimage.inference.predictor._warned", set())
    networks = METHODS["cut"](build(METHODS["cut"].Config, small("cut")), training=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Predictor(networks, "cpu")
        assert not caught
        for _ in range(2):
            Predictor(networks, "cpu", "bf16")
    (warning,) = caught
    assert "this CPU has no units for bf16" in str(warning.message)
    assert "leave out precision=bf16, or export the model in int8" in str(warning.message)
