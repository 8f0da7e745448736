import os
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from crossimage.config import Config
from crossimage.data.images import files as images
from crossimage.data.images.files import decode
from crossimage.data.loader import collate, load_batches
from crossimage.data.samples import rows
from crossimage.data.samples.unpaired import UnpairedImages
from crossimage.data.sources.domains.scan import scan_domains
from crossimage.data.unreadable import UnreadableFiles
from tests.conftest import open_dataset
from tests.data.helpers import PLAIN, dataset, flat, level, levels, noise, pairs, same, save, touch
from tests.golden import SHARED


def test_no_image_is_skipped_in_an_epoch_of_either_domain(unequal):
    items = [dataset(unequal)[number] for number in range(30)]
    for epoch in range(6):
        seen = sorted(level(item.images["a"]) for item in items[5 * epoch : 5 * epoch + 5])
        assert seen == [0, 1, 2, 3, 4]
    for epoch in range(10):
        seen = sorted(level(item.images["b"]) for item in items[3 * epoch : 3 * epoch + 3])
        assert seen == [100, 101, 102]


def test_the_order_changes_from_epoch_to_epoch_and_with_the_seed(unequal):
    def order(data, numbers):
        return [level(data[number].images["a"]) for number in numbers]

    data = dataset(unequal)
    other = dataset(unequal, Config(resize=0, crop=(8, 8), flip=False, seed=1))
    assert len({tuple(order(data, range(5 * e, 5 * e + 5))) for e in range(6)}) > 3
    assert order(data, range(30)) != order(other, range(30))


def test_a_sample_depends_on_its_number_alone(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (4, 20, 30, 3), np.uint8)
    for folder in ("trainA", "trainB"):
        (tmp_path / folder).mkdir()
        for number, pixels in enumerate(noise):
            Image.fromarray(pixels).save(tmp_path / folder / f"{number}.png")
    config = Config(resize=16, crop=(12, 10))
    forwards, backwards = dataset(tmp_path, config), dataset(tmp_path, config)
    first = [forwards[n] for n in range(12)]
    second = [backwards[n] for n in reversed(range(12))][::-1]
    assert same(first, second)
    assert first[0].images["a"].shape == (3, 12, 10)
    assert first[0].images["a"].dtype == torch.float32
    # crops and mirroring differ from visit to visit
    assert len({item.images["a"].sum().item() for item in first}) == 12


def test_crops_reach_every_place_and_half_are_mirrored(tmp_path):
    ramp = np.tile(np.arange(16, dtype=np.uint8) * 10, (16, 1))
    for folder in ("trainA", "trainB"):
        (tmp_path / folder).mkdir()
        Image.fromarray(ramp).save(tmp_path / folder / "x.png")
    config = Config(resize=0, crop=(14, 14), channels=(1, 1))
    rows = [dataset(tmp_path, config)[n].images["a"][0, 0] for n in range(200)]
    mirrored = [row[0] > row[-1] for row in rows]
    assert 60 < sum(mirrored) < 140
    assert {round((min(r[0], r[-1]).item() + 1) * 127.5) for r in rows} == {0, 10, 20}


def test_small_images_are_enlarged_to_the_crop(tmp_path):
    flat(tmp_path / "trainA" / "1.png", 5, size=(3, 7))
    flat(tmp_path / "trainB" / "1.png", 5)
    item = dataset(tmp_path, Config(resize=0, crop=(16, 24)))[0]
    assert item.images["a"].shape == (3, 16, 24)
    assert level(item.images["a"]) == 5


def test_an_image_that_would_grow_beyond_all_bounds_is_an_error(tmp_path):
    flat(tmp_path / "trainA" / "1.png", 5, size=(30_000, 1))
    flat(tmp_path / "trainB" / "1.png", 5)
    item = dataset(tmp_path, Config(resize=256, crop=(256, 256)))[0]
    assert "would be enlarged" in item.error


def test_large_jpegs_are_reduced_for_training_alone(tmp_path, monkeypatch):
    generator = np.random.default_rng(0)
    coarse = Image.fromarray(generator.integers(0, 256, (8, 10, 3), np.uint8))
    for folder, width in (("apart/trainA", 80), ("apart/trainB", 80), ("halves/train", 160)):
        (tmp_path / folder).mkdir(parents=True)
        coarse.resize((width, 64)).save(tmp_path / folder / "x.jpg", quality=95)
    found = set()

    def decode(*arguments):
        image = images.decode(*arguments)
        found.add(tuple(image.shape[1:]))
        return image

    monkeypatch.setattr(rows, "decode", decode)
    small, large = {(32, 40)}, {(64, 80)}
    config = Config(resize=30, crop=(30, 30))
    data = dataset(tmp_path / "apart", config)
    for load, sizes in (
        (lambda: data[0], small),
        (lambda: data.fixed("train", 1), large),
        (lambda: dataset(tmp_path / "apart", Config(resize=0, crop=(30, 30)))[0], large),
        (lambda: open_dataset(tmp_path / "apart", config, "paired")[0], large),
        (lambda: dataset(tmp_path / "halves", config)[0], {(64, 160)}),
    ):
        found.clear()
        assert getattr(load(), "error", None) is None
        assert found == sizes


def test_pairs_are_split_in_the_middle(tmp_path):
    (tmp_path / "train").mkdir()
    pair = np.zeros((8, 16, 3), np.uint8)
    pair[:, 8:] = 200
    Image.fromarray(pair).save(tmp_path / "train" / "1.png")
    item = dataset(tmp_path)[0]
    assert (level(item.images["a"]), level(item.images["b"])) == (0, 200)


def test_unreadable_images_are_replaced_and_reported(unequal):
    (unequal / "trainA" / "2.png").write_bytes(b"broken")
    (unequal / "trainA" / "3.png").write_bytes(b"")
    items = [dataset(unequal)[number] for number in range(5)]
    assert {level(item.images["a"]) for item in items} == {0, 1, 4}
    reported = {(name, Path(path).name) for item in items for name, path, _ in item.unreadable}
    assert reported == {("a", "2.png"), ("a", "3.png")}
    assert all("can't be read" in reason for item in items for *_, reason in item.unreadable)
    tally = UnreadableFiles({"a": 5, "b": 3})
    with pytest.raises(ValueError, match="of 5 images of domain a"):
        tally.add(collate(items).unreadable)


def test_an_image_deleted_during_training_is_skipped(unequal):
    data = dataset(unequal)
    (unequal / "trainA" / "2.png").unlink()
    items = [data[number] for number in range(5)]
    assert all(item.error is None for item in items)
    assert any(Path(path).name == "2.png" for item in items for _, path, _ in item.unreadable)


def test_a_domain_that_is_all_broken_is_an_error(unequal):
    for path in (unequal / "trainB").iterdir():
        path.write_bytes(b"broken")
    item = dataset(unequal)[0]
    assert "none of the images of domain b can be read" in item.error
    assert len(item.unreadable) == 3


def test_a_channel_mismatch_travels_as_data(unequal):
    config = Config(resize=0, crop=(8, 8), channels=(3, 5), workers=0)
    batch = next(load_batches(dataset(unequal, config), config, start=0))
    assert "has 3 channels, expected 5" in batch.error
    assert batch.images == {}


def test_channels_must_be_given_for_each_domain(unequal):
    with pytest.raises(ValueError, match=r"channels holds 3 numbers.*2 domains \(a, b\)"):
        dataset(unequal, Config(channels=(3, 3, 3)))


def test_the_fingerprint_notices_new_and_renamed_files_but_no_new_place(unequal, tmp_path):
    first = dataset(unequal).fingerprint()
    assert first["a"].startswith("5 images, ")
    (unequal / "trainA").rename(unequal / "moved")
    (unequal / "moved").rename(unequal / "trainA")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for folder in ("trainA", "trainB"):
        (unequal / folder).rename(elsewhere / folder)
    assert dataset(elsewhere).fingerprint() == first
    (elsewhere / "trainA" / "4.png").rename(elsewhere / "trainA" / "9.png")
    flat(elsewhere / "trainB" / "9.png", 9)
    changed = dataset(elsewhere).fingerprint()
    assert changed["a"] != first["a"]
    assert changed["b"].startswith("4 images, ")


def test_file_names_need_not_be_text(unequal):
    before = dataset(unequal).fingerprint()
    name = os.fsdecode(b"sch\xf6n.png")
    (unequal / "trainA" / "4.png").rename(unequal / "trainA" / name)
    data = dataset(unequal)
    assert data.fingerprint()["a"] != before["a"]
    assert {level(data[number].images["a"]) for number in range(5)} == set(range(5))


def test_fixed_images_are_spread_centred_and_the_same_every_time(tmp_path):
    for number in range(10):
        flat(tmp_path / "trainA" / f"{number}.png", number)
        flat(tmp_path / "trainB" / f"{number}.png", number)
    flat(tmp_path / "testA" / "x.png", 50)
    data = dataset(tmp_path)
    assert [level(x) for x in data.fixed("train", 5).images["a"]] == [0, 2, 4, 6, 8]
    assert torch.equal(data.fixed("train", 3).images["b"], data.fixed("train", 3).images["b"])
    # one test image in A; B has none and shows training images
    test = data.fixed("test", 4)
    assert [[level(x) for x in test.images[letter]] for letter in "ab"] == [[50], [0]]


def test_fixed_images_are_cut_from_the_centre(tmp_path):
    picture = np.zeros((12, 12, 3), np.uint8)
    picture[2:10, 2:10] = 255
    for folder in ("trainA", "trainB"):
        (tmp_path / folder).mkdir()
        Image.fromarray(picture).save(tmp_path / folder / "1.png")
    assert (dataset(tmp_path).fixed("train", 1).images["a"] == 1).all()


def test_fixed_images_avoid_broken_files_and_repeat_none(unequal):
    (unequal / "trainB" / "0.png").write_bytes(b"broken")
    fixed = dataset(unequal).fixed("train", 5).images
    assert [level(x) for x in fixed["b"]] == [101, 102]
    assert len(fixed["a"]) == 2


def test_three_domains(tmp_path):
    for name in ("x", "y", "z"):
        flat(tmp_path / "train" / name / "1.png", 7)
    config = Config(resize=0, crop=(8, 8), channels=(3, 1, 3))
    data = UnpairedImages(scan_domains(str(tmp_path), count=None), config)
    assert {k: v.shape[0] for k, v in data[0].images.items()} == {"a": 3, "b": 1, "c": 3}


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
        for letter, value in (("A", number), ("B", 100 + number)):
            save(tmp_path / f"train{letter}" / f"{number}.png", np.full((8, 8, 3), value, np.uint8))
    data = pairs(tmp_path)
    orders = []
    for epoch in range(6):
        items = [data[number] for number in range(5 * epoch, 5 * epoch + 5)]
        seen = [[int(levels(i.images[k])[0, 0, 0]) for k in "ab"] for i in items]
        assert sorted(seen) == [[n, 100 + n] for n in range(5)]
        orders.append(tuple(a for a, _ in seen))
    assert len(set(orders)) > 3


def test_a_pair_depends_on_its_number_alone(negatives):
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
    monkeypatch.setattr(rows, "decode", lambda *key: decoded.append(key) or decode(*key))
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
@pytest.mark.parametrize("name", ["edges2shoes", "emojis", "cats_dogs", "edges2handbags_demo"])
def test_real_data_sets_load(name):
    config = Config(resize=64, crop=(64, 64), batch_size=8, workers=0)
    data = dataset(REAL / name, config)
    batch = next(load_batches(data, config, start=0))
    assert batch.error is None
    assert not batch.unreadable
    assert {images.shape for images in batch.images.values()} == {(8, 3, 64, 64)}


@pytest.mark.skipif(not REAL.is_dir(), reason=f"there are no real data sets at {REAL}")
@pytest.mark.parametrize("name", ["facades", "edges2shoes"])
def test_real_pairs_load(name):
    config = Config(resize=71, crop=(64, 64), batch_size=8, workers=0)
    data = pairs(REAL / name, config)
    batch = next(load_batches(data, config, start=0))
    assert batch.error is None and not batch.unreadable
    assert {images.shape for images in batch.images.values()} == {(8, 3, 64, 64)}


def test_each_domain_has_its_own_range_of_values(tmp_path):
    for letter, dtype in (("A", np.int16), ("B", np.uint16)):
        (tmp_path / f"train{letter}").mkdir()
        tifffile.imwrite(tmp_path / f"train{letter}" / "1.tif", np.full((8, 8), 500, dtype))
    ranges = {"a": (0.0, 1000.0), "b": (0.0, 500.0)}
    config = replace(PLAIN, channels=(1, 1), value_range=ranges)
    sample = dataset(tmp_path, config)[0]
    assert sample.error is None
    assert sample.images["a"].unique().tolist() == [0]
    assert sample.images["b"].unique().tolist() == [1]
    alone = dataset(tmp_path, replace(config, value_range={"b": (0.0, 500.0)}))[0]
    assert "trainA/1.tif holds values of unknown range" in alone.error
