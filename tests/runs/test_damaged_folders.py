"""Files of a run's folder may be damaged, special, or written at the moment they are read."""

import json
import os
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from crossimage.cli.app import main
from crossimage.runs.listing import read_summary
from crossimage.utils.files import atomic, write_text

ODD: tuple[Any, ...] = (
    None, True, 0, -1, 10**300, 1e308, float("nan"), "", "x" * 5000, "\x1b[2J", [], {}, [1, [2]],
    {"a": {"b": 1}},
)  # fmt: skip
TEXTS = ("", "null", "[1, 2]", "3", '"x"', "[" * 100_000, '{"a":' * 50_000, "{", "\0", "9" * 9000)
FILES: dict[str, dict[str, Any]] = {
    "environment.json": {"data": "photos", "folder": "/", "processes": 1, "command": "train"},
    "report.json": {
        "settings": {"runs": ["run"]},
        "runs": [{"title": "run", "values": {"fid": 3.0}, "figures": [
            {"name": "fid", "value": 3.0, "interval": [2.0, 4.0]}]}],
    },
    "best.json": {
        "figure": "fid", "better": "lower", "patience": 3, "best": {"step": 2, "value": 3.0},
        "last": {"step": 2, "value": 3.0}, "stale": 0, "figures": {"fid": 3.0},
    },
}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder, as far as its list is concerned."""
    folder = tmp_path / "runs" / "run"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text("method: munit\nsteps: 4\n")
    (folder / "metrics.csv").write_text("step,seconds,loss\n1,0.5,2.0\n")
    (folder / "checkpoints" / "step-00000002.pt").write_bytes(b"x")
    for name, values in FILES.items():
        (folder / name).write_text(json.dumps(values))
    return folder


def changed(random: Random, values: Any) -> Any:
    """Return nested values with one of them replaced."""
    if random.random() < 0.3 or not values or not isinstance(values, dict | list):
        return random.choice(ODD)
    key = random.choice([*values]) if isinstance(values, dict) else random.randrange(len(values))
    copy = json.loads(json.dumps(values))
    copy[key] = changed(random, values[key])
    return copy


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_does_not_hide_the_run(
    name: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random = Random(name)
    for text in (*TEXTS, *(json.dumps(changed(random, FILES[name])) for _ in range(60))):
        (run / name).write_text(text)
        assert main(["runs", str(run.parent)]) == 0, text[:200]
        assert "munit" in capsys.readouterr().out


@pytest.mark.parametrize("name", FILES)
def test_damaged_files_of_one_run_do_not_end_the_comparison(
    name: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random, page = Random(name), str(tmp_path / "page.html")
    other = run.with_name("other")
    other.mkdir()
    for kept in ("config.yaml", "metrics.csv"):
        (other / kept).write_text((run / kept).read_text())
    for text in (*TEXTS, *(json.dumps(changed(random, FILES[name])) for _ in range(15))):
        (run / name).write_text(text)
        assert main(["compare", str(run), str(other), "--out", page]) in (0, 2), text[:200]
    capsys.readouterr()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@pytest.mark.parametrize("name", FILES)
def test_pipes_in_place_of_files_are_not_waited_for(name: str, run: Path) -> None:
    (run / name).unlink()
    os.mkfifo(run / name)
    assert main(["runs", str(run.parent)]) == 0


def beside(write: Callable[[int], object], read: Callable[[], object], times: int) -> None:
    """Read while another thread writes again and again."""
    ended = threading.Event()

    def loop() -> None:
        for number in count():
            write(number)
            if ended.is_set():
                return

    writer = threading.Thread(target=loop)
    writer.start()
    try:
        for _ in range(times):
            read()
    finally:
        ended.set()
        writer.join()


def test_a_run_is_listed_while_it_is_trained(run: Path) -> None:
    """Checkpoints come and go, tables grow and settings are written again."""

    def write(number: int) -> None:
        step = number + 3
        with atomic(run / "checkpoints" / f"step-{step:08}.pt") as file:
            file.write(b"x")
        for old in (run / "checkpoints").glob("step-*.pt"):
            if int(old.stem[5:]) < step:
                old.unlink()
        write_text(run / "config.yaml", f"method: munit\nsteps: {step + 1}\n")
        for name, values in FILES.items():
            write_text(run / name, json.dumps(values))
        with (run / "metrics.csv").open("a") as table:
            table.write(f"{step},0.5,")
            table.flush()
            table.write("2.0\n")

    def read() -> None:
        summary = read_summary(run)
        assert summary is not None and summary.data == "photos" and summary.figure

    beside(write, read, 200)
