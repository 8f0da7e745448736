"""Folders of results are grouped by input and paired by name."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossimage.evaluation.galleries.base import FolderGallery
from tests.evaluation.helpers import pictures


def test_numbered_files_are_outputs_of_one_input(tmp_path: Path) -> None:
    names = [f"{sub}{name}_{k}.png" for sub in ("", "x/") for name in "ab" for k in range(1, 12)]
    gallery = FolderGallery(
        pictures(tmp_path / "fake", *names), pictures(tmp_path / "real", "a.png", "c.png")
    )
    assert (gallery.total, gallery.max_outputs) == (4, 11)
    items = list(gallery.items(None, None))
    assert [item.name for item in items] == ["a", "b", "x/a", "x/b"]
    second = np.asarray(Image.open(tmp_path / "fake" / "a_2.png"))
    assert np.array_equal(items[0].outputs[1].permute(1, 2, 0).numpy(), second)
    assert len(next(gallery.items(1, 2)).outputs) == 2


@pytest.mark.parametrize(
    ("fake", "real"),
    [
        (["a_1.png", "a_2.png", "b_1.png"], ["c.png"]),
        (["a_1.png", "a_2.png", "b.png"], ["c.png"]),
        (["a_1.png", "a_3.png"], ["c.png"]),
        (["a_1.png", "a_2.png"], ["a_1.jpg", "a_2.jpg", "a_3.jpg"]),
    ],
)
def test_other_names_are_inputs_of_their_own(
    fake: list[str], real: list[str], tmp_path: Path
) -> None:
    gallery = FolderGallery(pictures(tmp_path / "fake", *fake), pictures(tmp_path / "real", *real))
    assert (gallery.total, gallery.max_outputs) == (len(fake), 1)


def test_folders_are_paired_by_name(tmp_path: Path) -> None:
    fake = pictures(tmp_path / "fake", "a_1.png", "a_2.png", "b_1.png", "b_2.png")
    gallery = FolderGallery(fake, pictures(tmp_path / "real", "a.jpg", "b.png", "c.png"))
    gallery.pair_up()
    assert [item.target_path for item in gallery.items(None, None)] == [
        tmp_path / "real" / "a.jpg", tmp_path / "real" / "b.png"
    ]  # fmt: skip
    (tmp_path / "real" / "b.png").unlink()
    with pytest.raises(ValueError, match=r"b_1\.png has no partner: .*real holds no image named b"):
        FolderGallery(fake, tmp_path / "real").pair_up()


def test_what_folders_hold_besides_images_is_noted(tmp_path: Path) -> None:
    fake, real = pictures(tmp_path / "fake", "x.png"), pictures(tmp_path / "real", "x.png")
    (real / "notes.txt").write_text("words")
    (real / "x.psd").write_bytes(b"8BPS")
    assert FolderGallery(fake, real).notes == [
        "real images: left out: 1 not an image (.txt), 1 image of an unsupported format (.psd)"
    ]
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "x.psd").write_bytes(b"8BPS")
    with pytest.raises(ValueError, match=r"holds no images \(left out: 1 image of an unsupported"):
        FolderGallery(tmp_path / "none", real)
