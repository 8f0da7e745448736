"""The page of a comparison stands alone and shows runs over and beside one another."""

import re
from pathlib import Path

import pytest

from crossimage.cli.app import main
from crossimage.runs.comparison import compare_runs
from crossimage.runs.comparison_page import write_comparison
from tests.runs.folders import LOSSES, report, run_folder
from tests.study.web.browser import chromium, faults, prefer
from tests.training.test_run_page import _Page


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def page_of(*runs: Path) -> tuple[_Page, list[str]]:
    damaged = write_comparison(compare_runs(runs), Path("compare.html"))
    return _Page(Path("compare.html").read_text(encoding="utf-8")), damaged


def test_every_loss_has_one_plot_over_steps_and_one_over_time(tmp_path: Path) -> None:
    a = run_folder(tmp_path / "a", losses=[*LOSSES, "validation/kid"])
    b = run_folder(tmp_path / "b", rate=0.01, losses=LOSSES)
    page, _ = page_of(a, b)
    labels = [svg["aria-label"] for svg in page.all("svg", role="img")]
    assert [label.split(";")[0] for label in labels] == [
        f"{name} over {axis}"
        for name in ("validation/kid", *LOSSES)
        for axis in ("steps", "training time in min")
    ]
    assert "a 0.025" in labels[0] and " b " not in labels[0]
    assert "a 0.025, b 0.025" in " ".join(labels[2].split())
    assert "figures on validation images" in page.text


def test_sheets_stand_side_by_side_at_equal_steps(tmp_path: Path) -> None:
    a = run_folder(tmp_path / "a", sheets=(0, 20, 40))
    b = run_folder(tmp_path / "b", sheets=(0, 15, 20, 30))
    page, _ = page_of(a, b)
    alts = [image["alt"] for image in page.all("img")]
    steps = [(0, 0), (20, 20), (40, 30)]
    assert alts == [
        f"Sample sheet of {run} at step {step}"
        for pair in steps
        for run, step in zip("ab", pair, strict=True)
    ]
    assert len(page.all("input", name="sheets")) == 3


def test_of_many_sheets_a_few_are_shown_with_the_first_and_last(tmp_path: Path) -> None:
    steps = [0, *range(100, 3000, 100)]
    a, b = (run_folder(tmp_path / name, sheets=steps) for name in "ab")
    page, _ = page_of(a, b)
    shown = [int(image["alt"].split()[-1].replace(",", "")) for image in page.all("img")]
    kept = sorted({*shown})
    assert len(kept) <= 6 and kept[0] == 0 and kept[-1] == 2900 and len(shown) == 2 * len(kept)


def test_sheets_that_are_missing_or_damaged_leave_a_gap(tmp_path: Path) -> None:
    a, b = run_folder(tmp_path / "a"), run_folder(tmp_path / "b", sheets=())
    c = run_folder(tmp_path / "c")
    broken = c / "samples" / "step-00000020.jpg"
    broken.write_bytes(broken.read_bytes()[:300])
    page, damaged = page_of(a, b, c)
    assert damaged == [f"{broken} can't be read, so the sheet is left out"]
    assert "no sheet at step 20" in page.text and "the sheet can't be read" in page.text
    assert len(page.all("img")) == 5  # 0, 20 and 40 of a, and 0 and 40 of c


def test_the_page_is_one_file_and_names_are_text(tmp_path: Path) -> None:
    a, b = run_folder(tmp_path / "<b>a & c"), run_folder(tmp_path / "b")
    page, _ = page_of(a, b)
    text = Path("compare.html").read_text(encoding="utf-8")
    assert not re.search(r"(?:src|href)=\"(?!data:)", text) and not page.all("script")
    assert "<b>a & c" in page.text and "--out compare.html" in page.text


def test_runs_without_anything_have_a_page(tmp_path: Path) -> None:
    a, b = (run_folder(tmp_path / name, steps=(), sheets=()) for name in "ab")
    page, _ = page_of(a, b)
    assert "No losses yet" in page.text and "No samples yet" in page.text


def test_the_command_prints_what_differs_and_replaces_only_comparisons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = run_folder(tmp_path / "a", steps=(10, 20)), run_folder(tmp_path / "b", flip=False)
    report(b / "report.json", {"b": "b"}, {"fid": 20.5})
    for _ in range(2):
        assert main(["compare", str(a), str(b)]) == 0
        lines = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert ["flip", "true", "false"] in lines and ["fid", "–", "20.5"] in lines
        assert lines[-1] == ["page", "compare.html"] and not [x for x in lines if x[0] == "device"]
    Path("notes.html").write_text("mine")
    for out, said in (
        ("notes.html", "exists and is not a comparison"),
        ("notes", "ends with .html"),
        ("dir.html", "is a folder; name a file in it, such as dir.html/compare.html"),
    ):
        Path("dir.html").mkdir(exist_ok=True)
        assert main(["compare", str(a), str(b), "--out", out]) == 2
        assert said in capsys.readouterr().err
    assert Path("notes.html").read_text() == "mine"
    assert main(["compare", str(a), str(b), "--out", "new/page.html"]) == 0
    assert main(["compare", str(a)]) == 2


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [(1280, 900, 1.0), (390, 780, 3.0)], ids=["desk", "phone"])
def test_the_page_fits_the_screen_can_be_read_and_is_used_by_keys(
    tmp_path: Path, screen: tuple[int, int, float], scheme: str
) -> None:
    runs = [run_folder(tmp_path / f"a long name of run {n}", batch_size=n) for n in (1, 2, 3)]
    report(runs[0] / "report.json", {"x": "x"}, {"fid": 20.5})
    page_of(*runs)
    with chromium(*screen) as browser:
        prefer(browser, scheme)
        browser.get(Path("compare.html").resolve().as_uri())
        assert faults(browser) == []
        count = "return [...document.querySelectorAll('{}')].filter((e) => e.offsetParent).length"
        assert browser.execute_script(count.format(".by-step")) == 2
        assert browser.execute_script(count.format(".sheets")) == 1
        browser.find_element("id", "by-time").click()
        assert browser.execute_script(count.format(".by-step")) == 0
        assert browser.execute_script(count.format(".by-time")) == 2
        browser.find_element("id", "sheets-0").click()
        shown = "return [...document.images].filter((i) => i.offsetParent).map((i) => i.alt)"
        assert all(alt.endswith("step 0") for alt in browser.execute_script(shown))
