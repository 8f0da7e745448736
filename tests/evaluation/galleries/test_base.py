"""Galleries give the same answers every time, from a model as from its files."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from crossimage.config import build
from crossimage.evaluation.galleries.base import FolderGallery, evenly_spaced
from crossimage.evaluation.galleries.translations import TranslationGallery
from crossimage.inference.translator import Translator
from crossimage.methods.srgan import SRGAN
from tests.evaluation.helpers import model, pictures


def test_inputs_are_spread_evenly() -> None:
    assert evenly_spaced(10, 4) == [0, 2, 5, 7]
    assert evenly_spaced(3, 5) == evenly_spaced(3, None) == [0, 1, 2]


def test_a_model_answers_the_prepared_test_images(folders: Path) -> None:
    gallery = TranslationGallery("run", model(), str(folders), None, 0)
    assert gallery.target == "shoes" and not gallery.paired and gallery.max_outputs is None
    items = list(gallery.items(None, 3))
    assert [item.name for item in items] == ["0.png", "1.png"]
    for item in items:
        assert item.outputs.shape == (3, 3, 16, 16) and item.outputs.dtype == torch.uint8
        assert item.input is not None and item.input.shape == (3, 16, 16)
        assert item.target is None
    (real,) = gallery.real
    assert real.shape == (2, 3, 16, 16)
    assert len(next(gallery.items(1, None)).outputs) == 1


def test_answers_depend_on_seed_input_and_number_only(folders: Path) -> None:
    translator = model()
    gallery = TranslationGallery("run", translator, str(folders), None, 0)
    first, again = (
        [item.outputs for item in gallery.items(inputs, samples)]
        for inputs, samples in ((None, 3), (1, 20))
    )
    assert torch.equal(first[0], again[0][:3])
    assert not torch.equal(first[0][0], first[0][1])
    other = next(TranslationGallery("run", translator, str(folders), None, 1).items(1, 1)).outputs
    assert not torch.equal(first[0][:1], other)


def test_the_other_direction_is_chosen_by_name(folders: Path) -> None:
    gallery = TranslationGallery("run", model(), str(folders), "EDGES", 0)
    assert gallery.target == "edges" and gallery.facts["direction"] == "shoes to edges"


@pytest.mark.parametrize("method", ["munit", "cyclegan", "pix2pix", "bicyclegan"])
def test_files_that_a_model_wrote_show_the_same_answers(
    method: str, tmp_path: Path, pairs: Path
) -> None:
    changes = {"dropout": 0.5} if method == "pix2pix" else {}
    translator = model(method, **changes)
    gallery = TranslationGallery("run", translator, str(pairs), "shoes", 5)
    samples = 1 if gallery.max_outputs else 2
    for item in gallery.items(None, 1):
        assert item.input is not None
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.fromarray(item.input.permute(1, 2, 0).numpy()).save(tmp_path / "in" / item.name)
    translator.translate_files(tmp_path / "in", tmp_path / "out", "shoes", samples=samples, seed=5)
    results = FolderGallery(tmp_path / "out", pairs / "testB")
    assert (results.total, results.max_outputs) == (gallery.total, samples)
    for ours, theirs in zip(gallery.items(None, samples), results.items(None, None), strict=True):
        difference = ours.outputs.int() - theirs.outputs.int()
        assert difference.abs().max() <= 1


def test_a_method_of_pairs_knows_the_targets(pairs: Path) -> None:
    gallery = TranslationGallery("run", model("pix2pix"), str(pairs), None, 0)
    assert gallery.paired
    item = next(gallery.items(1, None))
    assert item.target is not None and item.target_path == pairs / "testB" / "0.png"


def test_a_method_without_pairs_finds_them_when_asked(folders: Path, pairs: Path) -> None:
    gallery = TranslationGallery("run", model(), str(pairs), None, 0)
    assert next(gallery.items(1, 1)).target is None
    gallery.pair_up()
    assert next(gallery.items(1, 1)).target is not None
    with pytest.raises(ValueError, match="has no partner"):
        TranslationGallery("run", model(), str(folders), None, 0).pair_up()


def test_missing_test_images_are_said(folders: Path, tmp_path: Path) -> None:
    for name in ("trainA", "trainB", "testA"):
        (tmp_path / name).symlink_to(folders / name)
    gallery = TranslationGallery("run", model(), str(tmp_path), None, 0)
    assert gallery.notes == ["no test images of shoes: training images were used"]
    assert len(gallery.real) == 5


def test_numbered_files_are_answers_of_one_input(tmp_path: Path) -> None:
    names = [f"{sub}{name}_{k}.png" for sub in ("", "x/") for name in "ab" for k in range(1, 12)]
    gallery = FolderGallery(
        pictures(tmp_path / "fake", *names), pictures(tmp_path / "real", "a.png", "c.png")
    )
    assert (gallery.total, gallery.max_outputs) == (4, 11)
    items = list(gallery.items(None, None))
    assert [item.name for item in items] == ["a", "b", "x/a", "x/b"]
    second = np.asarray(Image.open(tmp_path / "fake" / "a_2.png"))
    assert np.array_equal(items[0].outputs[1].permute(1, 2, 0).numpy(), second)
    assert len(next(gallery.items(1, 2)).outputs) == 2


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
    gallery = FolderGallery(pictures(tmp_path / "fake", *fake), pictures(tmp_path / "real", *real))
    assert (gallery.total, gallery.max_outputs) == (len(fake), 1)


def test_folders_are_paired_by_name(tmp_path: Path) -> None:
    fake = pictures(tmp_path / "fake", "a_1.png", "a_2.png", "b_1.png", "b_2.png")
    gallery = FolderGallery(fake, pictures(tmp_path / "real", "a.jpg", "b.png", "c.png"))
    gallery.pair_up()
    assert [item.target_path for item in gallery.items(None, None)] == [
        tmp_path / "real" / "a.jpg", tmp_path / "real" / "b.png"
    ]  # fmt: skip
    (tmp_path / "real" / "b.png").unlink()
    with pytest.raises(ValueError, match=r"b_1\.png has no partner: .*real holds no image named b"):
        FolderGallery(fake, tmp_path / "real").pair_up()


def test_models_that_enlarge_get_small_versions_of_whole_images(tmp_path: Path) -> None:
    settings = {"width": 4, "residual_blocks": 1, "crop": 16}
    translator = Translator(SRGAN(build(SRGAN.Config, settings), training=False), "cpu")
    pictures(tmp_path, "a.png", size=(23, 30))
    gallery = TranslationGallery("run", translator, str(tmp_path), None, 0)
    assert gallery.paired and gallery.border == 4 and not gallery.notes
    (item,) = gallery.items(None, None)
    assert item.input is not None and item.input.shape == (3, 5, 7)
    assert item.target is not None and item.target.shape == (3, 20, 28)
    assert item.outputs.shape == (1, 3, 20, 28)
    (real,) = gallery.real
    assert torch.equal(real[0], item.target)
