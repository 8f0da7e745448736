"""The gallery of a model's outputs of one class, for images of other classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from crossimage.data.samples.labelled import LabelledImages
from crossimage.evaluation.galleries.checks import Tested, data_name
from crossimage.evaluation.galleries.images import ImageStream, as_uint8, to_rgb
from crossimage.evaluation.galleries.model import ModelGallery, PreparedInput, preparation
from crossimage.evaluation.galleries.references import ReferenceStyles
from crossimage.inference.predictor import Predictor
from crossimage.inference.styles import Draw
from crossimage.inference.targets import EncodedTarget


class ClassGallery(ModelGallery):
    """A model's outputs of one class, with random styles or with those of references.

    Args:
        model: The trained model.
        images: The images of all classes.
        paths: Files of the inputs.
        target: Name of the class that they are translated to.
        goal: The class as networks take it: a domain's letter, or a label vector (L,).
        real: The real images.
        styles: Styles of references; None: random styles.
        seed: Seed of random styles, and of the choice of references.
        data: The data set, for a reader.
        direction: What is translated to what, for a reader.
        **attributes: Other attributes of the gallery.
    """

    def __init__(
        self, model: Predictor, images: LabelledImages, paths: Sequence[Path], target: str,
        goal: str | Tensor, real: ImageStream, styles: ReferenceStyles | None, seed: int,
        data: Tested, direction: str, **attributes: Any,
    ) -> None:  # fmt: skip
        self._images, self._goal, self._styles = images, goal, styles
        super().__init__(
            model, seed,
            {
                "data": data_name(data), "direction": direction,
                "preparation": preparation(model.config),
            },
            real=real,
            paths=paths,
            target=target,
            keeps_class=False,
            torchvision=True,
            **attributes,
        )  # fmt: skip
        self.max_outputs, self.depends_on_seed = None, True

    def load(self, index: int) -> PreparedInput:
        """Load and prepare an input; see :meth:`ModelGallery.load`."""
        path = self.paths[index]
        x = self.model.fit_size(self._images.centred(0, path)[None])[0]
        return PreparedInput(path, x, self._goal)

    def input_name(self, path: Path) -> str:
        """Return an input's name; see :meth:`ModelGallery.input_name`."""
        return self._images.domains[0].name_below(path, in_class=True)

    def pair_up(self) -> None:
        """Raise an error: no image has a partner of another class; see :meth:`Gallery.pair_up`."""
        raise ValueError(f"no image has a partner in the class {self.target}")

    def _draw(self, one: PreparedInput, k: int, target: EncodedTarget) -> Draw:
        if self._styles:
            return self._styles.draw(self.input_name(one.path), k)
        return super()._draw(one, k, target)


def stream_of(images: LabelledImages, paths: Sequence[Path]) -> ImageStream:
    """Return some images of classes as real images, prepared as in training."""

    def read(path: Path) -> Tensor:
        return to_rgb(as_uint8(images.centred(0, path)))

    return ImageStream(paths, read, preparation(images.config))
