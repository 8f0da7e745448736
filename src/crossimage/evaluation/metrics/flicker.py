"""Flicker of a translated video: how much outputs change with and without a change of inputs."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from crossimage.evaluation.galleries.base import GalleryItem
from crossimage.evaluation.metrics.base import GalleryKind, Metric, Setup
from crossimage.evaluation.report.figures import LOWER, Figure, library

STILL = 2
"""Of 255: pixels whose channels change by no more are still, since compression changes as much."""


class Flicker(Metric):
    """Change of the output per change of the input, and change of the output where nothing moves.

    Both compare successive frames. ``flicker`` is the mean absolute change of the output divided by
    that of the input, over all pixels and pairs of frames; that of the input itself is 1.
    ``flicker_still`` is the mean absolute change, of 255, of those pixels of the output where no
    channel of the input changes by more than 2.
    """

    name = "flicker"
    directions: ClassVar = {"flicker": LOWER, "flicker_still": LOWER}

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._before: tuple[Tensor, Tensor] | None = None
        self._pairs = self._still = 0
        self._input = self._output = self._at_rest = 0.0

    @classmethod
    def misfit(cls, kind: GalleryKind) -> str | None:
        """Return why the metric does not apply; see :meth:`Metric.misfit`."""
        if not kind.is_video:
            return "it compares the successive frames of a video, which --video names"
        return None

    def update(self, item: GalleryItem) -> None:
        """Add a frame with its translation.

        Raises:
            ValueError: They differ in size by other than a whole factor, or the size changes.
        """
        assert item.input is not None
        x, y = item.input.int(), item.outputs[0].int()
        factor = y.shape[1] // x.shape[1]
        if not factor or y.shape[1:] != (factor * x.shape[1], factor * x.shape[2]):
            raise ValueError(
                f"frames of the video are {_size(x)} and those of the result {_size(y)} pixels; "
                "expected the same size or a multiple, since each pixel is compared with itself"
            )
        if self._before is not None:
            self._add(x, y, *self._before, factor)
        self._before = x, y

    def _add(self, x: Tensor, y: Tensor, x_before: Tensor, y_before: Tensor, factor: int) -> None:
        if x.shape != x_before.shape or y.shape != y_before.shape:
            raise ValueError("the size of the frames changes within the video; expected one size")
        moved, changed = (x - x_before).abs(), (y - y_before).abs()
        still = moved.amax(0) <= STILL
        at_rest = still.repeat_interleave(factor, 0).repeat_interleave(factor, 1)
        self._input += float(moved.double().mean())
        self._output += float(changed.double().mean())
        self._at_rest += float((changed.sum(0) * at_rest).sum()) / len(y)
        self._still += int(at_rest.sum())
        self._pairs += 1

    def figures(self) -> list[Figure]:
        """Return both figures; see :meth:`Metric.figures`.

        Raises:
            ValueError: There are no successive frames, or nothing moves.
        """
        if not self._pairs:
            raise ValueError("the video has a single frame; flicker is a change between frames")
        if not self._input:
            raise ValueError(
                "nothing moves: all frames of the video are equal, so the change of the output "
                "can't be divided by that of the input"
            )
        between = f"between successive frames, over {self._pairs} pairs of frames"
        figures = [
            self._figure(
                "flicker", self._output / self._input,
                f"mean absolute change of the output divided by that of the input, {between}",
            )
        ]  # fmt: skip
        if self._still:
            share = self._still / self._pairs / self._before[1][0].numel()  # type: ignore[index]
            protocol = (
                "mean absolute change of the output, of 255, where no channel of the input changes "
                f"by more than {STILL} ({share:.0%} of the pixels), {between}"
            )
            figures.append(self._figure("flicker_still", self._at_rest / self._still, protocol))
        return figures

    def _figure(self, name: str, value: float, protocol: str) -> Figure:
        return Figure(name, value, None, self._pairs, protocol, None, library("torch"))


def _size(image: Tensor) -> str:
    return f"{image.shape[2]} x {image.shape[1]}"
