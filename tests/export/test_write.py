from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import crossimage
from crossimage.checkpoints.model_file import model_hash, save_model
from crossimage.export.write import export_model
from crossimage.inference.predictor import Predictor
from crossimage.inference.translator import Translator
from crossimage.networks.layers.plain import is_plain
from tests.inference.exported.graphs import onnx
from tests.inference.strips.test_engine import ANY_SIZE, ONE_SIZE, image, predictor

pytest.importorskip("onnxscript", reason="the extra `export` is not installed")


@pytest.fixture(scope="module")
def model() -> Predictor:
    return predictor("srgan")  # whose export takes two seconds


@pytest.fixture(scope="module")
def exported(model: Predictor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "srgan.onnx"
    written = export_model(model, path)
    assert written.files == [path] and written.difference < 1e-4
    return path


def test_it_translates_as_the_model_does(model: Predictor, exported: Path) -> None:
    loaded, original = crossimage.load(exported), Translator(model.networks, "cpu")
    assert repr(loaded) == repr(original)
    for size in ((7, 30), (40, 21)):
        x = image(model.networks, *size, n=3)
        assert (loaded.translate(x) - original.translate(x)).abs().max() < 1e-4


def test_the_file_says_how_images_are_prepared_and_where_it_is_from(
    model: Predictor, exported: Path
) -> None:
    content = onnx.load(exported)
    facts = {entry.key: entry.value for entry in content.metadata_props}
    assert (facts["method"], facts["pixels"], facts["upscales"]) == ("srgan", "[-1, 1]", "2")
    assert facts["model_sha256"] == model_hash(model.networks)
    assert facts["precision"] == "fp32" and facts["multiple"] == "1"
    assert str(Path.cwd()) not in str(content)


@pytest.mark.slow
def test_the_same_model_gives_the_same_bytes(
    model: Predictor, exported: Path, tmp_path: Path
) -> None:
    export_model(model, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == exported.read_bytes()


def test_the_model_is_left_as_it_was(model: Predictor, exported: Path) -> None:
    assert not is_plain() and not model.networks.training


@pytest.mark.slow
def test_a_graph_that_differs_is_not_written(
    model: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossimage.export.write.TOLERANCE", 0.0)
    with pytest.raises(ValueError, match="graph differ by up to .* where 0 is allowed"):
        export_model(model, tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("gan", {}, {}, "makes images from noise and does not translate"),
    ("stargan", {}, {"to": "x"}, "an input of its graph, from labels: leave out --to"),
    ("funit", {}, {"to": "x"}, "an input of its graph, from references: leave out --to"),
    ("cyclegan", {}, {"to": "nosuch"}, "has no domain 'nosuch'"),
    ("cut", {}, {"to": "a"}, "translates only to b"),
    ("cyclegan", {"dropout": 0.5, "test_mode": "train"}, {}, "add test_mode=eval, which drops"),
    ("cut", {"dropout": 0.5, "test_mode": "train"}, {}, "add test_mode=eval, which drops"),
    ("sincut", {}, {}, "draws random numbers .* train it without"),
    ("sketchygan", {"test_statistics": "batch"}, {}, "add test_statistics=running"),
]


@pytest.mark.parametrize(("name", "changes", "given", "sentence"), REFUSED)
def test_models_that_cannot_be_exported_say_why(
    name: str, changes: dict[str, Any], given: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=sentence):
        export_model(predictor(name, **changes), tmp_path / "m.onnx", **given)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_step_that_no_graph_has_is_named(tmp_path: Path) -> None:
    model = predictor("cut")
    translate = type(model.networks).translate

    class Peeking(type(model.networks)):  # type: ignore[misc]
        def translate(self, x: torch.Tensor, to: str, style: Any = None) -> torch.Tensor:
            return translate(self, x, to) if x.mean() > 0 else x

    model.networks.__class__ = Peeking
    with pytest.raises(ValueError, match="cannot be exported: PyTorch's exporter cannot follow"):
        export_model(model, tmp_path / "m.onnx")


def test_an_exported_model_and_other_names_are_refused(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is an exported one already"):
        export_model(crossimage.load(exported), tmp_path / "m.onnx")
    with pytest.raises(ValueError, match=r"ends in \.onnx"):
        export_model(predictor("cut"), tmp_path / "m.pb")
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="file is a file; expected a folder for m.onnx"):
        export_model(predictor("cut"), tmp_path / "file" / "m.onnx")


def test_a_folder_without_images_for_int8_is_refused_first(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        export_model(predictor("cut"), tmp_path / "m.onnx", int8=tmp_path / "none")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "notes.txt").write_text("no image")
    with pytest.raises(ValueError, match="holds no image, and at least 2 .* are needed"):
        export_model(predictor("cut"), tmp_path / "m.onnx", int8=tmp_path / "d")


@pytest.mark.slow
def test_sides_may_be_multiples_of_more_than_the_example(tmp_path: Path) -> None:
    model = predictor("pix2pix", crop=64, downsamples=6)
    export_model(model, tmp_path / "m.onnx")
    x = image(model.networks, 64, 130)
    loaded, original = crossimage.load(tmp_path / "m.onnx"), Translator(model.networks, "cpu")
    assert (loaded.translate(x) - original.translate(x)).abs().max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(("name", "changes"), [*ANY_SIZE, *((name, {}) for name in ONE_SIZE)])
def test_every_method_translates_alike(name: str, changes: dict[str, Any], tmp_path: Path) -> None:
    changes = {"noise": False} | changes if name == "sincut" else changes
    model = predictor(name, **changes)
    written = export_model(model, tmp_path / "m.onnx")
    assert written.difference <= 1e-4
    loaded, original = crossimage.load(tmp_path / "m.onnx"), Translator(model.networks, "cpu")
    x = image(model.networks, 37, 51, n=2)
    given: list[dict[str, Any]] = [{"seed": 3}]
    if model.networks.few_shot:
        given = [{"reference": x}]
    elif model.networks.labels:
        given = [{"seed": 3, "to": name} for name in model.targets]
    if len(written.files) > 1 and not model.networks.few_shot:
        target = given[0].get("to")
        y = image(model.networks, 40, 33, n=2)
        if model.channels(model.letter(model.targets[-1])) == y.shape[1]:
            given.append({"reference": y, "to": target})
    for arguments in given:
        y, expected = (each.translate(x, **arguments) for each in (loaded, original))
        assert (y - expected).abs().max() < 2e-4


@pytest.mark.slow
def test_an_exported_model_is_evaluated_like_its_original(tmp_path: Path) -> None:
    model = predictor("munit", domains=("edges", "shoes"), crop=32, resize=32)
    save_model(tmp_path / "m.safetensors", model.networks)
    export_model(model, tmp_path / "m.onnx")
    rng = np.random.default_rng(0)
    for folder in ("trainA", "trainB", "testA", "testB"):
        (tmp_path / "data" / folder).mkdir(parents=True)
        for number in range(3):
            pixels = rng.integers(0, 256, (40, 44, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / folder / f"{number}.png")
    paths = [str(tmp_path / "m.onnx"), str(tmp_path / "m.safetensors")]
    results = crossimage.evaluate(
        *paths, data=tmp_path / "data", out=tmp_path / "report", metrics="lpips", samples=2,
        lpips_weights="random", device="cpu",
    )  # fmt: skip
    exported, original = (one["lpips"].value for one in results)
    assert exported == pytest.approx(original, rel=1e-3) and original > 0
    assert (tmp_path / "report" / "report.json").is_file()
