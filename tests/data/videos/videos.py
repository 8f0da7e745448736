"""Small videos with a red upper and a blue lower half, and a green square that grows."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

TOP, BOTTOM, SQUARE = (200, 30, 30), (30, 30, 200), (30, 200, 30)


def image(number: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """The image (H, W, 3) of a frame."""
    pixels = np.empty((size[1], size[0], 3), np.uint8)
    pixels[: size[1] // 2], pixels[size[1] // 2 :] = TOP, BOTTOM
    pixels[: number + 1, : number + 1] = SQUARE
    return pixels


def write_video(
    path: Path,
    count: int = 20,
    rate: int = 10,
    rotation: int = 0,
    size: tuple[int, int] = (64, 48),
    codec: str = "mpeg4",
    stamps: list[int] | None = None,
    options: dict[str, str] | None = None,
    **stream_settings: Any,
) -> Path:
    """Write a video.

    Args:
        path: The file.
        count: Its number of frames.
        rate: Frames per second.
        rotation: What it states, in degrees counterclockwise.
        size: Width and height.
        codec: The encoder.
        stamps: When each frame is shown, in hundredths of a second; None: by the rate.
        options: Of the encoder.
        stream_settings: Attributes of the encoder, such as its colour tags.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(rate), options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        if codec == "mpeg4":
            stream.bit_rate = 4_000_000
        if stamps:
            stream.codec_context.time_base = Fraction(1, 100)
        for name, value in stream_settings.items():
            setattr(stream.codec_context, name, value)
        if rotation:
            stream.set_display_rotation(rotation)
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(image(number, size), format="rgb24")
            if stamps:
                frame.pts, frame.time_base = stamps[number], Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def near(pixel: np.ndarray, colour: tuple[int, int, int], tolerance: int = 40) -> bool:
    """Whether a pixel has about a colour."""
    return bool(np.abs(pixel.astype(int) - colour).max() < tolerance)
