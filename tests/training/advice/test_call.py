"""Runs started from Python show calls that use their models and go on with them."""

import html
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

import crossimage
from crossimage.training.advice.call import Call
from tests.conftest import steady


def _calls(run: Path) -> dict[str, str]:
    """The calls on a run's page, by caption."""
    page = (run / "index.html").read_text(encoding="utf-8")
    found = re.findall(r"<dt>([^<]*)</dt><dd><code>([^<]*)</code>", page)
    return {caption: html.unescape(call) for caption, call in found}


def _carry_out(call: str) -> Any:
    return eval(call, {"crossimage": crossimage})  # as the user does


def test_the_calls_of_a_page_can_be_carried_out(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = {"A": folders / "trainA", "B": [folders / "trainB"]}
    stopping: dict[str, Any] = steady(steps=3, log_every=1)
    stopped = crossimage.train("cyclegan", data, "run", on_progress=lambda p: False, **stopping)
    calls = _calls(tmp_path / "run")
    assert stopped.step == 1 and "on_progress=..." in calls["continue it"]
    done = _carry_out(calls["continue it"].replace("on_progress=...", "on_progress=print"))
    assert (done.first_step, done.step) == (1, 3)
    calls = _calls(tmp_path / "run")
    assert list(calls) == ["started with", "translate images", "train longer"]
    use = calls["translate images"].replace("IMAGES", str(folders / "testA"))
    assert _carry_out(use) and (tmp_path / "DIR" / "crossimage.jsonl").exists()
    longer = _carry_out(calls["train longer"].replace("print", "None"))
    assert (longer.run, longer.first_step, longer.step) == (Path("run"), 3, 6)


def test_a_run_whose_rate_has_fallen_trains_longer_in_another_folder(
    folders: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    crossimage.train("cyclegan", folders, run, **steady(steps=1, decay_steps=1))
    longer = _calls(run)["train longer"]
    assert f"out='{run}-2'" in longer and f"init_from='{run}'" in longer


def test_an_interrupted_call_says_what_continues_the_run(folders: Path, tmp_path: Path) -> None:
    def interrupt(_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    settings: dict[str, Any] = steady(steps=3, log_every=1)
    with pytest.raises(KeyboardInterrupt) as caught:
        crossimage.train("cyclegan", folders, tmp_path / "run", on_progress=interrupt, **settings)
    said = f"stopped at step 1 and saved; the same call continues {tmp_path / 'run'}"
    assert caught.value.__notes__ == [said]
    assert "on_progress=interrupt" in _calls(tmp_path / "run")["continue it"]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"crop": (64, 64), "domains": ("A",)}, "crop=(64, 64), domains=('A',)"),
        ({"weights": {"cycle": 10}}, "weights={'cycle': 10}"),
        ({"data": {"a": ["1", "2", "3", "4", "5"]}}, "data={'a': ['1', ..., '5']}"),
        ({"data": Path("it's")}, 'data="it\'s"'),
    ],
)
def test_a_call_is_shown_as_python_takes_it(given: dict[str, Any], text: str) -> None:
    assert str(Call("munit", given)) == f"crossimage.train('munit', {text})"
