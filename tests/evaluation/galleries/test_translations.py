"""Test images are prepared as in training, with their targets where there are pairs."""

from pathlib import Path

import pytest
import torch

from crossimage.config import build
from crossimage.evaluation.galleries.translations import TranslationGallery
from crossimage.inference.translator import Translator
from crossimage.methods.srgan import SRGAN
from tests.evaluation.helpers import model, pictures


def test_a_model_translates_the_prepared_test_images(folders: Path) -> None:
    gallery = TranslationGallery("run", model(), str(folders), None, 0)
    assert gallery.target == "shoes" and not gallery.paired and gallery.max_outputs is None
    items = list(gallery.items(None, 3))
    assert [item.name for item in items] == ["0.png", "1.png"]
    for item in items:
        assert item.outputs.shape == (3, 3, 16, 16) and item.outputs.dtype == torch.uint8
        assert item.input is not None and item.input.shape == (3, 16, 16)
        assert item.target is None
    (real,) = gallery.real
    assert real.shape == (2, 3, 16, 16)
    assert len(next(gallery.items(1, None)).outputs) == 1


def test_the_other_direction_is_chosen_by_name(folders: Path) -> None:
    gallery = TranslationGallery("run", model(), str(folders), "EDGES", 0)
    assert gallery.target == "edges" and gallery.facts["direction"] == "shoes to edges"


def test_a_method_of_pairs_knows_the_targets(pairs: Path) -> None:
    gallery = TranslationGallery("run", model("pix2pix"), str(pairs), None, 0)
    assert gallery.paired
    item = next(gallery.items(1, None))
    assert item.target is not None and item.target_path == pairs / "testB" / "0.png"


def test_a_method_without_pairs_finds_them_when_asked(folders: Path, pairs: Path) -> None:
    gallery = TranslationGallery("run", model(), str(pairs), None, 0)
    assert next(gallery.items(1, 1)).target is None
    gallery.pair_up()
    assert next(gallery.items(1, 1)).target is not None
    with pytest.raises(ValueError, match="has no partner"):
        TranslationGallery("run", model(), str(folders), None, 0).pair_up()


def test_models_that_enlarge_get_small_versions_of_whole_images(tmp_path: Path) -> None:
    settings = {"width": 4, "residual_blocks": 1, "crop": 16}
    translator = Translator(SRGAN(build(SRGAN.Config, settings), training=False), "cpu")
    pictures(tmp_path, "a.png", size=(23, 30))
    gallery = TranslationGallery("run", translator, str(tmp_path), None, 0)
    assert gallery.paired and gallery.border == 4 and not gallery.notes
    (item,) = gallery.items(None, None)
    assert item.input is not None and item.input.shape == (3, 5, 7)
    assert item.target is not None and item.target.shape == (3, 20, 28)
    assert item.outputs.shape == (1, 3, 20, 28)
    (real,) = gallery.real
    assert torch.equal(real[0], item.target)
