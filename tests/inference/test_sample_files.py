"""Images from noise, written into a folder."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from crossimage.config import build
from crossimage.inference.translator import Translator
from crossimage.methods.gan import GAN
from tests.conftest import small


def pixels(path: Path) -> np.ndarray[Any, Any]:
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


def noise_model(**changes: Any) -> Translator:
    torch.manual_seed(0)
    return Translator(GAN(build(GAN.Config, small("gan", **changes)), training=False), "cpu")


def test_samples_are_numbered_and_stand_in_a_sheet(tmp_path: Path) -> None:
    model, out = noise_model(), tmp_path / "out"
    written = model.sample_files(7, out, seed=3, batch_size=4)
    assert [path.name for path in written] == [f"000{k}.png" for k in range(1, 8)]
    assert sorted(out.iterdir()) == [*written, out / "crossimage.jsonl", out / "sheet.png"]
    for path, image in zip(written, model.sample(7, seed=3), strict=True):
        expected = ((image + 1) * 127.5).round().permute(1, 2, 0).numpy()
        assert np.abs(pixels(path) - expected).max() <= 1
    sheet = pixels(out / "sheet.png")
    assert sheet.shape == (3 * 18 + 2, 3 * 18 + 2, 3)  # 16 px and 2 of white between
    assert np.array_equal(sheet[2:18, 20:36], pixels(written[1]))
    assert (sheet[:2] == 255).all() and (sheet[-18:-2, -18:-2] == 255).all()


def test_a_sheet_holds_64_samples(tmp_path: Path) -> None:
    model = noise_model(channels="1", crop=8)
    assert len(model.sample_files(70, tmp_path, seed=0, format="tif")) == 70
    assert pixels(tmp_path / "sheet.png").shape == (82, 82, 3)
    assert (tmp_path / "0070.tif").is_file()


def test_samples_of_many_channels_have_no_sheet(tmp_path: Path) -> None:
    model = noise_model(channels="5", crop=8)
    model.sample_files(2, tmp_path, format="tif")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "0001.tif", "0002.tif", "crossimage.jsonl"
    ]  # fmt: skip
    with pytest.raises(ValueError, match=r"can't hold 5 channels; use \.tif"):
        model.sample_files(2, tmp_path)


def test_samples_that_can_not_be_written_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="file is a file; expected a folder"):
        noise_model().sample_files(1, tmp_path / "file")
    with pytest.raises(ValueError, match="format 'pgn' is unknown.*did you mean 'png'"):
        noise_model().sample_files(1, tmp_path / "out", format="pgn")
    with pytest.raises(ValueError, match="n must be at least 1"):
        noise_model().sample_files(0, tmp_path / "out")
    assert not (tmp_path / "out").exists()
