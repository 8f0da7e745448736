"""Videos with sound and subtitles, and a tiny model."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch

from crossimage.inference.predictor import Predictor
from crossimage.methods.munit import MUNIT, MUNITConfig
from tests.cli.conftest import SHAPE
from tests.data.videos.videos import image


def tiny_model() -> Predictor:
    """A model with random weights."""
    torch.manual_seed(0)
    return Predictor(MUNIT(MUNITConfig(**SHAPE), training=False), "cpu")


def write_with_sound(path: Path, count: int = 20, sound: str = "aac") -> Path:
    """A video of 10 frames per second with noise in Finnish, subtitles, a title and a chapter."""
    generator = np.random.default_rng(0)
    subtitles = {".mkv": "subrip", ".mp4": "mov_text", ".mov": "mov_text"}.get(path.suffix)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=Fraction(10))
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = container.add_stream(sound, rate=48000)
        audio.metadata["language"] = "fin"
        container.metadata["title"] = "A square grows"
        text = container.add_mux_stream(subtitles) if subtitles else None
        chapter = {"id": 1, "start": 0, "end": 500, "time_base": Fraction(1, 1000)}
        container.set_chapters([chapter | {"metadata": {"title": "Beginning"}}])
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(image(number), format="rgb24")
            container.mux(video.encode(frame))
        container.mux(video.encode())
        for number in range(count * 48000 // 10 // 1024):
            noise = (generator.random((1, 1024)) - 0.5).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(noise, "fltp", "mono")
            frame.sample_rate, frame.pts = 48000, 1024 * number
            container.mux(audio.encode(frame))
        container.mux(audio.encode())
        if text is not None:
            line = b"Hello"
            packet = av.Packet(len(line).to_bytes(2, "big") + line if subtitles[0] == "m" else line)
            packet.pts = packet.dts = 500
            packet.duration, packet.time_base = 700, Fraction(1, 1000)
            packet.stream = text
            container.mux(packet)
    return path
