"""Accuracy and error are shares of the outputs, by the class that a classifier sees."""

from pathlib import Path

import pytest

from crossimage.evaluation.galleries.base import FolderGallery
from crossimage.evaluation.metrics.classification import target_class
from tests.evaluation.helpers import (
    Classifier,
    chosen,
    evaluated,
    networks,
    pictures,
    values,
)


def test_the_class_of_the_input_or_of_the_target_is_looked_for(tmp_path: Path) -> None:
    fake = pictures(tmp_path / "fake", "dark/a.png", "light/b.png", "light/c.png")
    gallery = FolderGallery(fake, fake)
    gallery.target = "Light"
    found = values(evaluated(gallery, "accuracy", "error", own=networks("dark", "light")))
    light = [float(item.outputs.float().mean()) > 127.5 for item in gallery.items(None, None)]
    assert found["accuracy"] == pytest.approx((1 - light[0] + light[1] + light[2]) / 3)
    assert found["error"] == pytest.approx(1 - sum(light) / 3)
    with pytest.raises(ValueError, match="not in folders of the classifier's classes"):
        chosen(("accuracy",), gallery, networks("cat", "dog"))
    with pytest.raises(ValueError, match="no class of the target domain's name"):
        chosen(("error",), gallery, networks("cat", "dog"))


def test_of_two_classes_the_other_one_is_the_opposite() -> None:
    assert target_class("not Male", Classifier("Male", "Female")) == 1
    assert target_class("Male", Classifier("not Male", "a man")) == 1
    assert target_class("not Male", Classifier("a", "b", "not Male")) == 2
    assert target_class("not Male", Classifier("a", "b", "Male")) is None
    assert target_class("Male", Classifier("x", "y")) is None
