"""Progress is reported to a callback, which may show it on stderr."""

import io
import sys

import pytest

from crossimage.utils.progress import StderrProgress, track


def test_a_callback_learns_of_the_start_and_of_every_item() -> None:
    seen: list[tuple[str, int, int]] = []
    assert list(track("abc", "training", 3, lambda *call: seen.append(call))) == list("abc")
    assert seen == [("training", done, 3) for done in (0, 1, 2, 3)]
    assert list(track("abc", "training", 3, None)) == list("abc")
    seen.clear()
    list(track(["ab", "c", "def"], "images", 6, lambda *call: seen.append(call), len))
    assert seen == [("images", done, 6) for done in (0, 2, 3, 6)]


def test_lines_tell_the_progress_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = StderrProgress(lines={"training": 2})
    assert list(track("abcde", "training", 5, progress)) == list("abcde")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" · ")[1] for line in lines] == ["2/5", "4/5", "5/5"]
    assert lines[0].startswith("training · ") and lines[0].endswith(" left")
    list(track("abc", "run: lpips", 3, progress))
    assert capsys.readouterr().err.startswith("run: lpips · 3/3 · 0:00:00\n")
    monkeypatch.setattr("crossimage.utils.progress._SILENCE", 0)
    list(track("abc", "run: lpips", 3, progress))
    assert capsys.readouterr().err.count("\n") == 3


def test_lines_tell_the_speed_of_tasks_that_have_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter((0, 4, 8))
    monkeypatch.setattr("crossimage.utils.progress.monotonic", lambda: next(clock))
    progress = StderrProgress(lines={"frames": 2}, speeds={"frames": "frames"})
    assert list(track("ab", "frames", 2, progress)) == list("ab")
    assert capsys.readouterr().err.splitlines() == [
        "frames · 1/2 · 0.25 frames/s · 0:00:04 · 0:00:04 left",
        "frames · 2/2 · 0.25 frames/s · 0:00:08",
    ]


def test_short_tasks_may_go_without_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter((0, 9, 18, 27, 30))
    progress = StderrProgress(skip_short=True)
    list(track("abc", "translating", 3, progress))
    assert not capsys.readouterr().err
    monkeypatch.setattr("crossimage.utils.progress.monotonic", lambda: next(clock))
    list(track("abcd", "translating", 4, progress))
    assert capsys.readouterr().err.splitlines() == [
        "translating · 2/4 · 0:00:18 · 0:00:18 left",
        "translating · 4/4 · 0:00:30",
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_a_bar_that_a_failed_task_takes_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setenv("TERM", "xterm")
    with StderrProgress() as progress:
        list(track("abc", "translating", 3, progress))
        assert "translating" in terminal.getvalue() and "3/3" in terminal.getvalue()
    with pytest.raises(OSError, match="full"), StderrProgress() as progress:
        for _ in track("abc", "sampling", 3, progress):
            raise OSError("full")
    assert progress._bar is None and terminal.getvalue().rstrip().endswith("0:00:00") is False


@pytest.mark.parametrize("terminal", [False, True])
def test_a_task_may_take_place_within_another(
    terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    with StderrProgress() as progress:
        progress("images", 0, 2)
        progress("images", 1, 2)
        for done in range(4):
            progress("rows", done, 3)
        progress("images", 2, 2)
    written = capsys.readouterr().err
    if not terminal:
        assert [line.split(" · ")[:2] for line in written.splitlines()] == [
            ["rows", "3/3"],
            ["images", "2/2"],
        ]
