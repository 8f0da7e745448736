"""Pairs of photos and label maps are told apart by their colours."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossimage.evaluation.networks.label_maps import find_photo_pairs
from crossimage.evaluation.networks.palette import read_palette
from tests.evaluation.scenes import write_scenes


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("scenes"))


def test_label_maps_are_told_from_photos_and_a_tenth_is_held_out(
    data: Path, tmp_path: Path
) -> None:
    palette = read_palette(data / "classes.csv")
    train, held_out = find_photo_pairs(str(data), palette, 0)
    assert {path.parent.name for path in train.photos + held_out.photos} == {"photo"}
    assert (len(train.photos), len(held_out.photos)) == (8, 3)
    (tmp_path / "train").mkdir()
    for i in range(8):
        pair = [np.array(Image.open(data / "train" / d / f"{i}.png")) for d in ("photo", "label")]
        Image.fromarray(np.concatenate(pair, 1)).save(tmp_path / "train" / f"{i}.png")
    train, held_out = find_photo_pairs(str(tmp_path), palette, 0)
    assert train.halves == held_out.halves == (0, 1)
    assert (len(train.photos), len(held_out.photos)) == (7, 1)
    assert not set(train.photos) & set(held_out.photos)
    assert find_photo_pairs(str(tmp_path), palette, 0)[1].photos == held_out.photos
    photo, labels = train.read(0)
    assert photo.shape == labels.shape == (3, 40, 80)
    assert palette.distance(labels, Path("a.png")) == 0


def test_photos_do_not_pass_for_label_maps_in_colours_of_another_table(
    data: Path, tmp_path: Path
) -> None:
    """In a lossy format the nearest colour counts, so a photo would have classes, too."""
    for domain in ("photo", "label"):
        (tmp_path / domain).mkdir()
        for file in (data / "train" / domain).iterdir():
            Image.open(file).save(tmp_path / domain / f"{file.stem}.jpg", quality=95)
    (tmp_path / "ids.csv").write_text(
        "name,r,g,b\n" + "".join(f"c{i},{i},{i},{i}\n" for i in range(4))
    )
    with pytest.raises(ValueError, match="neither .* holds label maps in the table's colours"):
        find_photo_pairs(str(tmp_path), read_palette(tmp_path / "ids.csv"), 0)
    find_photo_pairs(str(tmp_path), read_palette(data / "classes.csv"), 0)
