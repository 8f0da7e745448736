"""Paths that look like markup or emoji, in whatever the commands print."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.progress import TextColumn

from crossimage.cli import console
from crossimage.cli.app import main
from crossimage.utils import progress
from tests.conftest import as_arguments, small


@pytest.mark.parametrize(
    ("name", "above"), [("a [x] b", "[red]d/c ["), ("[bold]e[-bold]", "[@g]/:smile: f")]
)
def test_names_appear_as_they_are(
    name: str,
    above: str,
    folders: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    top = tmp_path / above / name / "[" / "red]"  # its path holds [/red]
    data, out = top / name, top / "run"
    shutil.copytree(folders, data)
    torn = data / "trainA" / f"{name}.png"
    torn.write_bytes((data / "trainA" / "0.png").read_bytes()[:60])

    def said(*words: object, status: int = 0) -> str:
        assert main([str(word) for word in words]) == status
        captured = capsys.readouterr()
        return " ".join(f"{captured.out} {captured.err}".split())

    settings = as_arguments(small(steps=2, domains="p,q"))
    inspected = said("data", "inspect", data, status=1)  # training would stop
    assert str(data) in inspected and str(torn) in inspected
    trained = said("train", "munit", "--data", data, "--out", out, *settings, status=2)
    assert str(torn) in trained, "one of seven cannot be read"
    torn.unlink()
    settings.append("--accept-data-change")
    trained = said("train", "munit", "--data", data, "--out", out, *settings)
    assert str(out) in trained and str(out / "model.safetensors") in trained
    assert str(out) in said("train", "munit", "--data", data, "--out", out, *settings)
    assert str(out) in said("train", "cyclegan", "--data", data, "--out", out, status=2)
    results = top / "results"
    assert str(results) in said("translate", out, data / "testA", "--out", results)
    assert str(top / "none") in said("translate", top / "none", data, "--out", results, status=2)
    Image.new("RGB", (2, 2)).save(top / "image.png")
    assert str(top / "none") in said("import", top / "none", "--out", top / "m", status=2)
    made = top / "made"
    assert str(made) in said("data", "make", "outlines", "--out", made, "--count", 1)


def test_no_column_of_a_progress_bar_reads_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[TextColumn] = []
    build = TextColumn.__init__

    def note(self: TextColumn, *args: Any, **options: Any) -> None:
        build(self, *args, **options)
        made.append(self)

    monkeypatch.setattr(TextColumn, "__init__", note)
    with console.ConsoleListener().watch(0, 1):
        pass
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress.StderrProgress() as show:
        show("[x] [/red]", 0, 1)
    columns = [column for column in made if "{" in column.text_format]
    assert len(columns) >= 3 and not any(column.markup for column in columns)
