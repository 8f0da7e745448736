import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossimage.cli.overrides import parse_overrides
from crossimage.config import Config, build
from crossimage.data.build import build_dataset, find_source
from crossimage.data.make.combine import combine
from crossimage.data.make.labels import make_labels
from tests.data.make.test_photo_pairs import contents, photos, size


def both(tmp_path: Path, names: list[str], shape: tuple[int, int] = (24, 24)) -> dict[str, Path]:
    photos(tmp_path / "drawings", names, shape)
    photos(tmp_path / "photos", [name.replace(".png", ".jpg") for name in names], shape)
    return {"a": tmp_path / "drawings", "b": tmp_path / "photos"}


TWENTY = [f"{number:02d}.png" for number in range(20)]


def test_training_reads_them_as_side_by_side_pairs_of_the_folders_names(tmp_path: Path) -> None:
    given = both(tmp_path, TWENTY)
    summary, following = combine(tmp_path / "out", **given)
    assert summary == "20 pairs of drawings (left) and photos (right)"
    assert following.endswith("domains=drawings,photos")
    config = Config(domains=("drawings", "photos"), channels=(3, 3), resize=16, crop=(16, 16))
    source = find_source(str(tmp_path / "out"), config, "paired")
    assert [(d.half, len(d.train), len(d.test)) for d in source.domains] == [(0, 18, 2), (1, 18, 2)]
    assert build_dataset(source, config)[0].images["a"].shape == (3, 16, 16)
    with Image.open(tmp_path / "drawings/03.png") as image:
        left = np.asarray(image)
    (file,) = (tmp_path / "out").rglob("03.png")
    with Image.open(file) as image:
        assert (np.asarray(image)[:, :24] == left).all()


@pytest.mark.parametrize(
    ("a", "b", "names"),
    [
        ("labels/train", "photos/train", "labels,photos"),
        ("1,5", "2", "1_5,2"),
        ("same/x", "deeper/same/x", "TMP,deeper"),
        ("x: y", "-z", "x: y,-z"),
        ("#tag", "- item ", "#tag,- item"),
    ],
)
def test_domains_are_named_by_what_distinguishes_the_folders(
    tmp_path: Path, a: str, b: str, names: str
) -> None:
    folders = {
        name: photos(tmp_path / path, TWENTY[:3], (24, 24)) for name, path in (("a", a), ("b", b))
    }
    _, following = combine(tmp_path / "out", **folders)
    *_, data, settings = shlex.split(following)
    config = build(Config, parse_overrides([settings]), {"resize": 16, "crop": 16})
    assert [name.strip() for name in config.domains] == names.replace("TMP", tmp_path.name).split(
        ","
    )
    assert len(find_source(data, config, "paired").domains) == 2


def test_images_in_one_sub_folder_each_are_pairs_although_it_has_another_name(
    tmp_path: Path,
) -> None:
    names = [f"{split}/{{}}/{n}.png" for split in ("train", "test") for n in range(2)]
    a = photos(tmp_path / "a", [name.format("label") for name in names], (24, 24))
    b = photos(tmp_path / "b", [name.format("photo") for name in names], (24, 24))
    assert combine(tmp_path / "out", a=a, b=b).summary == "4 pairs of a (left) and b (right)"
    assert sorted(contents(tmp_path / "out")) == [name.replace("{}/", "") for name in sorted(names)]


def test_files_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    given = both(tmp_path, TWENTY)
    for workers in (1, 4):
        combine(tmp_path / str(workers), **given, workers=workers)
    assert contents(tmp_path / "1") == contents(tmp_path / "4")


def test_names_are_compared_without_suffix_case_and_unicode_form(tmp_path: Path) -> None:
    photos(tmp_path / "a", ["sub/Caf\u00e9.PNG", "x.png"], (9, 9))
    photos(tmp_path / "b", ["sub/cafe\u0301.bmp", "X.jpg"], (9, 9))
    summary, _ = combine(tmp_path / "out", a=tmp_path / "a", b=tmp_path / "b")
    assert summary.startswith("2 pairs")


def test_what_has_no_partner_or_another_shape_is_counted(tmp_path: Path) -> None:
    given = both(tmp_path, TWENTY[:6])
    photos(given["a"], ["alone.png"])
    photos(given["b"], ["single.png", "lonely.png"])
    photos(given["a"], ["wide.png"], (24, 48))
    photos(given["b"], ["wide.png"], (24, 24))
    photos(given["a"], ["flat.png"], (10, 40))
    photos(given["b"], ["flat.png"], (10, 40))
    (given["b"] / "00.jpg").write_bytes(b"broken")
    summary, _ = combine(tmp_path / "out", **given)
    assert summary.startswith(
        "5 pairs of drawings (left) and photos (right)\nleft out: 1 unreadable"
    )
    assert "3 images without partners" in summary
    assert "1 pair of images of different shapes (wide.png)" in summary
    assert "1 pair unlike the others in shape (flat.png)" in summary
    assert "00.jpg can't be read" in summary


def test_of_two_sizes_of_one_shape_the_smaller_is_taken_and_classes_keep_their_colours(
    tmp_path: Path,
) -> None:
    (tmp_path / "a").mkdir()
    labels = np.repeat(np.repeat(np.random.default_rng(0).integers(3, size=(16, 16)), 4, 0), 4, 1)
    Image.fromarray((labels * 100).astype(np.uint8)).save(tmp_path / "a/1.png")
    photos(tmp_path / "b", ["1.png"], (32, 32))
    combine(tmp_path / "out", a=tmp_path / "a", b=tmp_path / "b")
    with Image.open(tmp_path / "out/train/1.png") as image:
        assert image.size == (64, 32)
        assert set(np.unique(np.asarray(image)[:, :32])) == {0, 100, 200}


def test_label_maps_of_class_numbers_are_to_be_coloured_first(tmp_path: Path) -> None:
    given = both(tmp_path, TWENTY[:3])
    for path in given["a"].iterdir():
        Image.fromarray(np.full((24, 24), 3, np.uint8)).save(path)
    summary, following = combine(tmp_path / "out", **given)
    assert "drawings holds label maps of class numbers, which are nearly black" in summary
    make_labels(tmp_path / "drawings_colours", originals=given["a"])
    assert following.endswith(f"make labels --from {given['a']} --out {given['a']}_colours")
    given["a"] = tmp_path / "drawings_colours"
    assert "--data" in combine(tmp_path / "coloured", **given).following


def test_a_split_is_kept(tmp_path: Path) -> None:
    given = both(tmp_path, ["train/1.png", "train/2.png", "test/3.png"])
    combine(tmp_path / "out", **given)
    assert list(contents(tmp_path / "out")) == ["test/3.png", "train/1.png", "train/2.png"]
    with pytest.raises(ValueError, match="test images of their own; leave out --test-count"):
        combine(tmp_path / "more", **given, test_count=1)
    photos(tmp_path / "flat", ["1.png"])
    with pytest.raises(ValueError, match="has test images and .*flat has none"):
        combine(tmp_path / "more", a=given["a"], b=tmp_path / "flat")


@pytest.mark.parametrize("shape", [(40, 30), (90, 40)])
def test_shapes_that_training_would_not_split_are_refused_and_the_advice_works(
    tmp_path: Path, shape: tuple[int, int]
) -> None:
    given = both(tmp_path, TWENTY, shape)
    with pytest.raises(ValueError, match="shape of a single photo.*trainA and trainB"):
        combine(tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()
    given["a"].rename(tmp_path / "trainA")
    given["b"].rename(tmp_path / "trainB")
    config = Config(channels=(3, 3), holdout=0)
    assert len(find_source(str(tmp_path), config, "paired").domains[0].train) == 20


def test_two_folders_without_a_pair_are_one_sentence(tmp_path: Path) -> None:
    photos(tmp_path / "a", ["1.png"])
    photos(tmp_path / "b", ["2.png"])
    with pytest.raises(ValueError, match="no pair of images of the same name and shape"):
        combine(tmp_path / "out", a=tmp_path / "a", b=tmp_path / "b")
    photos(tmp_path / "a", ["1.jpg"])
    with pytest.raises(ValueError, match="have the same name without suffix"):
        combine(tmp_path / "out", a=tmp_path / "a", b=tmp_path / "b")
    assert size(tmp_path / "a/1.png") == (16, 24)
