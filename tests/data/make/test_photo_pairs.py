from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from crossimage.config import Config
from crossimage.data.build import build_dataset, find_source
from crossimage.data.make.photo_pairs import PHOTO_MAKERS, to_gray, with_hole
from crossimage.networks.color_spaces import rgb_to_lab


def photos(folder: Path, names: list[str], size: tuple[int, int] = (24, 16)) -> Path:
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(256, size=(*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


grey, holes = PHOTO_MAKERS["grey"], PHOTO_MAKERS["holes"]
twenty = partial(photos, names=[f"{number:02d}.png" for number in range(20)])


def test_training_reads_them_as_pairs_and_a_tenth_is_held_out(tmp_path: Path) -> None:
    summary = grey(tmp_path / "out", photos=twenty(tmp_path / "in"))
    assert summary == "20 pairs of grey and color"
    config = Config(domains=("grey", "color"), channels=(1, 3), resize=16, crop=(16, 16))
    source = find_source(str(tmp_path / "out"), config, "paired")
    assert [(len(d.train), len(d.test)) for d in source.domains] == [(18, 2), (18, 2)]
    assert source.domains[0].train[0].name == source.domains[1].train[0].name
    sample = build_dataset(source, config)[0]
    assert sample.images["a"].shape == (1, 16, 16)
    assert sample.images["b"].shape == (3, 16, 16)


def test_the_same_photos_and_seed_give_the_same_files(tmp_path: Path) -> None:
    given = twenty(tmp_path / "in")
    for name, seed in (("first", 0), ("again", 0), ("other", 1)):
        holes(tmp_path / name, photos=given, seed=seed)
    first, again, other = (contents(tmp_path / name) for name in ("first", "again", "other"))
    assert first == again
    assert first.keys() == other.keys()
    assert {name for name in first if first[name] != other[name]} == {
        name for name in first if "/holes/" in name
    }


def test_what_is_held_out_depends_on_the_photos_not_on_their_names(tmp_path: Path) -> None:
    given = twenty(tmp_path / "in")
    grey(tmp_path / "before", photos=given)
    for path in sorted(given.iterdir()):
        path.rename(given / f"z{99 - int(path.stem)}.png")
    grey(tmp_path / "after", photos=given)
    before, after = (
        {Path(name).parts[:2] + (digest,) for name, digest in contents(tmp_path / out).items()}
        for out in ("before", "after")
    )
    assert before == after


def test_a_split_of_the_photos_is_kept_with_its_sub_folders(tmp_path: Path) -> None:
    given = photos(tmp_path / "in", ["train/cats/1.png", "train/dogs/1.png", "test/cats/2.png"])
    grey(tmp_path / "out", photos=given)
    assert [name for name in contents(tmp_path / "out") if "color" in name] == [
        "test/color/cats/2.png",
        "train/color/cats/1.png",
        "train/color/dogs/1.png",
    ]
    with pytest.raises(ValueError, match="test images of its own .test.*leave out --test-count"):
        grey(tmp_path / "other", photos=given, test_count=1)


def test_photos_that_differ_only_in_their_format_keep_their_names_apart(tmp_path: Path) -> None:
    given = photos(tmp_path / "in", ["a.jpg", "a.png", "b.jpg"])
    grey(tmp_path / "out", photos=given)
    assert [name for name in contents(tmp_path / "out") if "color" in name] == [
        "train/color/a.jpg.png",
        "train/color/a.png.png",
        "train/color/b.png",
    ]


def test_what_cannot_be_read_is_named_and_left_out(tmp_path: Path) -> None:
    given = twenty(tmp_path / "in")
    broken = given / "03.png"
    broken.write_bytes(broken.read_bytes()[:200])
    summary = grey(tmp_path / "out", photos=given)
    assert summary.startswith("19 pairs of grey and color\n")
    assert "03.png" in summary
    assert not any("03.png" in name for name in contents(tmp_path / "out"))


def test_gray_photos_have_the_lightness_of_the_originals() -> None:
    photo = np.random.default_rng(0).integers(256, size=(32, 32, 3), dtype=np.uint8)
    gray = np.repeat(to_gray(photo, np.random.default_rng(0))[..., None], 3, 2)
    both = torch.tensor(np.stack([photo, gray])).permute(0, 3, 1, 2) / 127.5 - 1
    lightness = rgb_to_lab(both)[:, 0]
    torch.testing.assert_close(lightness[0], lightness[1], atol=0.35, rtol=0)  # of 8-bit rounding


def test_a_hole_is_one_white_rectangle_inside_the_photo() -> None:
    photo = np.zeros((64, 48, 3), np.uint8)
    areas = set()
    for seed in range(20):
        white = (with_hole(photo, np.random.default_rng(seed)) == 255).all(2)
        rows, columns = np.flatnonzero(white.any(1)), np.flatnonzero(white.any(0))
        assert white[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert 24 <= len(rows) <= 40
        assert 18 <= len(columns) <= 30
        areas.add((rows[0], columns[0], len(rows)))
    assert len(areas) > 10


@pytest.mark.parametrize(
    ("count", "message"), [(20, "all of which would be held out"), (-1, "at least 0")]
)
def test_impossible_requests_are_one_sentence(tmp_path: Path, count: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        grey(tmp_path / "out", photos=twenty(tmp_path / "in"), test_count=count)
    assert not (tmp_path / "out").exists()
