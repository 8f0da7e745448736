"""Every measure is taken where it applies, as it is published, and the same every time."""

from pathlib import Path
from typing import TypeVar

import pytest
import torch

from crossimage.evaluation.galleries.base import FolderGallery
from crossimage.evaluation.galleries.images import ImageStream
from crossimage.evaluation.galleries.translations import TranslationGallery
from crossimage.evaluation.metrics.base import Amounts
from crossimage.evaluation.networks import open as module
from crossimage.evaluation.networks.open import MetricNetworks
from crossimage.evaluation.run_metrics import choose
from tests.evaluation.helpers import (
    chosen,
    evaluated,
    model,
    networks,
    pictures,
    setup,
    values,
)

T = TypeVar("T")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_what_applies_is_computed_by_default(folders: Path, pairs: Path) -> None:
    munit = TranslationGallery("run", model(), str(folders), None, 0)
    cyclegan = TranslationGallery("run", model("cyclegan"), str(folders), None, 0)
    pix2pix = TranslationGallery("run", model("pix2pix"), str(pairs), None, 0)
    names = [set(chosen((), gallery)) for gallery in (munit, cyclegan, pix2pix)]
    of_all, paired = {"fid", "kid", "is"}, {"psnr", "ssim", "l1", "lpips_paired"}
    drawn, of_classes = {"lpips"}, {"error", "cis"}
    assert names[0] >= of_all | drawn and not names[0] & (paired | of_classes)
    assert names[1] >= of_all and not names[1] & (paired | drawn | of_classes)
    assert names[2] >= of_all | paired and not names[2] & (drawn | of_classes)
    with_classes = set(chosen((), munit, networks("edges", "shoes")))
    assert with_classes >= of_all | drawn | of_classes and not with_classes & paired


@pytest.mark.parametrize(
    ("metric", "sentence"),
    [
        ("fdi", "unknown metric 'fdi'.*did you mean 'fid'"),
        ("lpips", "one output per input, so there is no diversity"),
        ("cis", "one output per input"),
        ("accuracy", "needs a classifier.*fit-classifier.*--classifier FILE"),
        ("psnr", "has no partner"),
    ],
)
def test_what_does_not_apply_is_refused_by_name(metric: str, sentence: str, folders: Path) -> None:
    gallery = TranslationGallery("run", model("cyclegan"), str(folders), None, 0)
    with pytest.raises(ValueError, match=sentence):
        chosen((metric,), gallery)


def test_a_segmenter_and_label_maps_are_needed_for_fcn_scores(pairs: Path, tmp_path: Path) -> None:
    gallery = TranslationGallery("run", model("pix2pix"), str(pairs), None, 0)
    with pytest.raises(ValueError, match="needs a segmenter.*--segmenter FILE"):
        chosen(("fcn",), gallery)
    label_map = gallery.label_map(gallery.paths[0])
    assert label_map.shape == (3, 16, 16) and label_map.unique().tolist() == [0, 255]
    fake = pictures(tmp_path / "fake", "0.png", "1.png")
    with_segmenter = MetricNetworks(torch.device("cpu"), segmenter_path=Path("s"))
    with pytest.raises(ValueError, match="folder of results does not contain"):
        chosen(("fcn",), FolderGallery(fake, fake), with_segmenter)


def test_two_evaluations_agree_exactly_and_another_seed_does_not(folders: Path) -> None:
    translator, found = model(), []
    for seed in (0, 0, 1):
        gallery = TranslationGallery("run", translator, str(folders), None, seed)
        found.append(evaluated(gallery, amounts=Amounts(seed=seed)))
    assert found[0] == found[1]
    assert values(found[0])["lpips"] != values(found[2])["lpips"]


def test_every_figure_tells_protocol_count_seed_and_library(folders: Path) -> None:
    gallery = TranslationGallery("run", model(), str(folders), None, 0)
    names = ("fid", "kid", "is", "lpips", "error")
    found = evaluated(gallery, *names, own=networks("edges", "shoes"))
    assert {"fid", "kid", "is", "lpips", "error"} <= set(values(found))
    assert all(f.protocol and f.count and f.library for f in found.figures)
    lpips = next(figure for figure in found.figures if figure.name == "lpips")
    assert lpips.count == 2 * 19 and lpips.seed == 0 and not lpips.comparable
    assert "20 outputs" in lpips.protocol and "19 pairs" in lpips.protocol
    fid = next(figure for figure in found.figures if figure.name == "fid")
    assert fid.count == 2 and not fid.comparable


def test_pictures_equal_to_the_real_ones_are_perfect(tmp_path: Path) -> None:
    names = [f"{i}.png" for i in range(8)]
    fake = pictures(tmp_path / "fake", *names, size=(12, 14))
    gallery = FolderGallery(fake, pictures(tmp_path / "real", *names, size=(12, 14)))
    found = values(evaluated(gallery, "fid", "l1", "psnr", "ssim", "lpips_paired"))
    assert found["fid"] == pytest.approx(0, abs=1e-3)
    assert found["l1"] == found["lpips_paired"] == 0
    assert found["psnr"] == found["psnr_y"] == float("inf")
    assert found["ssim"] == pytest.approx(1) and found["ssim_y"] == pytest.approx(1)


def test_pairs_of_different_sizes_are_a_gap_that_names_them(tmp_path: Path) -> None:
    fake = pictures(tmp_path / "fake", "a.png", "b.png")
    gallery = FolderGallery(fake, pictures(tmp_path / "real", "a.png", "b.png", size=(7, 5)))
    found = evaluated(gallery, "l1", "psnr", "fid")
    assert set(values(found)) == {"fid"} and set(found.missing) == {"l1", "psnr"}
    assert "a.png is 5 x 7 and the output for a is 5 x 6" in found.missing["l1"]


def test_images_too_small_for_one_metric_are_a_gap_in_this_one(tmp_path: Path) -> None:
    fake = pictures(tmp_path / "fake", "a.png", "b.png", "c.png")
    found = evaluated(FolderGallery(fake, fake), "ssim", "psnr", "is")
    assert set(values(found)) == {"psnr", "psnr_y", "is"}
    assert "SSIM needs at least 11x11" in found.missing["ssim"]


def test_an_unreadable_image_is_an_error_and_not_a_gap(tmp_path: Path) -> None:
    fake = pictures(tmp_path / "fake", "a.png", "b.png")
    real = pictures(tmp_path / "real", "a.png", "b.png")
    for folder in (fake, real):
        before = (folder / "b.png").read_bytes()
        (folder / "b.png").write_bytes(before[:60])
        with pytest.raises(ValueError, match=r"b\.png"):
            evaluated(FolderGallery(fake, real), "fid", "l1")
        (folder / "b.png").write_bytes(before)


def test_metrics_whose_weights_are_missing_are_gaps_whether_requested_or_not(
    pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(*_: object) -> None:
        raise FileNotFoundError("the weights are missing")

    monkeypatch.setattr(module, "open_lpips", absent)
    gallery = TranslationGallery("run", model("pix2pix"), str(pairs), None, 0)
    for wanted in ((), ("fid", "l1", "lpips_paired")):
        own = MetricNetworks(torch.device("cpu"), "random")
        (choice,) = choose(wanted, [setup(gallery, own)])
        assert {"fid", "l1"} <= set(choice.names)
        assert choice.missing["lpips_paired"] == "the weights are missing"
    only = MetricNetworks(torch.device("cpu"))
    with pytest.raises(ValueError, match="lpips_paired can't be computed for run: the weights are"):
        choose(("lpips_paired",), [setup(gallery, only)])


def test_side_by_side_a_run_has_a_gap_where_a_metric_does_not_apply(folders: Path) -> None:
    galleries = [
        TranslationGallery(name, model(name), str(folders), None, 0)
        for name in ("cyclegan", "munit")
    ]
    setups = [setup(gallery, networks("edges", "shoes")) for gallery in galleries]
    one, many = choose(("fid", "lpips", "cis"), setups)
    assert one.names == ("fid",) and many.names == ("fid", "lpips", "cis")
    assert set(one.missing) == {"lpips", "cis"} and not many.missing
    assert "one output per input, so there is no diversity" in one.missing["cis"]
    unpaired = choose(("fid", "psnr"), setups)
    assert all(choice.names == ("fid",) for choice in unpaired)
    assert all("has no partner" in choice.missing["psnr"] for choice in unpaired)
    with pytest.raises(ValueError, match="psnr, ssim can't be computed for cyclegan: .*no partner"):
        choose(("ssim", "psnr"), setups)
    by_default = choose((), setups)
    known = {"fid", "lpips", "cis"}
    assert [known & set(c.missing) for c in by_default] == [{"lpips", "cis"}, set()]


@pytest.mark.parametrize(("method", "drawn"), [("munit", True), ("cyclegan", False)])
def test_figures_of_random_outputs_carry_the_seed(method: str, drawn: bool, pairs: Path) -> None:
    gallery = TranslationGallery("run", model(method), str(pairs), None, 3)
    names = ("fid", "error", "l1", *(("cis",) if drawn else ()))
    found = evaluated(gallery, *names, own=networks("edges", "shoes"), amounts=Amounts(seed=3))
    assert {figure.seed for figure in found.figures} == {3 if drawn else None}
    assert {f.name for f in found.figures if f.comparable} == {"l1"}


def test_real_images_are_left_alone_by_metrics_that_need_none(tmp_path: Path) -> None:
    fake = pictures(tmp_path / "fake", "dark/a.png", "light/b.png")
    gallery = FolderGallery(fake, pictures(tmp_path / "real", "a.png", "b.png", size=(9, 8)))

    class Unseen(ImageStream):
        @property
        def gray(self) -> int:  # type: ignore[override]
            raise AssertionError("real images were looked at")

    gallery.real = Unseen(gallery.real.paths)
    assert not evaluated(gallery, "accuracy", own=networks("dark", "light")).notes
    with pytest.raises(AssertionError, match="looked at"):
        evaluated(gallery, "kid")


def test_fewer_inputs_and_other_numbers_of_outputs_can_be_asked_for(folders: Path) -> None:
    gallery = TranslationGallery("run", model(), str(folders), None, 0)
    found = evaluated(gallery, "is", "lpips", amounts=Amounts(inputs=1, samples=4))
    assert {figure.name: figure.count for figure in found.figures} == {
        "is": 4, "lpips": 3, "lpips_real": 1
    }  # fmt: skip


def test_gray_real_images_are_reported(tmp_path: Path) -> None:
    from PIL import Image

    fake = pictures(tmp_path / "fake", "a.png", "b.png")
    real = pictures(tmp_path / "real", "a.png", "b.png")
    Image.new("L", (5, 6)).save(real / "b.png")
    found = evaluated(FolderGallery(fake, real), "kid")
    assert found.notes == ["1 of the 2 real images are gray; treated as RGB"]


def test_outputs_of_another_size_than_the_real_images_are_reported(tmp_path: Path) -> None:
    fake = pictures(tmp_path / "fake", "a.png", "b.png")
    real = pictures(tmp_path / "real", "a.png", "b.png", size=(9, 8))
    (note,) = evaluated(FolderGallery(fake, real), "fid").notes
    assert "a.png is 5 x 6 pixels" in note and "a.png 8 x 9; networks that see one size" in note


def test_one_image_is_too_few(tmp_path: Path) -> None:
    fake = pictures(tmp_path / "fake", "a.png")
    real = pictures(tmp_path / "real", "a.png", "b.png")
    with pytest.raises(ValueError, match="at least 2 generated images, found 1"):
        evaluated(FolderGallery(fake, real), "is")
    for names, results, images in ((("fid",), fake, real), (("kid",), real, fake)):
        with pytest.raises(ValueError, match="it needs at least 2 (generated|real) images"):
            chosen(names, FolderGallery(results, images))
    by_default = chosen((), FolderGallery(real, fake))
    assert "is" in by_default and not {"fid", "kid"} & set(by_default)
