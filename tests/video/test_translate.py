import errno
import json
import os
import resource
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from crossimage.data.videos.opening import VideoError
from crossimage.inference.input_checks import CLASS_NUMBERS
from crossimage.inference.predictor import Predictor
from crossimage.inference.strips.engine import TooLargeError
from crossimage.methods.cyclegan import CycleGAN, CycleGANConfig
from crossimage.utils.intensities import to_uint8
from crossimage.video.opening import open_source
from crossimage.video.parts import LENGTH, kept_parts, parts_folder
from crossimage.video.translate import TRANSLATING, translate_video
from tests.data.videos.videos import write_video
from tests.video.videos import tiny_model, write_with_sound

COUNT = 60
FULL = 7
"""Exit status of a process whose disk is full."""


@pytest.fixture(scope="module")
def model() -> Predictor:
    return tiny_model()


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_with_sound(tmp_path_factory.mktemp("video") / "video.mp4", COUNT)


@pytest.fixture(scope="module")
def result(model: Predictor, video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The translation of a video with seed 3, made without interruption."""
    out = tmp_path_factory.mktemp("result") / "out.mp4"
    translate_video(model, video, out, seed=3)
    return out


def pixels_of(path: Path) -> np.ndarray:
    return np.stack([frame.pixels for frame in open_source(path).frames()])


def test_all_frames_have_one_style_and_their_times(
    model: Predictor, video: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    calls: list[tuple[str, int, int]] = []
    done = translate_video(
        model, video, out, seed=3, statistics="frame", progress=lambda *call: calls.append(call)
    )
    assert (done.path, done.frames, done.kept, list(done.notes)) == (out, COUNT, 0, [])
    source, translated = open_source(video), open_source(out)
    assert translated.info.times == source.info.times
    assert calls[-1] == (TRANSLATING, COUNT, COUNT)
    draw = model.draw(3, "", 0, "b")
    for index in (0, 25, 59):
        pixels = next(source.frames(index)).pixels
        x = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 127.5 - 1
        expected = to_uint8(model.predict(x, "b", [[draw]])[0, 0]).permute(1, 2, 0).numpy()
        shown = next(translated.frames(index)).pixels
        # in brightness, for colours have half the resolution in videos
        weights = np.array([0.2126, 0.7152, 0.0722])
        assert np.abs((shown - expected.astype(float)) @ weights).mean() < 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4"]


SERVER = get_context("forkserver")
"""Starts processes that have imported everything and run nothing yet."""
SERVER.set_forkserver_preload(["tests.video.test_translate"])


def translate_alone(video: Path, out: Path, room: int | None = None) -> None:
    """Translate a video with seed 3 in a process of its own.

    Args:
        video: The video.
        out: The result.
        room: Bytes that a file may have, beyond which writing fails like on a full disk.
    """
    torch.set_num_threads(1)
    if room is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    try:
        translate_video(tiny_model(), video, out, seed=3)
    except OSError as error:
        os._exit(FULL if error.errno == errno.EFBIG else 1)


@pytest.mark.slow
def test_a_killed_and_repeated_translation_gives_the_same_bytes(
    model: Predictor, video: Path, result: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    generator = np.random.default_rng(0)
    kills = 0
    while not out.exists():
        process = SERVER.Process(target=translate_alone, args=(video, out))
        process.start()
        # first at once, then later and later, so that it ends however slow the machine is
        process.join(generator.uniform(0, 0.05) * 1.5**kills)
        kills += process.is_alive()
        process.kill()
        process.join()
    assert kills
    assert out.read_bytes() == result.read_bytes()
    translate_video(model, video, out, seed=3)
    assert out.read_bytes() == result.read_bytes()


@pytest.mark.parametrize(
    "finished",
    [
        pytest.param(1, marks=pytest.mark.slow),
        2,
        pytest.param(3, marks=pytest.mark.slow),
    ],
)
def test_finished_parts_are_used_and_said(
    model: Predictor,
    video: Path,
    result: Path,
    tmp_path: Path,
    finished: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out.mp4"
    stop_after(monkeypatch, finished)
    with pytest.raises(KeyboardInterrupt) as stopped:
        translate_video(model, video, out, seed=3)
    monkeypatch.undo()
    frames = min(COUNT, finished * LENGTH)
    (note,) = stopped.value.__notes__
    assert note.startswith(f"{frames} of {COUNT} frames are finished and kept in {out}.parts; ")
    assert not out.exists()
    done = translate_video(model, video, out, seed=3)
    assert done.kept == frames
    assert out.read_bytes() == result.read_bytes()
    assert not parts_folder(out).exists()


def stop_after(monkeypatch: pytest.MonkeyPatch, finished: int) -> None:
    """Let Ctrl-C come when so many parts are finished."""
    from crossimage.video.parts import Parts

    add = Parts.add

    def add_and_stop(self: Parts, part: bytes) -> None:
        add(self, part)
        if self.finished == finished:
            raise KeyboardInterrupt

    monkeypatch.setattr(Parts, "add", add_and_stop)


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 4},
        pytest.param({"size": 32}, marks=pytest.mark.slow),
        pytest.param({"statistics": "frame"}, marks=pytest.mark.slow),
        pytest.param({"side_by_side": True}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_parts_made_with_other_options_are_not_used(
    model: Predictor,
    video: Path,
    tmp_path: Path,
    changes: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, fresh = tmp_path / "out.mp4", tmp_path / "fresh.mp4"
    stop_after(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        translate_video(model, video, out, seed=3)
    monkeypatch.undo()
    options = {"seed": 3} | changes
    done = translate_video(model, video, out, **options)
    assert done.kept == 0
    assert any("held parts of another video, or made with another model" in n for n in done.notes)
    translate_video(model, video, fresh, **options)
    assert out.read_bytes() == fresh.read_bytes()


@pytest.mark.slow
def test_parts_of_another_video_or_model_are_not_used(
    model: Predictor, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.mp4"
    other = write_video(tmp_path / "other.mp4", 30)
    stop_after(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        translate_video(model, video, out, seed=3)
    with pytest.raises(KeyboardInterrupt):
        translate_video(model, other, out, seed=3)
    monkeypatch.undo()
    changed = tiny_model()
    with torch.no_grad():
        next(changed.networks.parameters()).add_(0.1)
    assert translate_video(changed, other, out, seed=3).kept == 0


@pytest.mark.slow
def test_without_a_seed_an_interrupted_video_keeps_its_style(
    model: Predictor, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.mp4"
    stop_after(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        translate_video(model, video, out)
    monkeypatch.undo()
    drawn = json.loads((parts_folder(out) / "made-from.json").read_text())["drawn"]
    assert translate_video(model, video, out).kept == LENGTH
    translate_video(model, video, tmp_path / "seeded.mp4", seed=drawn)
    assert out.read_bytes() == (tmp_path / "seeded.mp4").read_bytes()


def test_side_by_side_shows_the_input_left_of_the_output(
    model: Predictor, video: Path, result: Path, tmp_path: Path
) -> None:
    translate_video(model, video, tmp_path / "out.mp4", seed=3, side_by_side=True)
    both = pixels_of(tmp_path / "out.mp4").astype(int)
    assert both.shape[2] == 128
    assert np.abs(both[:, :, :56] - pixels_of(video)[:, :, :56]).mean() < 4
    assert np.abs(both[:, :, 72:] - pixels_of(result)[:, :, 8:]).mean() < 6


def test_size_and_odd_sizes(model: Predictor, tmp_path: Path) -> None:
    video = write_video(tmp_path / "video.mp4", 3, size=(70, 50))
    translate_video(model, video, tmp_path / "out.mp4", size=33)
    assert open_source(tmp_path / "out.mp4").info.size == (46, 34)


def test_frames_of_class_numbers_are_noted(model: Predictor, tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    numbers = np.kron(np.arange(12, dtype=np.uint8).reshape(4, 3), np.ones((8, 8), np.uint8))
    for number in (1, 2):
        Image.fromarray(numbers).save(tmp_path / "frames" / f"frame_{number:05}.png")
    done = translate_video(model, tmp_path / "frames", tmp_path / "out", seed=0)
    assert f"2 frames: {CLASS_NUMBERS}" in done.notes


def test_a_reference_gives_the_style(model: Predictor, tmp_path: Path) -> None:
    video = write_video(tmp_path / "video.mp4", 3)
    for name, colour in (("red", (250, 20, 20)), ("blue", (20, 20, 250))):
        noise = np.random.default_rng(0).integers(-20, 20, (32, 32, 3)) + colour
        Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(tmp_path / f"{name}.png")
        translate_video(
            model, video, tmp_path / f"{name}.mp4", reference=str(tmp_path / f"{name}.png"), seed=0
        )
    assert (tmp_path / "red.mp4").read_bytes() != (tmp_path / "blue.mp4").read_bytes()
    references = [str(tmp_path / "red.png"), str(tmp_path / "blue.png")]
    with pytest.raises(ValueError, match="a video has one style, and there are 2 references"):
        translate_video(model, video, tmp_path / "out.mp4", reference=references)


def test_methods_without_styles_translate_videos_too(tmp_path: Path) -> None:
    config = CycleGANConfig(width=4, residual_blocks=1, crop=(32, 32))
    predictor = Predictor(CycleGAN(config, training=False), "cpu")
    video = write_video(tmp_path / "video.mp4", 3)
    first = translate_video(predictor, video, tmp_path / "first.mp4")
    translate_video(predictor, video, tmp_path / "second.mp4")
    assert (tmp_path / "first.mp4").read_bytes() == (tmp_path / "second.mp4").read_bytes()
    assert first.frames == 3


def test_frames_that_do_not_fit_even_in_strips_are_refused(tmp_path: Path) -> None:
    video = write_video(tmp_path / "video.mp4", 3)
    predictor = Predictor(tiny_model().networks, "cpu", memory="1MB")
    with pytest.raises(TooLargeError, match=r"the frames of .*video\.mp4: .*do not fit in memory"):
        translate_video(predictor, video, tmp_path / "out.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["video.mp4"]


@pytest.mark.slow
@pytest.mark.parametrize("room", [1000, 40_000])
def test_a_full_disk_leaves_nothing_half_written(
    model: Predictor, video: Path, result: Path, tmp_path: Path, room: int
) -> None:
    out = tmp_path / "out.mp4"
    process = SERVER.Process(target=translate_alone, args=(video, out, room))
    process.start()
    process.join()
    assert process.exitcode == FULL
    assert not out.exists()
    assert parts_folder(out).exists() == (room > 1000)
    translate_video(model, video, out, seed=3)
    assert out.read_bytes() == result.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4"]


def test_a_result_that_another_process_writes_is_refused(
    model: Predictor, video: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    with (
        kept_parts(out, {}, 0, 1, 1),
        pytest.raises(ValueError, match=r"another process is writing .*out\.mp4"),
    ):
        translate_video(model, video, out)


def test_mistakes_are_named_before_anything_is_written(
    model: Predictor, video: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "video.mp4"
    copy.write_bytes(video.read_bytes())
    with pytest.raises(ValueError, match=r"video\.mp4 would overwrite the video"):
        translate_video(model, copy, tmp_path / "." / "video.mp4")
    os.link(copy, tmp_path / "link.mp4")
    with pytest.raises(ValueError, match=r"link\.mp4 would overwrite the video"):
        translate_video(model, copy, tmp_path / "link.mp4")
    (tmp_path / "link.mp4").unlink()
    with pytest.raises(ValueError, match="videos are written as .mp4"):
        translate_video(model, video, tmp_path / "out.txt")
    with pytest.raises(ValueError, match="no domain 'cats'"):
        translate_video(model, video, tmp_path / "out.mp4", "cats")
    with pytest.raises(FileNotFoundError, match="nowhere.mp4 does not exist; expected a video"):
        translate_video(model, tmp_path / "nowhere.mp4", tmp_path / "out.mp4")
    (tmp_path / "text.mp4").write_text("words " * 99)
    with pytest.raises(VideoError, match=r"text\.mp4 is not a video"):
        translate_video(model, tmp_path / "text.mp4", tmp_path / "out.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["text.mp4", "video.mp4"]
