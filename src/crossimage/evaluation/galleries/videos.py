"""Galleries of videos: successive frames with their translations."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from crossimage.evaluation.galleries.base import Gallery, GalleryItem
from crossimage.evaluation.galleries.images import ImageStream
from crossimage.inference.predictor import Predictor
from crossimage.video.base import Pixels
from crossimage.video.frames import FrameTranslator
from crossimage.video.opening import open_source


class VideoGallery(Gallery):
    """The frames of a video in their order, each with its translation.

    There are no real images to compare them with. A number of inputs means the first frames.

    Args:
        title: Title of the gallery.
        video: The video that was translated.
        facts: What a reader needs to know besides the video.
    """

    has_inputs = True

    def __init__(self, title: str, video: Path, facts: dict[str, str]) -> None:
        self.source = open_source(video)
        count = len(self.source.info.times)
        super().__init__(
            title=title, real=ImageStream(()),
            paths=[video / f"frame {number}" for number in range(1, count + 1)], max_outputs=1,
            facts={"video": str(video)} | facts, notes=list(self.source.info.notes),
            item_kind="frames", is_video=True,
        )  # fmt: skip

    def items(self, inputs: int | None, samples: int | None) -> Iterator[GalleryItem]:
        """Iterate over the first frames; see :meth:`Gallery.items`."""
        chosen = self.paths[:inputs]
        frames = (frame.pixels for frame in self.source.frames())
        results = self.results(len(chosen))
        for path, frame, output in zip(chosen, frames, results, strict=False):
            yield GalleryItem(path.name, output[None], _tensor(frame), None, path)

    @abstractmethod
    def results(self, count: int) -> Iterator[Tensor]:
        """Yield the translations (3, H, W), uint8, of the first frames."""

    def pair_up(self) -> None:
        """Raise an error: frames have no targets; see :meth:`Gallery.pair_up`."""
        raise ValueError(
            f"the frames of {self.facts['video']} have no targets; leave out the metrics that "
            "compare pairs"
        )


class VideoPair(VideoGallery):
    """A video, and its translation in a video of its own.

    Args:
        video: The video that was translated.
        fake: The translation.

    Raises:
        FileNotFoundError: One of them is missing.
        ValueError: One of them is not a video, or they differ in the number of frames.
    """

    def __init__(self, video: Path, fake: Path) -> None:
        super().__init__(str(fake), video, {"results": str(fake), "preparation": "as they are"})
        self._fake = open_source(fake)
        self.notes += self._fake.info.notes
        counts = [self.total, len(self._fake.info.times)]
        if counts[0] != counts[1]:
            raise ValueError(
                f"{video} has {counts[0]} frames and {fake} has {counts[1]}; expected a "
                "translation of every frame (animated WebP merges equal frames: evaluate a folder "
                "of frames)"
            )

    def results(self, count: int) -> Iterator[Tensor]:
        """Yield the frames of the translation."""
        for frame in islice(self._fake.frames(), count):
            yield _tensor(frame.pixels)


class ModelVideo(VideoGallery):
    """A model's translation of a video, as ``crossimage video`` makes it.

    All frames have one style and seed, and norms use statistics pooled over key frames.

    Args:
        title: Title of the model.
        model: The trained model.
        video: The video.
        to: The target; None: as for translation.
        seed: Seed of the style.

    Raises:
        FileNotFoundError: There is no such video.
        ValueError: It is not a video, the target is unknown, or the model needs references or
            translates label maps.
    """

    def __init__(
        self, title: str, model: Predictor, video: Path, to: str | None, seed: int
    ) -> None:
        if model.networks.few_shot:
            raise ValueError(
                f"the target of this {model.method} is what references show: translate {video} "
                "with crossimage video, and name the result with --fake"
            )
        if model.networks.classes:
            raise ValueError(f"this {model.method} translates label maps, which no video holds")
        target = model.target(to)
        facts = {
            "method": model.method, "model": title, "target": str(target.to),
            "preparation": "frames of their size, statistics of norms pooled over key frames",
        }  # fmt: skip
        super().__init__(title, video, facts)
        self.depends_on_seed = model.multimodal
        draw = model.draw(seed, "", 0, target.encode(1))
        self._frames = FrameTranslator(model, target, draw)

    def results(self, count: int) -> Iterator[Tensor]:
        """Translate the first frames."""
        with self._frames.statistics(self.source, "pooled"):
            for frame in self._frames.translate(islice(self.source.frames(), count)):
                yield _tensor(frame.pixels)


def _tensor(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)
