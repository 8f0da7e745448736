"""Frames as H.264 of BT.709, in parts that can be joined without encoding them again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from io import BytesIO
from math import lcm
from typing import Any

import numpy as np

from crossimage.data.videos.opening import pyav
from crossimage.video.base import Frame, Pixels, VideoInfo

ENCODER = "libx264"
_QUALITY = {"preset": "medium", "crf": "18"}
# One thread, and no frames that refer to later ones: a part then depends on its frames alone, and
# its last packet is its last frame. The macroblock tree gave other bytes in every tenth run.
_PARAMETERS = "bframes=0:threads=1:lookahead-threads=1:open-gop=0:no-mbtree=1"
_CONTAINER = "nut"
"""Format of parts: any codec, and time stamps to the tick."""

BT709, _LIMITED, _FULL = 1, 1, 2
"""Numbers of ITU-T H.273 for matrix, primaries and curve, and of FFmpeg for ranges."""
_FINEST = 1_000_000
"""Ticks per second at most; the time stamps of other videos are rounded."""
_COARSE = 90_000


class Encoder:
    """Encodes frames in parts.

    Args:
        info: The video, of whose time stamps and pixels' shape the result's follow.

    Attributes:
        tick: Unit of time stamps, in seconds.

    Raises:
        ValueError: There is no encoder.
    """

    def __init__(self, info: VideoInfo) -> None:
        check_encoder()
        ticks = lcm(*(time.denominator for time in (*info.times, info.end)))
        self.tick = Fraction(1, ticks if ticks <= _FINEST else _COARSE)
        self._aspect = info.aspect
        self._rate = Fraction(len(info.times)) / max(info.end - info.times[0], self.tick)

    def encode(self, frames: Iterable[Frame]) -> bytes:
        """Encode consecutive frames; the same frames give the same bytes.

        Args:
            frames: The frames, of one size. An odd one gets its last row or column twice.

        Raises:
            ValueError: They are too large for the encoder.
        """
        av = pyav("writing videos")
        file = BytesIO()
        with av.open(file, "w", format=_CONTAINER, options={"fflags": "+bitexact"}) as container:
            stream: Any = None
            for frame in frames:
                if stream is None:
                    stream = self._stream(container, frame.pixels)
                picture = to_yuv(frame.pixels)
                picture.pts, picture.time_base = round(frame.time / self.tick), self.tick
                try:
                    container.mux(stream.encode(picture))
                except av.FFmpegError as error:
                    raise ValueError(
                        f"frames of {picture.width} x {picture.height} pixels can't be written as "
                        f"H.264 ({error.strerror}); shrink them with --size, or write a folder of "
                        "frames: --out without a suffix"
                    ) from None
            container.mux(stream.encode())
        return file.getvalue()

    def _stream(self, container: Any, pixels: Pixels) -> Any:
        height, width = pixels.shape[:2]
        options = {**_QUALITY, "x264-params": _PARAMETERS}
        stream = container.add_stream(ENCODER, rate=_simple(self._rate), options=options)
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = self.tick
        context.thread_count = 1
        context.sample_aspect_ratio = self._aspect
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = _LIMITED
        return stream


def packets(part: bytes) -> Iterator[Any]:
    """Yield the packets of a part, whose time stamps are in units of their time base."""
    av = pyav("writing videos")
    with av.open(BytesIO(part)) as container:
        yield from (packet for packet in container.demux(video=0) if packet.size)


def check_encoder() -> None:
    """Check that videos can be encoded.

    Raises:
        ValueError: The libraries of PyAV lack the encoder.
    """
    av = pyav("writing videos")
    try:
        av.Codec(ENCODER, "w")
    except av.codec.codec.UnknownCodecError:
        raise ValueError(
            f"this build of PyAV lacks the encoder {ENCODER}, which writes videos; run `pip "
            "install --force-reinstall --only-binary av av`, whose builds have it"
        ) from None


def to_yuv(pixels: Pixels) -> Any:
    """Return an RGB image as a frame of yuv420p, BT.709, of limited range and even size."""
    av = pyav("writing videos")
    from av.video.reformatter import Interpolation

    exact = Interpolation.ACCURATE_RND | Interpolation.BITEXACT | Interpolation.FULL_CHR_H_INP
    height, width = pixels.shape[:2]
    if height % 2 or width % 2:
        pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
    return frame.reformat(
        format="yuv420p",
        src_color_range=_FULL,
        dst_color_range=_LIMITED,
        dst_colorspace=BT709,
        interpolation=Interpolation.BICUBIC | exact,
    )


def _simple(rate: Fraction) -> Fraction:
    """Return a rate that encoders take."""
    return rate.limit_denominator(1001) or Fraction(1, 1001)
