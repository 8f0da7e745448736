"""A run's page shows what its folder holds, and needs nothing else."""

import csv
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from crossimage.training.advice.use import UsageHint
from crossimage.training.run_page import write_page

HEADER = ["step", "seconds", "learning_rate", "discriminators/adversarial", "generators/cycle"]


class _Page(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, **having: str) -> list[dict[str, str]]:
        return [a for name, a in self.tags if name == tag and having.items() <= a.items()]


def _page(run: Path, title: str = "shoes", **facts: str) -> _Page:
    write_page(run, title=title, facts=facts)
    return _Page((run / "index.html").read_text(encoding="utf-8"))


def _metrics(run: Path, rows: list[list[object]], header: list[str] = HEADER) -> None:
    with open(run / "metrics.csv", "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def _corners(line: dict[str, str]) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (p.split(",") for p in line["points"].split())]


def test_an_empty_run_has_a_page(tmp_path: Path) -> None:
    page = _page(tmp_path, method="munit")
    assert "No losses yet" in page.text
    assert "No samples yet" in page.text
    assert "munit" in page.text


def test_facts_and_title_are_text_not_markup(tmp_path: Path) -> None:
    page = _page(tmp_path, title="<script>alert(1)</script>", data="a & b <i>")
    assert "a & b <i>" in page.text and len(page.all("script")) == 1 and not page.all("i")


def test_every_loss_has_a_plot_with_its_last_value(tmp_path: Path) -> None:
    _metrics(tmp_path, [[s, s, 1e-4, 1 / s, 3.25 * s] for s in range(10, 110, 10)])
    page = _page(tmp_path)
    plots = [svg["aria-label"] for svg in page.all("svg")]
    assert [label.split(" ")[0] for label in plots] == HEADER[3:]
    assert "last value 0.01" in plots[0] and "last value 325" in plots[1]
    falling, rising = (_corners(line) for line in page.all("polyline", **{"class": "smooth"}))
    assert len(falling) == 10 and falling[0][1] < falling[-1][1]  # y points down in SVG
    assert rising[0][1] > rising[-1][1]
    assert "100" in page.text and "60" in page.text  # ticks


def test_long_runs_are_thinned_and_stay_in_the_frame(tmp_path: Path) -> None:
    spikes = {500: 1e9, 4000: 1e9}
    rows = [[s, s, 1e-4, spikes.get(s, math.exp(-s / 1000)), 1] for s in range(1, 5001)]
    _metrics(tmp_path, rows)
    page = _page(tmp_path)
    lines = [_corners(line) for line in page.all("polyline")]
    assert len(lines) == 4 and all(100 < len(line) <= 400 for line in lines)
    width, height = map(float, page.all("svg")[0]["viewbox"].split()[2:])
    assert all(0 <= x <= width and 0 <= y <= height for line in lines for x, y in line)
    assert (tmp_path / "index.html").stat().st_size < 100_000


def test_lines_cut_short_and_terms_that_come_later_are_no_harm(tmp_path: Path) -> None:
    _metrics(tmp_path, [[10, 1, 1e-4, 5, ""], [20, 2, 1e-4, 4, 7], [20, 2, 1e-4, 3, 8]])
    with open(tmp_path / "metrics.csv", "a") as file:
        file.write("30,3,0.0001,9")
    labels = [svg["aria-label"] for svg in _page(tmp_path).all("svg")]
    assert "last value 3" in labels[0] and "last value 8" in labels[1]


@pytest.mark.parametrize("value", [0.0, 3.0, -2.5e-7, 1e30])
def test_one_row_or_equal_values_can_be_drawn(tmp_path: Path, value: float) -> None:
    for steps in ([10], [10, 20, 30]):
        _metrics(tmp_path, [[s, s, 1e-4, value, value] for s in steps])
        lines = _page(tmp_path).all("polyline")
        assert len(lines) == 4 and all(len(_corners(line)) > 1 for line in lines)


def test_sheets_are_linked_with_the_newest_large(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    for name in ("step-00001000.png", "step-00000200.png", "step-00030000.jpg"):
        (tmp_path / "samples" / name).touch()
    (tmp_path / "samples" / ".step-00040000.jpg.7.tmp").touch()
    page = _page(tmp_path)
    (large,) = page.all("img", id="sheet")
    assert large["src"] == "samples/step-00030000.jpg"
    lazy = [image["src"] for image in page.all("img", loading="lazy")]
    assert lazy == [
        "samples/step-00030000.jpg", "samples/step-00001000.png", "samples/step-00000200.png",
    ]  # fmt: skip
    (slider,) = page.all("input", type="range")
    assert slider["max"] == slider["value"] == "2"


def test_the_page_needs_no_network(tmp_path: Path) -> None:
    _metrics(tmp_path, [[10, 1, 1e-4, 5, 6]])
    write_page(tmp_path, title="t", facts={})
    assert not re.search(r"https?://|//[a-z]", (tmp_path / "index.html").read_text())


def test_the_page_has_the_command_of_the_run_and_those_that_come_next(tmp_path: Path) -> None:
    run = tmp_path / "a run"
    run.mkdir()
    use = UsageHint(run, ("A", "B"), few_shot=False)

    def page(ended: dict[str, str] | None = None) -> _Page:
        write_page(run, title="t", facts={}, use=use, ended=ended)
        return _Page((run / "index.html").read_text(encoding="utf-8"))

    for damaged in ("", "[]", '{"command": 7}', '{"command": "\'"}', '{"command": ""}'):
        (run / "environment.json").write_text(damaged)
        assert "Commands" not in page().text
    for program in ("/venv/bin/crossimage", "/venv/lib/crossimage/__main__.py"):
        command = f"{program} train munit --data 'my <photos>' --out 'a run'"
        facts = {"command": command, "folder": "/home/a & b"}
        (run / "environment.json").write_text(json.dumps(facts))
        text = page().text
        assert "crossimage train munit --data 'my <photos>'" in text and "/venv" not in text
        assert f"crossimage train --resume '{run}'" in text and "translate" not in text
        assert "To be run in /home/a & b." in text
    (run / "model.safetensors").touch()
    assert f"crossimage translate '{run}' IMAGES --to B --out DIR" in page().text
    assert page().all("input", id="live")
    last = page({"train longer": "crossimage train munit steps=9"})
    assert "crossimage train munit steps=9" in last.text and "--resume" not in last.text
    assert "crossimage train munit --data" in last.text and not last.all("input", id="live")


def test_the_page_of_a_run_from_python_has_its_call(tmp_path: Path) -> None:
    call = "crossimage.train('munit', data='photos', out='run')"
    (tmp_path / "environment.json").write_text(json.dumps({"command": "notebook", "call": call}))
    (tmp_path / "model.safetensors").touch()
    use = UsageHint(tmp_path, ("A", "B"), few_shot=False)
    write_page(tmp_path, title="t", facts={}, use=use)
    text = _Page((tmp_path / "index.html").read_text(encoding="utf-8")).text
    assert call in text and "the same call continues it" in text and use.call in text
    assert "crossimage train " not in text and "Commands" not in text
    write_page(tmp_path, title="t", facts={}, use=use, ended={"continue it": call})
    assert (tmp_path / "index.html").read_text(encoding="utf-8").count("crossimage.train") == 1


def test_every_image_and_control_of_the_page_has_a_name(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    for step in (0, 2000):
        (tmp_path / "samples" / f"step-{step:08d}.jpg").touch()
    page = _page(tmp_path)
    names = [image["alt"] for image in page.all("img")]
    assert names == [
        "Sample sheet at step 2,000", "Sample sheet at step 0",
        "Sample sheet at step 2,000, in full size",
    ]  # fmt: skip
    assert all(one["aria-label"] for one in page.all("input", type="range"))
