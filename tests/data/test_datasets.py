import multiprocessing
import os
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from crossimage.config import Config
from crossimage.data import datasets
from crossimage.data import loader as loading
from crossimage.data.datasets import (
    UnpairedImages,
)
from crossimage.data.images import files as images
from crossimage.data.images.resize import size_before_crop
from crossimage.data.loader import Sample, collate, load_batches
from crossimage.data.sources.folders import scan_domains
from crossimage.data.unreadable import UnreadableFiles
from tests.conftest import open_dataset
from tests.golden import SHARED

PLAIN = Config(resize=0, crop=(8, 8), flip=False, batch_size=2, workers=0)


def flat(path, level, size=(8, 8)):
    """A picture of one gray level, by which it is known again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (level,) * 3).save(path)


def level(image):
    return round((image.mean().item() + 1) * 127.5)


@pytest.fixture
def unequal(tmp_path):
    """Five pictures in one domain, three in the other."""
    for number in range(5):
        flat(tmp_path / "trainA" / f"{number}.png", number)
    for number in range(3):
        flat(tmp_path / "trainB" / f"{number}.png", 100 + number)
    return tmp_path


def dataset(folder, config=PLAIN):
    return UnpairedImages(scan_domains(str(folder)), config)


def same(batches, others):
    return all(
        torch.equal(x.images[k], y.images[k])
        for x, y in zip(batches, others, strict=True)
        for k in x.images
    )


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


@pytest.mark.parametrize(
    ("size", "resize", "crop", "expected"),
    [
        ((100, 50), 25, (25, 25), (25, 50)),  # the shortest side
        ((100, 50), 0, (25, 25), (50, 100)),  # kept
        ((10, 20), 0, (40, 30), (60, 30)),  # enlarged to the crop
        ((100, 50), 25, (25, 80), (40, 80)),  # resized, but still large enough
        ((33, 77), 32, (32, 32), (75, 32)),
    ],
)
def test_sizes_before_the_crop(size, resize, crop, expected):
    width, height = size
    assert size_before_crop(height, width, Config(resize=resize, crop=crop)) == expected


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

    monkeypatch.setattr(datasets, "decode", decode)
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


def test_collate_stacks_and_passes_the_first_error_on():
    good, bad = Sample({"a": torch.zeros(3, 2, 2)}), Sample({}, [("a", "x", "y")], "no good")
    assert collate([good, good]).images["a"].shape == (2, 3, 2, 2)
    batch = collate([good, bad, good])
    assert (batch.error, batch.unreadable) == ("no good", [("a", "x", "y")])


@pytest.mark.parametrize("workers", [1, 2])
def test_loader_processes_change_nothing(unequal, workers):
    config = Config(crop=(8, 8), resize=12, batch_size=2, workers=workers)
    data = dataset(unequal, config)
    alone = Config(crop=(8, 8), resize=12, batch_size=2, workers=0)
    expected = list(islice(load_batches(data, alone, start=0), 8))
    assert same(list(islice(load_batches(data, config, start=0), 8)), expected)
    assert same(list(islice(load_batches(data, config, start=5), 3)), expected[5:])


def test_the_loader_leaves_the_random_state_alone(unequal):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    next(load_batches(dataset(unequal), PLAIN, start=0))
    assert torch.equal(torch.get_rng_state(), before)


def test_processes_see_together_what_one_sees(unequal):
    config = Config(resize=0, crop=(8, 8), batch_size=4, workers=0)
    data = dataset(unequal, config)
    whole = next(load_batches(data, config, start=3)).images["a"]
    parts = [
        next(load_batches(data, config, start=3, rank=r, world=2)).images["a"] for r in range(2)
    ]
    assert torch.equal(torch.cat(parts), whole)


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


def test_lists_may_mix_absolute_and_relative_paths(unequal, tmp_path, monkeypatch):
    monkeypatch.chdir(unequal)
    for letter, count in (("A", 5), ("B", 3)):
        paths = [f"train{letter}/{number}.png" for number in range(count)]
        lines = [str(unequal / path) if i % 2 else path for i, path in enumerate(paths)]
        (tmp_path / f"{letter}.txt").write_text("\n".join(lines))
    prints = dataset("a=A.txt,b=B.txt").fingerprint()
    assert [text.split(",")[0] for text in prints.values()] == ["5 images", "3 images"]


def test_file_names_need_not_be_text(unequal):
    before = dataset(unequal).fingerprint()
    name = os.fsdecode(b"sch\xf6n.png")
    (unequal / "trainA" / "4.png").rename(unequal / "trainA" / name)
    data = dataset(unequal)
    assert data.fingerprint()["a"] != before["a"]
    assert {level(data[number].images["a"]) for number in range(5)} == set(range(5))


def test_an_empty_path_is_no_data_set(unequal, monkeypatch):
    monkeypatch.chdir(unequal)
    assert len(scan_domains(".")) == 2
    with pytest.raises(ValueError, match="path of the data set is empty"):
        scan_domains("")


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


PROGRAM = """
import multiprocessing, sys, time
from crossimage.config import Config
from crossimage.data.datasets import UnpairedImages
from crossimage.data.loader import load_batches
from crossimage.data.sources.folders import scan_domains
from tests.golden import SHARED

config = Config(resize=0, crop=(8, 8), workers=2)
batches = load_batches(UnpairedImages(scan_domains(sys.argv[1]), config), config, start=0)
next(batches)
print(*(child.pid for child in multiprocessing.active_children()), flush=True)
for line in sys.stdin:
    for _ in range(20):
        next(batches)
    print("more", flush=True)
"""


@pytest.fixture
def running(unequal):
    """A process with two loader processes, and their numbers."""
    command = [sys.executable, "-c", PROGRAM, str(unequal)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        workers = [int(pid) for pid in process.stdout.readline().split()]
        assert len(workers) == 2
        yield process, workers
        process.kill()


def gone(pids, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(is_alive(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@needs_proc
def test_loader_processes_end_with_a_killed_training_process(running):
    process, workers = running
    process.kill()
    assert gone(workers, 20)


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_loader_processes_outlive_a_stop_request_and_end_with_the_run(running, number):
    process, workers = running
    for pid in workers:
        os.kill(pid, number)
    process.stdin.write("more please\n")
    process.stdin.flush()
    assert process.stdout.readline() == "more\n"
    process.stdin.close()
    assert process.wait(20) == 0
    assert gone(workers, 5)


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_loader_processes_outlive_a_stop_request_while_they_start(unequal, monkeypatch, number):
    begin = loading._outlive_stop_requests

    def begin_late():
        time.sleep(0.5)
        begin()

    monkeypatch.setattr(loading, "_outlive_stop_requests", begin_late)
    config = Config(resize=0, crop=(8, 8), workers=1)
    batches = load_batches(dataset(unequal, config), config, start=0)
    (worker,) = multiprocessing.active_children()
    # The training process's own requests are obeyed: this one comes from another.
    subprocess.run(["kill", f"-{int(number)}", str(worker.pid)], check=True)
    assert next(batches).images["a"].shape == (1, 3, 8, 8)


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
