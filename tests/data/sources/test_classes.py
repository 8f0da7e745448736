import unicodedata
from itertools import islice
from pathlib import Path

import pytest
import torch
from PIL import Image

from crossimage.config import Config
from crossimage.data.loader import load_batches
from tests.conftest import open_dataset

PLAIN = Config(resize=0, crop=(8, 8), flip=False, batch_size=4, workers=0)


def flat(path, level, size=(8, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (level,) * 3).save(path)


@pytest.fixture
def digits(tmp_path):
    """A labelled source, and a target whose training images are flat; the level tells the class."""
    for number in range(9):
        flat(tmp_path / "trainA" / str(number % 3) / f"{number}.png", 10 * (number % 3) + number)
    for number in range(4):
        flat(tmp_path / "trainB" / f"{number}.png", 200)
        flat(tmp_path / "testA" / str(number % 2) / f"{number}.png", 10 * (number % 2))
    for number in range(7):
        place = tmp_path / "testB" / str(2 - number % 3) / f"{number}.png"
        flat(place, 100 + 2 - number % 3, size=(12, 9))
    return tmp_path


def images(folder, class_letters=("a",)):
    return open_dataset(folder, PLAIN, "unpaired", class_letters)


def level(x):
    return x.mean((-3, -2, -1)).add(1).mul(127.5).round().int()


def test_labels_follow_the_images(digits):
    (digits / "trainA" / "1" / "4.png").write_bytes(b"broken")
    data = images(digits)
    assert data.domains[0].classes == ("0", "1", "2")
    for batch in islice(load_batches(data, PLAIN, start=0), 20):
        assert list(batch.labels) == ["a"]
        assert batch.labels["a"].dtype == torch.int64
        number = level(batch.images["a"]) - 10 * batch.labels["a"]
        assert torch.equal(number % 3, batch.labels["a"].int())


def test_without_labelled_domains_nothing_is_looked_at(digits):
    data = images(digits, class_letters=())
    assert data[0].labels == {}
    assert all(domain.classes == () == domain.test_class_indices for domain in data.domains)
    assert list(data.tests("b", 3)) == []


def test_the_targets_training_classes_are_never_known(digits):
    for path in sorted((digits / "trainB").iterdir()):
        folder = digits / "trainB" / "mine"
        folder.mkdir(exist_ok=True)
        path.rename(folder / path.name)
    data = images(digits)
    assert data.domains[1].class_indices == ()
    assert "b" not in data[0].labels


def test_all_test_images_come_in_order_with_their_classes(digits):
    data = images(digits)
    batches = list(data.tests("b", 3))
    assert [len(labels) for _, labels in batches] == [3, 3, 1]
    shown, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
    assert shown.shape == (7, 3, 8, 8) and labels.dtype == torch.int64
    assert torch.equal(level(shown) - 100, labels.int())
    assert labels.tolist() == [0, 0, 1, 1, 2, 2, 2]
    assert sum(len(labels) for _, labels in data.tests("a", 10)) == 4


def test_unreadable_test_images_are_noted_and_skipped(digits):
    (digits / "testB" / "1" / "1.png").write_bytes(b"broken")
    unreadable = []
    batches = list(images(digits).tests("b", 10, unreadable))
    assert [labels.tolist() for _, labels in batches] == [[0, 0, 1, 2, 2, 2]]
    ((name, path, reason),) = unreadable
    assert (name, Path(path).name) == ("b", "1.png") and "can't be read" in reason


def test_flat_test_images_have_no_classes(digits):
    for path in sorted((digits / "testB").rglob("*.png")):
        path.rename(digits / "testB" / path.name)
    assert list(images(digits).tests("b", 3)) == []


def test_folders_of_domains_may_hold_class_folders(tmp_path):
    for name in ("cat", "dog"):
        flat(tmp_path / "train" / "source" / name / "1.png", 1)
    flat(tmp_path / "train" / "target" / "1.png", 1)
    flat(tmp_path / "test" / "target" / "dog" / "deep" / "1.png", 1)
    data = images(tmp_path)
    assert data.domains[1].classes == ("cat", "dog")
    assert data.domains[1].test_class_indices == (1,)


def test_class_folders_may_differ_in_the_unicode_form_of_their_names(tmp_path):
    for number, name in enumerate(("caf\u00e9", "tea")):
        flat(tmp_path / "trainA" / name / "1.png", number)
        flat(tmp_path / "testA" / unicodedata.normalize("NFD", name) / "1.png", number)
    flat(tmp_path / "trainB" / "1.png", 1)
    assert images(tmp_path).domains[0].test_class_indices == (0, 1)


def test_what_is_wrong_with_class_folders_is_said(digits):
    def expect(words):
        with pytest.raises(ValueError, match=words):
            images(digits)

    flat(digits / "testB" / "7" / "1.png", 1)
    expect(r"testB/7 is a class that training does not have; expected the folders 0, 1, 2")
    (digits / "testB" / "7").rename(digits / "testA" / "7")
    expect(r"testA/7 is a class that training does not have")
    (digits / "testA" / "7" / "1.png").rename(digits / "testA" / "1.png")
    expect(r"testA/1.png is outside the class folders of .*testA \(1 in all\); .*testA/0")
    (digits / "testA" / "1.png").rename(digits / "testB" / "1.png")
    expect(r"testB/1.png is outside the class folders")
    (digits / "testB" / "1.png").rename(digits / "trainA" / "x.png")
    expect(r"trainA/x.png is outside the class folders of .*trainA \(1 in all\)")
    (digits / "trainA" / "x.png").unlink()
    (digits / "trainA" / "5").mkdir()
    expect(r"trainA/5 holds no images; expected images of every class")


def test_a_labelled_domain_needs_class_folders(digits, monkeypatch):
    with pytest.raises(ValueError, match=r"trainB holds no class folders; .*trainB/cat/1.png"):
        images(digits, class_letters=("b",))
    with pytest.raises(ValueError, match=r"trainB/0.png is outside the class folders"):
        images(digits, class_letters=("a", "b"))
    monkeypatch.chdir(digits)
    (digits / "l.txt").write_text("trainB/1.png\n")
    with pytest.raises(ValueError, match=r"l.txt holds no class folders"):
        images("A=l.txt,B=l.txt")


def test_side_by_side_pairs_have_no_classes(tmp_path):
    flat(tmp_path / "train" / "1.png", 1, size=(16, 8))
    with pytest.raises(ValueError, match="train holds no class folders"):
        images(tmp_path)
