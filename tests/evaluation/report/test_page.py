"""A report holds all that was measured, needs nothing else, and stands whole or not at all."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from crossimage.evaluation.report.figures import HIGHER, LOWER, Figure, neither
from crossimage.evaluation.report.page import Evaluation, as_table, write_report
from crossimage.evaluation.report.plots import WIDTH, Histogram, draw
from crossimage.evaluation.report.strips import Block, strip
from tests.training.test_run_page import _Page

DIRECTIONS = {
    "lpips": neither("higher is more diverse"),
    "psnr": HIGHER,
    "same_scene": neither("distance"),
}


def figure(name: str, value: float, **more: object) -> Figure:
    given: dict[str, object] = {
        "interval": None, "count": 3, "protocol": f"how {name} is measured", "seed": 0,
        "library": "torch 2", "direction": DIRECTIONS.get(name, LOWER),
    }  # fmt: skip
    return Figure(name, value, **(given | more))  # type: ignore[arg-type]


def runs() -> list[Evaluation]:
    picture = torch.randint(256, (3, 200, 100), dtype=torch.uint8)
    shown = Block("Random inputs", [strip("shoe.png", picture, picture[None], picture)])
    return [
        Evaluation(
            "runs/<one>", {"method": "munit"},
            [figure("fid", 20.0), figure("lpips", 0.1, interval=(0.08, 0.12))], blocks=[shown],
        ),
        Evaluation(
            "runs/two", {"method": "unit"}, [figure("fid", 30.0, comparable=False, note="adapted")],
            notes=["2 of 9 are gray"], missing={"lpips": "one output per input"},
        ),
    ]  # fmt: skip


def page(tmp_path: Path, evaluations: list[Evaluation]) -> _Page:
    write_report(tmp_path, "two models", {"seed": 0}, evaluations)
    return _Page((tmp_path / "report.html").read_text(encoding="utf-8"))


def test_the_page_shows_every_figure_with_its_protocol(tmp_path: Path) -> None:
    found = page(tmp_path, runs())
    for words in ("runs/<one>", "0.1 ± 0.02", "how lpips is measured", "adapted", "2 of 9 are gray",
                  "30 *", "not comparable", "torch 2",
                  "No lpips: one output per input"):  # fmt: skip
        assert words in found.text, words
    assert [text for text in re.findall(r"\S+ is better", found.text)] == ["lower is better"]
    assert "higher is more diverse" in found.text


def test_runs_stand_side_by_side_in_a_plot_with_intervals(tmp_path: Path) -> None:
    found = page(tmp_path, runs())
    labels = [svg["aria-label"] for svg in found.all("svg")]
    assert " ".join(labels[0].split()) == "fid: runs/<one> 20, runs/two 30"
    drawn = (tmp_path / "report.html").read_text()
    names = re.findall(r'<text class="name"[^>]*>([^<]*)</text>', drawn)
    assert names == ["runs/&lt;one&gt;", "runs/two", "runs/&lt;one&gt;"]  # a bar, a name
    bars = [float(bar["width"]) for bar in found.all("rect")]
    assert bars[0] / bars[1] == pytest.approx(2 / 3, abs=0.01)
    lines = [line for line in found.all("line") if line.get("class") != "zero"]
    assert len(lines) == 3  # one interval, with its ends


def test_the_best_is_marked_where_one_direction_is_better(tmp_path: Path) -> None:
    text = (page(tmp_path, runs()), (tmp_path / "report.html").read_text())[1]
    assert re.findall(r'class="best">([^<]+)', text) == ["20"]


def test_the_page_needs_no_network_and_holds_its_pictures(tmp_path: Path) -> None:
    found = page(tmp_path, runs())
    assert found.text.index("without a frame") < found.text.index("Random inputs")
    images = found.all("img")
    assert [image["class"] for image in images] == ["input", "output", "real"]
    assert all(image["src"].startswith("data:image/webp;base64,") for image in images)
    text = re.sub(r"base64,[^\"]*", "", (tmp_path / "report.html").read_text())
    assert not re.search(r"https?://|//[a-z]", text)
    assert not any("src" in script for script in found.all("script"))


def test_the_json_is_strict_and_the_same_every_time(tmp_path: Path) -> None:
    evaluations = runs()
    evaluations[0].figures.append(figure("psnr", float("inf"), interval=(1.0, float("nan"))))
    page(tmp_path, evaluations)
    first = (tmp_path / "report.json").read_bytes()
    data = json.loads(first, parse_constant=lambda word: pytest.fail(word))
    assert data["settings"] == {"seed": 0}
    assert [run["missing"] for run in data["runs"]] == [{}, {"lpips": "one output per input"}]
    assert data["runs"][0]["figures"][0]["protocol"] == "how fid is measured"
    assert data["runs"][0]["figures"][2]["value"] == "inf"
    page(tmp_path, evaluations)
    assert (tmp_path / "report-2.json").read_bytes() == first


@pytest.mark.parametrize("value", [0.0, -0.3, float("nan"), float("inf")])
def test_any_value_can_be_drawn(tmp_path: Path, value: float) -> None:
    found = page(tmp_path, [Evaluation("r", {}, [figure("kid", value)])])
    (bar,) = found.all("rect")
    assert float(bar["width"]) >= 0 and float(bar["x"]) >= 0


def test_a_histogram_shows_the_shares_of_every_series(tmp_path: Path) -> None:
    series = {"near": [0.0, 0.1, 0.1, 0.1], "far": [2.4, 1.3]}
    drawing = draw(Histogram("distances", "VGG16", series))
    near, far = drawing.series
    heights = [height for *_, height in near.shapes]
    assert heights[1] == pytest.approx(3 * heights[0])  # of 24 columns 0.1 wide, the first two
    assert [height for *_, height in far.shapes] == pytest.approx([heights[0] * 2] * 2)
    assert [text for _, text in drawing.ticks] == ["0", "1.2", "2.4"]
    assert near.mean < far.mean < WIDTH
    assert all(x >= 0 and x + width <= WIDTH for s in drawing.series for x, _, width, _ in s.shapes)
    evaluation = Evaluation("r", {}, [figure("same_scene", 1.0)])
    evaluation.histograms.append(Histogram("distances", "VGG16", series))
    found = page(tmp_path, [evaluation])
    assert len(found.all("rect")) == 1 + 4
    assert all(words in found.text for words in ("distances", "near", "far", "1.2"))


def test_a_table_has_a_line_per_run_and_a_gap_where_there_is_no_figure() -> None:
    assert as_table(runs()) == [
        ["", "fid", "lpips"],
        ["runs/<one>", "20", "0.1 ± 0.02"],
        ["runs/two", "30 *", "–"],
    ]


def test_a_report_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page(tmp_path, runs())
    before = (tmp_path / "report.json").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space"):
        write_report(tmp_path, "other", {}, [])
    assert (tmp_path / "report.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.json"]


def test_the_figures_that_a_killed_evaluation_left_are_taken_up_if_they_are_the_same(
    tmp_path: Path,
) -> None:
    write_report(tmp_path, "title", {}, [])
    (tmp_path / "report.html").unlink()
    assert write_report(tmp_path, "title", {}, [])[0].name == "report.json"
    (tmp_path / "report.html").unlink()
    assert write_report(tmp_path, "title", {"seed": 1}, [])[0].name == "report-2.json"
    assert not (tmp_path / "report.html").exists()


def test_what_is_wrong_with_figures_is_a_numbered_footnote(tmp_path: Path) -> None:
    evaluations = runs()
    for run, warnings in zip(evaluations, (("few",), ("other", "few")), strict=True):
        run.figures[0] = replace(run.figures[0], warnings=warnings)
    assert [line[1] for line in as_table(evaluations)] == ["fid", "20 [1]", "30 *[2][1]"]
    text = page(tmp_path, evaluations).text
    assert "[1] few" in text and "[2] other" in text and "30 *[2][1]" in text
    data = json.loads((tmp_path / "report.json").read_text())
    assert data["runs"][1]["figures"][0]["warnings"] == ["other", "few"]


def test_metrics_that_are_missing_everywhere_are_columns_of_gaps(tmp_path: Path) -> None:
    one = Evaluation(
        "r", {}, [figure("psnr_y", 3.0, metric="psnr")],
        missing={"psnr": "elsewhere", "fid": "no weights", "kid": "no weights"},
    )  # fmt: skip
    assert as_table([one]) == [["", "psnr_y", "fid", "kid"], ["r", "3", "–", "–"]]
    text = page(tmp_path, [one]).text
    assert "No fid, kid: no weights" in text
    (run,) = json.loads((tmp_path / "report.json").read_text())["runs"]
    assert run["values"] == {"psnr_y": 3.0, "fid": None, "kid": None}
    with pytest.raises(KeyError, match="r has no figure 'fid', only psnr_y; no fid: no weights"):
        one["fid"]


def test_variants_are_in_the_headings(tmp_path: Path) -> None:
    one = Evaluation("r", {}, [figure("fid", 3.0, variant="clean"), figure("psnr", 1.0)])
    assert as_table([one])[0] == ["", "fid (clean)", "psnr"]
    assert "fid (clean)" in page(tmp_path, [one]).text


def test_earlier_reports_are_kept(tmp_path: Path) -> None:
    (tmp_path / "report-2.html").write_text("someone else's")
    paths = [write_report(tmp_path, "t", {"seed": seed}, runs()) for seed in range(3)]
    assert [data.name for data, _ in paths] == ["report.json", "report-3.json", "report-4.json"]
    assert [page.stem for _, page in paths] == [data.stem for data, _ in paths]
    seeds = [json.loads(data.read_text())["settings"]["seed"] for data, _ in paths]
    assert seeds == [0, 1, 2] and (tmp_path / "report-2.html").read_text() == "someone else's"


def test_images_are_described_by_what_they_show_and_of_which_input(tmp_path: Path) -> None:
    image = torch.randint(256, (3, 20, 20), dtype=torch.uint8)
    shown = Block("Random inputs", [strip('a "b".png', image, [image, image], image)])
    images = page(tmp_path, [replace(runs()[0], blocks=[shown])]).all("img")
    assert [image["alt"] for image in images if "src" in image] == [
        'input: a "b".png', 'output 1 of 2: a "b".png', 'output 2 of 2: a "b".png',
        'real image: a "b".png',
    ]  # fmt: skip


def test_text_has_enough_contrast_in_light_and_dark(tmp_path: Path) -> None:
    """The least is 4.5, of the guidelines WCAG 2.1 at level AA."""

    def luminance(colour: str) -> float:
        digits = colour if len(colour) == 6 else "".join(digit * 2 for digit in colour)
        values = (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
        return sum(w * v for w, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    write_report(tmp_path, "two models", {"seed": 0}, runs())
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    schemes = [
        dict(re.findall(r"--(\w+): #(\w+)", s)) for s in re.findall(r":root {(.*?)}", text, re.S)
    ]
    assert len(schemes) == 2
    for scheme in schemes:
        for ink in ("ink", "faint", "one", "two", "three", "four", "five"):
            for ground in ("paper", "card"):
                dark, light = sorted(luminance(scheme[name]) for name in (ink, ground))
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)
