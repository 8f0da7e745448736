"""Models from runs and files, with and without their discriminators."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from crossimage.checkpoints.model_file import save_model
from crossimage.inference.load import load
from crossimage.methods.munit import MUNIT
from tests.inference.conftest import images


def test_a_model_is_saved_and_loaded(run: Path, tmp_path: Path) -> None:
    x, s = images(1, 3, 32, 32), torch.ones(1, 3)
    model, file = load(run, "cpu", discriminators=True), tmp_path / "new" / "model.safetensors"
    model.save(file)
    plain = load(file, "cpu")
    assert torch.equal(plain.translate(x, style=s), model.translate(x, style=s))
    with pytest.raises(ValueError, match="loaded without its discriminators"):
        plain.save(file, discriminators=True)
    model.save(str(file), discriminators=True)
    again = load(file, "cpu", discriminators=True)
    assert torch.equal(again.discriminate(x, "shoes")[0], model.discriminate(x, "shoes")[0])


def test_missing_models_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is empty; give a path"):
        load("")
    with pytest.raises(FileNotFoundError, match=r"holds no model\.safetensors"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError, match="nothing"):
        load(tmp_path / "nothing")


def test_unusable_device(run: Path) -> None:
    with pytest.raises(ValueError, match="there is no device 'gpu'"):
        load(run, device="gpu")


def test_discriminators_come_from_the_newest_checkpoint(run: Path, networks: MUNIT) -> None:
    x = images(2, 3, 32, 32)
    model = load(run, "cpu", discriminators=True)
    with torch.no_grad():
        expected = networks.discriminate(x, "b")
    scores = model.discriminate(x, domain="shoes")
    assert len(scores) == 2
    for score, wanted in zip(scores, expected, strict=True):
        torch.testing.assert_close(score, wanted)
    with pytest.raises(ValueError, match="discriminators=True"):
        load(run, "cpu").discriminate(x, domain="shoes")
    with pytest.raises(ValueError, match="holds no discriminators"):
        load(run / "model.safetensors", "cpu", discriminators=True)


def test_model_file_with_discriminators(tmp_path: Path, networks: MUNIT) -> None:
    save_model(tmp_path / "all.safetensors", networks, discriminators=True)
    model = load(tmp_path / "all.safetensors", "cpu", discriminators=True)
    assert len(model.discriminate(images(1, 3, 32, 32), "shoes")) == 2


def test_a_model_can_be_given_a_range_of_values(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, np.full((32, 32, 3), 25, np.float32), photometric="rgb")
    with pytest.raises(ValueError, match="unknown range"):
        load(run, "cpu").translate(path)
    for ranges in ((0, 50), {"a": (0, 50), "b": (-1, 1)}):
        model = load(run, "cpu", value_range=ranges)
        s = model.sample_style(1, seed=0)
        expected = model.translate(torch.zeros(1, 3, 32, 32), style=s)[0]
        result = np.asarray(model.translate(path, style=s), np.float32) / 127.5 - 1
        assert np.abs(result.transpose(2, 0, 1) - expected.numpy()).max() < 0.005
    model.save(tmp_path / "model.safetensors")
    assert load(tmp_path / "model.safetensors").config.range_of("b") == (-1, 1)
