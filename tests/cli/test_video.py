"""``crossimage video``."""

from pathlib import Path

import pytest

from tests.cli.conftest import crossimage
from tests.data.films.films import write_film


def test_a_film_is_translated(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film, out = write_film(tmp_path / "film.mp4", 3), tmp_path / "out" / "film.mp4"
    assert crossimage("video", run, film, "--out", out, "--seed", 3, "--side-by-side") == 0
    assert f"3 frames written to {out}" in capsys.readouterr().out
    assert [path.name for path in out.parent.iterdir()] == ["film.mp4"]


def test_mistakes_are_one_sentence(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = write_film(tmp_path / "film.mp4", 3)
    (tmp_path / "text.mp4").write_text("words")
    for arguments, sentence in [
        ((tmp_path / "no.mp4", "--out", "x.mp4"), "no.mp4; expected a film"),
        ((tmp_path / "text.mp4", "--out", "x.mp4"), "text.mp4 is not a film"),
        ((film, "--out", film), "would overwrite the film; choose another --out"),
        ((film, "--out", "x.mp4", "--to", "cats"), "the model has no domain 'cats'"),
        ((film, "--out", ""), "--out is empty"),
    ]:
        assert crossimage("video", run, *arguments) == 2
        error = capsys.readouterr().err
        assert error.startswith("crossimage: ") and sentence in error
        assert error.count("\n") == 1
