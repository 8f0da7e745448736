"""Galleries that consist of several, such as one for each ordered pair of domains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from crossimage.data.sources.folders import Domain
from crossimage.evaluation.galleries.base import Gallery, GalleryItem
from crossimage.evaluation.galleries.images import ImageStream
from crossimage.evaluation.galleries.model import ModelGallery, TrainedGallery
from crossimage.inference.predictor import Predictor

_SHOWN = 6  # titles of parts in a sentence


class PartedGallery(TrainedGallery):
    """Outputs of one model to several targets, each with real images of its own.

    Most metrics are computed for each part alone, and their figure is the mean over the parts.

    Args:
        title: Title of the gallery.
        model: The trained model.
        parts: The galleries of its outputs.
        domains: The domains of the data set.
        untested: Names of the domains whose training images are used for lack of test images.
        facts: What a reader needs to know.
        tests: The images that the model is tested with, which should not be training images.
    """

    has_inputs = True

    def __init__(
        self, title: str, model: Predictor, parts: Sequence[ModelGallery],
        domains: Sequence[Domain], untested: Sequence[str], facts: dict[str, str],
        tests: Sequence[Path],
    ) -> None:  # fmt: skip
        first = parts[0]
        for part in parts:
            part.is_part = True
        real = dict.fromkeys(path for part in parts for path in part.real.paths)
        super().__init__(
            title=title,
            real=ImageStream(tuple(real), first.real.read, first.real.preparation),
            paths=[path for part in parts for path in part.paths],
            max_outputs=first.max_outputs,
            published_outputs=first.published_outputs,
            keeps_class=False,
            depends_on_seed=True,
            same_size=True,
            torchvision=first.torchvision,
            few_shot=first.few_shot,
            facts=facts,
            parts=parts,
        )
        self.model, self.domains, self.untested = model, domains, untested
        self._tested = dict.fromkeys(tests)

    def items(self, inputs: int | None, samples: int | None) -> Iterator[GalleryItem]:
        """Iterate over the items of all parts; see :meth:`Gallery.items`.

        Args:
            inputs: Number of inputs of each part.
            samples: Outputs per input.
        """
        for part in self.parts:
            for item in part.items(inputs, samples):
                yield replace(item, wanted=part.target)

    def pair_up(self) -> None:
        """Raise an error: no image has a partner in another class; see :meth:`Gallery.pair_up`."""
        raise ValueError(
            f"{self.title} changes classes, and no image has a partner of another class; leave out "
            "the metrics that compare pairs"
        )

    def _tests(self) -> list[Path]:
        """Return the files that the model is tested with, except known training images."""
        if not self.untested:
            return list(self._tested)
        known = {path for domain in self.domains for path in domain.train}
        return [path for path in self._tested if path not in known]


def part_titles(parts: Sequence[Gallery]) -> str:
    """Return the titles of the first parts, for a reader."""
    shown = ", ".join(part.title for part in parts[:_SHOWN])
    return f"{shown}, ..." if len(parts) > _SHOWN else shown
