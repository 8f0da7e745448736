"""The outputs of a model are those that it writes into files."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from crossimage.evaluation.galleries.base import FolderGallery
from crossimage.evaluation.galleries.translations import TranslationGallery
from tests.evaluation.helpers import model


def test_outputs_depend_on_seed_input_and_number_only(folders: Path) -> None:
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


@pytest.mark.parametrize("method", ["munit", "cyclegan", "pix2pix", "bicyclegan"])
def test_files_that_a_model_wrote_show_the_same_outputs(
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


def test_missing_test_images_are_reported(folders: Path, tmp_path: Path) -> None:
    for name in ("trainA", "trainB", "testA"):
        (tmp_path / name).symlink_to(folders / name)
    gallery = TranslationGallery("run", model(), str(tmp_path), None, 0)
    assert gallery.warnings() == ["no test images of shoes: training images were used"]
    assert len(gallery.real) == 5
