"""Translate the frames of a video, all in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from crossimage.data.images.arrays import from_array, to_array
from crossimage.data.images.resize import resize_shortest_side
from crossimage.inference.input_checks import class_number_note
from crossimage.inference.pooling import key_frames, pool_statistics
from crossimage.inference.predictor import Predictor
from crossimage.inference.styles import Draw
from crossimage.inference.targets import Target
from crossimage.video.base import Frame, Pixels, VideoSource

StatisticsMode = Literal["pooled", "frame"]
"""Whether norms use statistics pooled over key frames, or those of each frame."""


class FrameTranslator:
    """Translates frames with one style and one seed.

    Args:
        predictor: The trained model.
        target: The target.
        draw: The style and the seed of the whole video.
        size: Shortest side that frames are resized to, in pixels; None: they keep their size.
        side_by_side: Whether results show the input, too, left of the output.
        batch_size: Frames that pass through the networks together.
    """

    def __init__(
        self,
        predictor: Predictor,
        target: Target,
        draw: Draw,
        *,
        size: int | None = None,
        side_by_side: bool = False,
        batch_size: int = 4,
    ) -> None:
        self._predictor, self._target, self._draw = predictor, target, draw
        self._size, self._side_by_side, self._batch_size = size, side_by_side, batch_size
        self._channels = predictor.channels(target.source)
        self._notes: dict[str, int] = {}

    def translate(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield the translation of each frame.

        Raises:
            TooLargeError: They do not fit in memory, not even in strips.
        """
        waiting: list[Frame] = []
        for frame in frames:
            waiting.append(frame)
            if len(waiting) == self._batch_size:
                yield from self._together(waiting)
                waiting = []
        if waiting:
            yield from self._together(waiting)

    def notes(self) -> list[str]:
        """Return what users should know about the translated frames."""
        return [
            f"{number} frame{'' if number == 1 else 's'}: {note}"
            for note, number in self._notes.items()
        ]

    def statistics(self, source: VideoSource, kind: StatisticsMode) -> AbstractContextManager[None]:
        """Return the context in which norms have the statistics of a kind.

        Args:
            source: The video, over whose key frames they are pooled.
            kind: The kind.
        """
        if kind == "frame":
            return nullcontext()
        count = len(source.info.times)
        chosen = torch.cat([self._read(_frame_at(source, i)) for i in key_frames(count)])
        pooled = pool_statistics(self._predictor, chosen, self._target.encode(1), self._draw)
        return self._predictor.fixed_statistics(pooled)

    def _together(self, frames: Sequence[Frame]) -> Iterator[Frame]:
        for frame in frames:
            image = from_array(frame.pixels, self._channels)
            if note := class_number_note(self._predictor.networks, image):
                self._notes[note] = self._notes.get(note, 0) + 1
        x = torch.cat([self._read(frame.pixels) for frame in frames])
        y = self._predictor.predict(x, self._target.encode(len(x)), [[self._draw]] * len(x))[:, 0]
        for frame, inputs, output in zip(frames, x, y, strict=True):
            yield Frame(frame.time, self._shown(inputs, output))

    def _read(self, pixels: Pixels) -> Tensor:
        """Return a frame as it enters the networks (1, C, H, W)."""
        x = from_array(pixels, self._channels)[None].to(self._predictor.device)
        if self._size is not None:
            x = resize_shortest_side(x, self._size)
        return self._predictor.fit_size(x)

    def _shown(self, x: Tensor, y: Tensor) -> Pixels:
        """Return a result as an RGB image (H, W, 3)."""
        output = _rgb(y)
        if not self._side_by_side:
            return output
        if x.shape[1:] != y.shape[1:]:
            x = interpolate(x[None], y.shape[1:], mode="bicubic", antialias=True)[0]
        return np.concatenate([_rgb(x), output], axis=1)


def _frame_at(source: VideoSource, index: int) -> Pixels:
    """Return the image of one frame of a video."""
    return next(source.frames(index)).pixels


def _rgb(x: Tensor) -> Pixels:
    array = to_array(x)
    return np.repeat(array, 3, axis=2) if array.shape[2] == 1 else array[..., :3]
