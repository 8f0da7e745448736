from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from crossimage.config import Config
from crossimage.data import datasets
from crossimage.data.images.files import decode
from crossimage.data.loader import collate, load_batches
from crossimage.data.sources.folders import scan_domains
from crossimage.data.sources.pairs import align
from crossimage.data.unreadable import UnreadableFiles
from tests.conftest import open_dataset
from tests.golden import SHARED

PLAIN = Config(resize=0, crop=(8, 8), flip=False, workers=0)


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def touch(*paths):
    for path in paths:
        save(path, np.zeros((8, 8, 3), np.uint8))


def noise(seed, height=20, width=30, channels=3):
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def levels(image):
    return image.add(1).mul(127.5).round().int()


def pairs(data, config=PLAIN, names=()):
    return open_dataset(data, replace(config, domains=tuple(names)), "paired")


@pytest.fixture
def negatives(tmp_path):
    """Six pairs of various sizes, B the negative of A."""
    for number in range(6):
        pixels = noise(number, 20 + number, 34 - 2 * number)
        save(tmp_path / "trainA" / f"{number}.png", pixels)
        save(tmp_path / "trainB" / f"{number}.png", 255 - pixels)
    for number in range(2):
        save(tmp_path / "testA" / f"{number}.png", noise(10 + number))
        save(tmp_path / "testB" / f"{number}.png", 255 - noise(10 + number))
    return tmp_path


@pytest.mark.parametrize("resize", [0, 16])
def test_the_images_of_a_pair_share_crop_and_flip(negatives, resize):
    config = Config(resize=resize, crop=(12, 10))
    data = pairs(negatives, config)
    corners = set()
    for number in range(120):
        item = data[number]
        a, b = (levels(item.images[letter]) for letter in "ab")
        assert a.shape == (3, 12, 10)
        assert (a + b - 255).abs().max() <= (resize > 0)  # reducing rounds both
        corners.add(tuple(a[:, 0, 0].tolist()))
    assert len(corners) > 100  # crops and mirroring differ from visit to visit


def test_mirrored_pairs_are_half_of_all(tmp_path):
    ramp = np.tile(np.arange(8, dtype=np.uint8), (8, 1))
    for letter in "AB":
        save(tmp_path / f"train{letter}" / "1.png", ramp)
    data = pairs(tmp_path, Config(resize=0, crop=(8, 8), channels=(1, 1)))
    mirrored = []
    for number in range(200):
        a, b = data[number].images["a"][0, 0], data[number].images["b"][0, 0]
        assert torch.equal(a, b)
        mirrored.append(bool(a[0] > a[-1]))
    assert 60 < sum(mirrored) < 140


def test_every_pair_is_seen_once_an_epoch(tmp_path):
    for number in range(5):
        for letter, level in (("A", number), ("B", 100 + number)):
            save(tmp_path / f"train{letter}" / f"{number}.png", np.full((8, 8, 3), level, np.uint8))
    data = pairs(tmp_path)
    orders = []
    for epoch in range(6):
        items = [data[number] for number in range(5 * epoch, 5 * epoch + 5)]
        seen = [[int(levels(i.images[k])[0, 0, 0]) for k in "ab"] for i in items]
        assert sorted(seen) == [[n, 100 + n] for n in range(5)]
        orders.append(tuple(a for a, _ in seen))
    assert len(set(orders)) > 3


def test_a_sample_depends_on_its_number_alone(negatives):
    config = Config(resize=16, crop=(12, 10), batch_size=2, workers=0)
    first = [pairs(negatives, config)[n] for n in range(12)]
    data = pairs(negatives, config)
    second = [data[n] for n in reversed(range(12))][::-1]
    batches = list(islice(load_batches(data, config, start=0), 6))
    for n, (x, y) in enumerate(zip(first, second, strict=True)):
        for letter in "ab":
            assert torch.equal(x.images[letter], y.images[letter])
            assert torch.equal(x.images[letter], batches[n // 2].images[letter][n % 2])


def test_fixed_images_are_pairs(negatives):
    data = pairs(negatives, Config(resize=0, crop=(12, 10)))
    for split, count in (("train", 4), ("test", 2)):
        fixed = data.fixed(split, 4).images
        assert fixed["a"].shape == (count, 3, 12, 10)
        assert (levels(fixed["a"]) + levels(fixed["b"]) == 255).all()
    without = (
        pairs(
            f"A={listed(negatives, 'trainA')},B={listed(negatives, 'trainB')}",
            Config(resize=0, crop=(12, 10)),
        )
        .fixed("test", 3)
        .images
    )
    assert (levels(without["a"]) + levels(without["b"]) == 255).all()


def listed(root, folder):
    file = root / f"{folder}.txt"
    file.write_text("".join(f"{path}\n" for path in sorted((root / folder).iterdir())))
    return file


def test_side_by_side_pictures(tmp_path, monkeypatch):
    decoded = []
    monkeypatch.setattr(datasets, "decode", lambda *key: decoded.append(key) or decode(*key))
    pixels = noise(1, 20, 30)
    save(tmp_path / "train" / "1.png", np.concatenate([pixels, 255 - pixels], 1))
    data = pairs(tmp_path, Config(resize=0, crop=(12, 10)))
    for number in range(20):
        images = data[number].images
        assert (levels(images["a"]) + levels(images["b"]) == 255).all()
    assert len(decoded) == 20  # a picture is decoded once for both halves


def test_side_by_side_pictures_with_other_channels(tmp_path):
    save(tmp_path / "train" / "1.png", np.full((8, 16, 3), 77, np.uint8))
    item = pairs(tmp_path, Config(resize=0, crop=(8, 8), channels=(3, 1)))[0]
    assert [item.images[k].shape[0] for k in "ab"] == [3, 1]


def test_a_picture_of_odd_width_is_reported(tmp_path):
    for number, width in enumerate((16, 16, 16, 17)):
        save(tmp_path / "train" / f"{number}.png", noise(1, 8, width))
    items = [pairs(tmp_path)[number] for number in range(4)]
    reported = {entry for item in items for entry in item.unreadable}
    assert {(name, Path(path).name) for name, path, _ in reported} == {
        ("a", "3.png"),
        ("b", "3.png"),
    }
    assert all("3.png is 17 pixels wide" in reason for *_, reason in reported)


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


def test_pairs_of_different_sizes_are_skipped_and_named(negatives):
    save(negatives / "trainB" / "3.png", noise(3, 23, 27))
    data = pairs(negatives, Config(resize=0, crop=(8, 8)))
    items = [data[number] for number in range(6)]
    batch = collate(items)
    assert batch.error is None
    assert (levels(batch.images["a"]) + levels(batch.images["b"]) == 255).all()
    tally = UnreadableFiles({"a": 100, "b": 100})
    tally.add(batch.unreadable)
    a, b = negatives / "trainA" / "3.png", negatives / "trainB" / "3.png"
    assert tally.summary() == (
        "1 unreadable image was skipped:\n"
        f"{a} is 28 x 23 and {b} is 27 x 23; expected images of the same size in a pair"
    )
    assert data.fixed("train", 6).images["a"].shape[0] == 5
    with pytest.raises(ValueError, match="1 of 6 images of domain a"):
        UnreadableFiles({"a": 6, "b": 6}).add(batch.unreadable)


def test_a_pair_with_a_broken_image_is_lost_to_both_domains(negatives):
    (negatives / "trainB" / "3.png").write_bytes(b"broken")
    data = pairs(negatives, Config(resize=0, crop=(8, 8)))
    unreadable = {entry for n in range(6) for entry in data[n].unreadable}
    assert {name for name, *_ in unreadable} == {"a", "b"}
    assert all("trainB/3.png can't be read" in reason for *_, reason in unreadable)


def test_nothing_but_unequal_pairs_is_an_error(tmp_path):
    save(tmp_path / "trainA" / "1.png", noise(1, 8, 8))
    save(tmp_path / "trainB" / "1.png", noise(1, 8, 9))
    data = pairs(tmp_path)
    assert "none of the pairs of images of domains a and b can be read" in data[0].error
    with pytest.raises(ValueError, match=r"none of the pairs .*1\.png is 8 x 8 and .*1\.png is "):
        data.fixed("train", 1)


def test_domains_of_any_depth_and_channels_are_paired(tmp_path):
    """Five 16-bit channels beside 8-bit gray, the gray being the first channel's high byte."""
    deep = np.random.default_rng(0).integers(0, 2**16, (20, 30, 5), np.uint16)
    (tmp_path / "trainA").mkdir()
    tifffile.imwrite(tmp_path / "trainA" / "1.tif", deep, photometric="minisblack")
    save(tmp_path / "trainB" / "1.png", (deep[..., 0] >> 8).astype(np.uint8))
    data = pairs(tmp_path, Config(resize=0, crop=(12, 10), channels=(5, 1)))
    for number in range(20):
        images = data[number].images
        assert images["a"].shape == (5, 12, 10)
        assert (images["a"][0] - images["b"][0]).abs().max() < 0.01


def test_turned_photos_are_compared_upright(tmp_path):
    pixels = noise(1, 20, 30)
    save(tmp_path / "trainB" / "1.png", pixels)
    (tmp_path / "trainA").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6  # shown a quarter turn clockwise
    Image.fromarray(np.rot90(pixels).copy()).save(tmp_path / "trainA" / "1.png", exif=exif)
    item = pairs(tmp_path)[0]
    assert item.error is None
    assert torch.equal(item.images["a"], item.images["b"])


def test_the_fingerprint_knows_the_pairs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    touch(tmp_path / "1.png", tmp_path / "2.png")
    (tmp_path / "a.txt").write_text("1.png\n2.png\n")
    (tmp_path / "b.txt").write_text("1.png\n2.png\n")
    before = pairs("A=a.txt,B=b.txt").fingerprint()
    (tmp_path / "b.txt").write_text("2.png\n1.png\n")
    assert pairs("A=a.txt,B=b.txt").fingerprint() != before


REAL = SHARED / "data"


@pytest.mark.skipif(not REAL.is_dir(), reason=f"there are no real data sets at {REAL}")
@pytest.mark.parametrize("name", ["facades", "edges2shoes"])
def test_real_pairs_load(name):
    config = Config(resize=71, crop=(64, 64), batch_size=8, workers=0)
    data = pairs(REAL / name, config)
    batch = next(load_batches(data, config, start=0))
    assert batch.error is None and not batch.unreadable
    assert {images.shape for images in batch.images.values()} == {(8, 3, 64, 64)}
