"""Training in a notebook shows its messages and a bar."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import crossimage
from crossimage.training.listener import TrainingProgress
from crossimage.training.notebook.bar import NotebookBar, NotebookListener, in_notebook
from tests.conftest import small

Shown = list[tuple[str, dict[str, str]]]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """What a notebook displays: a display or an update of it, with its forms."""
    found: Shown = []

    class Handle:
        def update(self, bar: Any) -> None:
            found.append(("update", bar._repr_mimebundle_()))

    def display(bar: Any, display_id: bool) -> Handle:
        assert display_id
        found.append(("display", bar._repr_mimebundle_()))
        return Handle()

    ipython, module = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())  # type: ignore[attr-defined]
    module.display = display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return found


def test_training_in_a_notebook_shows_a_bar_and_messages(
    shown: Shown, folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crossimage.train(
        "cyclegan", folders, tmp_path, **small("cyclegan", steps=2, log_every=1, page_every=1)
    )
    assert [kind for kind, _ in shown].count("display") == 1 and shown[0][0] == "display"
    first, last = shown[0][1], shown[-1][1]
    assert first["text/plain"] == "step 0/2" and '<progress value="0" max="2"' in first["text/html"]
    assert last["text/plain"].startswith("step 2/2 · ") and 'value="2"' in last["text/html"]
    assert "d/adversarial" in last["text/html"]
    assert any(" left · " in forms["text/plain"] for _, forms in shown[1:-1])
    assert "training cyclegan on 7 images" in capsys.readouterr().out


def test_a_callback_takes_the_place_of_the_bar(
    shown: Shown, folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[TrainingProgress] = []
    crossimage.train(
        "cyclegan", folders, tmp_path, on_progress=seen.append, **small("cyclegan", log_every=1)
    )
    assert seen and not shown and not capsys.readouterr().out


def test_elsewhere_training_prints_nothing(
    monkeypatch: pytest.MonkeyPatch, folders: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for shell in (None, SimpleNamespace()):  # no IPython at work; IPython in a terminal
        ipython = ModuleType("IPython")
        ipython.get_ipython = lambda shell=shell: shell  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        assert not in_notebook()
    crossimage.train("cyclegan", folders, tmp_path, **small("cyclegan", steps=1))
    assert not capsys.readouterr().out


def test_losses_are_cut_before_step_and_time_left() -> None:
    bar = NotebookBar(250_000, 1_000_000)
    losses = {f"generators/term<{number}>": number + 0.5 for number in range(30)}
    bar.progress = TrainingProgress(250_000, 1_000_000, 40.0, 5.0, 1e-4, losses)
    forms = bar._repr_mimebundle_()
    line = forms["text/plain"]
    assert len(line) == 80 and line.startswith("step 250,000/1,000,000 · 41 h 40 min left · 5.00")
    assert line.endswith("…") and "term29" not in line
    assert "text-overflow: ellipsis" in forms["text/html"] and "term<" not in forms["text/html"]


def test_a_bar_that_a_frontend_does_not_take_is_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("IPython.display")
    module.display = lambda bar, display_id: None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    listener = NotebookListener()
    with listener.watch(0, 2):
        listener.advance()
    listener.advance()
