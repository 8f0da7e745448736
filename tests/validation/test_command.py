"""What the command line says about the best model of a run."""

import io
import re
import sys
from pathlib import Path

import pytest

import crossimage
from crossimage.cli.app import main
from crossimage.evaluation.galleries.translations import TranslationGallery
from crossimage.inference.load import load
from crossimage.runs.listing import list_runs
from crossimage.training.best.evaluations import Evaluations
from crossimage.training.run_names import is_unfinished
from tests.conftest import as_arguments, small
from tests.data.helpers import pets


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pets(tmp_path_factory.mktemp("pets"), 24, 20)


@pytest.fixture(scope="module")
def said(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run that ends early, and what it prints."""
    run = tmp_path_factory.mktemp("runs") / "early"
    settings = small(
        "cyclegan", batch_size=1, width=2, evaluate_every=1, patience=2, steps=9, decay_steps=0,
    )  # fmt: skip
    figures = iter((5.0, 2.0, 3.0, 4.0))
    compute = Evaluations.compute
    with pytest.MonkeyPatch.context() as patch, pytest.MonkeyPatch.context() as streams:

        def scripted(self: Evaluations, *arguments: object) -> object:
            found = compute(self, *arguments)  # type: ignore[arg-type]
            assert found and found.figure == "kid" and found.better == "lower"
            return found._replace(figures={"kid": next(figures)})

        patch.setattr(Evaluations, "compute", scripted)
        text = io.StringIO()
        streams.setattr(sys, "stdout", text)
        arguments = ["train", "cyclegan", "--data", str(data), "--out", str(run)]
        assert main([*arguments, *as_arguments(settings)]) == 0
    return run, text.getvalue()


def test_the_end_names_the_last_and_the_best_model(said: tuple[Path, str]) -> None:
    run, text = said
    lines = text.splitlines()
    assert "ended    early, after 3 of 9 steps: no better kid in 2 evaluations" in lines
    assert f"model    {run / 'model.safetensors'}" in lines
    assert f"best     {run / 'best.safetensors'}" in lines
    assert "kid      last 4 at step 3, best 2 at step 1" in lines
    assert lines[-1].endswith("patience=4") and lines[-2] == "train longer:"
    assert "validation: kid 3 at step 2, the best is 2 at step 1" in lines
    assert re.search("for validation: 2 of 22 training images of cats, 2 of 22", text)


def test_lists_and_facts_name_it(
    said: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = said
    (summary,) = list_runs(run)
    assert (summary.state, summary.figure) == ("ended early", "kid 2 at step 1")
    assert main(["info", str(run)]) == 0
    facts = capsys.readouterr().out
    assert str(run / "best.safetensors") in facts and "3 of 9, ended early" in facts


def test_the_same_command_says_that_it_has_ended(
    said: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = said
    assert main(["train", "--resume", str(run)]) == 0
    assert "ended early at step 3: kid did not improve in the last 2" in capsys.readouterr().out


def test_a_run_without_a_name_does_not_go_on_after_it_has_ended(
    said: tuple[Path, str],
) -> None:
    assert not is_unfinished(said[0])


@pytest.mark.parametrize("name", ["model.safetensors", "best.safetensors"])
def test_later_evaluations_use_no_validation_images(
    said: tuple[Path, str], data: Path, name: str
) -> None:
    gallery = TranslationGallery("x", load(said[0] / name, "cpu"), str(data), "dogs", 0)
    assert len(gallery.paths) == 2 == len(gallery.real.paths)
    assert [len(domain.train) for domain in gallery.domains] == [20, 20]
    assert gallery.untested == () and not gallery.warnings()


def test_without_test_images_validation_images_are_not_used_either(
    data: Path, tmp_path: Path
) -> None:
    settings = small("cyclegan", batch_size=1, width=2, evaluate_every=9, steps=1, holdout=0)
    crossimage.train("cyclegan", data, tmp_path, validate=lambda _: {"x": 1}, **settings)
    gallery = TranslationGallery("x", load(tmp_path, "cpu"), str(data), "dogs", 0)
    assert len(gallery.paths) == 22 and gallery.untested == ("cats", "dogs")
