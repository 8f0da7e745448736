"""Requests to stop: the first Ctrl-C saves the run, the second one ends it at once."""

import os
import signal
import threading
from pathlib import Path

import pytest

import crossimage
from crossimage.methods.pix2pix import Pix2Pix
from crossimage.training.stops import StopRequests
from crossimage.training.trainer import Trainer
from tests.conftest import small
from tests.faults.harness import trained


def test_the_first_ctrl_c_is_announced_and_the_second_one_interrupts() -> None:
    said: list[str] = []
    stops = StopRequests(said.append)
    with stops.listening():
        os.kill(os.getpid(), signal.SIGINT)
        assert stops.number == signal.SIGINT and "interrupting it again stops at once" in said[0]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert len(said) == 1


def test_other_signals_only_set_the_number() -> None:
    stops = StopRequests(pytest.fail)
    with stops.listening():
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
    assert stops.number == signal.SIGTERM


def test_handlers_are_put_back_and_other_threads_listen_to_nothing() -> None:
    before = signal.getsignal(signal.SIGINT)
    stops = StopRequests(pytest.fail)
    with stops.listening():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before

    def listen() -> None:
        with stops.listening():
            found.append(signal.getsignal(signal.SIGINT))

    found: list[object] = []
    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert found == [before]


def test_ctrl_c_leaves_a_sheet_a_model_and_a_checkpoint_of_the_same_step(
    pairs: Path, tmp_path: Path
) -> None:
    def interrupt(progress: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    settings = small("pix2pix", steps=50, sample_every=100, save_every=100)
    with pytest.raises(KeyboardInterrupt):
        crossimage.train("pix2pix", pairs, tmp_path, on_progress=interrupt, **settings)
    sheets = sorted(path.name for path in (tmp_path / "samples").iterdir())
    assert sheets == ["step-00000000.jpg", "step-00000002.jpg"]
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["step-00000002.pt"]
    assert (tmp_path / "model.safetensors").is_file()


def test_a_second_ctrl_c_during_the_save_ends_the_run_and_leaves_it_continuable(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Trainer.save

    def slow(self: Trainer, **arguments: bool) -> None:
        if self._stops.number:
            os.kill(os.getpid(), signal.SIGINT)
        real(self, **arguments)

    settings = small("pix2pix", steps=6, save_every=2, log_every=3)
    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "save", slow)
        with pytest.raises(KeyboardInterrupt):
            crossimage.train(
                "pix2pix", pairs, tmp_path, **settings,
                on_progress=lambda _: os.kill(os.getpid(), signal.SIGINT),
            )  # fmt: skip
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["step-00000002.pt"]
    assert crossimage.train("pix2pix", pairs, tmp_path, **settings).step == 6


def test_a_sheet_that_fails_leaves_the_training_as_it_is(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = small("pix2pix", dropout=0.5, steps=3)
    crossimage.train("pix2pix", pairs, tmp_path / "sound", **settings)

    def fail(*_: object) -> None:
        raise LookupError("no sheet today")

    monkeypatch.setattr(Pix2Pix, "preview", fail)
    result = crossimage.train("pix2pix", pairs, tmp_path / "failing", **settings)
    assert "no sheet today" in result.warnings[0]
    assert trained(tmp_path / "sound") == trained(tmp_path / "failing")
