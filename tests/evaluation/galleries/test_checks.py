"""What makes figures meaningless is found: training images, other domains, JPEGs on one side."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

import crossimage
from crossimage.checkpoints.model_file import save_model
from crossimage.evaluation.galleries.base import FolderGallery
from crossimage.evaluation.galleries.translations import TranslationGallery
from tests.evaluation.helpers import evaluated, model, networks, pictures


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def run_on(folder: Path, data: Path, relative: bool = False) -> Path:
    """A run folder that records its data set."""
    save_model(folder / "model.safetensors", model().networks)
    record = {"data": data.name if relative else str(data), "folder": str(data.parent)}
    (folder / "environment.json").write_text(json.dumps(record))
    return folder


def data_set(folder: Path, first: int = 0) -> Path:
    for split, start in (("train", first), ("test", first + 5)):
        for domain, shift in (("A", 0), ("B", 100)):
            for number in range(start, start + 3):
                images(folder / f"{split}{domain}" / f"{number}.png", number + shift)
    return folder


def images(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 20), (number, 3, 200 - number)).save(path)


def warnings(run: Path, data: Path | str) -> list[str]:
    result = crossimage.evaluate(run, data=data, metrics="fid,is", features="random", device="cpu")
    (evaluation,) = result
    fid, score = (evaluation[name] for name in ("fid", "is"))
    return [sentence for sentence in fid.warnings if sentence in score.warnings]


@pytest.mark.parametrize("relative", [False, True])
def test_test_images_are_compared_with_what_the_run_was_trained_on(
    relative: bool, tmp_path: Path
) -> None:
    run = run_on(tmp_path / "run", data_set(tmp_path / "data"), relative)
    assert warnings(run, data_set(tmp_path / "other", first=40)) == []
    other = tmp_path / "other"
    for source, copy in (("A/0", "A/renamed"), ("B/1", "B/46")):
        shutil.copy(tmp_path / f"data/train{source}.png", other / f"test{copy}.png")
    (found,) = warnings(run, other)
    assert "2 of the 7 images used for testing are training images of run: testA/ren" in found


def test_a_model_file_is_compared_with_the_training_images_of_the_data(tmp_path: Path) -> None:
    data = data_set(tmp_path / "data")
    shutil.copy(data / "trainB" / "0.png", data / "testB" / "9.png")
    save_model(tmp_path / "x.safetensors", model().networks)
    (found,) = warnings(tmp_path / "x.safetensors", data)
    assert f"1 of the 7 images used for testing are training images of {data}: testB/9.png" in found
    gallery = TranslationGallery("run", model(), str(data), None, 0)
    assert "training images of run are not known here" in gallery.adaptations(False)[0]


def named(folder: Path, *domains: str) -> Path:
    for split in ("train", "test"):
        for domain in domains:
            number = len(domain) * 9 + (split == "test") * 4
            for name in range(2):
                images(folder / split / domain / f"{name}.png", number + name)
    return folder


def test_models_of_other_domains_than_the_data_are_marked(tmp_path: Path) -> None:
    save_model(tmp_path / "run" / "model.safetensors", model().networks)
    (found,) = warnings(tmp_path / "run", named(tmp_path / "animals", "horse", "zebras"))
    assert "run was trained on edges and shoes, and" in found and "holds horse, zebras" in found
    assert "so it takes horse for edges, zebras for shoes; figures" in found
    by_name = f"x={tmp_path}/animals/train/horse,y={tmp_path}/animals/train/zebras"
    (found,) = warnings(tmp_path / "run", by_name)  # only a and b say nothing
    assert "holds x, y, so it takes x for edges" in found
    assert warnings(tmp_path / "run", named(tmp_path / "own", "Edge", "SHOES")) == []
    assert warnings(tmp_path / "run", data_set(tmp_path / "letters")) == []
    renamed = named(tmp_path / "renamed", "left", "right_side")
    assert warnings(run_on(tmp_path / "trained", renamed), renamed) == []


def test_jpegs_on_one_side_only_are_marked(tmp_path: Path) -> None:
    names = ("a", "b", "c")
    png = pictures(tmp_path / "png", *(f"{name}.png" for name in names))
    jpeg = pictures(tmp_path / "jpeg", *(f"{name}.jpg" for name in names))
    (first,) = FolderGallery(jpeg, png).comparison_warnings()
    assert first.startswith("3 of the 3 results are JPEGs, and 0 of the 3 real images;")
    (jpeg / "a.jpg").rename(jpeg / "a.png")
    (second,) = FolderGallery(png, jpeg).comparison_warnings()
    assert second.startswith("3 of the 3 real images are JPEGs, and 0 of the 3 results;")
    for suffix, real in (("png", png), ("jpg", jpeg)):
        more = tmp_path / f"more-{suffix}"
        more.mkdir()
        for name in names:
            Image.new("RGB", (8, 8), (9, 9, 7)).save(more / f"{name}.{suffix}")
        assert FolderGallery(more, real).comparison_warnings() == []


def test_results_that_are_real_images_are_marked(tmp_path: Path) -> None:
    real = pictures(tmp_path / "real", "a.png", "b.png")
    (same,) = FolderGallery(real, real).comparison_warnings()
    assert same.startswith(f"2 of the 2 results are files of the real images ({real / 'a.png'} is")
    fake = pictures(tmp_path / "fake", "a.png", "b.png")
    Image.new("RGB", (8, 8), (9, 9, 9)).save(fake / "a.png")
    (fake / "b.png").write_bytes((real / "b.png").read_bytes())
    (copied,) = FolderGallery(fake, real).comparison_warnings()
    assert copied.startswith("1 of the 2 results are") and f"{fake / 'b.png'} equals" in copied


def test_gray_images_on_one_side_only_are_marked_where_sides_are_compared(tmp_path: Path) -> None:
    colour = pictures(tmp_path / "colour", "a.png", "b.png")
    gray = tmp_path / "gray"
    for name in ("a.png", "b.png"):
        gray.mkdir(exist_ok=True)
        Image.open(colour / name).convert("L").save(gray / name)
    found = evaluated(FolderGallery(gray, colour), "l1", "accuracy", own=networks("gray", "colour"))
    ((warning,), own) = (found[name].warnings for name in ("l1", "accuracy"))
    assert warning.startswith("2 of the 2 results are gray, and 0 of the 2 real images;")
    assert own == ()
    Image.new("RGB", (8, 8), (9, 9, 7)).save(gray / "a.png")
    assert FolderGallery(gray, colour).comparison_warnings() == []
