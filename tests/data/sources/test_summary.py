from pathlib import Path

from PIL import Image

from crossimage.data.sources.domains.scan import find_two_scales, scan_domains
from crossimage.data.sources.pairs import align
from crossimage.data.sources.summary import describe_pairs, describe_splits
from tests.data.helpers import touch


def test_the_images_of_each_split_are_counted_with_their_folders(tmp_path: Path) -> None:
    names = ("trainA/1.png", "trainA/2.png", "trainB/1.png", "testA/1.png", "validB/1.png")
    touch(*(tmp_path / name for name in names))
    assert describe_splits(scan_domains(str(tmp_path))) == [
        "training images: 2 of a (trainA), 1 of b (trainB)",
        "test images: 1 of a (testA), none of b",
    ]


def test_validation_images_in_place_of_test_images_are_said(tmp_path: Path) -> None:
    touch(tmp_path / "Train" / "1.png", tmp_path / "dev" / "2.png", tmp_path / "dev" / "3.png")
    assert describe_splits(find_two_scales(str(tmp_path))) == [
        "training images: 1 of low and high (Train)",
        "test images: 2 of low and high (dev, in place of test images)",
    ]


def test_pairs_are_shown_with_what_matches_them(tmp_path: Path) -> None:
    touch(*(tmp_path / f"train{letter}" / f"{n}.png" for letter in "AB" for n in range(4)))
    touch(tmp_path / "testA" / "9.png")
    shown = describe_pairs(align(scan_domains(str(tmp_path))))
    assert shown[0].startswith(
        f"Images are paired by name: {tmp_path}/trainA/0.png and {tmp_path}/trainB/0.png; "
    )
    assert shown[0].endswith("; ... (4 in all).")
    assert shown[1].startswith("The test images of a have no partners")


def test_pairs_of_lists_and_halves_are_shown(tmp_path: Path) -> None:
    touch(tmp_path / "1.png")
    (tmp_path / "a.txt").write_text("# one\n1.png\n")
    lists = align(scan_domains(f"A={tmp_path}/a.txt,B={tmp_path}/a.txt"))
    assert describe_pairs(lists) == [
        "Images are paired by their line in the lists: "
        f"line 2: {tmp_path}/1.png and {tmp_path}/1.png."
    ]
    (tmp_path / "train").mkdir()
    Image.new("RGB", (16, 8)).save(tmp_path / "train" / "1.png")
    assert describe_pairs(align(scan_domains(str(tmp_path)))) == [
        f"Images are paired as the left and the right half of a file: {tmp_path}/train/1.png."
    ]
