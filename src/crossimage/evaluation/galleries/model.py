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
from crossimage.inference.translator import Translator
from crossimage.utils.seeds import seed_of

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

    def __init__(self, model: Translator, seed: int, facts: dict[str, str], **given: Any) -> None:
        self.model, self.seed = model, seed
        networks = model.networks
        drawn = bool(networks.style_dim or networks.stochastic)
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
        """Answers (N, k, 3, H, W) of uint8 to N inputs; each answer has its own seed."""
        found: list[Tensor] = []
        for first in range(0, count, _TOGETHER):
            numbers = range(first, min(count, first + _TOGETHER))
            seeds = [[seed_of(self.seed, e.path.name, k) for k in numbers] for e in batch]
            found.append(to_rgb(to_bytes(self._some(batch, seeds))).cpu())
        return torch.cat(found, 1)

    def _some(self, batch: list[Example], seeds: list[list[int]]) -> Tensor:
        """Answers (N, k, C, H, W) in [-1, 1] with k seeds an input."""
        model = self.model
        x = torch.stack([example.x for example in batch]).to(model.device)
        if model.networks.stochastic:
            rows = [
                [model.answer(one[None], self._goal([e]), self._styles([s]), s) for s in own]
                for one, e, own in zip(x, batch, seeds, strict=True)
            ]
            return torch.stack([torch.cat(row) for row in rows])
        styles = self._styles([seed for own in seeds for seed in own])
        y = model.answer(x, self._goal(batch), styles)
        return y.reshape(len(x), -1, *y.shape[1:])

    def _goal(self, batch: Sequence[Example]) -> str | Tensor:
        """What the inputs of a batch are translated to: a letter, or label vectors (N, L)."""
        goals = [example.goal for example in batch]
        if isinstance(goals[0], str):
            return goals[0]
        return torch.stack([torch.as_tensor(goal) for goal in goals]).to(self.model.device)

    def _styles(self, seeds: list[int]) -> Tensor | None:
        model = self.model
        if not model.networks.style_dim:
            return None
        codes = [model.sample_style(1, seed=seed) for seed in seeds]
        return torch.cat(codes).to(model.device)


def preparation(config: Config, half: int | None = None) -> str:
    """How pictures are prepared that are resized and cropped as in training, in words."""
    height, width = config.crop
    resized = f"shortest side resized to {config.resize}, " if config.resize else ""
    part = "" if half is None else ("left half, ", "right half, ")[half]
    return f"{part}{resized}middle {width} x {height} pixels"


def no_tests(names: Sequence[str]) -> list[str]:
    """A sentence for each of some domains that have no test images."""
    return [f"no test images of {name}: training images were used" for name in names]
