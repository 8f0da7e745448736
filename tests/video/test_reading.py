import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from crossimage.data.images.checks.limit import max_pixels_kept, set_max_pixels
from crossimage.data.videos.opening import VideoError
from crossimage.video.reading import VideoFile
from tests.data.videos.test_pixels import write_interlaced
from tests.data.videos.videos import SQUARE, image, near, write_video

IRREGULAR = [0, 3, 5, 9, 20, 21, 30, 40, 41, 45, 50, 60, 70, 80, 90, 91, 92, 93, 99, 120]


def damage(path: Path, number: int, count: int = 1) -> Path:
    """Overwrite the data of frames with other bytes."""
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    data = path.read_bytes()
    for packet in packets[number : number + count]:
        assert data.count(packet) == 1
        data = data.replace(packet, b"\xff" * len(packet))
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("suffix", "settings"),
    [
        (".mp4", {"codec": "libx264", "options": {"g": "7"}}),
        (".mkv", {"codec": "libx264"}),
        (".ts", {"codec": "libx264", "options": {"g": "5"}}),
        (".webm", {"codec": "libvpx"}),
        (".mpg", {"codec": "mpeg2video"}),
        (".avi", {"codec": "libx264"}),
        (".h264", {"codec": "libx264"}),
        (".mp4", {"stamps": IRREGULAR}),
        (".mp4", {"rotation": 90, "options": {"g": "5"}}),
    ],
    ids=str,
)
def test_a_video_can_be_read_from_any_frame_on(
    tmp_path: Path, suffix: str, settings: dict[str, Any]
) -> None:
    video = VideoFile(write_video(tmp_path / f"video{suffix}", 20, 25, **settings))
    whole = list(video.frames())
    assert [frame.time for frame in whole] == list(video.info.times)
    assert len(whole) == 20
    for start in (1, 6, 13, 19):
        for one, other in zip(whole[start:], video.frames(start), strict=True):
            assert one.time == other.time
            assert np.array_equal(one.pixels, other.pixels)


def test_times_are_exact_and_those_of_the_video(tmp_path: Path) -> None:
    video = VideoFile(write_video(tmp_path / "video.mp4", 20, stamps=IRREGULAR))
    assert video.info.times == [Fraction(stamp, 100) for stamp in IRREGULAR]
    assert video.info.size == (64, 48)
    late = VideoFile(write_video(tmp_path / "late.mp4", 3, stamps=[50, 60, 70]))
    assert late.info.times[0] == Fraction(1, 2)


def test_videos_cut_from_a_stream_begin_at_zero(tmp_path: Path) -> None:
    video = VideoFile(write_video(tmp_path / "video.ts", 5, 25, codec="mpeg2video"))
    assert video.offset < 0
    assert video.info.times == [Fraction(number, 25) for number in range(5)]


def test_frames_that_refer_to_later_ones_get_their_times_in_avi(tmp_path: Path) -> None:
    video = VideoFile(write_video(tmp_path / "video.avi", 20, 25, codec="libx264"))
    assert video.info.times == [Fraction(number, 25) for number in range(20)]
    assert near(list(video.frames())[19].pixels[15, 15], SQUARE)


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mp4", "libx264"), (".mkv", "mpeg4"), (".webm", "libvpx-vp9")]
)
def test_a_broken_frame_is_named_and_replaced_by_the_last_good_one(
    tmp_path: Path, suffix: str, codec: str
) -> None:
    path = write_video(
        tmp_path / f"video{suffix}", 40, 20, codec=codec, options={"g": "4", "bf": "0"}
    )
    damage(path, 17)
    video = VideoFile(path)
    (note,) = video.info.notes
    assert note == f"1 frame of {path} is broken and replaced by the last good one: 18 (at 0.85 s)"
    whole = list(video.frames())
    assert [frame.time for frame in whole] == [Fraction(number, 20) for number in range(40)]
    assert np.array_equal(whole[17].pixels, whole[16].pixels)
    for start in (17, 18, 30):
        again = list(video.frames(start))
        assert all(
            np.array_equal(one.pixels, other.pixels)
            for one, other in zip(whole[start:], again, strict=True)
        )


def test_more_than_a_twentieth_of_broken_frames_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mkv", 40, codec="mpeg4", options={"g": "1"})
    damage(path, 10, 3)
    with pytest.raises(
        VideoError, match=r"video.mkv is damaged: 3 of 40 frames are broken.* 11 \(at"
    ):
        VideoFile(path)


def test_a_first_frame_that_is_broken_is_replaced_by_the_first_good_one(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mkv", 40, codec="mpeg4", options={"g": "1"})
    video = VideoFile(damage(path, 0))
    first, second = list(video.frames())[:2]
    assert (first.time, second.time) == (0, Fraction(1, 10))
    assert np.array_equal(first.pixels, second.pixels)


def test_frames_that_depend_on_a_broken_first_one_are_broken(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4", 40, codec="libx264", options={"g": "10"})
    with pytest.raises(VideoError, match=r"video.mp4 is damaged: 10 of 40 frames are broken"):
        VideoFile(damage(path, 0))


def test_streams_without_time_stamps_are_as_fast_as_they_state(tmp_path: Path) -> None:
    video = VideoFile(write_video(tmp_path / "video.h264", 20, rate=10, codec="libx264"))
    assert video.info.times == [Fraction(number, 10) for number in range(20)]
    assert video.info.end == 2
    assert any("missing or wrong" in note for note in video.info.notes)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_a_truncated_video_is_refused(tmp_path: Path, suffix: str) -> None:
    path = write_video(tmp_path / f"video{suffix}", 60, size=(160, 120))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(VideoError, match=rf"video\{suffix} (ends early|is not a video)"):
        VideoFile(path)


def test_files_without_moving_images_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    with pytest.raises(VideoError, match=r"sound\.mp4 is not a video: it has no moving images"):
        VideoFile(path)
    with pytest.raises(FileNotFoundError, match="is a folder; expected a video"):
        VideoFile(tmp_path)


def test_frames_that_an_edit_list_cuts_are_not_shown(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4", 20, 10)
    data = path.read_bytes()
    at = data.index(b"elst") + 4
    version, entries, length, begin = struct.unpack(">4siii", data[at : at + 16])
    assert (version, entries, begin) == (bytes(4), 1, 0)
    scale = struct.unpack(">i", data[(mdhd := data.index(b"mdhd")) + 16 : mdhd + 20])[0]
    edit = struct.pack(">4siii", version, 1, length // 2, scale * 5 // 10)  # 5 of 20 frames later
    path.write_bytes(data[:at] + edit + data[at + 16 :])
    video = VideoFile(path)
    assert video.info.times == [Fraction(number, 10) for number in range(10)]
    first = next(video.frames()).pixels
    assert near(first[3, 3], SQUARE) and not near(first[9, 9], SQUARE)  # the sixth frame
    assert np.array_equal(list(video.frames())[7].pixels, next(video.frames(7)).pixels)


def _cut(video: Path, out: Path, begin: int) -> Path:
    """Copy a video without encoding it again; frames before one are there, but are not shown."""
    with av.open(str(video)) as given, av.open(str(out), "w") as container:
        stream = given.streams.video[0]
        copied = container.add_stream_from_template(stream)
        for packet in given.demux(stream):
            if packet.size:
                shift = round(Fraction(begin, 10) / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = copied
                container.mux(packet)
    return out


def test_a_video_cut_between_key_frames_begins_where_it_was_cut(tmp_path: Path) -> None:
    video = write_video(tmp_path / "video.mp4", 40, codec="libx264", options={"g": "20"})
    cut = VideoFile(_cut(video, tmp_path / "cut.mp4", 7))
    assert cut.info.times == [Fraction(number, 10) for number in range(33)]
    assert not cut.info.notes
    assert np.array_equal(next(cut.frames()).pixels, next(VideoFile(video).frames(7)).pixels)


def test_broken_frames_that_are_not_shown_do_not_count(tmp_path: Path) -> None:
    video = write_video(tmp_path / "video.mp4", 40, codec="mpeg4", options={"g": "5"})
    path = _cut(video, tmp_path / "cut.mp4", 7)
    cut = VideoFile(damage(damage(path, 31), 1))  # the second is the last one before the cut
    assert cut.info.times == [Fraction(number, 10) for number in range(33)]
    assert [note.partition(" of ")[0] for note in cut.info.notes] == ["1 frame"]


def test_a_video_that_changes_its_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "video.ts"
    with open(path, "wb") as file:
        for size in ((64, 48), (96, 64)):
            part = write_video(tmp_path / "part.ts", 10, codec="mpeg2video", size=size)
            file.write(part.read_bytes())
    with pytest.raises(VideoError, match=r"changes its size: .*96 x 64 pixels.* 64 x 48"):
        VideoFile(path)


def test_frames_beyond_the_limit_of_pixels_are_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4", 2)
    with max_pixels_kept():
        set_max_pixels(1000)
        with pytest.raises(VideoError, match=r"64 x 48 pixels, more than the 1,000 .*--max-pixels"):
            VideoFile(path)


def test_a_video_that_changes_while_it_is_read_is_named(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mkv", 20, codec="mpeg4", options={"g": "1"})
    video = VideoFile(path)
    damage(path, 9)
    with pytest.raises(VideoError, match=r"video\.mkv has changed .* frame 10 of 20 is no longer"):
        list(video.frames())


@pytest.mark.parametrize("suffix", [".mp4", ".ts"])
def test_interlaced_videos_are_the_same_from_any_frame_on(tmp_path: Path, suffix: str) -> None:
    video = VideoFile(write_interlaced(tmp_path / f"video{suffix}", 16))
    assert any("is interlaced; the result has one whole image" in note for note in video.info.notes)
    whole = list(video.frames())
    assert [frame.time for frame in whole] == [Fraction(number, 25) for number in range(16)]
    for start in (1, 2, 9, 15):
        for one, other in zip(whole[start:], video.frames(start), strict=True):
            assert np.array_equal(one.pixels, other.pixels)


def test_the_shape_of_pixels_turns_with_the_video(tmp_path: Path) -> None:
    wide = {"codec": "libx264", "sample_aspect_ratio": Fraction(4, 3)}
    assert VideoFile(write_video(tmp_path / "a.mp4", 2, **wide)).info.aspect == Fraction(4, 3)
    turned = VideoFile(write_video(tmp_path / "b.mp4", 2, rotation=90, **wide))
    assert turned.info.aspect == Fraction(3, 4)
    assert turned.info.size == (48, 64)
    assert next(turned.frames()).pixels.shape == image(0).transpose(1, 0, 2).shape
