"""Images through pipes."""

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from crossimage.utils.streams import printable
from tests.cli.conftest import crossimage


def feed(monkeypatch: pytest.MonkeyPatch, data: bytes, terminal: bool = False) -> None:
    stdin = SimpleNamespace(buffer=io.BytesIO(data), isatty=lambda: terminal)
    monkeypatch.setattr(sys, "stdin", stdin)


def test_an_image_from_stdin_goes_to_stdout(
    capsysbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
    run: Path,
    photos: Path,
    tmp_path: Path,
) -> None:
    feed(monkeypatch, (photos / "y.jpg").read_bytes())
    assert crossimage("translate", run, "-", "--out", "-", "--seed", 0, "--device", "cpu") == 0
    with Image.open(io.BytesIO(capsysbinary.readouterr().out)) as image:
        assert image.format == "JPEG" and image.size == (20, 16)
    feed(monkeypatch, (photos / "x.png").read_bytes())
    out = tmp_path / "out"
    arguments = ("--format", "bmp", "--out", out, "--device", "cpu")
    assert crossimage("translate", run, photos / "x.png", "--reference", "-", *arguments) == 0
    assert [path.name for path in out.iterdir() if path.suffix == ".bmp"] == ["x.bmp"]
    feed(monkeypatch, (photos / "x.png").read_bytes())
    assert crossimage("translate", run, "-", *arguments) == 0
    assert (out / "stdin.bmp").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-", "-", "--out", "o"), "- is given 2 times; stdin holds one image"),
        (("-", "--out", "o"), "- reads an image from stdin, which is empty"),
        (("x.png", "y.jpg", "--out", "-"), "writes a single result to stdout, found 2 inputs"),
        (("x.png", "--samples", 2, "--out", "-"), "found 2 results per input"),
        ((".", "--out", "-"), "found the folder .;"),
        (("*.*", "--out", "-"), "writes a single result to stdout, found 2;"),
    ],
)
def test_what_does_not_go_through_a_pipe(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    run: Path,
    photos: Path,
    arguments: tuple[object, ...],
    message: str,
) -> None:
    feed(monkeypatch, b"")
    monkeypatch.chdir(photos)
    assert crossimage("translate", run, *arguments, "--device", "cpu") == 2
    said = capsys.readouterr()
    assert message in said.err and not said.out


def test_a_terminal_holds_no_image(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, run: Path, photos: Path
) -> None:
    feed(monkeypatch, b"", terminal=True)
    assert crossimage("translate", run, "-", "--out", "o") == 2
    assert "stdin, which is a terminal; add `< image.png`" in capsys.readouterr().err
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert crossimage("translate", run, photos / "x.png", "--out", "-") == 2
    assert "stdout, which is a terminal" in capsys.readouterr().err


def test_names_do_not_command_the_terminal(
    capsys: pytest.CaptureFixture[str], run: Path, photos: Path, tmp_path: Path
) -> None:
    for name in ("\x1b[31mred.png", "two\nlines.png", "gnp.\u202etxt.png"):
        (photos / name).write_text("no image")
    crossimage("translate", run, photos, "--out", tmp_path / "out", "--device", "cpu")
    said = capsys.readouterr().err
    assert r"\x1b[31mred.png" in said and r"two\nlines.png" in said and r"gnp.\u202etxt" in said
    assert "\x1b" not in said
    crossimage("translate", run, tmp_path / "\x1b[2J.png", "--out", tmp_path / "out")
    assert "\x1b" not in capsys.readouterr().err
    assert printable("schön 図 \u200d\n") == "schön 図 \u200d\n"
