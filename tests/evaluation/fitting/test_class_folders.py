"""Class folders are split into images to train on and images to hold out."""

from pathlib import Path

import pytest

from crossimage.evaluation.fitting.class_folders import find_class_images
from tests.evaluation.colours import COLOURS, write_colour


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("colours")
    for colour in COLOURS:
        write_colour(root / "train" / colour, colour, 20)
        write_colour(root / "test" / colour, colour, 3, seed=1)
    return root


def test_a_tenth_of_every_class_is_held_out_where_there_is_no_test_folder(colours: Path) -> None:
    classes, train, held_out = find_class_images(str(colours / "train"), 0)
    assert classes == ("blue", "green", "red")
    assert sorted(train.paths + held_out.paths) == sorted((colours / "train").glob("*/*"))
    assert [held_out.labels.count(k) for k in range(3)] == [2, 2, 2]
    for examples in (train, held_out):
        names = [classes[label] for label in examples.labels]
        assert names == [path.parent.name for path in examples.paths]
    assert find_class_images(str(colours / "train"), 0)[2] == held_out
    assert find_class_images(str(colours / "train"), 1)[2] != held_out
    assert len(find_class_images(str(colours), 0)[2].paths) == 9  # the test folder
