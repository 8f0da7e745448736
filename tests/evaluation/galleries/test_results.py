"""Which files of a folder are results, and which of them belong together."""

import math
from pathlib import Path

import pytest
import torch
from PIL import Image

from crossimage.evaluation.api import evaluate
from crossimage.evaluation.galleries.base import FolderGallery
from crossimage.evaluation.galleries.results import results_in
from crossimage.inference.sample_files import sample_grid
from crossimage.inference.translator import Translator
from crossimage.methods.gan import GAN, GANConfig
from crossimage.methods.munit import MUNIT, MUNITConfig
from crossimage.methods.settings import MultiScaleShape
from crossimage.utils.contact_sheet import Panel, sheet
from crossimage.utils.manifest import NAME
from tests.evaluation.helpers import pictures

MUNIT_CONFIG = MUNITConfig(
    domains=("a", "b"), width=2, residual_blocks=1, style_dim=3, style_downsamples=2,
    mlp_width=4, crop=(32, 32), discriminator=MultiScaleShape(width=2, layers=2, scales=1),
)  # fmt: skip


def shape(folder: Path, to: str | None = None) -> dict[str, list[str]]:
    found = results_in(folder, to)
    return {name: [path.name for path in paths] for name, paths in found.groups}


@pytest.mark.parametrize("n", [1, 2, 5, 8, 9])
@pytest.mark.parametrize("listed", [True, False])
def test_the_sheet_of_samples_is_no_result(tmp_path: Path, n: int, listed: bool) -> None:
    model = Translator(GAN(GANConfig(crop=(16, 16), width=2, z_dim=3), training=False), "cpu")
    model.sample_files(n, tmp_path, seed=1)
    if not listed:  # as earlier versions wrote it
        (tmp_path / NAME).unlink()
    found = results_in(tmp_path)
    assert len(found.groups) == n and "1 contact sheet (sheet.png)" in found.sentence


def test_a_photo_may_be_called_sheet(tmp_path: Path) -> None:
    pictures(tmp_path, "0001.png", "0002.png", "sheet.png")
    assert len(results_in(tmp_path).groups) == 3
    assert sample_grid(torch.zeros(3, 3, 8, 8)).shape[-1] == math.ceil(math.sqrt(3)) * 10 + 2


def test_listed_results_are_grouped_by_input_and_other_files_left_out(tmp_path: Path) -> None:
    model = Translator(MUNIT(MUNIT_CONFIG, training=False), "cpu")
    photos, out = pictures(tmp_path / "photos", "x.png", "deep/y.png"), tmp_path / "out"
    model.translate_files(photos, out, "b", samples=11)
    pictures(out, "stray.png")
    found = results_in(out)
    assert {name: len(paths) for name, paths in found.groups} == {"x": 11, "deep/y": 11}
    assert [path.stem for path in found.groups[0][1]][-2:] in (["x_10", "x_11"], ["y_10", "y_11"])
    assert found.sentence == (
        "22 results, grouped as 2 inputs with 11 each by the list of results, left out: 1 file "
        "that no translation wrote (.png)"
    )
    model.translate_files(photos / "x.png", out, "a")
    with pytest.raises(ValueError, match=r"several targets, a, b; choose one with --to"):
        results_in(out)
    assert shape(out, "A") == {"x": ["x.png"]}
    with pytest.raises(ValueError, match=r"no results for 'c', only for a, b"):
        results_in(out, "c")


def test_test_images_of_official_codebases(tmp_path: Path) -> None:
    names = [f"{i}_{kind}.png" for i in (1, 2) for kind in ("real_A", "fake_B", "real_B", "rec_A")]
    fake = pictures(tmp_path / "images", *names)
    assert shape(fake) == {"1": ["1_fake_B.png"], "2": ["2_fake_B.png"]}
    assert results_in(fake).sentence == (
        "2 results, grouped as 2 inputs with 1 each by the names of an official codebase, left "
        "out: 6 images beside the results (2 _real_A, 2 _real_B, 2 _rec_A)"
    )
    gallery = FolderGallery(fake, pictures(tmp_path / "real", "1.png", "2.jpg"))
    gallery.pair_up()
    itself = FolderGallery(fake, fake)
    itself.pair_up()
    assert [item.target_path for item in itself.items(None, None)] == [
        fake / "1_real_B.png", fake / "2_real_B.png",
    ]  # fmt: skip
    pictures(fake, "1_fake_A.png", "2_fake_A.png")
    with pytest.raises(ValueError, match=r"several targets, A, B; choose one with --to"):
        results_in(fake)
    assert shape(fake, "A") == {"1": ["1_fake_A.png"], "2": ["2_fake_A.png"]}


def test_random_samples_of_bicyclegan_belong_to_their_input(tmp_path: Path) -> None:
    kinds = ("input", "ground truth", "encoded", "random_sample01", "random_sample02")
    pictures(tmp_path, *(f"input_{i:03}_{kind}.png" for i in (0, 1) for kind in kinds))
    assert shape(tmp_path) == {
        f"input_{i:03}": [f"input_{i:03}_random_sample0{k}.png" for k in (1, 2)] for i in (0, 1)
    }


def test_synthesized_images_of_pix2pixhd_are_results(tmp_path: Path) -> None:
    fake = tmp_path / "images"
    kinds = ("input_label", "synthesized_image", "real_image")
    pictures(fake, *(f"{i}_{kind}.jpg" for i in (0, 1) for kind in kinds))
    assert shape(fake) == {str(i): [f"{i}_synthesized_image.jpg"] for i in (0, 1)}
    itself = FolderGallery(fake, fake)
    itself.pair_up()
    targets = [item.target_path for item in itself.items(None, None)]
    assert targets == [fake / f"{i}_real_image.jpg" for i in (0, 1)]


def test_sheets_of_stargan_are_refused(tmp_path: Path) -> None:
    pictures(tmp_path, "1-images.jpg", "2-images.jpg")
    with pytest.raises(ValueError, match="side by side in one file"):
        results_in(tmp_path)


def test_names_with_a_word_of_official_codebases_are_not_mistaken(tmp_path: Path) -> None:
    pictures(tmp_path, "x_real.png", "y_input.png", "z.png")
    assert len(results_in(tmp_path).groups) == 3


def test_results_of_earlier_versions_with_labels_have_a_sheet_too(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"{stem}_{label}.png" for stem in "ab" for label in ("Male", "Young")))
    columns = [(title, torch.zeros(2, 3, 16, 16)) for title in ("input", "Male", "Young")]
    sheet([Panel("", columns)]).save(tmp_path / "sheet.png")
    assert len(results_in(tmp_path).groups) == 4
    Image.new("RGB", (90, 90), "red").save(tmp_path / "sheet.png")
    assert len(results_in(tmp_path).groups) == 5


def test_results_that_a_later_run_did_not_replace_are_left_out(tmp_path: Path) -> None:
    photos, out = pictures(tmp_path / "photos", "x.png", "y.png", "deep/x.png"), tmp_path / "out"
    model = Translator(MUNIT(MUNIT_CONFIG, training=False), "cpu")
    model.translate_files(photos, out, "b", samples=4, seed=1)
    model.translate_files(photos / "y.png", out, "a", samples=6)
    report = model.translate_files(photos, out, "b", samples=2, seed=2)
    assert shape(out, "a") == {"y": [f"y_{k}.png" for k in (3, 4, 5, 6)]}  # a target of its own
    found = results_in(out, "b")
    assert {name: len(paths) for name, paths in found.groups} == {"x": 2, "y": 2, "deep/x": 2}
    assert "left out: 4 results of earlier runs for the same inputs (.png)" in found.sentence
    (note,) = [note for note in report.notes if "earlier runs" in note]
    assert note.startswith("4 results of earlier runs for the same inputs, which this run did")


def test_a_run_with_another_type_replaces_the_earlier_one(tmp_path: Path) -> None:
    photos, out = pictures(tmp_path / "photos", "x.png"), tmp_path / "out"
    pictures(photos, "z.png")
    model = Translator(MUNIT(MUNIT_CONFIG, training=False), "cpu")
    model.translate_files(photos, out, "b")
    model.translate_files(photos / "x.png", out, "b", format="webp")
    assert shape(out) == {"x": ["x.webp"], "z": ["z.png"]}  # z has no later result
    report = model.translate_files(photos / "z.png", out, "b", skip_existing=True)
    assert [path.name for path in report.existing] == ["z.png"]
    assert shape(out) == {"x": ["x.webp"], "z": ["z.png"]}


@pytest.mark.parametrize(
    ("names", "real", "groups"),
    [
        ([f"frame_{k}" for k in range(1, 6)], ["p.png"], 5),  # the frames of a video
        ([f"frame_{k}" for k in range(1, 6)], ["frame.png"], 1),  # outputs for a real image
        ([f"{s}_{k}" for s in ("cat", "dog") for k in range(1, 60)], ["p.png"], 118),
        ([f"{s}_{k}" for s in ("cat", "dog") for k in range(1, 60)], ["cat.png", "dog.png"], 2),
        ([f"{s}_{k}" for s in ("u", "v", "w") for k in range(1, 4)], ["p.png"], 3),
    ],
)
def test_numbered_names_need_evidence_to_belong_together(
    tmp_path: Path, names: list[str], real: list[str], groups: int
) -> None:
    fake = pictures(tmp_path / "fake", *(f"{name}.png" for name in names))
    gallery = FolderGallery(fake, pictures(tmp_path / "real", *real))
    assert gallery.total == groups
    sentence = gallery.facts["measured"]
    assert sentence.startswith(f"{len(names)} results, grouped as {groups} input")
    if groups == len(names):
        assert sentence.endswith("as nothing shows that those named "
                                 f"{names[0].partition('_')[0]}_N belong together")  # fmt: skip


def test_results_of_munit_in_a_folder_per_style(tmp_path: Path) -> None:
    names = ("cat.jpg", "dog.jpg", "owl.jpg")
    pictures(tmp_path / "out", *(f"out_{k:02}/{name}" for k in range(11) for name in names))
    expected = {name[:3]: 11 for name in names}
    for folder in (tmp_path / "out", pictures(tmp_path / "out" / "out", "input000.jpg",
                   "input001.jpg", "input002.jpg")):  # fmt: skip
        for _ in range(2):  # the parent also with the folder of the inputs
            found = results_in(folder)
            assert {name: len(paths) for name, paths in found.groups} == expected
            assert [path.parent.name for path in found.groups[0][1]][-1] == "out_10"
            folder = tmp_path / "out"
    assert found.sentence == (
        "33 results, grouped as 3 inputs with 11 each by the names of an official codebase, left "
        "out: 3 images beside the results (input)"
    )
    assert FolderGallery(tmp_path / "out" / "out", tmp_path / "out" / "out_00").max_outputs == 11
    (tmp_path / "out" / "out_03" / "cat.jpg").unlink()  # then these are no samples of equal inputs
    assert len(results_in(tmp_path / "out").groups) == 32 + 3


def test_results_of_munit_for_one_image(tmp_path: Path) -> None:
    pictures(tmp_path / "a", "input.jpg", *(f"output{k:03}.jpg" for k in range(10)))
    assert {n: len(p) for n, p in results_in(tmp_path / "a").groups} == {"input": 10}
    pictures(tmp_path / "unit", "input.jpg", "output.jpg")
    assert shape(tmp_path / "unit") == {"input": ["output.jpg"]}
    pictures(tmp_path / "b", *(f"output{k:03}.jpg" for k in range(4)))
    assert len(results_in(tmp_path / "b").groups) == 4


def test_results_of_unit_beside_its_inputs(tmp_path: Path) -> None:
    pictures(tmp_path, "cat.jpg", "dog.jpg", "input000.jpg", "input001.jpg")
    assert shape(tmp_path) == {"cat": ["cat.jpg"], "dog": ["dog.jpg"]}
    pictures(tmp_path, "owl.jpg")  # three results and two inputs: something else
    assert len(results_in(tmp_path).groups) == 5


def test_the_test_model_of_cyclegan_saves_inputs_as_real(tmp_path: Path) -> None:
    fake = pictures(tmp_path, *(f"{i}_{kind}.png" for i in (1, 2) for kind in ("real", "fake")))
    assert shape(fake) == {"1": ["1_fake.png"], "2": ["2_fake.png"]}
    with pytest.raises(ValueError, match=r"belong together: .*x_real are its inputs"):
        evaluate(fake=fake, metrics="psnr")


def test_real_images_beside_official_results_need_no_second_option(tmp_path: Path) -> None:
    kinds = ("real_A", "fake_B", "real_B")
    fake = pictures(tmp_path / "images", *(f"{i}_{k}.png" for i in (1, 2) for k in kinds))
    one = evaluate(fake=fake, metrics="psnr").models[0]
    two = evaluate(fake=fake, real=fake, metrics="psnr").models[0]
    assert one["psnr"].value == two["psnr"].value
    with pytest.raises(ValueError, match=r"belong together: .*plain holds no real images"):
        evaluate(fake=pictures(tmp_path / "plain", "1.png"), metrics="psnr")
