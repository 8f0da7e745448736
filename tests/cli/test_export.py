"""``crossimage export``, and exported models in other commands."""

from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import crossimage
from tests.inference.exported.graphs import about_of, style, translation, write

pytest.importorskip("onnxscript", reason="the extra `export` is not installed")


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    write(tmp_path / "m.onnx", style(), about_of(), "style")
    return write(tmp_path / "m.onnx", translation(), about_of())


def test_an_exported_model_translates_files(
    exported: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert crossimage("translate", exported, photos, "--out", out, "--samples", 2) == 0
    assert "4 images written" in capsys.readouterr().out
    with Image.open(photos / "x.png") as x, Image.open(out / "x_1.png") as y:
        assert x.size == y.size


def test_info_knows_exported_models(exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert crossimage("info", exported) == 0
    said = capsys.readouterr().out
    assert "munit" in said and "fp32" in said and "0" * 64 in said and "parameters" not in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["m.pb"], "m.pb: expected the name of a file that ends in .onnx"),
        (["m.onnx", "--to", "boots"], "the model has no domain 'boots'"),
        (["m.onnx", "--int8", "nowhere"], "there is no nowhere, given with --int8"),
        (["m.onnx", "--int8", ""], "--int8 is empty"),
        (["m.onnx", "width=3"], "'width' must match the trained weights"),
    ],
)
def test_mistakes_are_one_sentence(
    arguments: list[str], sentence: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert crossimage("export", run, *arguments) == 2
    said = capsys.readouterr().err
    assert sentence in said and said.count("\n") == 1


def test_an_exported_model_can_be_neither_trained_nor_exported(
    exported: Path, folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert crossimage("export", exported, tmp_path / "n.onnx") == 2
    assert "is an exported one already" in capsys.readouterr().err
