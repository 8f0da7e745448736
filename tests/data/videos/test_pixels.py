from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from crossimage.data.videos.decoding import frames
from crossimage.data.videos.opening import VideoError
from tests.data.videos.videos import BOTTOM, TOP, near, write_video

COLOUR = (200, 60, 20)


def write_flat(
    path: Path,
    size: tuple[int, int] = (64, 48),
    matrix: int = 5,
    full: bool = False,
    tagged: bool = True,
    codec: str = "libx264",
    format: str = "yuv420p",
    **tags: Any,
) -> Path:
    """A video of one colour, stored by a matrix and a range that its tags state or do not."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = *size, format
        if tagged:
            stream.codec_context.colorspace = matrix
            stream.codec_context.color_range = 2 if full else 1
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        pixels = np.broadcast_to(np.array(COLOUR, np.uint8), (size[1], size[0], 3))
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24").reformat(
            format=format, src_color_range=2, dst_color_range=2 if full else 1,
            dst_colorspace=matrix,
        )  # fmt: skip
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def read(path: Path) -> np.ndarray:
    ((_, pixels),) = frames(path)
    return pixels


@pytest.mark.parametrize(
    "stored",
    [
        {"matrix": 1},
        {"matrix": 5},
        {"matrix": 7},
        {"matrix": 1, "full": True},
        {"matrix": 5, "tagged": False},
        {"matrix": 1, "tagged": False, "size": (1280, 64)},
        {"matrix": 1, "format": "yuv422p10le"},
        {"matrix": 5, "format": "yuvj420p", "full": True, "codec": "mjpeg", "tagged": False},
    ],
    ids=str,
)
def test_colours_are_converted_by_the_tags_of_the_video(
    tmp_path: Path, stored: dict[str, Any]
) -> None:
    path = write_flat(tmp_path / ("video.avi" if "codec" in stored else "video.mp4"), **stored)
    assert near(read(path)[20, 20], COLOUR, tolerance=4)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"color_trc": 16}, r"is HDR \(PQ\); export it in SDR \(BT.709\) first"),
        ({"color_trc": 18}, r"is HDR \(HLG\)"),
        ({"color_trc": 8}, "stores linear light"),
        ({"color_primaries": 9}, "has the wide gamut of BT.2020"),
        ({"color_primaries": 12}, "has the wide gamut of Display P3"),
        ({"colorspace": 8}, "has colours of matrix 8 of ITU-T H.273"),
    ],
)
def test_colours_beyond_those_of_training_are_refused(
    tmp_path: Path, tags: dict[str, int], reason: str
) -> None:
    with pytest.raises(VideoError, match=rf"video\.mp4 {reason}"):
        read(write_flat(tmp_path / "video.mp4", **tags))


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    path = tmp_path / "video.mov"
    pixels = np.empty((48, 64, 4), np.uint8)
    pixels[..., :3], pixels[..., 3] = COLOUR, 255
    pixels[:24, :, 3], pixels[:, 32:, 3] = 0, 128
    with av.open(str(path), "w") as container:
        stream = container.add_stream("qtrle", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "argb"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgba")))
        container.mux(stream.encode())
    shown = read(path)
    assert near(shown[2, 2], (255, 255, 255), 1)
    assert near(shown[40, 2], COLOUR, 1)
    assert near(shown[40, 60], (227, 157, 137), 2)


def test_transparency_that_is_stored_apart_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "video.webm"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuva420p"
        pixels = np.zeros((48, 64, 4), np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgba")))
        container.mux(stream.encode())
    with pytest.raises(VideoError, match=r"video\.webm keeps its transparency apart"):
        read(path)


@pytest.mark.parametrize(
    ("turn", "mirror"), [(0, True), (90, True), (180, True), (270, True), (90, False)]
)
def test_mirrored_videos_are_shown_as_they_state(tmp_path: Path, turn: int, mirror: bool) -> None:
    path = tmp_path / "video.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.set_display_rotation(turn, hflip=mirror)
        pixels = np.empty((48, 64, 3), np.uint8)
        pixels[:24], pixels[24:] = TOP, BOTTOM
        pixels[:12, :16] = 255  # the corner at the top left
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    shown = read(path)
    expected = np.rot90(pixels, turn // 90)
    expected = expected[:, ::-1] if mirror else expected
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected).mean() < 8


def write_interlaced(path: Path, count: int = 8) -> Path:
    """A bright square that moves by 8 pixels between the two fields of each frame."""
    with av.open(str(path), "w") as container:
        options = {"crf": "1", "x264-params": "tff=1:interlaced=1"}
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        for number in range(count):
            pixels = np.full((64, 128, 3), 40, np.uint8)
            for field in range(2):
                left = 8 * (2 * number + field)
                pixels[16 + field : 48 : 2, left : left + 24] = 220
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def combing(pixels: np.ndarray) -> float:
    """How much rows differ from the mean of their neighbours, inside of the square's height."""
    rows = pixels[20:44].astype(float).mean(2)
    return float(np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean())


def test_interlaced_frames_show_one_moment_each(tmp_path: Path) -> None:
    path = write_interlaced(tmp_path / "video.mp4")
    with av.open(str(path)) as container:
        raw = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    shown = list(frames(path))
    assert [round(time, 3) for time, _ in shown] == [number / 25 for number in range(8)]
    assert combing(raw[4]) > 15 > 3 > combing(shown[4][1])


def test_videos_are_left_as_they_are_unless_interlaced(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4", 3)
    with av.open(str(path)) as container:
        assert not any(frame.interlaced_frame for frame in container.decode(video=0))
    assert len(list(frames(path))) == 3
