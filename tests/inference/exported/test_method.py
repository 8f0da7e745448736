import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import crossimage
from crossimage.inference.strips.engine import TooLargeError
from crossimage.inference.translator import Translator
from tests.inference.exported.graphs import about_of, style, translation, write


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    write(path, style(), about_of(), "style")
    return write(path, translation(), about_of())


@pytest.fixture(scope="module")
def model(path: Path) -> Translator:
    return crossimage.load(path)


def images(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) - 0.5


def test_it_says_what_it_is(model: Translator) -> None:
    assert (model.method, model.domains, model.targets) == ("munit", ("a", "b"), ("b",))
    assert "munit" in repr(model)


@pytest.mark.parametrize("size", [(16, 16), (5, 33), (1, 2), (40, 20)])
def test_any_size_comes_back_in_that_size(model: Translator, size: tuple[int, int]) -> None:
    x, s = images(2, 3, *size), torch.tensor([[0.25, 0, 0], [-0.125, 9, 9]])
    torch.testing.assert_close(model.translate(x, style=s), x + s[:, :1, None, None])


def test_several_styles_per_image_and_interpolation(model: Translator) -> None:
    x = images(2, 3, 8, 8)
    y = model.translate(x, samples=3, seed=1)
    assert y.shape == (2, 3, 3, 8, 8)
    torch.testing.assert_close(y[:, 0], model.translate(x, seed=1))
    line = model.interpolate(x, torch.zeros(1, 3), torch.ones(1, 3), steps=3)
    torch.testing.assert_close(line[:, 1], x + 0.5)


def test_references_give_their_styles(model: Translator) -> None:
    x = images(1, 3, 8, 8)
    red = model.translate(x, reference=Image.new("RGB", (9, 12), "red"))
    torch.testing.assert_close(red, x + 1)
    with pytest.raises(ValueError, match="encodes styles of b only"):
        model.encode_style(x, "a")


def test_images_arrays_and_files_are_translated(model: Translator, tmp_path: Path) -> None:
    array = np.zeros((10, 12, 3), np.uint8)
    assert model.translate(array, style=torch.ones(1, 3)).max() == 128
    Image.fromarray(array).save(tmp_path / "x.png")
    report = model.translate_files(tmp_path / "x.png", tmp_path / "out", seed=0)
    assert [file.name for file in report.written] == ["x.png"]
    again = model.translate_files(tmp_path / "x.png", tmp_path / "out", seed=0, skip_existing=True)
    assert not again.written and len(again.existing) == 1


def test_a_half_of_a_pair_is_translated(model: Translator) -> None:
    array = np.zeros((8, 16, 3), np.uint8)
    assert model.translate(array, style=torch.zeros(1, 3), half="left").shape == (8, 8, 3)


def test_what_it_cannot_do_is_refused_by_name(
    model: Translator, path: Path, tmp_path: Path
) -> None:
    x = images(1, 3, 16, 16)
    with pytest.raises(ValueError, match="translates only to b"):
        model.translate(x, "a")
    with pytest.raises(ValueError, match="does not encode contents; use the model"):
        model.encode_content(x, "a")
    with pytest.raises(ValueError, match="does not classify"):
        model.classify(x, "a")
    with pytest.raises(ValueError, match="does not score images"):
        model.discriminate(x, "b")
    with pytest.raises(ValueError, match="neither saved nor exported again"):
        model.save(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="does not make images from noise"):
        model.sample(1)
    with pytest.raises(ValueError, match="has no discriminators"):
        crossimage.load(path, discriminators=True)
    with pytest.raises(ValueError, match="leave out precision=bf16"):
        crossimage.load(path, precision="bf16")
    with pytest.raises(ValueError, match="computes on the CPU, and the device is 'meta'"):
        crossimage.load(path, "meta")
    with pytest.raises(ValueError, match="after training are value_range"):
        crossimage.load(path, settings={"width": 3})


def test_the_range_of_deep_images_may_be_changed(path: Path) -> None:
    assert crossimage.load(path, value_range=(0, 4095)).config.value_range == (0, 4095)


def test_images_that_do_not_fit_are_refused_rather_than_cut(path: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    large = write(tmp_path / "m.onnx", translation(), replace(about_of(), bytes_per_pixel=1e9))
    model = crossimage.load(large, memory="2GB")
    with pytest.raises(TooLargeError, match="exported model, whose graph takes whole images"):
        model.translate(images(1, 3, 300, 300))


def test_missing_and_foreign_companions_are_named(tmp_path: Path) -> None:
    from dataclasses import replace

    model = crossimage.load(write(tmp_path / "m.onnx", translation(), about_of()))
    x = images(1, 3, 8, 8)
    with pytest.raises(ValueError, match=r"m\.style\.onnx is missing: copy it"):
        model.translate(x, reference=x)
    write(tmp_path / "m.onnx", style(), replace(about_of(), model_sha256="1" * 64), "style")
    with pytest.raises(ValueError, match="does not belong to .*m.onnx"):
        model.translate(x, reference=x)
    with pytest.raises(ValueError, match=r"holds the style graph .*; give .*m\.onnx"):
        crossimage.load(tmp_path / "m.style.onnx")


def test_a_graph_of_the_wrong_form_is_refused(tmp_path: Path) -> None:
    x = images(1, 3, 8, 8)
    with pytest.raises(ValueError, match="expected"):
        crossimage.load(write(tmp_path / "a.onnx", style(), about_of())).translate(x)
    model = crossimage.load(write(tmp_path / "b.onnx", translation(5), about_of()))
    with pytest.raises(ValueError, match="cannot be run on these images"):
        model.translate(x)


def test_methods_without_styles_and_methods_with_labels(tmp_path: Path) -> None:
    x = images(2, 3, 9, 9)
    plain = write(tmp_path / "a.onnx", translation(0), about_of("cyclegan", "a"))
    torch.testing.assert_close(crossimage.load(plain).translate(x), -x)
    labelled = about_of("stargan", "", attributes="x,y,z", domains="x,y,z")
    model = crossimage.load(write(tmp_path / "b.onnx", translation(0), labelled))
    assert model.targets == ("x", "y", "z")
    torch.testing.assert_close(model.translate(x, "y"), -x)


def test_using_a_model_writes_no_file_and_reports_to_nobody(path: Path, tmp_path: Path) -> None:
    code = "import crossimage, sys; print(crossimage.load(sys.argv[1]).translate)"
    unset = ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")
    home = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    environment = {k: v for k, v in os.environ.items() if k not in unset} | home
    words = [sys.executable, "-c", code, str(path)]
    subprocess.run(words, env=environment, check=True, capture_output=True)
    assert list(tmp_path.iterdir()) == []
