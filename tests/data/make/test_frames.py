from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossimage.config import Config
from crossimage.data.build import find_source
from crossimage.data.make.frames import make_frames
from crossimage.data.sources.folders import find_images
from tests.data.make.test_photo_pairs import contents, size
from tests.data.videos.videos import write_video


def names(out: Path) -> list[str]:
    return list(contents(out))


def test_one_frame_per_second_is_written_by_default(tmp_path: Path) -> None:
    video = write_video(tmp_path / "video.mp4", 35)
    summary, following = make_frames(tmp_path / "out", video=video)
    assert summary == "4 frames of video.mp4"
    assert names(tmp_path / "out") == [f"video_00000{number}.png" for number in (1, 2, 3, 4)]
    assert following.startswith("crossimage train srgan/x4_small --data ")
    assert len(find_images(str(tmp_path / "out")).train) == 4


@pytest.mark.parametrize(
    ("options", "count"),
    [({"every": 1}, 20), ({"every": 7}, 3), ({"fps": 5.0}, 10), ({"fps": 4.0}, 8),
     ({"fps": 100.0}, 20), ({"fps": 0.1}, 1)],
)  # fmt: skip
def test_every_nth_frame_or_so_many_per_second(
    tmp_path: Path, options: dict[str, float], count: int
) -> None:
    video = write_video(tmp_path / "video.mp4", 20)
    make_frames(tmp_path / "out", video=video, **options)
    assert len(names(tmp_path / "out")) == count


def test_frames_are_those_of_their_times(tmp_path: Path) -> None:
    video = write_video(tmp_path / "video.mp4", 20)
    make_frames(tmp_path / "out", video=video, every=10)
    with Image.open(tmp_path / "out/video_000002.png") as image:
        green = np.asarray(image)[..., 1] > 120
    assert green[:9, :9].all() and not green[14:].any()  # the square of the eleventh frame


def test_sub_folders_of_videos_become_domains_of_one_data_set(tmp_path: Path) -> None:
    for name in ("day/a.mp4", "day/b.mov", "night/a.mp4", "night/a.avi"):
        write_video(tmp_path / "in" / name, 12)
    (tmp_path / "in/notes.txt").write_text("-")
    Image.new("RGB", (16, 16)).save(tmp_path / "in/cover.jpg")
    for workers in (1, 3):
        summary, following = make_frames(
            tmp_path / str(workers), video=tmp_path / "in", every=6, workers=workers, size=24
        )
        assert "crossimage train cyclegan/photos_small --data " in following
        assert len(find_source(str(tmp_path / str(workers)), Config()).domains) == 2
        assert summary == "8 frames of 4 videos\nleft out: 2 not videos (1 .jpg, 1 .txt)"
    assert contents(tmp_path / "1") == contents(tmp_path / "3")
    assert names(tmp_path / "1")[-4:] == [
        "night/a.avi_000001.png", "night/a.avi_000002.png",
        "night/a.mp4_000001.png", "night/a.mp4_000002.png",
    ]  # fmt: skip
    assert size(tmp_path / "1/day/a_000001.png") == (32, 24)


def test_no_frames_take_the_place_of_those_of_another_video(tmp_path: Path) -> None:
    for name in ("clip.mp4", "clip.mov", "clip.mp4.mkv", "Clip.avi"):
        write_video(tmp_path / "in" / name, 12)
    summary, _ = make_frames(tmp_path / "out", video=tmp_path / "in", every=6)
    assert summary == "8 frames of 4 videos"
    expected = ("Clip.avi", "clip.mov", "clip.mp4", "clip.mp4.mkv")
    found = {name.rpartition("_")[0] for name in names(tmp_path / "out")}
    assert found == set(expected) and len(names(tmp_path / "out")) == 8


def test_turned_videos_become_upright_images(tmp_path: Path) -> None:
    video = write_video(tmp_path / "video.mp4", 3, rotation=90)
    make_frames(tmp_path / "out", video=video)
    assert size(tmp_path / "out/video_000001.png") == (48, 64)


def test_the_frames_of_a_video_that_ends_early_are_used_and_it_is_named(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.avi", 40)
    torn = tmp_path / "torn.avi"
    torn.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    summary, _ = make_frames(tmp_path / "out", video=torn, every=1)
    assert "torn.avi ends early or is damaged" in summary
    assert names(tmp_path / "out")


def test_impossible_requests_are_one_sentence(tmp_path: Path) -> None:
    video = write_video(tmp_path / "video.mp4", 3)
    for options, message in (
        ({"every": 2, "fps": 1.0}, "give one of them"),
        ({"every": 0}, "every must be at least 1"),
        ({"fps": 0.0}, "fps must be a number"),
        ({"size": 4}, "size must be at least 16"),
    ):
        with pytest.raises(ValueError, match=message):
            make_frames(tmp_path / "out", video=video, **options)
    (tmp_path / "none").mkdir()
    (tmp_path / "none/notes.txt").write_text("-")
    with pytest.raises(ValueError, match="holds no video; left out: 1 not a video"):
        make_frames(tmp_path / "out", video=tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="expected a video or a folder of videos"):
        make_frames(tmp_path / "out", video=tmp_path / "nowhere")
    assert not (tmp_path / "out").exists()
