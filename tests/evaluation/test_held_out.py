"""A model is tested with the images that its training held out."""

import json
import os
import shutil
from pathlib import Path

import pytest

import crossimage
from crossimage.config import Config
from crossimage.data.build import find_source
from crossimage.evaluation.galleries.translations import TranslationGallery
from crossimage.inference.load import load
from crossimage.inference.translator import Translator
from tests.conftest import small
from tests.data.helpers import noise, pets, save


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pets(tmp_path_factory.mktemp("pets"), 20, 24)


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "pets"
    given = {name: [str(data / name)] for name in ("cats", "dogs")}
    crossimage.train("cyclegan", given, out, **small("cyclegan", steps=2))
    return out


def opened(run: Path, data: object) -> TranslationGallery:
    return TranslationGallery("x", load(run, "cpu"), data, "dogs", 0)  # type: ignore[arg-type]


def test_the_held_out_images_are_translated(run: Path, data: Path) -> None:
    held = [{*d.test} for d in find_source(str(data), Config(domains=("cats", "dogs"))).domains]
    assert [len(own) for own in held] == [2, 2]
    by_name = {name: str(data / name) for name in ("dogs", "cats")}
    for given in (str(data), f"dogs={data / 'dogs'},cats={data / 'cats'}", by_name):
        gallery = opened(run, given)
        assert {*gallery.paths} == held[0] and {*gallery.real.paths} == held[1]
        assert gallery.untested == ()
    model: Translator = load(run, "cpu")
    assert (model.config.domains, model.config.holdout) == (("cats", "dogs"), 0.1)


def test_links_to_the_images_of_the_training_are_known(
    run: Path, data: Path, tmp_path: Path
) -> None:
    os.symlink(data / "cats", tmp_path / "cats")
    os.symlink(data / "dogs", tmp_path / "dogs")
    assert len(opened(run, str(tmp_path)).paths) == 2


def test_images_added_to_the_training_data_are_a_warning(
    run: Path, data: Path, tmp_path: Path
) -> None:
    def warned() -> list[str]:
        gallery = opened(tmp_path / "run", str(tmp_path / "pets"))
        gallery.run = tmp_path / "run"
        return [text for text in gallery.warnings() if "have changed since" in text]

    shutil.copytree(run, tmp_path / "run")
    shutil.copytree(data, tmp_path / "pets")
    record = json.loads((run / "environment.json").read_text())
    record["data"] = {name: [str(tmp_path / "pets" / name)] for name in ("cats", "dogs")}
    record["images"]["photo images"] = "9 images, those of a companion"
    (tmp_path / "run/environment.json").write_text(json.dumps(record))
    assert warned() == []
    for number in range(20):
        save(tmp_path / "pets/cats" / f"new{number}.png", noise(900 + number, 24, 24))
    assert len(warned()) == 1


def test_other_data_is_used_as_a_whole(run: Path, tmp_path: Path) -> None:
    for seed, name in enumerate(("cats", "dogs"), start=5):
        for number in range(12):
            save(tmp_path / name / f"{number}.png", noise(100 * seed + number, 24, 24))
    assert len(opened(run, str(tmp_path)).paths) == 12


def test_a_model_without_its_run_may_know_any_data(run: Path, data: Path, tmp_path: Path) -> None:
    alone = Path(shutil.copy(run / "model.safetensors", tmp_path / "model.safetensors"))
    assert len(opened(alone, str(data)).paths) == 2


def test_a_report_tells_the_data_by_name(run: Path, data: Path, tmp_path: Path) -> None:
    given = f"cats={data / 'cats'},dogs={data / 'dogs'}"
    result = crossimage.evaluate(
        run, data=given, out=tmp_path, metrics="fid", features="random", device="cpu"
    )
    assert result.report_json is not None
    assert str(data / "cats") in result.report_json.read_text()
