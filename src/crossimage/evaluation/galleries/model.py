"""What all galleries of models that translate have in common: how the answers are made."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from crossimage.config import Config
from crossimage.evaluation.galleries.base import Gallery, Row, spread
from crossimage.evaluation.galleries.images import ahead, to_bytes, to_rgb
from crossimage.inference.predictor import Predictor, Target

_TOGETHER = 16  # pictures that pass through the networks at a time


class Example(NamedTuple):
    """An input as it is prepared.

    Attributes:
        path: Its file.
        x: The picture (C, h, w) in [-1, 1], in the size that the networks take.
        goal: What it is translated to: a letter, or a label vector (L,).
        target_path: The file of its target, for pairs.
        target: The target (3, H, W), RGB of uint8.
    """

    path: Path
    x: Tensor
    goal: str | Tensor
    target_path: Path | None = None
    target: Tensor | None = None


class ModelGallery(Gallery):
    """A model's answers to the test images of a data set.

    Answers depend on the seed, the input's file name and the answer's number only, as in
    ``translate_files``.

    Args:
        model: The trained model.
        seed: Seed of random styles and noise.
        facts: What a reader needs to know beside the method.
        given: Other attributes of the gallery.
    """

    def __init__(self, model: Predictor, seed: int, facts: dict[str, str], **given: Any) -> None:
        self.model, self.seed = model, seed
        networks = model.networks
        drawn = model.multimodal
        super().__init__(
            most=None if drawn else 1,
            facts={"method": model.method, "model": given["title"], **facts},
            drawn=drawn,
            uniform=networks.layout != "super_resolution",
            **given,
        )

    @abstractmethod
    def load(self, place: int) -> Example:
        """The input in a place, prepared; called in threads.

        Raises:
            ValueError: The file can't be used.
        """

    def rows(self, inputs: int | None, samples: int | None) -> Iterator[Row]:
        """Inputs with their answers; see :meth:`Gallery.rows`."""
        count = self.answers(samples)
        batch: list[Example] = []
        together = max(1, _TOGETHER // count)
        for example in ahead(self.load, spread(self.total, inputs), 2 * _TOGETHER):
            if batch and (len(batch) == together or example.x.shape != batch[0].x.shape):
                yield from self._answered(batch, count)
                batch = []
            batch.append(example)
        if batch:
            yield from self._answered(batch, count)

    def _answered(self, batch: list[Example], count: int) -> Iterator[Row]:
        for example, own in zip(batch, self._translate(batch, count), strict=True):
            yield Row(
                example.path.name, own, to_rgb(to_bytes(example.x)), example.target, example.path,
                example.target_path,
            )  # fmt: skip

    def _translate(self, batch: list[Example], count: int) -> Tensor:
        """Translate N inputs to uint8 RGB outputs (N, count, 3, H, W)."""
        model = self.model
        x = torch.stack([example.x for example in batch]).to(model.device)
        target = self._batch_target(batch)
        outputs: list[Tensor] = []
        for first in range(0, count, _TOGETHER):
            indices = range(first, min(count, first + _TOGETHER))
            draws = [[model.draw(self.seed, e.path.name, k) for k in indices] for e in batch]
            outputs.append(to_rgb(to_bytes(model.predict(x, target, draws))).cpu())
        return torch.cat(outputs, 1)

    def _batch_target(self, batch: Sequence[Example]) -> Target:
        """Return the targets of a batch as the networks take them."""
        goals = [example.goal for example in batch]
        if isinstance(goals[0], str):
            return goals[0]
        return torch.stack([torch.as_tensor(goal) for goal in goals]).to(self.model.device)


def preparation(config: Config, half: int | None = None) -> str:
    """How pictures are prepared that are resized and cropped as in training, in words."""
    height, width = config.crop
    resized = f"shortest side resized to {config.resize}, " if config.resize else ""
    part = "" if half is None else ("left half, ", "right half, ")[half]
    return f"{part}{resized}middle {width} x {height} pixels"


def no_tests(names: Sequence[str]) -> list[str]:
    """A sentence for each of some domains that have no test images."""
    return [f"no test images of {name}: training images were used" for name in names]
