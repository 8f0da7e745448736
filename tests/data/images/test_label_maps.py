"""Label maps become one-hot channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import crossimage
from crossimage.data.images.class_ids import read_class_ids
from crossimage.data.images.label_maps import read_label_map
from crossimage.interop import import_model
from tests.interop.junyanz_networks import resnet, saved

LABELS = np.array([[0, 0, 2], [0, 1, 1]], np.uint8)


def test_numbers_of_gray_images_and_palettes_are_classes(tmp_path: Path) -> None:
    palette = Image.fromarray(LABELS, "L").convert("P")
    palette.putdata(LABELS.flatten().tolist())
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    palette.save(tmp_path / "palette.png")
    Image.fromarray(LABELS).save(tmp_path / "gray.png")
    for image in (LABELS, palette, tmp_path / "palette.png", tmp_path / "gray.png"):
        encoded = read_label_map(image, 3, 3)
        assert torch.equal(encoded.argmax(0), torch.from_numpy(LABELS).long())
        assert encoded.sum() == LABELS.size


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_label_maps_are_turned_as_photos_are(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(LABELS).save(tmp_path / f"x.{suffix}", exif=exif)
    upright = np.rot90(LABELS, -1).copy()
    encoded = read_label_map(tmp_path / f"x.{suffix}", 3, 3)
    assert torch.equal(encoded.argmax(0), torch.from_numpy(upright).long())
    ids = read_class_ids(tmp_path / f"x.{suffix}")
    assert ids is not None and np.array_equal(ids, upright)


@pytest.mark.parametrize("array", [LABELS + 0.5, np.zeros((0, 4), np.uint8), LABELS > 0])
def test_arrays_hold_whole_numbers(array: np.ndarray) -> None:
    if array.dtype == bool:
        assert read_label_map(array, 2, 2)[1].sum() == 3
    else:
        with pytest.raises(ValueError, match="expected a label map of whole numbers, found"):
            read_label_map(array, 3, 3)


def test_borders_are_those_between_instances(tmp_path: Path) -> None:
    instances = np.array([[1000, 1000, 1001, 1001], [0, 0, 0, 0], [0, 0, 0, 0]], np.uint16)
    Image.fromarray(instances).save(tmp_path / "instances.png")
    encoded = read_label_map(tmp_path / "instances.png", 3, 2)
    assert encoded[1, 0].tolist() == [1, 1, 1, 1]
    assert encoded[2].tolist() == [[1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0]]
    assert encoded[2, 0, 1] == 1  # between two instances of a class


def test_other_classes_and_colours_are_refused() -> None:
    with pytest.raises(ValueError, match="holds the class 2, and this model has those from 0 to 1"):
        read_label_map(LABELS, 2, 2)
    with pytest.raises(ValueError, match="mode RGB, and this model translates label maps"):
        read_label_map(Image.new("RGB", (4, 4)), 2, 2)


@torch.no_grad()
def test_files_images_and_tensors_give_the_same_translation(tmp_path: Path) -> None:
    network = resnet(a=6, halvings=3, blocks=1, always_bias=True)
    G = saved(network, tmp_path / "latest_net_G.pth")
    import_model([G], tmp_path / "m.safetensors", None, {"classes": "5"})
    model = crossimage.load(tmp_path / "m.safetensors")
    labels = np.random.default_rng(0).integers(0, 5, (32, 32), np.uint8)
    expected = network(read_label_map(labels, 6, 5)[None])
    close = {"rtol": 1e-4, "atol": 1e-4}
    torch.testing.assert_close(
        model.translate(read_label_map(labels, 6, 5)[None]), expected, **close
    )
    (tmp_path / "in").mkdir()
    Image.fromarray(labels).save(tmp_path / "in" / "x.png")
    image = model.translate(tmp_path / "in" / "x.png")
    assert image.size == (32, 32)
    model.translate_files(tmp_path / "in", tmp_path / "out", to="b")
    written = Image.open(next((tmp_path / "out").rglob("x*.png")))
    assert np.abs(np.asarray(written, int) - np.asarray(image, int)).max() <= 1
    with pytest.raises(ValueError, match="classes=9 takes as many channels"):
        import_model([G], tmp_path / "n.safetensors", None, {"classes": "9"})
