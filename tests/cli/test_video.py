"""``crossimage video``."""

from pathlib import Path

import pytest

from tests.cli.conftest import crossimage
from tests.data.videos.videos import write_video


def test_a_video_is_translated(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video, out = write_video(tmp_path / "video.mp4", 3), tmp_path / "out" / "video.mp4"
    assert crossimage("video", run, video, "--out", out, "--seed", 3, "--side-by-side") == 0
    assert f"3 frames written to {out}" in capsys.readouterr().out
    assert [path.name for path in out.parent.iterdir()] == ["video.mp4"]


def test_mistakes_are_one_sentence(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = write_video(tmp_path / "video.mp4", 3)
    (tmp_path / "text.mp4").write_text("words")
    for arguments, sentence in [
        ((tmp_path / "no.mp4", "--out", "x.mp4"), "no.mp4; expected a video"),
        ((tmp_path / "text.mp4", "--out", "x.mp4"), "text.mp4 is not a video"),
        ((video, "--out", video), "would overwrite the video; choose another --out"),
        ((video, "--out", "x.mp4", "--to", "cats"), "the model has no domain 'cats'"),
        ((video, "--out", ""), "--out is empty"),
    ]:
        assert crossimage("video", run, *arguments) == 2
        error = capsys.readouterr().err
        assert error.startswith("crossimage: ") and sentence in error
        assert error.count("\n") == 1
