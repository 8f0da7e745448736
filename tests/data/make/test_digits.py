import gzip
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossimage.config import Config
from crossimage.data.make.digits import CLOTHES, MAKERS
from crossimage.recipes import list_recipes
from tests.conftest import open_dataset

MNIST = [
    ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
]


def idx(values):
    return (
        b"\0\0\x08"
        + bytes([values.ndim])
        + np.array(values.shape, ">i4").tobytes()
        + values.tobytes()
    )


def random_digits(seed, count, side):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, side, side), np.uint8)
    return images, rng.permutation(np.arange(count) % 10).astype(np.uint8)


def write_mnist(folder, seed=0, gz=True):
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for split, (names, count) in enumerate(zip(MNIST, (40, 20), strict=True)):
        written.append(random_digits(seed + split, count, 28))
        for name, values in zip(names, written[-1], strict=True):
            data = idx(values)
            (folder / (name + ".gz" * gz)).write_bytes(gzip.compress(data) if gz else data)
    return written


def write_usps(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (x, y), (u, v) = random_digits(5, 30, 16), random_digits(6, 10, 16)
    path = folder / "usps_16x16_uint8.npz"
    np.savez(path, train_images=x, train_labels=y, test_images=u, test_labels=v)
    return [(x, y), (u, v)]


@pytest.fixture
def originals(tmp_path):
    """The folder of the originals, and what they hold: training and test images and classes."""
    folder = tmp_path / "originals"
    return folder, write_mnist(folder / "deep" / "mnist"), write_usps(folder / "usps")


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(8):
        # the level tells the photo, the second channel tells it is one
        pixels = np.zeros((40 + number, 60, 3), np.uint8)
        pixels[..., 0] = 10 * number
        Image.fromarray(pixels).save(folder / f"{number}.png")
    Image.new("RGB", (27, 60)).save(folder / "small.png")
    return folder


def files(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.png")}


def pixels_of(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize("name", ["mnist2usps", "usps2mnist"])
def test_two_data_sets_of_digits(originals, tmp_path, name):
    folder, mnist, usps = originals
    MAKERS[name](tmp_path / "out", originals=folder)
    sets = (mnist, usps) if name == "mnist2usps" else (usps, mnist)
    for letter, digits in zip("AB", sets, strict=True):
        for split, (images, labels) in zip(("train", "test"), digits, strict=True):
            place = tmp_path / "out" / f"{split}{letter}"
            found = sorted(place.rglob("*.png"))
            assert len(found) == len(images)
            for path in found:
                number = int(path.stem)
                assert np.array_equal(pixels_of(path), images[number])
                if place.name == "trainB":
                    assert path.parent == place  # no one can look the target's classes up
                else:
                    assert path.parent.name == str(labels[number])
    config = Config(crop=(32, 32), channels=(1, 1))
    data = open_dataset(tmp_path / "out", config, "unpaired", "a")
    assert data.domains[0].classes == tuple("0123456789")
    assert len(data.domains[1].test_class_indices) == len(sets[1][1][1])
    assert data[0].images["b"].shape == (1, 32, 32)


@pytest.mark.parametrize(
    ("name", "place"),
    [("mnist", "mnist"), ("fashion", "Fashion-MNIST"), ("fashion", "x/fashion_mnist/raw")],
)
def test_one_folder_of_training_images(originals, tmp_path, name, place):
    folder, mnist, _ = originals
    clothes = write_mnist(folder / place, seed=9) if name == "fashion" else mnist
    MAKERS[name](tmp_path / "all", originals=folder)
    found = sorted((tmp_path / "all").rglob("*.*"))
    assert [path.parent for path in found] == [tmp_path / "all" / "train"] * 40
    assert all(np.array_equal(pixels_of(p), clothes[0][0][int(p.stem)]) for p in found)
    MAKERS[name](tmp_path / "few", originals=folder, count=6, seed=1)
    few = files(tmp_path / "few")
    assert len(few) == 6 and few.items() < files(tmp_path / "all").items()
    with pytest.raises(ValueError, match="count of at least 1"):
        MAKERS[name](tmp_path / "none", originals=folder, count=0)
    assert not (tmp_path / "none").exists()


def test_clothes_are_written_into_class_folders(originals, tmp_path):
    folder, *_ = originals
    splits = write_mnist(folder / "fashion-mnist", seed=9)
    MAKERS["fashion_classes"](tmp_path / "all", originals=folder)
    for split, (images, labels) in zip(("train", "test"), splits, strict=True):
        found = sorted((tmp_path / "all" / split).rglob("*.*"))
        assert len(found) == len(images)
        for path in found:
            assert path.parent.name == CLOTHES[labels[int(path.stem)]]
            assert np.array_equal(pixels_of(path), images[int(path.stem)])
    MAKERS["fashion_classes"](tmp_path / "few", originals=folder, count=6, seed=1)
    few = files(tmp_path / "few")
    assert sum(name.startswith("train") for name in few) == 6
    assert few.items() < files(tmp_path / "all").items()


def test_digits_of_mnist_m_are_blended_into_photos(originals, photos, tmp_path):
    folder, mnist, _ = originals
    MAKERS["mnist2mnistm"](tmp_path / "out", originals=folder, photos=photos, seed=4)
    used = {}
    for split, (images, labels) in zip(("train", "test"), mnist, strict=True):
        used[split] = set()
        for path in (tmp_path / "out" / f"{split}B").rglob("*.png"):
            number, pixels = int(path.stem), pixels_of(path).astype(int)
            digit = images[number].astype(int)
            assert pixels.shape == (28, 28, 3)
            assert np.array_equal(pixels[..., 1], digit)  # |0 - digit|
            photo = next(p for p in range(8) if np.array_equal(pixels[..., 0], abs(10 * p - digit)))
            used[split].add(photo)
            if split == "test":
                assert path.parent.name == str(labels[number])
    assert len(used["train"]) > 3 and used["test"]
    assert not used["train"] & used["test"]


def test_mnist_m_may_be_the_source(originals, photos, tmp_path):
    folder, (_, (_, labels)), _ = originals
    for name in ("mnist2mnistm", "mnistm2mnist"):
        MAKERS[name](tmp_path / name, originals=folder, photos=photos, seed=4)
    there, back = (files(tmp_path / name) for name in ("mnist2mnistm", "mnistm2mnist"))
    for one, other in (("A", "B"), ("B", "A")):
        found = {k: v for k, v in there.items() if k.startswith(f"test{one}")}
        assert len(found) == len(labels)
        assert all(back[k.replace(f"test{one}", f"test{other}")] == v for k, v in found.items())
    pictures = {Path(k).name: v for k, v in there.items() if k.startswith("trainB")}
    assert {Path(k).name: v for k, v in back.items() if k.startswith("trainA")} == pictures
    config = Config(crop=(32, 32), channels=(3, 1))
    data = open_dataset(tmp_path / "mnistm2mnist", config, "unpaired", "a")
    assert data.domains[0].classes == tuple("0123456789")
    assert all(domain.test_class_indices for domain in data.domains)
    assert not list((tmp_path / "mnistm2mnist" / "trainB").glob("*/"))


def test_patches_come_from_everywhere_in_a_photo(tmp_path):
    write_mnist(tmp_path)
    black = {"images-idx3": np.zeros((300, 28, 28), np.uint8), "labels-idx1": np.arange(300) % 10}
    for name, values in black.items():
        data = gzip.compress(idx(values.astype(np.uint8)))
        (tmp_path / f"train-{name}-ubyte.gz").write_bytes(data)
    ramp = np.zeros((30, 32, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(30)[:, None], np.arange(32)
    for number in range(2):
        Image.fromarray(ramp).save(tmp_path / f"{number}.png")
    MAKERS["mnist2mnistm"](tmp_path / "out", originals=tmp_path, photos=tmp_path)
    made = [pixels_of(path) for path in (tmp_path / "out" / "trainB").iterdir()]
    corners = {tuple(pixels[0, 0, :2].tolist()) for pixels in made}
    assert corners == {(top, left) for top in range(3) for left in range(5)}


def test_what_becomes_of_a_digit_depends_on_the_seed_alone(originals, photos, tmp_path):
    folder, *_ = originals
    for name, options in (
        ("one", {"seed": 1}), ("again", {"seed": 1}), ("other", {"seed": 2}),
        ("few", {"seed": 1, "count": 7}),
    ):  # fmt: skip
        MAKERS["mnist2mnistm"](tmp_path / name, originals=folder, photos=photos, **options)
    one = files(tmp_path / "one")
    assert files(tmp_path / "again") == one
    assert files(tmp_path / "other") != one
    few = files(tmp_path / "few")
    assert few.items() < one.items()
    assert sum(name.startswith("trainB") for name in few) == 7


def test_fewer_training_images_are_chosen_at_random(originals, tmp_path):
    folder, *_ = originals
    for seed, name in ((0, "one"), (1, "other")):
        MAKERS["mnist2usps"](tmp_path / name, originals=folder, count=12, seed=seed)
    one, other = files(tmp_path / "one"), files(tmp_path / "other")
    for split, count in (("trainA", 12), ("trainB", 12), ("testA", 20), ("testB", 10)):
        assert sum(name.startswith(split) for name in one) == count
    assert one.keys() != other.keys()
    with pytest.raises(ValueError, match="count of at least 1"):
        MAKERS["mnist2usps"](tmp_path / "none", originals=folder, count=0)


def test_photos_are_needed(originals, photos, tmp_path):
    folder, *_ = originals

    def make(where):
        MAKERS["mnist2mnistm"](tmp_path / "out", originals=folder, photos=where)

    with pytest.raises(FileNotFoundError, match="no folder .*nowhere; expected a folder of photos"):
        make(tmp_path / "nowhere")
    for number in range(1, 8):
        (photos / f"{number}.png").unlink()
    with pytest.raises(ValueError, match="photos holds 1 photos of at least 28 x 28 pixels"):
        make(photos)
    (photos / "1.png").write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"1.png can't be read"):
        make(photos)
    assert not list(tmp_path.glob("*out*"))


def test_existing_files_are_never_touched(originals, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("dear")
    with pytest.raises(ValueError, match="mine exists and is not empty"):
        MAKERS["mnist2usps"](tmp_path / "mine", originals=originals[0])


@pytest.mark.parametrize("name", ["mnist2usps", "usps2mnist", "mnist", "fashion_classes"])
def test_the_next_command_names_a_recipe_for_the_data_set(originals, tmp_path, name):
    folder, *_ = originals
    write_mnist(folder / "fashion-mnist", seed=9)
    words = MAKERS[name](tmp_path / "my digits", originals=folder, count=6).following
    _, command, recipe, _, data, *_ = shlex.split(words)
    assert (command, data) == ("train", str(tmp_path / "my digits"))
    assert recipe in dict(list_recipes())
