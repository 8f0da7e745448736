"""Every measure is taken where it applies, as it is published, and the same every time."""

import itertools
import sys
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import TypeVar

import pytest
import torch
from torch import Tensor

from crossimage.evaluation.galleries.base import Results
from crossimage.evaluation.galleries.images import Pictures, read_rgb
from crossimage.evaluation.galleries.translations import Translations
from crossimage.evaluation.metrics.diversity import Amounts
from crossimage.evaluation.networks.open import Tools
from crossimage.evaluation.report.figures import Figure
from crossimage.evaluation.report.strips import Extremes, Strip
from crossimage.evaluation.run_metrics import choose
from crossimage.utils.progress import shown
from tests.evaluation.helpers import (
    chosen,
    measured,
    model,
    pictures,
    tools,
    values,
)

T = TypeVar("T")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_what_applies_is_measured_by_default(folders: Path, pairs: Path) -> None:
    munit = Translations("run", model(), str(folders), None, 0)
    cyclegan = Translations("run", model("cyclegan"), str(folders), None, 0)
    pix2pix = Translations("run", model("pix2pix"), str(pairs), None, 0)
    names = [chosen((), gallery, tools(), Amounts()) for gallery in (munit, cyclegan, pix2pix)]
    assert names[0] == ("fid", "kid", "is", "lpips")
    assert names[1] == ("fid", "kid", "is")
    assert names[2] == ("fid", "kid", "is", "psnr", "ssim", "l1", "lpips_paired")
    with_classes = chosen((), munit, tools("edges", "shoes"), Amounts())
    assert with_classes == ("fid", "kid", "is", "lpips", "cis", "error")


@pytest.mark.parametrize(
    ("metric", "sentence"),
    [
        ("fdi", "there is no metric 'fdi'.*did you mean 'fid'"),
        ("lpips", "one answer an input, so there is no diversity"),
        ("cis", "one answer an input"),
        ("accuracy", "needs a classifier.*fit-classifier.*--classifier FILE"),
        ("psnr", "has no partner"),
    ],
)
def test_what_does_not_apply_is_refused_by_name(metric: str, sentence: str, folders: Path) -> None:
    gallery = Translations("run", model("cyclegan"), str(folders), None, 0)
    with pytest.raises(ValueError, match=sentence):
        chosen((metric,), gallery, tools(), Amounts())


def test_a_segmenter_and_label_maps_are_needed_for_fcn_scores(pairs: Path, tmp_path: Path) -> None:
    gallery = Translations("run", model("pix2pix"), str(pairs), None, 0)
    with pytest.raises(ValueError, match="needs a segmenter.*--segmenter FILE"):
        chosen(("fcn",), gallery, tools(), Amounts())
    label_map = gallery.label_map(gallery.paths[0])
    assert label_map.shape == (3, 16, 16) and label_map.unique().tolist() == [0, 255]
    fake = pictures(tmp_path / "fake", "0.png", "1.png")
    with_segmenter = Tools(torch.device("cpu"), segmenter_path=Path("s"))
    with pytest.raises(ValueError, match="folder of results does not tell"):
        chosen(("fcn",), Results(fake, fake), with_segmenter, Amounts())


def test_two_evaluations_agree_exactly_and_another_seed_does_not(folders: Path) -> None:
    translator, found = model(), []
    for seed in (0, 0, 1):
        gallery = Translations("run", translator, str(folders), None, seed)
        found.append(measured(gallery, tools=tools(), amounts=Amounts(seed=seed)))
    assert found[0] == found[1]
    assert values(found[0])["lpips"] != values(found[2])["lpips"]


def test_every_figure_tells_protocol_count_seed_and_library(folders: Path) -> None:
    gallery = Translations("run", model(), str(folders), None, 0)
    names = ("fid", "kid", "is", "lpips", "error")
    found = measured(gallery, *names, tools=tools("edges", "shoes"))
    assert {"fid", "kid", "is", "lpips", "error"} <= set(values(found))
    assert all(f.protocol and f.count and f.library for f in found.figures)
    lpips = next(figure for figure in found.figures if figure.name == "lpips")
    assert lpips.count == 2 * 19 and lpips.seed == 0 and not lpips.comparable
    assert "20 answers" in lpips.protocol and "19 pairs" in lpips.protocol
    fid = next(figure for figure in found.figures if figure.name == "fid")
    assert fid.count == 2 and not fid.comparable


def test_lpips_of_a_folder_is_that_of_neighbouring_answers(tmp_path: Path) -> None:
    names = [f"{name}_{k}.png" for name in "abc" for k in (1, 2, 3)]
    fake = pictures(tmp_path / "fake", *names)
    gallery = Results(fake, pictures(tmp_path / "real", "x.png", "y.png"))
    found = measured(gallery, "lpips", tools=tools())
    means = []
    for row in gallery.rows(None, None):
        y = row.answers.double() / 255
        means.append(((y[0] - y[1]).abs().mean() + (y[1] - y[2]).abs().mean()) / 2)
    assert values(found)["lpips"] == pytest.approx(float(sum(means) / 3), rel=1e-5)
    assert found.figures[0].count == 6 and found.figures[0].interval is not None
    least, most = found.blocks
    assert [strip.caption for strip in least.strips] == [
        strip.caption for strip in reversed(most.strips)
    ]
    assert len(most.strips[0].pictures) == 3


def test_the_diversity_of_real_pairs_stands_beside_that_of_the_answers(folders: Path) -> None:
    gallery = Translations("run", model(), str(folders), "edges", 0)
    gallery.real = Pictures([*folders.glob("trainA/*.png")], lambda path: read_rgb(path)[:, :9, :9])
    lpips, real = measured(gallery, "lpips", tools=tools()).figures
    (x,) = gallery.real
    distances = [
        float((x[i].float() - x[j].float()).abs().mean()) / 255
        for i, j in itertools.combinations(range(7), 2)
    ]
    assert (lpips.name, real.name) == ("lpips", "lpips_real")
    assert real.count == 21 and real.value == pytest.approx(sum(distances) / 21, rel=1e-5)
    assert real.note == "21 pairs instead of 1900, for want of more images"
    assert real.seed == 0 and "random pairs of 7 images" in real.protocol
    found = [
        measured(gallery, "lpips", tools=tools(), amounts=Amounts(3, 5, seed)).figures[1]
        for seed in (0, 0, 1)
    ]
    assert found[0] == found[1] and found[0].value != found[2].value
    assert found[0].count == 12 and not found[0].note


def test_folders_and_single_real_images_have_no_real_pairs(folders: Path, tmp_path: Path) -> None:
    fake = pictures(tmp_path / "fake", "a_1.png", "a_2.png")
    found = measured(Results(fake, folders / "trainA"), "lpips", tools=tools())
    assert [figure.name for figure in found.figures] == ["lpips"]
    gallery = Translations("run", model(), str(folders), None, 0)
    gallery.real = Pictures(gallery.real.paths[:1], gallery.real.read)
    found = measured(gallery, "lpips", tools=tools())
    assert [figure.name for figure in found.figures] == ["lpips"]


def test_pictures_equal_to_the_real_ones_are_perfect(tmp_path: Path) -> None:
    names = [f"{i}.png" for i in range(8)]
    fake = pictures(tmp_path / "fake", *names, size=(12, 14))
    gallery = Results(fake, pictures(tmp_path / "real", *names, size=(12, 14)))
    found = values(measured(gallery, "fid", "l1", "psnr", "ssim", "lpips_paired", tools=tools()))
    assert found["fid"] == pytest.approx(0, abs=1e-3)
    assert found["l1"] == found["lpips_paired"] == 0
    assert found["psnr"] == found["psnr_y"] == float("inf")
    assert found["ssim"] == pytest.approx(1) and found["ssim_y"] == pytest.approx(1)


def test_pairs_of_unlike_sizes_are_named(tmp_path: Path) -> None:
    fake = pictures(tmp_path / "fake", "a.png", "b.png")
    gallery = Results(fake, pictures(tmp_path / "real", "a.png", "b.png", size=(7, 5)))
    with pytest.raises(ValueError, match=r"a\.png is 5 x 7 and the answer to a 5 x 6"):
        measured(gallery, "l1", tools=tools())


def test_the_class_of_the_input_or_of_the_target_is_looked_for(tmp_path: Path) -> None:
    fake = pictures(tmp_path / "fake", "dark/a.png", "light/b.png", "light/c.png")
    gallery = Results(fake, fake)
    gallery.target = "Light"
    found = values(measured(gallery, "accuracy", "error", tools=tools("dark", "light")))
    light = [float(row.answers.float().mean()) > 127.5 for row in gallery.rows(None, None)]
    assert found["accuracy"] == pytest.approx((1 - light[0] + light[1] + light[2]) / 3)
    assert found["error"] == pytest.approx(1 - sum(light) / 3)
    with pytest.raises(ValueError, match="no folders of classes"):
        chosen(("accuracy",), gallery, tools("cat", "dog"), Amounts())
    with pytest.raises(ValueError, match="no class of the target domain's name"):
        chosen(("error",), gallery, tools("cat", "dog"), Amounts())


def test_cis_sees_many_answers_to_each_input(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Tensor] = []

    def score(probabilities: Iterable[Tensor]) -> list[Figure]:
        seen.extend(probabilities)
        return [Figure("cis", 1.0, None, len(seen), "mean KL", None, "none 0")]

    stand_in = SimpleNamespace(
        conditional_inception_score=score, divergence=lambda p: float(p[0, 0])
    )
    monkeypatch.setitem(sys.modules, "crossimage.evaluation.networks.lpips", stand_in)
    gallery = Translations("run", model(), str(folders), None, 0)
    found = measured(gallery, "cis", tools=tools("edges", "shoes"))
    assert [tuple(p.shape) for p in seen] == [(100, 2), (100, 2)]
    assert "2 inputs with 100 answers each" in found.figures[0].protocol
    least, most = found.blocks
    assert least.title == "Inputs of least diversity by CIS" and len(most.strips) == 2
    assert [s.caption for s in least.strips] == [s.caption for s in reversed(most.strips)]


def test_side_by_side_a_run_has_a_gap_where_a_measure_does_not_apply(folders: Path) -> None:
    galleries = [
        Translations(name, model(name), str(folders), None, 0) for name in ("cyclegan", "munit")
    ]
    judge = tools("edges", "shoes")
    one, many = choose(("fid", "lpips", "cis"), galleries, judge, Amounts())
    assert one.names == ("fid",) and many.names == ("fid", "lpips", "cis")
    assert set(one.missing) == {"lpips", "cis"} and not many.missing
    assert "one answer an input, so there is no diversity" in one.missing["cis"]
    with pytest.raises(ValueError, match="psnr can't be measured of cyclegan: .*has no partner"):
        choose(("fid", "psnr"), galleries, judge, Amounts())
    by_default = choose((), galleries, judge, Amounts())
    assert [set(choice.missing) for choice in by_default] == [{"lpips", "cis"}, set()]


@pytest.mark.parametrize(("method", "drawn"), [("munit", True), ("cyclegan", False)])
def test_figures_of_drawn_answers_carry_the_seed(method: str, drawn: bool, pairs: Path) -> None:
    gallery = Translations("run", model(method), str(pairs), None, 3)
    names = ("fid", "error", "l1", *(("cis",) if drawn else ()))
    found = measured(gallery, *names, tools=tools("edges", "shoes"), amounts=Amounts(seed=3))
    assert {figure.seed for figure in found.figures} == {3 if drawn else None}
    assert {f.name for f in found.figures if f.comparable} == {"l1"}


def test_real_images_are_left_alone_by_measures_that_need_none(tmp_path: Path) -> None:
    fake = pictures(tmp_path / "fake", "dark/a.png", "light/b.png")
    gallery = Results(fake, pictures(tmp_path / "real", "a.png", "b.png", size=(9, 8)))

    class Unseen(Pictures):
        @property
        def gray(self) -> int:  # type: ignore[override]
            raise AssertionError("real images were looked at")

    gallery.real = Unseen(gallery.real.paths)
    assert not measured(gallery, "accuracy", tools=tools("dark", "light")).notes
    with pytest.raises(AssertionError, match="looked at"):
        measured(gallery, "kid", tools=tools())


def test_lines_tell_the_progress_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(shown("abcde", "training", 5, 2)) == list("abcde")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" · ")[1] for line in lines] == ["2/5", "4/5", "5/5"]
    assert lines[0].startswith("training · ") and lines[0].endswith(" left")
    list(shown("abc", "run: lpips", 3))
    assert capsys.readouterr().err.startswith("run: lpips · 3/3 · 0:00:00\n")
    monkeypatch.setattr("crossimage.utils.progress._SILENCE", 0)
    list(shown("abc", "run: lpips", 3))
    assert capsys.readouterr().err.count("\n") == 3


def test_fewer_inputs_and_other_numbers_of_answers_can_be_asked_for(folders: Path) -> None:
    gallery = Translations("run", model(), str(folders), None, 0)
    found = measured(gallery, "is", "lpips", tools=tools(), amounts=Amounts(inputs=1, samples=4))
    assert {figure.name: figure.count for figure in found.figures} == {
        "is": 4, "lpips": 3, "lpips_real": 1
    }  # fmt: skip


def test_gray_real_images_are_said(tmp_path: Path) -> None:
    from PIL import Image

    fake = pictures(tmp_path / "fake", "a.png", "b.png")
    real = pictures(tmp_path / "real", "a.png", "b.png")
    Image.new("L", (5, 6)).save(real / "b.png")
    found = measured(Results(fake, real), "kid", tools=tools())
    assert found.notes == ["1 of the 2 real images are gray; taken as RGB"]


def test_results_of_another_size_than_the_real_images_are_said(tmp_path: Path) -> None:
    fake = pictures(tmp_path / "fake", "a.png", "b.png")
    real = pictures(tmp_path / "real", "a.png", "b.png", size=(9, 8))
    (note,) = measured(Results(fake, real), "fid", tools=tools()).notes
    assert "a.png is 5 x 6 pixels" in note and "a.png 8 x 9; networks that see one size" in note


def test_one_image_is_too_few(tmp_path: Path) -> None:
    fake = pictures(tmp_path / "fake", "a.png")
    real = pictures(tmp_path / "real", "a.png", "b.png")
    with pytest.raises(ValueError, match="at least 2 generated images, found 1"):
        measured(Results(fake, real), tools=tools())
    for names, results, images in ((("fid",), fake, real), (("kid",), real, fake)):
        with pytest.raises(ValueError, match="it needs at least 2 (generated|real) images"):
            chosen(names, Results(results, images), tools(), Amounts())
    assert chosen((), Results(real, fake), tools(), Amounts()) == ("is",)


def test_extremes_keep_the_ends_and_make_no_others() -> None:
    made: list[float] = []

    def strip(value: float) -> Strip:
        made.append(value)
        return Strip(str(value), [])

    extremes = Extremes()
    for value in [*range(100, 0, -1), 50, 1]:
        extremes.add(float(value), lambda v=float(value): strip(v))
    low, high = extremes.blocks("low", "high")
    assert [s.caption for s in low.strips] == ["1.0", "1.0", "2.0", "3.0", "4.0", "5.0"]
    assert [s.caption for s in high.strips] == ["100.0", "99.0", "98.0", "97.0", "96.0", "95.0"]
    assert made.count(50.0) == 1
