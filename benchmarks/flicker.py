"""Flicker of videos translated with statistics of norms of each frame and pooled over key frames.

    python benchmarks/flicker.py runs/munit runs/unit --sheet sheet.png
    python benchmarks/flicker.py runs/cyclegan --video street --frames 40

Without --video, the video is made: outlines of a circle that moves and of a square that rests, and
a bar that enters at half time. Prints the metrics of `crossimage evaluate --video`, and for the
made video the drift, of 255 levels: how much the output changes when the bar enters, in the half of
the image that is farther from it.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

import crossimage
from crossimage.data.images.arrays import from_array, to_array
from crossimage.inference.pooling import key_frames, pool_statistics
from crossimage.video.base import Pixels
from crossimage.video.opening import open_source

SIZE, SCALE, ENTRY = (192, 64), 3, 12
METRICS = ("flicker", "flicker_still")


def made_video() -> list[Pixels]:
    """Return frames of outlines on white, antialiased."""
    frames = []
    for number in range(2 * ENTRY):
        image = Image.new("RGB", (SCALE * SIZE[0], SCALE * SIZE[1]), "white")
        draw = ImageDraw.Draw(image)
        draw.rectangle((450, 60, 530, 140), outline="black", width=6)
        draw.ellipse((90 + 3 * number, 30, 160 + 3 * number, 100), outline="black", width=6)
        if number >= ENTRY:
            draw.rectangle((9, 20, 80, 180), fill="black")
        frames.append(np.asarray(image.resize(SIZE, Image.Resampling.LANCZOS)))
    return frames


def translated(
    model: crossimage.Translator, frames: list[Pixels], pooled: bool, to: str | None, seed: int
) -> list[Pixels]:
    """Translate frames with one style and seed."""
    goal = model.target(to)
    target, channels = goal.encode(1), model.channels(goal.source)
    inputs = [model.fit_size(from_array(frame, channels)[None]) for frame in frames]
    draw = model.draw(seed, "", 0, target)
    context: AbstractContextManager[None] = nullcontext()
    if pooled:
        keys = torch.cat([inputs[index] for index in key_frames(len(inputs))])
        context = model.fixed_statistics(pool_statistics(model, keys, target, draw))
    with context:
        outputs = [to_array(model.predict(x, target, [[draw]])[0, 0]) for x in inputs]
    return [np.broadcast_to(output, (*output.shape[:2], 3)) for output in outputs]


def written(folder: Path, frames: list[Pixels]) -> Path:
    """Write a folder of frames."""
    folder.mkdir()
    for number, frame in enumerate(frames, 1):
        Image.fromarray(np.ascontiguousarray(frame)).save(folder / f"frame_{number:05}.png")
    return folder


def drift(outputs: list[Pixels]) -> float:
    """Return the mean change when the bar enters, of 255, in the right half of the image."""
    before, after = (outputs[i][:, SIZE[0] // 2 :].astype(int) for i in (ENTRY - 1, ENTRY))
    return float(np.abs(before - after).mean())


def sheet(rows: list[list[Pixels]]) -> Image.Image:
    """Return rows of four evenly spaced frames each."""
    chosen = [[row[i] for i in key_frames(len(row), 4)] for row in rows]
    return Image.fromarray(np.concatenate([np.concatenate(row, 1) for row in chosen]))


def main() -> None:
    """Translate a video with every model in both ways, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", help="run folders or model files")
    parser.add_argument("--video", type=Path, help="a video, GIF, WebP or folder of frames")
    parser.add_argument("--frames", type=int, help="translate the first frames only")
    parser.add_argument("--to", help="the target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheet", type=Path, help="write a contact sheet")
    options = parser.parse_args()
    video = options.video and [frame.pixels for frame in open_source(options.video).frames()]
    frames = (video or made_video())[: options.frames]
    rows = [frames]
    print(f"| model | statistics | {' | '.join(METRICS)} | drift |\n|---|---|---|---|---|")
    for name in options.models:
        model = crossimage.load(name, "cpu")
        for pooled in (False, True):
            rows.append(translated(model, frames, pooled, options.to, options.seed))
            with tempfile.TemporaryDirectory() as folder:
                inputs = written(Path(folder) / "inputs", frames)
                outputs = written(Path(folder) / "outputs", rows[-1])
                result = crossimage.evaluate(video=inputs, fake=outputs, metrics="flicker")
            values = {figure.name: figure.value for one in result for figure in one.figures}
            figures = [f"{values[name]:.3f}" if name in values else "–" for name in METRICS]
            moved = "–" if video else f"{drift(rows[-1]):.3f}"
            kind = "pooled" if pooled else "frame"
            print(f"| {name} | {kind} | {' | '.join(figures)} | {moved} |", flush=True)
    if options.sheet:
        sheet(rows).save(options.sheet)


if __name__ == "__main__":
    main()
