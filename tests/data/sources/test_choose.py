from pathlib import Path

import pytest

from crossimage.data.sources.domains.scan import find_one, scan_domains
from crossimage.data.sources.folders import Domain, find_images
from tests.data.helpers import touch


def put(root: Path, *names: str) -> str:
    touch(*(root / name for name in names))
    return str(root)


def chosen(root: Path, files: tuple[Path, ...]) -> list[str]:
    return [path.relative_to(root).as_posix() for path in files]


def unused(domain: Domain) -> list[str]:
    return [entry.name for entry in domain.left_out]


def test_folders_of_test_images_are_not_trained_on(tmp_path: Path) -> None:
    domain = find_one(put(tmp_path, "1.png", "x/2.png", "Test/3.png", "dev/4.png"))
    assert chosen(tmp_path, domain.train) == ["1.png", "x/2.png"]
    assert chosen(tmp_path, domain.test) == ["Test/3.png"]
    assert unused(domain) == ["dev"]


def test_earlier_runs_keep_all_images(tmp_path: Path) -> None:
    data = put(tmp_path, "1.png", "test/3.png", "val/4.png", "LR/5.png")
    domain = find_one(data, rules=1)
    assert len(domain.train) == 4 and domain.train_from == tmp_path.name


def test_sets_for_super_resolution_are_told_apart_by_name(tmp_path: Path) -> None:
    data = put(
        tmp_path, "DIV2K_train_HR/1.png", "DIV2K_valid_HR/2.png",
        "DIV2K_train_LR_bicubic/X2/1.png", "DIV2K_train_LR_bicubic/X4/1.png",
        "DIV2K_valid_LR_bicubic/X4/2.png",
    )  # fmt: skip
    domain = find_one(data)
    assert chosen(tmp_path, domain.train) == ["DIV2K_train_HR/1.png"]
    assert chosen(tmp_path, domain.test) == ["DIV2K_valid_HR/2.png"]
    assert domain.train_from == "DIV2K_train_HR"
    assert unused(domain) == ["DIV2K_train_LR_bicubic", "DIV2K_valid_LR_bicubic"]


@pytest.mark.parametrize("low", ["LR", "LRbicx4", "lr_x2", "Flickr2K_LR_bicubic"])
def test_low_resolution_is_left_out_beside_and_below_train(tmp_path: Path, low: str) -> None:
    beside = find_one(put(tmp_path / "one", "HR/1.png", f"{low}/1.png"))
    assert chosen(tmp_path / "one", beside.train) == ["HR/1.png"]
    below = find_one(put(tmp_path / "two", "train/HR/1.png", f"train/{low}/1.png"))
    assert chosen(tmp_path / "two", below.train) == ["train/HR/1.png"]
    assert unused(below) == [low]


def test_a_folder_of_low_resolution_alone_is_used(tmp_path: Path) -> None:
    assert len(find_one(put(tmp_path, "LR/1.png")).train) == 1
    scales = put(tmp_path / "train_LR_bicubic", "X2/1.png", "X4/1.png")
    with pytest.raises(ValueError, match=r"at several scales \(X2, X4\).*give the path"):
        find_one(scales)
    assert len(find_one(f"{scales}/X2").train) == 1


def test_images_for_tests_alone_are_refused(tmp_path: Path) -> None:
    data = put(tmp_path, "test/1.png", "valid/2.png")
    with pytest.raises(ValueError, match=r"only images for tests \(test, valid\)"):
        find_one(data)
    assert len(find_one(f"{data}/test").train) == 1


def test_a_name_that_may_mean_tests_is_asked_about(tmp_path: Path) -> None:
    data = put(tmp_path, "1.png", "my_tests/3.png", "test_images/2.png")
    with pytest.raises(ValueError, match=r"holds test_images.*rename it to test"):
        find_one(data)
    (tmp_path / "test_images").rename(tmp_path / "test")
    assert len(find_one(data).train) == 2


def test_several_folders_of_training_images_are_asked_about(tmp_path: Path) -> None:
    data = put(tmp_path, "train_photos/1.png", "train_masks/1.png", "val_photos/2.png")
    with pytest.raises(ValueError, match="train_masks and train_photos; give the path"):
        find_one(data)


def test_a_word_of_a_split_in_one_name_means_nothing(tmp_path: Path) -> None:
    data = put(tmp_path, "train_station/1.png", "airport/2.png")
    assert len(find_one(data).train) == 2


def test_splits_may_be_deep_in_a_folder(tmp_path: Path) -> None:
    domain = find_one(put(tmp_path, "x/images/train/1.png", "x/images/test/2.png"))
    assert chosen(tmp_path, domain.train) == ["x/images/train/1.png"]
    assert chosen(tmp_path, domain.test) == ["x/images/test/2.png"]


@pytest.mark.parametrize("below", ["", "train/"])
def test_sheets_of_training_runs_are_not_trained_on(tmp_path: Path, below: str) -> None:
    run = f"{below}runs/one"
    data = put(tmp_path, f"{below}1.png", f"{run}/samples/step-1.png", f"{below}config/2.png")
    (tmp_path / run / "config.yaml").write_text("method: gan")
    domain = find_images(data)
    assert chosen(tmp_path, domain.train) == [f"{below}1.png", f"{below}config/2.png"]
    assert unused(domain) == ["one"]
    assert len(find_images(data, rules=1).train) == 3


def test_a_run_in_the_data_folder_itself_keeps_the_data(tmp_path: Path) -> None:
    data = put(tmp_path, "1.png", "samples/step-1.png")
    (tmp_path / "config.yaml").write_text("method: gan")
    assert chosen(tmp_path, find_images(data).train) == ["1.png"]
    assert len(find_images(f"{data}/samples").train) == 1


def test_a_run_among_the_folders_of_domains_is_no_domain(tmp_path: Path) -> None:
    data = put(tmp_path, "train/cat/1.png", "train/dog/1.png", "train/run/samples/step-1.png")
    (tmp_path / "train/run/config.yaml").write_text("flip: true\nmethod: gan\n")
    assert [domain.name for domain in scan_domains(data)] == ["cat", "dog"]


def test_a_folder_with_a_config_of_others_is_no_run(tmp_path: Path) -> None:
    data = put(tmp_path, "x/samples/1.png")
    (tmp_path / "x/config.yaml").write_text("camera: none")
    assert len(find_images(data).train) == 1
