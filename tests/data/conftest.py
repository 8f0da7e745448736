"""Small data sets."""

import pytest

from tests.data.helpers import flat, noise, save


@pytest.fixture
def unequal(tmp_path):
    """Five pictures in one domain, three in the other."""
    for number in range(5):
        flat(tmp_path / "trainA" / f"{number}.png", number)
    for number in range(3):
        flat(tmp_path / "trainB" / f"{number}.png", 100 + number)
    return tmp_path


@pytest.fixture
def animals(tmp_path):
    """Six training images in three class folders, three test images; level // 10 is the class."""
    for number in range(6):
        place = number % 3
        flat(tmp_path / "animals" / "train" / ("cat", "dog", "owl")[place] / f"{number}.png",
             10 * place + number)  # fmt: skip
    for place, name in enumerate(("cat", "dog", "owl")):
        flat(tmp_path / "animals" / "val" / name / "x.png", 10 * place)
    return tmp_path / "animals"


@pytest.fixture
def faces(tmp_path):
    """Ten training images; the level's units tell Male, its tens Young."""
    lines = ["split,file,age,Male,Young"]
    for number in range(12):
        male, young = number % 2, number // 2 % 2
        split = "train" if number < 10 else "test"
        flat(tmp_path / "faces" / split / f"{number}.png", 100 + 10 * young + male)
        lines.append(f"{split},{number}.png,{20 + number},{male},{young}")
    (tmp_path / "faces" / "labels.csv").write_text("\n".join(lines))
    return tmp_path / "faces"


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
