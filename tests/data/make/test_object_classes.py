"""Objects in class folders: the classes are what the images show, and no image is of `outlines`."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossimage.data.make.object_classes import HUES, MAKERS
from crossimage.data.make.outlines import TEXTURES, make_outlines


def digests(folder: Path) -> set[str]:
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.png")}


@pytest.fixture(scope="module")
def styles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "styles"
    MAKERS["object_styles"](out, count=400, test_count=20, size=32)
    return out


def test_kinds_are_those_of_the_shapes_and_the_next_command_trains_a_classifier(
    tmp_path: Path,
) -> None:
    made = MAKERS["object_kinds"](tmp_path / "kinds", count=120, test_count=10, size=32)
    kinds = {path.name for path in (tmp_path / "kinds" / "train").iterdir()}
    assert len(kinds) == 12 and {"shoe", "house", "star"} <= kinds
    assert {path.name for path in (tmp_path / "kinds" / "test").iterdir()} <= kinds
    assert made.summary == "120 training and 10 test images of 12 classes, 32 px"
    assert made.following.startswith("crossimage evaluate fit-classifier --data")


def test_styles_are_hues_and_textures(styles: Path) -> None:
    found = {path.name for path in (styles / "train").iterdir()}
    assert found == {f"{hue}_{texture}" for hue in HUES for texture in TEXTURES}
    for name, channel in (("green_plain", 1), ("blue_plain", 2)):
        for path in (styles / "train" / name).iterdir():
            pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
            coloured = pixels[np.ptp(pixels, axis=2) > 60]
            assert coloured.mean(0).argmax() == channel, path


def test_no_image_is_one_of_the_outlines_or_appears_twice(styles: Path, tmp_path: Path) -> None:
    make_outlines(tmp_path / "outlines", count=40, test_count=20, size=32)
    own = digests(styles)
    assert len(own) == 420 and not own & digests(tmp_path / "outlines")


def test_too_few_images_for_all_classes_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="3 images show only .* of 40 classes; give a larger"):
        MAKERS["object_styles"](tmp_path / "few", count=3, test_count=1, size=16)
    assert not (tmp_path / "few").exists()
