"""A run's log for TensorBoard."""

import shutil
import threading
import time
from pathlib import Path

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from crossimage.training.tensorboard import Board, quiet_threads


def test_scalars_and_images_are_written(tmp_path: Path) -> None:
    board = Board(tmp_path, step=0)
    board.scalars({"g/x": 9.0}, 1)  # it is not open yet
    board.open()
    board.scalars({"g/x": 1.5}, 2)
    board.image(Image.new("RGB", (8, 6)), 2)
    board.image(Image.new("RGB", (2400, 300)), 3)
    board.close()
    board.close()
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [(event.step, event.value) for event in events.Scalars("g/x")] == [(2, 1.5)]
    assert [(event.width, event.height) for event in events.Images("samples")] == [
        (8, 6),
        (1200, 150),
    ]


def test_a_deleted_folder_is_created_again(tmp_path: Path) -> None:
    board = Board(tmp_path / "logs", step=0)
    board.open()
    board.flush()
    shutil.rmtree(tmp_path / "logs")
    board.scalars({"g/x": 2.5}, 3)
    board.close()
    events = EventAccumulator(str(tmp_path / "logs")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("g/x")] == [(3, 2.5)]


def test_after_a_failure_the_next_image_tries_again(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.write_text("no folder")
    board = Board(folder, step=0)
    picture = Image.new("RGB", (4, 4))
    with quiet_threads():
        with pytest.raises(OSError):
            board.open()
        board.scalars({"g/x": 1.0}, 1)
        board.flush()
        with pytest.raises(OSError):
            board.image(picture, 2)
        folder.unlink()
        board.scalars({"g/x": 1.0}, 3)
        board.image(picture, 4)
        board.scalars({"g/x": 1.0}, 5)
        board.close()
    events = EventAccumulator(str(folder)).Reload()
    assert [event.step for event in events.Scalars("g/x")] == [5]


def test_file_errors_of_threads_are_silent_and_others_are_not(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(error: Exception) -> None:
        def fail() -> None:
            raise error

        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()

    shown: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda failed: shown.append(failed.exc_value))
    other = ValueError("ours")
    with quiet_threads():
        run(OSError(28, "No space left"))
        run(other)
    assert shown == [other]


def test_a_clock_that_was_set_back_hides_no_part_of_the_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """TensorBoard reads no file before one that it has read."""
    now = time.time()
    for part, shift in enumerate((0, 5000, -90_000, -80_000)):
        monkeypatch.setattr(time, "time", lambda shift=shift: now + shift)
        board = Board(tmp_path, part)
        board.open()
        board.scalars({"loss": part}, part + 1)
        board.close()
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [event.value for event in events.Scalars("loss")] == [0, 1, 2, 3]
