import hashlib

import numpy as np
import pytest
from PIL import Image

from crossimage.data.make.outlines import MAKERS, make_outlines
from crossimage.data.sources.domains.scan import scan_domains


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.png")}


def pixels_of(path):
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "outlines"
    make_outlines(out, seed=3, count=12, test_count=4)
    return out


def test_it_is_a_data_set_of_two_domains(made):
    a, b = scan_domains(str(made))
    assert [len(files) for files in (a.train, b.train, a.test, b.test)] == [12, 12, 4, 4]
    assert {pixels_of(path).shape for path in a.train + b.test} == {(64, 64, 3)}


def test_the_same_seed_gives_the_same_pictures_and_another_others(made, tmp_path):
    make_outlines(tmp_path / "again", seed=3, count=12, test_count=4)
    make_outlines(tmp_path / "other", seed=4, count=12, test_count=4)
    first = contents(made)
    assert contents(tmp_path / "again") == first
    assert not set(contents(tmp_path / "other").values()) & set(first.values())


def test_more_pictures_begin_with_the_same(made, tmp_path):
    make_outlines(tmp_path / "more", seed=3, count=13, test_count=4)
    assert contents(made).items() <= contents(tmp_path / "more").items()


def test_no_picture_appears_twice(made):
    hashes = [hashlib.sha256(data).digest() for data in contents(made).values()]
    assert len(set(hashes)) == len(hashes)


def test_outlines_are_gray_and_shapes_are_coloured_on_white(made):
    for path in (made / "trainA").iterdir():
        pixels = pixels_of(path)
        assert np.ptp(pixels, axis=2).max() == 0
        assert 0.02 < (pixels[..., 0] < 128).mean() < 0.3
    for path in (made / "trainB").iterdir():
        pixels = pixels_of(path)
        coloured = np.ptp(pixels, axis=2) > 40
        assert coloured.mean() > 0.03
        assert (pixels.min(2) > 250).mean() > 0.15


def test_existing_files_are_never_touched(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("dear")
    with pytest.raises(ValueError, match="mine exists and is not empty"):
        make_outlines(tmp_path / "mine", count=1, test_count=1)
    assert (tmp_path / "mine" / "diary.txt").read_text() == "dear"
    (tmp_path / "empty").mkdir()
    make_outlines(tmp_path / "empty", count=1, test_count=1)
    assert len(contents(tmp_path / "empty")) == 4


def test_a_failure_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(Image.Image, "save", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        make_outlines(tmp_path / "out", count=1, test_count=1)
    assert not list(tmp_path.iterdir())


def test_the_table_of_makers():
    assert MAKERS["outlines"] is make_outlines


def test_numbers_that_make_no_sense_are_refused(tmp_path):
    with pytest.raises(ValueError, match="count"):
        make_outlines(tmp_path / "out", count=0)


def test_pairs_show_the_same_shape_in_another_style(tmp_path):
    make_outlines(tmp_path / "pairs", count=8, test_count=2, size=48, paired=True)
    for split, count in (("train", 8), ("test", 2)):
        for number in range(count):
            outline, filled = (
                np.asarray(Image.open(tmp_path / "pairs" / f"{split}{d}" / f"{number:05d}.png"))
                for d in "AB"
            )
            ink = outline.min(2) < 60
            assert ink.any() and (filled[ink].min(1) < 200).all(), "B is coloured along A's lines"
    first, second = ((tmp_path / "pairs" / f"trainA/{n:05d}.png").read_bytes() for n in (0, 1))
    assert first != second
