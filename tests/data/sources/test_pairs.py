import numpy as np
import pytest

from crossimage.data.sources.folders import scan_domains
from crossimage.data.sources.pairs import align
from tests.data.helpers import levels, pairs, save, touch


def test_suffixes_may_differ_and_sub_folders_count(tmp_path):
    touch(tmp_path / "trainA" / "x" / "1.png", tmp_path / "trainA" / "y" / "1.jpg")
    touch(tmp_path / "trainB" / "x" / "1.bmp", tmp_path / "trainB" / "y" / "1.png")
    touch(tmp_path / "trainA" / "a.b.png", tmp_path / "trainB" / "a.b.jpg")
    touch(tmp_path / "trainA" / "a.png", tmp_path / "trainB" / "a.png")
    a, b = align(scan_domains(str(tmp_path)))
    for x, y in zip(a.train, b.train, strict=True):
        x, y = x.relative_to(tmp_path / "trainA"), y.relative_to(tmp_path / "trainB")
        assert x.with_suffix("") == y.with_suffix("")
    assert len(a.train) == 4


def test_suffixes_do_not_mix_the_pairs_up(tmp_path):
    """Sorted with their suffixes, the files stand in different orders."""
    touch(tmp_path / "trainA" / "1.png", tmp_path / "trainA" / "1-2.png")
    touch(tmp_path / "trainB" / "1.bmp", tmp_path / "trainB" / "1-2.png")
    (tmp_path / "trainA" / "1.png").rename(tmp_path / "trainA" / "1.tif")
    a, b = align(scan_domains(str(tmp_path)))
    assert [p.stem for p in a.train] == [p.stem for p in b.train]


def test_folders_of_domains_are_paired_in_the_order_asked_for(tmp_path):
    for name, level in (("maps", 10), ("photos", 20)):
        for split in ("train", "val"):
            save(tmp_path / split / name / "1.png", np.full((8, 8, 3), level, np.uint8))
    item = pairs(tmp_path, names=["photos", "maps"])[0]
    assert [int(levels(item.images[k])[0, 0, 0]) for k in "ab"] == [20, 10]


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_missing_partner_is_named(negatives, split):
    touch(negatives / f"{split}A" / "9.png", negatives / f"{split}A" / "8.png")
    with pytest.raises(ValueError) as error:
        pairs(negatives)
    assert str(error.value) == (
        f"{negatives}/{split}A/8.png has no partner: {negatives}/{split}B holds no image named 8; "
        "add it or remove the other; there are 2 such images in all"
    )
    for number in "89":
        (negatives / f"{split}A" / f"{number}.png").unlink()
    touch(negatives / f"{split}B" / "8.png")
    with pytest.raises(ValueError, match=f"{split}B/8.png has no partner: .*{split}A holds no"):
        pairs(negatives)


def test_a_missing_test_folder_is_named(negatives):
    for path in (negatives / "testB").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match=r"testA/0.png has no partner: .*testB holds.* 2 such"):
        pairs(negatives)


def test_two_files_of_one_name_are_refused(negatives):
    touch(negatives / "trainA" / "3.jpg")
    with pytest.raises(ValueError, match=r"trainA/3.jpg and .*trainA/3.png have the same name"):
        pairs(negatives)


def test_lines_of_lists_belong_together(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for level in range(4):
        save(tmp_path / "x" / f"{level}.png", np.full((8, 8, 3), level, np.uint8))
    # the order of the lines counts, and a file may belong to several pairs
    (tmp_path / "a.txt").write_text("x/3.png\nx/0.png\n\nx/3.png\n")
    (tmp_path / "b.txt").write_text("# others\nx/1.png\nx/2.png\nx/0.png\n")
    data = pairs("A=a.txt,B=b.txt")
    seen = [[int(levels(data[n].images[k])[0, 0, 0]) for k in "ab"] for n in range(3)]
    assert sorted(seen) == [[0, 2], [3, 0], [3, 1]]
    fixed = data.fixed("train", 3).images
    assert [[int(levels(fixed[k])[n, 0, 0, 0]) for k in "ab"] for n in range(3)] == [
        [3, 1], [0, 2], [3, 0],
    ]  # fmt: skip


def test_lists_of_unequal_length_name_the_first_line_without_a_partner(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    touch(tmp_path / "1.png")
    (tmp_path / "a.txt").write_text("1.png\n1.png\n")
    (tmp_path / "b.txt").write_text("1.png\n\n1.png\n1.png\n1.png\n")
    with pytest.raises(
        ValueError, match=r"^b.txt lists 4 images and a.txt 2; .*b.txt, line 4 is the first without"
    ):
        pairs("A=a.txt,B=b.txt")
