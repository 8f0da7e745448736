"""Galleries give the same answers every time, from a model as from its files."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from crossimage.config import build
from crossimage.evaluation.galleries.base import Results, spread
from crossimage.evaluation.galleries.translations import Translations
from crossimage.inference.translator import Translator
from crossimage.methods.srgan import SRGAN
from tests.evaluation.helpers import model, pictures


def test_inputs_are_spread_evenly() -> None:
    assert spread(10, 4) == [0, 2, 5, 7]
    assert spread(3, 5) == spread(3, None) == [0, 1, 2]


def test_a_model_answers_the_prepared_test_images(folders: Path) -> None:
    gallery = Translations("run", model(), str(folders), None, 0)
    assert gallery.target == "shoes" and not gallery.paired and gallery.most is None
    rows = list(gallery.rows(None, 3))
    assert [row.name for row in rows] == ["0.png", "1.png"]
    for row in rows:
        assert row.answers.shape == (3, 3, 16, 16) and row.answers.dtype == torch.uint8
        assert row.picture is not None and row.picture.shape == (3, 16, 16)
        assert row.target is None
    (real,) = gallery.real
    assert real.shape == (2, 3, 16, 16)
    assert len(next(gallery.rows(1, None)).answers) == 1


def test_answers_depend_on_seed_input_and_number_only(folders: Path) -> None:
    translator = model()
    first, again = (
        [row.answers for row in Translations("run", translator, str(folders), None, 0).rows(n, k)]
        for n, k in ((None, 3), (1, 20))
    )
    assert torch.equal(first[0], again[0][:3])
    assert not torch.equal(first[0][0], first[0][1])
    other = next(Translations("run", translator, str(folders), None, 1).rows(1, 1)).answers
    assert not torch.equal(first[0][:1], other)


def test_the_other_direction_is_chosen_by_name(folders: Path) -> None:
    gallery = Translations("run", model(), str(folders), "EDGES", 0)
    assert gallery.target == "edges" and gallery.facts["direction"] == "shoes to edges"


@pytest.mark.parametrize("method", ["munit", "cyclegan", "pix2pix", "bicyclegan"])
def test_files_that_a_model_wrote_show_the_same_answers(
    method: str, tmp_path: Path, pairs: Path
) -> None:
    changes = {"dropout": 0.5} if method == "pix2pix" else {}
    translator = model(method, **changes)
    gallery = Translations("run", translator, str(pairs), "shoes", 5)
    samples = 1 if gallery.most else 2
    for row in gallery.rows(None, 1):
        assert row.picture is not None
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.fromarray(row.picture.permute(1, 2, 0).numpy()).save(tmp_path / "in" / row.name)
    translator.translate_files(tmp_path / "in", tmp_path / "out", "shoes", samples=samples, seed=5)
    results = Results(tmp_path / "out", pairs / "testB")
    assert (results.total, results.most) == (gallery.total, samples)
    for ours, theirs in zip(gallery.rows(None, samples), results.rows(None, None), strict=True):
        difference = ours.answers.int() - theirs.answers.int()
        assert difference.abs().max() <= 1


def test_a_method_of_pairs_knows_the_targets(pairs: Path) -> None:
    gallery = Translations("run", model("pix2pix"), str(pairs), None, 0)
    assert gallery.paired
    row = next(gallery.rows(1, None))
    assert row.target is not None and row.target_path == pairs / "testB" / "0.png"


def test_a_method_without_pairs_finds_them_when_asked(folders: Path, pairs: Path) -> None:
    gallery = Translations("run", model(), str(pairs), None, 0)
    assert next(gallery.rows(1, 1)).target is None
    gallery.pair_up()
    assert next(gallery.rows(1, 1)).target is not None
    with pytest.raises(ValueError, match="has no partner"):
        Translations("run", model(), str(folders), None, 0).pair_up()


def test_missing_test_images_are_said(folders: Path, tmp_path: Path) -> None:
    for name in ("trainA", "trainB", "testA"):
        (tmp_path / name).symlink_to(folders / name)
    gallery = Translations("run", model(), str(tmp_path), None, 0)
    assert gallery.notes == ["no test images of shoes: training images were used"]
    assert len(gallery.real) == 5


def test_numbered_files_are_answers_of_one_input(tmp_path: Path) -> None:
    names = [f"{sub}{name}_{k}.png" for sub in ("", "x/") for name in "ab" for k in range(1, 12)]
    gallery = Results(
        pictures(tmp_path / "fake", *names), pictures(tmp_path / "real", "a.png", "c.png")
    )
    assert (gallery.total, gallery.most) == (4, 11)
    rows = list(gallery.rows(None, None))
    assert [row.name for row in rows] == ["a", "b", "x/a", "x/b"]
    second = np.asarray(Image.open(tmp_path / "fake" / "a_2.png"))
    assert np.array_equal(rows[0].answers[1].permute(1, 2, 0).numpy(), second)
    assert len(next(gallery.rows(1, 2)).answers) == 2


@pytest.mark.parametrize(
    ("fake", "real"),
    [
        (["a_1.png", "a_2.png", "b_1.png"], ["c.png"]),
        (["a_1.png", "a_2.png", "b.png"], ["c.png"]),
        (["a_1.png", "a_3.png"], ["c.png"]),
        (["a_1.png", "a_2.png"], ["a_1.jpg", "a_2.jpg", "a_3.jpg"]),
    ],
)
def test_other_names_are_inputs_of_their_own(
    fake: list[str], real: list[str], tmp_path: Path
) -> None:
    gallery = Results(pictures(tmp_path / "fake", *fake), pictures(tmp_path / "real", *real))
    assert (gallery.total, gallery.most) == (len(fake), 1)


def test_folders_are_paired_by_name(tmp_path: Path) -> None:
    fake = pictures(tmp_path / "fake", "a_1.png", "a_2.png", "b_1.png", "b_2.png")
    gallery = Results(fake, pictures(tmp_path / "real", "a.jpg", "b.png", "c.png"))
    gallery.pair_up()
    assert [row.target_path for row in gallery.rows(None, None)] == [
        tmp_path / "real" / "a.jpg", tmp_path / "real" / "b.png"
    ]  # fmt: skip
    (tmp_path / "real" / "b.png").unlink()
    with pytest.raises(ValueError, match=r"b_1\.png has no partner: .*real holds no image named b"):
        Results(fake, tmp_path / "real").pair_up()


def test_models_that_enlarge_get_small_versions_of_whole_images(tmp_path: Path) -> None:
    settings = {"width": 4, "residual_blocks": 1, "crop": 16}
    translator = Translator(SRGAN(build(SRGAN.Config, settings), training=False), "cpu")
    pictures(tmp_path, "a.png", size=(23, 30))
    gallery = Translations("run", translator, str(tmp_path), None, 0)
    assert gallery.paired and gallery.border == 4 and not gallery.notes
    (row,) = gallery.rows(None, None)
    assert row.picture is not None and row.picture.shape == (3, 5, 7)
    assert row.target is not None and row.target.shape == (3, 20, 28)
    assert row.answers.shape == (1, 3, 20, 28)
    (real,) = gallery.real
    assert torch.equal(real[0], row.target)
