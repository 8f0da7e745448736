from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossimage.data.videos.decoding import frames
from crossimage.data.videos.opening import VideoError, probe_video
from tests.data.videos.videos import BOTTOM, SQUARE, TOP, near, write_video


def test_all_frames_come_in_order_with_their_times(tmp_path: Path) -> None:
    read = list(frames(write_video(tmp_path / "video.mp4")))
    assert [round(time, 3) for time, _ in read] == [number / 10 for number in range(20)]
    pixels = read[-1][1]
    assert pixels.shape == (48, 64, 3)
    assert near(pixels[2, 60], TOP) and near(pixels[40, 60], BOTTOM)
    assert near(pixels[4, 4], SQUARE)


@pytest.mark.parametrize(("rotation", "red"), [(90, "left"), (180, "below"), (270, "right")])
def test_a_video_is_turned_as_it_states(tmp_path: Path, rotation: int, red: str) -> None:
    _, pixels = next(frames(write_video(tmp_path / "video.mp4", 1, rotation=rotation)))
    height, width = pixels.shape[:2]
    assert (width, height) == ((64, 48) if rotation == 180 else (48, 64))
    centre = {
        "left": pixels[height // 2, 3],
        "below": pixels[-3, width // 2],
        "right": pixels[height // 2, -3],
    }
    assert near(centre[red], TOP)


@pytest.mark.parametrize(
    "text",
    ["ffconcat version 1.0\nfile other.mp4\n",
     "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:2.0,\nother.ts\n#EXT-X-ENDLIST\n"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["video.mp4", "video.m3u8"])
def test_a_list_of_other_files_is_no_video(tmp_path: Path, name: str, text: str) -> None:
    other = write_video(tmp_path / "other.mp4")
    write_video(tmp_path / "other.ts", codec="mpeg2video", rate=25)
    (tmp_path / name).write_text(text)
    with pytest.raises(VideoError, match="is not a video"):
        probe_video(tmp_path / name)
    probe_video(other)


def test_other_files_are_no_videos(tmp_path: Path) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "image.png")
    Image.new("RGB", (32, 32)).save(tmp_path / "image.jpg")
    (tmp_path / "text.txt").write_text("words\n" * 99)
    (tmp_path / "random.mp4").write_bytes(np.random.default_rng(0).bytes(5000))
    (tmp_path / "empty.mp4").write_bytes(b"")
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(VideoError, match=f"{path.name} is not a video: "):
            probe_video(path)
    with pytest.raises(FileNotFoundError, match="does not exist; expected a video"):
        probe_video(tmp_path / "nowhere.mp4")


def test_a_video_that_ends_early_says_so_after_its_frames(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.avi", 40)
    torn = tmp_path / "torn.avi"
    torn.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    read = frames(torn)
    next(read)
    with pytest.raises(VideoError, match=r"torn\.avi ends early or is damaged"):
        list(read)


def test_the_missing_package_is_one_sentence_with_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("crossimage.data.videos.opening.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"PyAV; run `pip install 'crossimage\[video\]'`"):
        next(frames(tmp_path))
