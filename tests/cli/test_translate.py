"""``crossimage translate`` and ``crossimage sample``."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from crossimage.checkpoints.model_file import save_model
from crossimage.methods.gan import GAN, GANConfig
from crossimage.utils.machine import threads
from tests.cli.conftest import crossimage


def test_translate_files(
    capsys: pytest.CaptureFixture[str], run: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert crossimage(
        "translate", run, photos, "--out", out, "--to", "shoes", "--samples", 2, "--seed", 3,
        "--size", 12, "--format", "png", "--batch-size", 3, "--device", "cpu", "--same-style",
    ) == 0  # fmt: skip
    assert sorted(p.name for p in out.iterdir()) == [
        "crossimage.jsonl",
        "x_1.png",
        "x_2.png",
        "y_1.png",
        "y_2.png",
    ]
    with Image.open(out / "x_1.png") as image:
        assert image.size == (15, 12)
    assert capsys.readouterr().out == f"4 images written to {out}\n"


def test_translate_with_references(run: Path, photos: Path, tmp_path: Path) -> None:
    x, y, out = photos / "x.png", photos / "y.jpg", tmp_path / "out"
    assert crossimage("translate", run, x, y, "--reference", x, y, "--out", out) == 0
    assert sorted(p.name for p in out.iterdir()) == [
        "crossimage.jsonl",
        "x_1.png",
        "x_2.png",
        "y_1.jpg",
        "y_2.jpg",
    ]


def test_translate_names_what_it_skips(
    capsys: pytest.CaptureFixture[str], run: Path, photos: Path, tmp_path: Path
) -> None:
    (photos / "y.jpg").write_text("no image")
    assert crossimage("translate", run, photos, "--out", tmp_path / "out") == 3
    said = capsys.readouterr()
    assert said.err.startswith("skipped: ") and "y.jpg" in said.err
    assert said.out == f"1 image written to {tmp_path / 'out'}; 1 input skipped\n"
    assert crossimage("translate", run, photos / "y.jpg", "--out", tmp_path / "out") == 2
    assert "the input could not be translated: " in capsys.readouterr().err
    assert crossimage("translate", run, "--out", tmp_path / "out") == 2
    assert "among no inputs" in capsys.readouterr().err


def test_sample_makes_images_of_noise(
    capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path
) -> None:
    model, out = tmp_path / "gan.safetensors", tmp_path / "out"
    save_model(model, GAN(GANConfig(crop=(16, 16), width=2, z_dim=3), training=False))
    make = ("sample", model, "--out", out, "--samples", 3, "--seed", 1, "--device", "cpu")
    assert crossimage(*make, "--format", "jpg", "--batch-size", 2) == 0
    assert capsys.readouterr().out == f"3 images written to {out}\n"
    assert sorted(p.name for p in out.iterdir()) == [
        "0001.jpg", "0002.jpg", "0003.jpg", "crossimage.jsonl", "sheet.png",
    ]  # fmt: skip
    assert crossimage("sample", run, "--out", out) == 2
    assert "this munit does not make images from noise; use translate" in capsys.readouterr().err
    assert crossimage("translate", model, run, "--out", out) == 2
    assert "this gan makes images from noise only; use sample" in capsys.readouterr().err
    assert crossimage("sample", model, "--out", "") == 2
    assert "--out is empty" in capsys.readouterr().err


def test_translate_takes_the_range_of_deep_images(
    capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "x.tif", np.ones((16, 16, 3), np.float32), photometric="rgb")
    out = tmp_path / "out"
    assert crossimage("translate", run, tmp_path / "x.tif", "--out", out) == 2
    assert "`--value-range` of translate" in capsys.readouterr().err
    asked = "--value-range=-1,3"
    assert crossimage("translate", run, tmp_path / "x.tif", "--out", out, asked) == 0
    values = tifffile.imread(out / "x.tif")
    assert values.dtype == np.float32 and -1 <= values.min() < values.max() <= 3
    assert crossimage("translate", run, tmp_path / "x.tif", "--out", out, "--value-range=3,1") == 2
    assert "value_range must be (low, high)" in capsys.readouterr().err


def test_translate_takes_settings_that_may_change_after_training(
    capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "x.tif", np.ones((16, 16, 3), np.float32), photometric="rgb")
    image, out = tmp_path / "x.tif", tmp_path / "out"
    for words in (["value_range=-1,3"], ["--set", "value_range=-1,3"]):
        assert crossimage("translate", run, image, "--out", out, *words) == 0
        assert tifffile.imread(out / "x.tif").dtype == np.float32
    assert crossimage("translate", run, "channels=1,1", image, "--out", out) == 2
    assert "'channels' must match the trained weights" in capsys.readouterr().err


def test_translate_makes_only_what_is_missing(
    capsys: pytest.CaptureFixture[str], run: Path, photos: Path, tmp_path: Path
) -> None:
    again = ("translate", run, photos, "--out", tmp_path / "out", "--skip-existing")
    assert crossimage(*again) == crossimage(*again) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"2 images written to {tmp_path / 'out'}",
        f"0 images written to {tmp_path / 'out'}; 2 already there",
    ]


def test_busy_cores_are_left_to_other_programs(
    capsys: pytest.CaptureFixture[str],
    run: Path,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", used.append)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    monkeypatch.setattr(threads, "cores", lambda: 4)
    monkeypatch.setattr(threads, "Load", lambda: SimpleNamespace(others=lambda: 2.8))
    monkeypatch.delenv("OMP_NUM_THREADS")
    command = "translate", run, photos, "--out", tmp_path / "out", "--device", "cpu"
    assert crossimage(*command) == 0 and used.pop() == 1
    said = capsys.readouterr().err
    assert "using 1 thread: other programs keep 2.8 of 4 cores busy" in said
    assert crossimage(*command, "--threads", 3) == 0 and used.pop() == 3
    assert capsys.readouterr().err == ""
    assert crossimage(*command, "--threads", 0) == 2
    assert "--threads must be from 1 to 1024, found 0" in capsys.readouterr().err
