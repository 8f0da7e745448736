import os
from dataclasses import replace

import numpy as np
import pytest

from crossimage.data.sources.domains.scan import scan_domains
from crossimage.data.sources.pairs import align
from tests.data.helpers import PLAIN, levels, pairs, save, touch

EARLIER = replace(PLAIN, data_rules=1)


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
        "add it or remove the other; there are 2 such images in all; if these are not pairs, "
        f"`crossimage train munit/photos_small --data {negatives}` learns without them, and so do "
        "cyclegan/photos_small and cut"
    )
    for number in "89":
        (negatives / f"{split}A" / f"{number}.png").unlink()
    touch(negatives / f"{split}B" / "8.png")
    with pytest.raises(ValueError, match=f"{split}B/8.png has no partner: .*{split}A holds no"):
        pairs(negatives)


def test_test_images_without_partners_are_shown_alone(negatives):
    for path in (negatives / "testB").iterdir():
        path.unlink()
    data = pairs(negatives)
    assert [len(domain.test) for domain in data.domains] == [2, 0]
    assert [*data.fixed("test", 4).images] == ["a"]
    assert [*data.fixed("train", 4).images] == ["a", "b"]


def test_images_of_different_splits_are_never_paired(negatives):
    for path in (negatives / "testB").iterdir():
        path.unlink()
    touch(*(negatives / f"val{letter}" / f"{number}.png" for letter in "AB" for number in range(2)))
    a, b = pairs(negatives).domains
    assert [path.parent.name for path in a.test] == ["testA", "testA"]
    assert b.test == ()
    assert [entry.name for entry in a.left_out + b.left_out] == ["valA", "valB"]


def test_two_files_of_one_name_are_refused(negatives):
    touch(negatives / "trainA" / "3.jpg")
    with pytest.raises(ValueError, match=r"trainA/3.jpg and .*trainA/3.png have the same name"):
        pairs(negatives)


def test_case_and_unicode_form_of_names_may_differ(tmp_path):
    touch(tmp_path / "trainA" / "Caf\u00e9.png", tmp_path / "trainA" / "IMG_1.png")
    touch(tmp_path / "trainB" / "cafe\u0301.png", tmp_path / "trainB" / "img_1.jpg")
    a, b = align(scan_domains(str(tmp_path)))
    assert [path.name for path in a.train] == ["Caf\u00e9.png", "IMG_1.png"]
    assert [path.name for path in b.train] == ["cafe\u0301.png", "img_1.jpg"]


def test_names_that_differ_only_in_case_are_two_images(tmp_path):
    touch(*(tmp_path / f"train{letter}" / name for letter in "AB" for name in ("x.png", "X.png")))
    a, b = align(scan_domains(str(tmp_path)))
    assert [path.name for path in a.train] == [path.name for path in b.train]
    (tmp_path / "trainB" / "X.png").rename(tmp_path / "trainB" / "Y.png")
    with pytest.raises(ValueError, match=r"trainA/X.png has no partner: .*no image named X; "):
        align(scan_domains(str(tmp_path)))


def test_lines_of_lists_belong_together(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for level in range(4):
        save(tmp_path / "x" / f"{level}.png", np.full((8, 8, 3), level, np.uint8))
    # the order of the lines counts, and a file may belong to several pairs
    (tmp_path / "a.txt").write_text("# some\nx/3.png\nx/0.png\n\nx/3.png\n")
    (tmp_path / "b.txt").write_text("\nx/1.png\nx/2.png\n# others\nx/0.png\n\n# end\n")
    data = pairs("A=a.txt,B=b.txt")
    seen = [[int(levels(data[n].images[k])[0, 0, 0]) for k in "ab"] for n in range(3)]
    assert sorted(seen) == [[0, 2], [3, 0], [3, 1]]
    fixed = data.fixed("train", 3).images
    assert [[int(levels(fixed[k])[n, 0, 0, 0]) for k in "ab"] for n in range(3)] == [
        [3, 1], [0, 2], [3, 0],
    ]  # fmt: skip


@pytest.mark.parametrize(
    "a, b, line",
    [
        ("1.png\n#1.png\n1.png\n", "1.png\n1.png\n# 1.png\n", 2),
        ("1.png\n\n1.png\n", "1.png\n1.png\n", 2),
        ("# header\n1.png\n", "1.png\n", 1),
        ("1.png\n1.png\n", "1.png\n", 2),
    ],
)
def test_an_image_beside_a_comment_or_nothing_is_refused(tmp_path, monkeypatch, a, b, line):
    monkeypatch.chdir(tmp_path)
    touch(tmp_path / "1.png")
    (tmp_path / "a.txt").write_text(a)
    (tmp_path / "b.txt").write_text(b)
    with pytest.raises(ValueError) as error:
        pairs("A=a.txt,B=b.txt")
    assert f"a.txt, line {line}" in str(error.value) and f"b.txt, line {line}" in str(error.value)


def test_earlier_runs_pair_lists_by_position(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    touch(*(tmp_path / f"{number}.png" for number in range(3)))
    (tmp_path / "a.txt").write_text("0.png\n# a comment\n1.png\n")
    (tmp_path / "b.txt").write_text("2.png\n0.png\n")
    a, b = pairs("A=a.txt,B=b.txt", EARLIER).domains
    assert [path.name for path in (*a.train, *b.train)] == ["0.png", "1.png", "2.png", "0.png"]


def test_lists_of_unequal_length_name_the_first_line_without_a_partner(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    touch(tmp_path / "1.png")
    (tmp_path / "a.txt").write_text("1.png\n1.png\n")
    (tmp_path / "b.txt").write_text("1.png\n\n1.png\n1.png\n1.png\n")
    with pytest.raises(
        ValueError, match=r"^b.txt lists 4 images and a.txt 2; .*b.txt, line 4 is the first without"
    ):
        pairs("A=a.txt,B=b.txt", EARLIER)


def test_numbers_at_the_end_of_names_are_no_suffixes(tmp_path):
    for number in (1, 2):
        for folder in ("trainA", "trainB"):
            touch(tmp_path / folder / f"{number}.png")
            (tmp_path / folder / f"{number}.png").rename(tmp_path / folder / f"scan.00{number}")
    a, b = align(scan_domains(str(tmp_path)))
    assert [p.name for p in a.train] == [p.name for p in b.train] == ["scan.001", "scan.002"]
    (tmp_path / "trainA" / "scan.001").unlink()
    (tmp_path / "trainB" / "scan.002").unlink()
    with pytest.raises(ValueError, match=r"scan\.002 has no partner"):
        align(scan_domains(str(tmp_path)))


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
@pytest.mark.parametrize("layout", ["train{}", "train/{}", "{}"])
@pytest.mark.parametrize("whole", [False, True])
def test_domains_that_links_make_the_same_are_refused(tmp_path, layout, whole):
    a, b = (tmp_path / layout.format(letter) for letter in "AB")
    touch(a / "1.png")
    if whole:
        b.symlink_to(a)
    else:
        b.mkdir()
        (b / "2.png").symlink_to(a / "1.png")
    with pytest.raises(ValueError, match="1 image is in both [aA] and [bB]"):
        scan_domains(str(tmp_path), paired=False)
