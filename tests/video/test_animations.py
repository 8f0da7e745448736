"""GIF and animated WebP files as videos."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from crossimage.data.images.checks.limit import max_pixels_kept, set_max_pixels
from crossimage.data.images.pixels import BombError
from crossimage.data.videos.opening import VideoError
from crossimage.video.animations import Animation, GifSink, is_animation
from crossimage.video.base import Frame, Pixels, VideoInfo
from crossimage.video.opening import open_sink


def shapes(count: int, size: tuple[int, int] = (32, 24)) -> list[Image.Image]:
    """A square that moves over a ramp."""
    images = []
    for number in range(count):
        image = Image.linear_gradient("L").resize(size).convert("RGB")
        ImageDraw.Draw(image).rectangle((2 * number, 4, 2 * number + 6, 12), (200, 60, 20))
        images.append(image)
    return images


def saved(path: Path, images: list[Image.Image], **options: Any) -> Path:
    images[0].save(path, save_all=True, append_images=images[1:], **options)
    return path


class Video:
    """A video in memory."""

    def __init__(self, images: list[Image.Image], durations: list[int], **facts: Any) -> None:
        stamps = [Fraction(sum(durations[:i]), 1000) for i in range(len(durations) + 1)]
        self.images = [np.asarray(image) for image in images]
        self.info = VideoInfo(Path("video"), images[0].size, stamps[:-1], stamps[-1], **facts)

    def frames(self, start: int = 0) -> Any:
        for time, pixels in list(zip(self.info.times, self.images, strict=True))[start:]:
            yield Frame(time, pixels)


def written(out: Path, video: Video) -> Animation:
    sink, part = open_sink(out, video), out.with_suffix(".part")
    part.write_bytes(sink.part(video.frames()))
    sink.join([part], out)
    first = out.read_bytes()
    sink.join([part], out)
    assert out.read_bytes() == first, "the same parts give the same bytes"
    return Animation(out)


def pixels(video: Animation, start: int = 0) -> list[Pixels]:
    return [frame.pixels for frame in video.frames(start)]


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_time_stamps_and_loops_are_kept(tmp_path: Path, suffix: str) -> None:
    images, durations = shapes(4), [40, 200, 70, 100]
    path = saved(tmp_path / f"a{suffix}", images, duration=durations, loop=0)
    video = Animation(path)
    assert is_animation(path)
    assert video.info.size == (32, 24)
    assert [float(t) for t in video.info.times] == [0, 0.04, 0.24, 0.31]
    assert float(video.info.end) == 0.41
    assert video.info.loops == 0
    again = written(tmp_path / f"b{suffix}", Video(images, durations, loops=3))
    assert list(again.info.times) == list(video.info.times)
    assert again.info.end == video.info.end
    assert again.info.loops == 3
    assert np.array_equal(pixels(video, 2)[0], pixels(video)[2])


def test_a_gif_that_says_nothing_is_played_once(tmp_path: Path) -> None:
    images = shapes(3)
    assert Animation(saved(tmp_path / "a.gif", images, duration=50)).info.loops == 1
    assert written(tmp_path / "b.gif", Video(images, [50] * 3, loops=1)).info.loops == 1
    assert written(tmp_path / "c.gif", Video(images, [50] * 3)).info.loops == 0


def test_frames_without_a_duration_last_as_long_as_in_browsers(tmp_path: Path) -> None:
    video = Animation(saved(tmp_path / "a.gif", shapes(3), duration=[0, 10, 20]))
    assert [float(t) for t in video.info.times] == [0, 0.1, 0.2]
    assert float(video.info.end) == 0.22
    assert any("2 of 3 frames" in note for note in video.info.notes)


def test_a_single_image_is_a_video_of_one_frame(tmp_path: Path) -> None:
    for suffix in (".gif", ".webp"):
        video = Animation(saved(tmp_path / f"a{suffix}", shapes(1)))
        assert len(video.info.times) == len(pixels(video)) == 1


def test_partial_frames_are_drawn_on_what_is_left_behind(tmp_path: Path) -> None:
    base = Image.new("P", (8, 8), 0)
    base.putpalette([255, 0, 0, 0, 0, 255, 0, 255, 0] + [0] * 759)
    dots = []
    for number in (1, 2):
        dot = base.copy()
        dot.paste(number, (number, 0, number + 1, 1))
        dots.append(dot)
    path = saved(tmp_path / "a.gif", [base, *dots], duration=50, disposal=[1, 3, 1], optimize=False)
    *_, before, last = pixels(Animation(path))
    assert before[0, 1].tolist() == [0, 0, 255]
    assert last[0, 1].tolist() == [255, 0, 0], "the frame before was disposed of"
    assert last[0, 2].tolist() == [0, 255, 0]


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 4, 8))
    other = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for suffix in (".gif", ".webp"):
        path = saved(
            tmp_path / f"a{suffix}", [image, other], duration=50, disposal=2, lossless=True
        )
        video = Animation(path)
        assert pixels(video)[0][0, 6].tolist() == [255, 255, 255]
        assert any("transparent parts" in note for note in video.info.notes)


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_file_is_named(tmp_path: Path, suffix: str, share: float) -> None:
    path = saved(tmp_path / f"a{suffix}", shapes(5), duration=50)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(VideoError, match=f"a{suffix} ends early"):
        Animation(path)


def test_every_truncation_of_a_gif_is_noticed(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.gif", shapes(2, (6, 4)), duration=50)
    data = path.read_bytes()
    for length in range(14, len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match=r"a\.gif"):
            Animation(path)


def test_a_damaged_gif_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.gif", shapes(3), duration=50)
    data = bytearray(path.read_bytes())
    data[-1] = 0x7F
    path.write_bytes(data)
    with pytest.raises(VideoError, match="is damaged after 3 frames"):
        Animation(path)


def test_frames_larger_than_the_limit_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.gif", shapes(2), duration=50)
    data = path.read_bytes()
    where = data.rindex(b"\x2c" + data[data.rindex(b"\x00\x2c") + 2 :][:4])
    path.write_bytes(data[: where + 5] + struct.pack("<HH", 60000, 60000) + data[where + 9 :])
    with pytest.raises(BombError, match=r"a\.gif has 600\d\d x 600\d\d pixels"):
        Animation(path)
    with max_pixels_kept():
        set_max_pixels(100)
        with pytest.raises(BombError, match="--max-pixels"):
            Animation(saved(tmp_path / "b.gif", shapes(2), duration=50))


def test_what_is_still_stays_exactly_the_same_in_a_gif(tmp_path: Path) -> None:
    video = pixels(written(tmp_path / "a.gif", Video(shapes(4), [50] * 4)))
    for frame in video[1:]:
        assert np.array_equal(frame[14:], video[0][14:])
    assert abs(video[3].astype(int) - np.asarray(shapes(4)[3]).astype(int)).mean() < 3


def test_equal_frames_are_kept_in_a_gif(tmp_path: Path) -> None:
    video = written(tmp_path / "a.gif", Video([shapes(1)[0]] * 3, [50] * 3))
    assert len(video.info.times) == 3


def test_frames_too_short_for_a_gif_are_said(tmp_path: Path) -> None:
    sink = GifSink(tmp_path / "a.gif", Video(shapes(3), [10, 10, 50]))
    assert any("2 frames would be shown for less than 20 ms" in note for note in sink.notes)
