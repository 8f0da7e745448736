"""Models of drawings: test sketches become photos of their own classes, beside their photos."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from crossimage.config import build
from crossimage.evaluation.compare import open_gallery
from crossimage.evaluation.galleries.drawings import DrawingGallery
from crossimage.evaluation.options import Options
from crossimage.inference.translator import Translator
from crossimage.methods.sketchygan import SketchyGAN, SketchyGANConfig
from tests.conftest import small


@pytest.fixture(scope="module")
def model() -> Translator:
    labels = {"attributes": "x,y", "label_sets": 2, "categorical": True}
    config = build(SketchyGANConfig, small("sketchygan") | labels)
    return Translator(SketchyGAN(config, training=False).eval(), "cpu")


def opened(model: Translator, data: Path, to: str | None = None) -> DrawingGallery:
    gallery = open_gallery("model", model, str(data), Options(to=to))
    assert isinstance(gallery, DrawingGallery)
    return gallery


def test_every_test_sketch_gets_its_own_class_and_its_photo(
    model: Translator, class_pairs: Path
) -> None:
    gallery = opened(model, class_pairs)
    assert [path.parent.name for path in gallery.paths] == ["x", "y"]
    first, second = (gallery.load(index) for index in range(2))
    assert torch.equal(torch.as_tensor(first.goal), torch.tensor([1.0, 0.0]))
    assert torch.equal(torch.as_tensor(second.goal), torch.tensor([0.0, 1.0]))
    assert first.target_path == class_pairs / "test/photos/x/0.png"
    items = list(gallery.items(None, 2))
    assert items[0].outputs.shape == (2, 3, 32, 32) and items[0].target is not None
    assert gallery.paired and gallery.warnings() == []
    assert len(gallery.real.paths) == 2


def test_the_drawings_of_one_class(model: Translator, class_pairs: Path) -> None:
    assert [path.parent.name for path in opened(model, class_pairs, "y").paths] == ["y"]
    with pytest.raises(ValueError, match="there is no label 'z', only x, y"):
        opened(model, class_pairs, "z")


def test_edge_maps_stand_in_for_sketches_and_training_images_for_tests(
    model: Translator, class_pairs: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(class_pairs, data)
    shutil.rmtree(data / "train/sketches")
    shutil.rmtree(data / "test")
    gallery = opened(model, data)
    assert {path.parent.parent.name for path in gallery.paths} == {"edges"}
    assert gallery.warnings() == ["no test images of edges: training images were used"]


def test_test_drawings_without_photos_cannot_be_scored(
    model: Translator, class_pairs: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(class_pairs, data)
    shutil.rmtree(data / "test/photos")
    with pytest.raises(ValueError, match="test images of sketches in .* have no photos"):
        opened(model, data)
