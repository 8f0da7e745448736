from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from crossimage.cli.overrides import parse_overrides
from crossimage.config import Config, build
from crossimage.data.build import build_dataset, find_source
from crossimage.data.make import photo_pairs
from crossimage.data.make.photo_pairs import PHOTO_MAKERS, held_out, png_names, to_gray, with_hole
from crossimage.methods import find_method
from crossimage.networks.color_spaces import rgb_to_lab
from crossimage.recipes import resolve


def photos(folder: Path, names: list[str], size: tuple[int, int] = (24, 16)) -> Path:
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(256, size=(*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    return folder


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


grey, holes = PHOTO_MAKERS["grey"], PHOTO_MAKERS["holes"]
twenty = partial(photos, names=[f"{number:02d}.png" for number in range(20)])


def test_training_reads_them_as_pairs_and_a_tenth_is_held_out(tmp_path: Path) -> None:
    summary, following = grey(tmp_path / "out", photos=twenty(tmp_path / "in"))
    assert summary == "20 pairs of grey and color"
    assert following.startswith("crossimage train pix2pix/colorization_small --data ")
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


def test_names_with_suffixes_are_not_those_of_other_photos(tmp_path: Path) -> None:
    names = ["a.jpg", "a.png", "a.jpg.webp", "b.png", "B.png.bmp", "c.001.png", "c.png"]
    grey(tmp_path / "out", photos=photos(tmp_path / "in", names), test_count=0)
    written = {path.name for path in (tmp_path / "out/train/color").iterdir()}
    assert len({name.lower() for name in written}) == len(names)
    assert {"c.001.png", "c.png"} <= written


def test_what_cannot_be_read_is_named_and_left_out(tmp_path: Path) -> None:
    given = twenty(tmp_path / "in")
    broken = given / "03.png"
    broken.write_bytes(broken.read_bytes()[:200])
    summary, _ = grey(tmp_path / "out", photos=given)
    assert summary.startswith("19 pairs of grey and color\nleft out: 1 unreadable\n")
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


STRENGTHS = [
    ("blur", {"blur_px": 1.0}, "blurred"),
    ("noise", {"noise_levels": 10.0}, "noisy"),
    ("small", {"factor": 2.0}, "low"),
    ("edges", {}, "edges"),
]


@pytest.mark.parametrize(("name", "strength", "domain"), STRENGTHS)
def test_files_do_not_depend_on_the_number_of_workers(
    tmp_path: Path, name: str, strength: dict[str, float], domain: str
) -> None:
    given = photos(tmp_path / "in", [f"{n}.png" for n in range(11)], (40, 48))
    for workers in (1, 5):
        maker = PHOTO_MAKERS[name]
        made = maker(tmp_path / str(workers), photos=given, workers=workers, **strength)
        assert made.summary == f"11 pairs of {domain} and photo"
    one, five = contents(tmp_path / "1"), contents(tmp_path / "5")
    assert one == five
    assert len(one) == 22


@pytest.mark.parametrize("name", PHOTO_MAKERS)
def test_the_next_command_reads_the_pairs_from_the_changed_photo_to_the_photo(
    tmp_path: Path, name: str
) -> None:
    given = photos(tmp_path / "in", [f"{n}.png" for n in range(11)], (80, 90))
    made = PHOTO_MAKERS[name](tmp_path / "out", photos=given)
    changed, photo = made.summary.removeprefix("11 pairs of ").split(" and ")
    *command, last = made.following.split()
    assert command[:2] == ["crossimage", "train"]
    method, settings = resolve(command[2])
    cls = find_method(method, command[2])
    config = build(cls.Config, settings, parse_overrides([last]), source=command[2])
    source = find_source(command[command.index("--data") + 1], config, cls.layout)
    config = config.complete(source.facts)
    assert config.domains == (changed, photo) and photo in ("photo", "color")
    assert not [note for note in source.notes if "order" in note]
    sample = build_dataset(source, config)[0]
    assert sample.images["b"].shape[1:] == (64, 64)
    assert not torch.equal(sample.images["a"], sample.images["b"])


def test_larger_photos_are_reduced_before_they_are_changed(tmp_path: Path) -> None:
    given = photos(tmp_path / "in", ["large.png"], (600, 450))
    photos(given, ["small.png"], (100, 50))
    PHOTO_MAKERS["blur"](tmp_path / "out", photos=given)
    sizes = {
        path.parent.name + "/" + path.name: size(path) for path in (tmp_path / "out").rglob("*.png")
    }
    assert sizes == {
        "blurred/large.png": (256, 341), "photo/large.png": (256, 341),
        "blurred/small.png": (50, 100), "photo/small.png": (50, 100),
    }  # fmt: skip


def test_copies_of_a_photo_are_held_out_together(tmp_path: Path) -> None:
    given = twenty(tmp_path / "in")
    for path in sorted(given.iterdir()):
        (given / f"copy of {path.name}").write_bytes(path.read_bytes())
    grey(tmp_path / "out", photos=given, test_count=5)
    names = {split: set() for split in ("train", "test")}
    for path in (tmp_path / "out").rglob("color/*.png"):
        names[path.parts[-3]].add(path.name.removeprefix("copy of "))
    assert not names["train"] & names["test"]
    assert len(names["test"]) == 3


@pytest.mark.parametrize("others", [0, 5, 25])
def test_many_copies_of_a_photo_are_not_most_of_the_test_photos(
    tmp_path: Path, others: int
) -> None:
    for seed in range(3):
        folder = tmp_path / str(seed)
        folder.mkdir()
        photos(folder, [f"{number}.png" for number in range(others)])
        for number in range(15):
            Image.new("RGB", (16, 16), (seed, 0, 0)).save(folder / f"copy{number}.png")
        train, test = held_out(sorted(folder.iterdir()), None)
        assert len(test) == (15 + others) // 10 if others else not test
        assert len(train) + len(test) == 15 + others


def test_a_name_that_no_suffix_tells_apart_is_refused(tmp_path: Path) -> None:
    taken = [Path("0.png"), Path("0.bmp.png")]
    assert png_names([tmp_path / "0.bmp"], tmp_path, taken[:1]) == [Path("0.bmp.png")]
    with pytest.raises(ValueError, match=r"0\.bmp would be written as 0\.bmp\.png"):
        png_names([tmp_path / "0.bmp"], tmp_path, taken)


def test_photos_of_any_kind_become_pairs(tmp_path: Path) -> None:
    given = tmp_path / "in"
    given.mkdir()
    pixels = np.random.default_rng(0).integers(256, size=(32, 24, 4), dtype=np.uint8)
    Image.fromarray(pixels).save(given / "opacity.png")
    Image.fromarray(pixels[..., 0]).save(given / "gray.bmp")
    Image.fromarray(pixels[..., 0].astype(np.uint16) * 257).save(given / "deep.png")
    rotated = Image.Exif()
    rotated[274] = 6
    Image.fromarray(pixels[..., :3]).save(given / "turned", "JPEG", exif=rotated)
    (given / "notes.txt").write_text("no image")
    (given / "empty.jpg").write_bytes(b"")
    summary, _ = PHOTO_MAKERS["noise"](tmp_path / "out", photos=given)
    assert summary.startswith("4 pairs of noisy and photo\nleft out: 1 unreadable, 1 not an image")
    assert "empty.jpg" in summary
    assert size(tmp_path / "out/train/photo/turned.png") == (32, 24)


def test_photos_without_a_known_range_or_permission_are_left_out_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = twenty(tmp_path / "in")
    tifffile.imwrite(given / "float.tif", np.full((24, 32), 0.5, np.float32))
    tifffile.imwrite(given / "many.tif", np.zeros((24, 32, 7), np.uint8))
    read = photo_pairs.read_data

    def read_some(path: Path) -> bytes:
        if path.name == "0.png":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(photo_pairs, "read_data", read_some)
    summary, _ = grey(tmp_path / "out", photos=given)
    assert "left out: 2 unreadable" in summary
    assert "float.tif holds values of unknown range" in summary and "many.tif" in summary


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 8}, "size must be at least 16 pixels, found 8"),
        ({"workers": 0}, "workers must be at least 1, found 0"),
        ({"blur_px": 0.0}, "blur-px must be"),
    ],
)
def test_impossible_numbers_are_one_sentence(
    tmp_path: Path, options: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        PHOTO_MAKERS["blur"](tmp_path / "out", photos=twenty(tmp_path / "in"), **options)
    assert not (tmp_path / "out").exists()
