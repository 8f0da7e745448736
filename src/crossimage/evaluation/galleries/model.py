"""The base of galleries of models that translate, which computes the outputs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from crossimage.config import Config
from crossimage.data.sources.folders import Domain
from crossimage.evaluation.galleries.base import Gallery, GalleryItem
from crossimage.evaluation.galleries.checks import (
    changed_since,
    other_domains,
    training_images_among,
)
from crossimage.evaluation.galleries.images import as_uint8, prefetch, to_rgb
from crossimage.inference.predictor import Predictor
from crossimage.inference.styles import Draw
from crossimage.inference.targets import EncodedTarget, select
from crossimage.training.recorded import recorded_data, recorded_domains
from crossimage.utils.numbers import evenly_spaced

_BATCH_SIZE = 16


class PreparedInput(NamedTuple):
    """An input, ready for the networks.

    Attributes:
        path: Its file.
        x: The image (C, h, w) in [-1, 1], of a size that the networks take.
        goal: Its target: a domain's letter, or a label vector (L,).
        target_path: The file of its target, for pairs.
        target: The target (3, H, W), RGB of uint8.
    """

    path: Path
    x: Tensor
    goal: str | Tensor
    target_path: Path | None = None
    target: Tensor | None = None


class TrainedGallery(Gallery):
    """The outputs of a trained model.

    Attributes:
        model: The model.
        domains: The domains of the data set.
        untested: Names of the domains whose training images are used for lack of test images.
    """

    model: Predictor
    domains: Sequence[Domain]
    untested: Sequence[str] = ()

    def warnings(self) -> list[str]:
        """Return what is wrong with the comparison; see :meth:`Gallery.warnings`."""
        trained_on, owner = self._trained_on()
        leaked = training_images_among(self._tests(), trained_on, owner)
        known = trained_on is not self.domains
        changed = changed_since(self.run, trained_on, self.title) if known else None
        others = other_domains(self.facts["data"], self.model, self.title, recorded_data(self.run))
        found = [*training_images_used(self.untested), leaked, changed, others]
        return [sentence for sentence in found if sentence]

    def adaptations(self, real: bool) -> list[str]:
        """Return what was adapted; see :meth:`Gallery.adaptations`."""
        domains, owner = self._trained_on()
        unknown = (
            f"the training images of {self.title} are not known here; test images were compared "
            f"with the {owner}"
        )
        return super().adaptations(real) + ([unknown] if domains is self.domains else [])

    def _tests(self) -> list[Path]:
        """Return the files that the model is tested with, except known training images."""
        files = [*self.paths, *self.real.paths]
        if not self.untested and self._trained_on()[0] is not self.domains:
            return files
        known = {path for domain in self.domains for path in domain.train}
        return [path for path in files if path not in known]

    def _trained_on(self) -> tuple[Sequence[Domain], str]:
        """Return the domains that the model was trained on, or those of the data, and whose."""
        if self._recorded is None:
            self._recorded = recorded_domains(recorded_data(self.run), self.model)
        if self._recorded:
            return self._recorded, f"training images of {self.title}"
        return self.domains, f"training images of {self.facts['data']}"

    _recorded: Sequence[Domain] | None = None


class ModelGallery(TrainedGallery):
    """A model's outputs for the test images of a data set.

    Outputs depend only on the seed, the input's path below the folder of its domain or class and
    the output's number, as in ``translate_files`` for this folder.

    Args:
        model: The trained model.
        seed: Seed of random styles and noise.
        facts: What a reader needs to know besides the method.
        attributes: Other attributes of the gallery.
    """

    has_inputs = True

    def __init__(
        self, model: Predictor, seed: int, facts: dict[str, str], **attributes: Any
    ) -> None:
        self.model, self.seed = model, seed
        multimodal = model.multimodal
        super().__init__(
            max_outputs=None if multimodal else 1,
            facts={"method": model.method, "model": attributes["title"], **facts},
            depends_on_seed=multimodal,
            same_size=model.networks.layout != "super_resolution",
            **attributes,
        )

    @abstractmethod
    def load(self, index: int) -> PreparedInput:
        """Load and prepare an input; called in threads.

        Raises:
            ValueError: The file can't be used.
        """

    @abstractmethod
    def input_name(self, path: Path) -> str:
        """Return an input's path below the folder of its domain or class, with ``/``."""

    def items(self, inputs: int | None, samples: int | None) -> Iterator[GalleryItem]:
        """Iterate over inputs with their outputs; see :meth:`Gallery.items`."""
        count = self.outputs_per_input(samples)
        batch: list[PreparedInput] = []
        batch_size = max(1, _BATCH_SIZE // count)
        for one in prefetch(self.load, evenly_spaced(self.total, inputs), 2 * _BATCH_SIZE):
            if batch and (len(batch) == batch_size or one.x.shape != batch[0].x.shape):
                yield from self._batch_items(batch, count)
                batch = []
            batch.append(one)
        if batch:
            yield from self._batch_items(batch, count)

    def _batch_items(self, batch: list[PreparedInput], count: int) -> Iterator[GalleryItem]:
        for one, outputs in zip(batch, self._translate(batch, count), strict=True):
            yield GalleryItem(
                self.input_name(one.path), outputs, to_rgb(as_uint8(one.x)), one.target, one.path,
                one.target_path,
            )  # fmt: skip

    def _translate(self, batch: list[PreparedInput], count: int) -> Tensor:
        """Translate N inputs to uint8 RGB outputs (N, count, 3, H, W)."""
        model = self.model
        x = torch.stack([one.x for one in batch]).to(model.device)
        target = self._batch_target(batch)
        outputs: list[Tensor] = []
        for first in range(0, count, _BATCH_SIZE):
            indices = range(first, min(count, first + _BATCH_SIZE))
            draws = [
                [self._draw(one, k, select(target, slice(i, i + 1))) for k in indices]
                for i, one in enumerate(batch)
            ]
            outputs.append(to_rgb(as_uint8(model.predict(x, target, draws))).cpu())
        return torch.cat(outputs, 1)

    def _draw(self, one: PreparedInput, k: int, target: EncodedTarget) -> Draw:
        """Return the randomness of an input's output of index ``k``."""
        return self.model.draw(self.seed, self.input_name(one.path), k, target)

    def _batch_target(self, batch: Sequence[PreparedInput]) -> EncodedTarget:
        """Return the targets of a batch as the networks take them."""
        goals = [one.goal for one in batch]
        if isinstance(goals[0], str):
            return goals[0]
        return torch.stack([torch.as_tensor(goal) for goal in goals]).to(self.model.device)


def preparation(config: Config, half: int | None = None) -> str:
    """Describe how images are prepared that are resized and cropped as in training."""
    height, width = config.crop
    resized = f"shortest side resized to {config.resize}, " if config.resize else ""
    part = "" if half is None else ("left half, ", "right half, ")[half]
    return f"{part}{resized}middle {width} x {height} pixels"


def training_images_used(names: Sequence[str]) -> list[str]:
    """Return a sentence for each domain that has no test images."""
    return [f"no test images of {name}: training images were used" for name in names]
