"""Flicker: changes of outputs per change of inputs, and where nothing moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import crossimage
from crossimage.evaluation.galleries.videos import VideoPair
from crossimage.evaluation.report.page import Evaluation
from tests.evaluation.helpers import model, pictures


def video(folder: Path, *frames: np.ndarray) -> Path:
    folder.mkdir()
    for number, frame in enumerate(frames):
        pixels = np.repeat(frame[:, :, None], 3, axis=2).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"frame_{number:05}.png")
    return folder


def moving(offset: int = 0, still: int = 0, scale: int = 1) -> list[np.ndarray]:
    """Frames whose left half changes by 10, and whose right half by ``still``."""
    frames = []
    for number in range(3):
        frame = np.full((4, 8), 100 + offset)
        frame[:, :4] += 10 * scale * number
        frame[:, 4:] += still * (number % 2)
        frames.append(frame)
    return frames


def figures(source: Path, result: Path, tmp_path: Path) -> Evaluation:
    out = tmp_path / "report"
    (evaluation,) = crossimage.evaluate(video=source, fake=result, metrics="flicker", out=out)
    return evaluation


def test_the_video_itself_has_a_flicker_of_one(tmp_path: Path) -> None:
    source = video(tmp_path / "in", *moving())
    found = {f.name: f for f in figures(source, source, tmp_path).figures}
    assert found["flicker"].value == pytest.approx(1)
    assert found["flicker_still"].value == 0
    assert found["flicker"].count == 2
    assert found["flicker"].direction is not None
    assert found["flicker"].direction.better == "lower"


def test_known_changes_give_known_figures(tmp_path: Path) -> None:
    source = video(tmp_path / "in", *moving())
    result = video(tmp_path / "out", *moving(still=6, scale=2))
    found = {f.name: f.value for f in figures(source, result, tmp_path).figures}
    assert found["flicker"] == pytest.approx((20 + 6) / 10)
    assert found["flicker_still"] == pytest.approx(6)


def test_small_changes_of_the_input_count_as_still(tmp_path: Path) -> None:
    source = video(tmp_path / "in", *moving(still=2))
    result = video(tmp_path / "out", *moving(still=8))
    assert {f.name: f.value for f in figures(source, result, tmp_path).figures}[
        "flicker_still"
    ] == pytest.approx(8)


def test_larger_outputs_are_compared_with_the_pixels_they_come_from(tmp_path: Path) -> None:
    source = video(tmp_path / "in", *moving())
    doubled = [frame.repeat(2, 0).repeat(2, 1) for frame in moving(still=6)]
    found = {
        f.name: f.value for f in figures(source, video(tmp_path / "o", *doubled), tmp_path).figures
    }
    assert found["flicker_still"] == pytest.approx(6)


def test_videos_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    source = video(tmp_path / "in", *moving())
    with pytest.raises(ValueError, match="in has 3 frames and .*short has 2"):
        VideoPair(source, video(tmp_path / "short", *moving()[:2]))
    other = video(tmp_path / "wide", *(frame.repeat(2, 1) for frame in moving()))
    with pytest.raises(
        ValueError, match="frames of the video are 8 x 4 and those of the result 16"
    ):
        figures(source, other, tmp_path)


def test_a_video_in_which_nothing_moves_is_refused(tmp_path: Path) -> None:
    source = video(tmp_path / "in", *[moving()[0]] * 3)
    with pytest.raises(ValueError, match="nothing moves"):
        figures(source, source, tmp_path)
    single = video(tmp_path / "one", moving()[0])
    with pytest.raises(ValueError, match="a single frame"):
        figures(single, single, tmp_path)


def test_a_model_translates_a_video_with_pooled_statistics(tmp_path: Path) -> None:
    frames = [np.tile(np.linspace(0, 255, 200), (24, 1)) for _ in range(3)]
    for number, frame in enumerate(frames):
        frame[4:20, 4 + 4 * number : 20 + 4 * number] = 255
    source = video(tmp_path / "in", *frames)
    result = crossimage.evaluate(model("cyclegan"), video=source, metrics="flicker")
    (evaluation,) = result
    values = {f.name: f.value for f in evaluation.figures}
    assert values["flicker"] > 0
    again = crossimage.evaluate(model("cyclegan"), video=source, metrics="flicker")
    assert {f.name: f.value for f in next(iter(again)).figures} == values


def test_flicker_needs_a_video(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "a", "1.png", "2.png")
    with pytest.raises(ValueError, match="it compares the successive frames of a video"):
        crossimage.evaluate(fake=folder, real=folder, metrics="flicker")


def test_a_video_takes_the_place_of_a_data_set(tmp_path: Path) -> None:
    source = video(tmp_path / "in", *moving())
    with pytest.raises(ValueError, match="--video takes the place of --data and --real"):
        crossimage.evaluate(model(), video=source, data=tmp_path)
    with pytest.raises(ValueError, match="fid can't be computed .* real images"):
        crossimage.evaluate(video=source, fake=source, metrics="fid")
