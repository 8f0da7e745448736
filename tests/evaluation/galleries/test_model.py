"""The outputs of a model are those that it writes into files."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from crossimage.data.sources.domains.data_set import read_data_set
from crossimage.data.sources.labelled import find_labelled
from crossimage.evaluation.galleries.base import FolderGallery, GalleryItem
from crossimage.evaluation.galleries.translations import TranslationGallery
from tests.evaluation.helpers import model, pictures


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
        _save(item, tmp_path / "in")
    translator.translate_files(tmp_path / "in", tmp_path / "out", "shoes", samples=samples, seed=5)
    results = FolderGallery(tmp_path / "out", pairs / "testB")
    assert (results.total, results.max_outputs) == (gallery.total, samples)
    for ours, theirs in zip(gallery.items(None, samples), results.items(None, None), strict=True):
        difference = ours.outputs.int() - theirs.outputs.int()
        assert difference.abs().max() <= 1


@pytest.mark.parametrize("listed", [False, True])
def test_styles_depend_on_the_folders_below_that_of_the_domain(
    listed: bool, tmp_path: Path
) -> None:
    names = "x/1.png", "y/1.png", "y/z/2.png"
    for split in ("trainA", "trainB", "testA", "testB"):
        pictures(tmp_path / "data" / split, *names, size=(16, 16))
    data = str(tmp_path / "data")
    if listed:
        lists = tmp_path / "edges.txt", tmp_path / "shoes.txt"
        for path, split in zip(lists, ("testA", "testB"), strict=True):
            path.write_text("".join(f"data/{split}/{name}\n" for name in names))
        data = f"edges={lists[0]},shoes={lists[1]}"
    translator = model()
    gallery = TranslationGallery("run", translator, read_data_set(data), "shoes", 5)
    items = list(gallery.items(None, 2))
    assert [item.name for item in items] == list(names)
    for item in items:
        _save(item, tmp_path / "in")
    translator.translate_files(tmp_path / "in", tmp_path / "out", "shoes", samples=2, seed=5)
    results = FolderGallery(tmp_path / "out", tmp_path / "data" / "testB").items(None, None)
    for ours, theirs in zip(items, results, strict=True):
        assert (ours.outputs.int() - theirs.outputs.int()).abs().max() <= 1


@pytest.mark.parametrize("by_name", [False, True])
def test_of_class_folders_styles_depend_on_the_path_below_the_class(
    by_name: bool, tmp_path: Path
) -> None:
    places = {"cat": tmp_path / "train" / "cat", "dog": tmp_path / "train" / "dog"}
    for place in places.values():
        pictures(place, "1.png", "more/1.png")
    data = {k: (str(v),) for k, v in places.items()} if by_name else str(tmp_path)
    (domain,) = find_labelled(data)
    names = [domain.name_below(path, in_class=True) for path in domain.train]
    assert names == 2 * ["1.png", "more/1.png"]


def _save(item: GalleryItem, folder: Path) -> None:
    """Save the input of an item under its name."""
    assert item.input is not None
    (folder / item.name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(item.input.permute(1, 2, 0).numpy()).save(folder / item.name)


def test_missing_test_images_are_reported(folders: Path, tmp_path: Path) -> None:
    for name in ("trainA", "trainB", "testA"):
        (tmp_path / name).symlink_to(folders / name)
    gallery = TranslationGallery("run", model(), str(tmp_path), None, 0)
    assert gallery.warnings() == ["no test images of shoes: training images were used"]
    assert len(gallery.real) == 5
