"""Folders of numbered frames as videos."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossimage.data.videos.opening import VideoError
from crossimage.video.numbered import FrameFolder, FrameFolderSink


def frames(folder: Path, *names: str, size: tuple[int, int] = (8, 6)) -> Path:
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        Image.new("RGB", size, (10 * number, 0, 0)).save(folder / name)
    return folder


def test_frames_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    folder = frames(tmp_path / "f", "shot 9.png", "shot 10.png", "shot 11.png")
    video = FrameFolder(folder)
    assert video.info.size == (8, 6)
    assert video.info.times == [0, Fraction(1, 25), Fraction(2, 25)]
    assert [int(frame.pixels[0, 0, 0]) for frame in video.frames()] == [0, 10, 20]
    assert [int(frame.pixels[0, 0, 0]) for frame in video.frames(2)] == [20]
    assert any("25 frames per second are assumed" in note for note in video.info.notes)


@pytest.mark.parametrize("suffix", ["tif", "bmp", "ppm", "jpg", "TIFF", "webp"])
def test_frames_of_any_format_are_read(tmp_path: Path, suffix: str) -> None:
    names = [f"frame_{number:05}.{suffix}" for number in (1, 2, 3)]
    source = FrameFolder(frames(tmp_path / "f", *names))
    assert len(list(source.frames())) == 3


def test_frames_of_two_formats_are_one_video(tmp_path: Path) -> None:
    folder = frames(tmp_path / "f", "frame_1.png", "frame_2.png", "frame_3.tif")
    assert len(list(FrameFolder(folder).frames())) == 3


def test_a_missing_number_is_named(tmp_path: Path) -> None:
    folder = frames(tmp_path / "f", *(f"frame_{i:05}.png" for i in (1, 2, 4, 7)))
    with pytest.raises(
        VideoError, match=r"frame_00003\.png is missing, and 3 of the frames from 1"
    ):
        FrameFolder(folder)


def test_numbers_in_equal_steps_are_a_video_and_said(tmp_path: Path) -> None:
    folder = frames(tmp_path / "f", *(f"cam_{i:05}.png" for i in (390, 420, 450)))
    assert any("steps of 30" in note for note in FrameFolder(folder).info.notes)


@pytest.mark.parametrize("name", ["poster.png", "other_00003.png"])
def test_an_image_of_another_name_is_named(tmp_path: Path, name: str) -> None:
    folder = frames(tmp_path / "f", "frame_00001.png", "frame_00002.png", name)
    with pytest.raises(VideoError, match=f"{name} does not belong to the other frames"):
        FrameFolder(folder)


def test_two_files_of_one_number_are_named(tmp_path: Path) -> None:
    folder = frames(tmp_path / "f", "frame_1.png", "frame_01.png")
    with pytest.raises(VideoError, match="have the same number; remove one"):
        FrameFolder(folder)


def test_frames_of_another_size_are_named(tmp_path: Path) -> None:
    folder = frames(tmp_path / "f", "frame_1.png")
    Image.new("RGB", (9, 6)).save(folder / "frame_2.png")
    with pytest.raises(
        VideoError, match=r"frame_2\.png has 9 x 6 pixels, and frame_1\.png has 8 x"
    ):
        FrameFolder(folder)


def test_a_folder_without_numbered_images_is_refused(tmp_path: Path) -> None:
    folder = frames(tmp_path / "f", "a.png")
    with pytest.raises(VideoError, match="no numbered images; expected the frames"):
        FrameFolder(folder)


def test_other_files_are_counted(tmp_path: Path) -> None:
    folder = frames(tmp_path / "f", "frame_1.png", "frame_2.png")
    (folder / "notes.txt").write_text("x")
    for junk in (".DS_Store", "Thumbs.db", "frame_3.png.part"):
        (folder / junk).write_bytes(b"x")
    assert any("holds 4 files that are not images" in n for n in FrameFolder(folder).info.notes)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    video = FrameFolder(frames(tmp_path / "f", *(f"frame_{i}.png" for i in range(5))))
    out = tmp_path / "out"
    sink = FrameFolderSink(video)
    paths = []
    for index, part in enumerate((range(3), range(3, 5))):
        chosen = [frame for i, frame in enumerate(video.frames()) if i in part]
        assert sink.part(chosen) == sink.part(chosen)
        paths.append(tmp_path / f"part-{index}")
        paths[-1].write_bytes(sink.part(chosen))
    sink.join(paths, out)
    assert sorted(path.name for path in out.iterdir()) == [f"frame_{i:05}.png" for i in range(1, 6)]
    for before, after in zip(video.frames(), FrameFolder(out).frames(), strict=True):
        assert np.array_equal(before.pixels, after.pixels)
