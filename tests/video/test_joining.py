from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from crossimage.video.base import Frame
from crossimage.video.joining import VideoFileSink
from crossimage.video.opening import open_sink, open_source
from crossimage.video.reading import VideoFile
from tests.data.videos.videos import near, write_video
from tests.video.videos import write_with_sound

COLOUR = (200, 60, 20)


def copied(video: Path, out: Path, length: int = 7) -> tuple[VideoFile, VideoFileSink]:
    """Write a video that consists of the same frames, in parts."""
    source = open_source(video)
    sink = open_sink(out, source)
    frames = list(source.frames())
    parts = []
    for number, first in enumerate(range(0, len(frames), length)):
        parts.append(out.with_name(f"{out.name}.{number}"))
        parts[-1].write_bytes(sink.part(frames[first : first + length]))
    sink.join(parts, out)
    return source, sink


def packets(path: Path, kind: str) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as container:
        found = [p for p in container.demux() if p.size and p.stream.type == kind]
        return [(float(p.pts * p.time_base), bytes(p)) for p in found]


@pytest.mark.parametrize(
    ("before", "after"), [(".mp4", ".mp4"), (".mkv", ".mkv"), (".mp4", ".mov")]
)
def test_sound_subtitles_titles_and_chapters_are_kept(
    tmp_path: Path, before: str, after: str
) -> None:
    video = write_with_sound(tmp_path / f"video{before}")
    out = tmp_path / f"out{after}"
    source, sink = copied(video, out)
    assert not sink.notes
    sound = [packet for packet in packets(video, "audio") if after != ".mkv" or packet[0] >= 0]
    assert packets(out, "audio") == sound
    assert [packet for packet in packets(out, "subtitle") if len(packet[1]) > 2] == [
        packet for packet in packets(video, "subtitle") if len(packet[1]) > 2
    ]
    with av.open(str(out)) as container:
        assert container.metadata["title"] == "A square grows"
        assert container.streams.audio[0].metadata["language"] == "fin"
        assert container.chapters()[0]["metadata"]["title"] == "Beginning"
    assert open_source(out).info.times == source.info.times


def test_what_a_format_cannot_hold_is_named(tmp_path: Path) -> None:
    video = write_with_sound(tmp_path / "video.mkv")
    _, sink = copied(video, tmp_path / "out.mp4")
    (note,) = sink.notes
    assert "out.mp4 can't hold: 1 of subtitle (srt); --out with the suffix .mkv keeps more" in note
    assert len(packets(tmp_path / "out.mp4", "audio")) == len(packets(video, "audio"))


@pytest.mark.parametrize(
    "settings",
    [
        {"stamps": [0, 3, 5, 9, 20, 21, 30, 40, 41, 45]},
        {"stamps": [50, 60, 75, 80, 93, 95, 96, 97, 98, 99]},
        {"rate": 24},
        {"rate": Fraction(30000, 1001)},
    ],
    ids=str,
)
def test_time_stamps_are_kept_exactly(tmp_path: Path, settings: dict[str, Any]) -> None:
    video = write_video(tmp_path / "video.mp4", 10, **settings)
    source, _ = copied(video, tmp_path / "out.mp4", length=4)
    result = open_source(tmp_path / "out.mp4")
    assert result.info.times == source.info.times
    assert result.info.end == source.info.end


def test_an_offset_between_image_and_sound_is_kept(tmp_path: Path) -> None:
    video = write_with_sound(tmp_path / "video.ts")
    copied(video, tmp_path / "out.mp4")

    def offset(path: Path) -> float:
        return min(packets(path, "video"))[0] - min(packets(path, "audio"))[0]

    assert abs(offset(video) - offset(tmp_path / "out.mp4")) < 0.001


@pytest.mark.parametrize("size", [(64, 48), (63, 47), (33, 48), (2, 2), (5, 3)])
def test_colours_are_those_of_players_that_follow_the_tags(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    source = open_source(write_video(tmp_path / "video.mp4", 2))
    sink = open_sink(tmp_path / "out.mp4", source)
    pixels = np.broadcast_to(np.array(COLOUR, np.uint8), (size[1], size[0], 3)).copy()
    pixels[-1], pixels[:, -1] = 90, 90
    frames = [Frame(time, pixels) for time in source.info.times]
    part = tmp_path / "part"
    part.write_bytes(sink.part(frames))
    sink.join([part], tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        context = container.streams.video[0].codec_context
        tags = context.colorspace, context.color_primaries, context.color_trc, context.color_range
        assert tags == (1, 1, 1, 1)
        assert (context.width, context.height) == (size[0] + size[0] % 2, size[1] + size[1] % 2)
        assert b"colrnclx" in (tmp_path / "out.mp4").read_bytes()
        frame = next(container.decode(video=0))
    planes = [np.frombuffer(p, np.uint8).reshape(p.height, p.line_size) for p in frame.planes]
    luma, blue, red = (float(plane[0, 0]) for plane in planes)
    # the conversion of BT.709 by its formula, independent of the library's
    y, cb, cr = (luma - 16) / 219, (blue - 128) / 224, (red - 128) / 224
    r, b = y + 1.5748 * cr, y + 1.8556 * cb
    g = (y - 0.2126 * r - 0.0722 * b) / 0.7152
    if min(size) > 4:
        assert near(255 * np.array([r, g, b]), COLOUR, tolerance=4)
    shown = next(open_source(tmp_path / "out.mp4").frames()).pixels
    if size[0] % 2 and min(size) > 4:
        assert near(shown[2, -1], (90, 90, 90), 12)  # the edge is repeated, not black


def test_the_shape_of_pixels_is_kept(tmp_path: Path) -> None:
    wide = {"codec": "libx264", "sample_aspect_ratio": Fraction(4, 3)}
    copied(write_video(tmp_path / "video.mp4", 2, **wide), tmp_path / "out.mp4")
    assert open_source(tmp_path / "out.mp4").info.aspect == Fraction(4, 3)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_same_frames_give_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    video = write_with_sound(tmp_path / "video.mkv")
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        copied(video, tmp_path / name / f"out{suffix}")
    first, second = (
        (tmp_path / name / f"out{suffix}").read_bytes() for name in ("first", "second")
    )
    assert first == second


def test_frames_beyond_the_encoder_are_refused(tmp_path: Path) -> None:
    source = open_source(write_video(tmp_path / "video.mp4", 2))
    wide = Frame(Fraction(0), np.zeros((2, 20_000, 3), np.uint8))
    with pytest.raises(ValueError, match=r"20000 x 2 pixels can't be written as H\.264 .*--size"):
        open_sink(tmp_path / "out.mp4", source).part([wide])


def test_an_incomplete_result_is_noticed(tmp_path: Path) -> None:
    source = open_source(write_video(tmp_path / "video.mp4", 6))
    sink = open_sink(tmp_path / "out.mp4", source)
    (tmp_path / "part").write_bytes(sink.part(list(source.frames())[:4]))
    with pytest.raises(ValueError, match=r"out\.mp4 holds 4 of 6 frames after it was written"):
        sink.join([tmp_path / "part"], tmp_path / "out.mp4")


def test_other_suffixes_and_a_missing_encoder_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = open_source(write_video(tmp_path / "video.mp4", 2))
    with pytest.raises(ValueError, match=r"out\.xyz has the suffix \.xyz; videos are written as"):
        open_sink(tmp_path / "out.xyz", source)
    monkeypatch.setattr("crossimage.video.encoding.ENCODER", "libx999")
    with pytest.raises(ValueError, match=r"lacks the encoder libx999.*; run `pip install"):
        open_sink(tmp_path / "out.mp4", source)
