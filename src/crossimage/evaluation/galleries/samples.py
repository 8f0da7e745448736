"""The gallery of a model that makes images of noise, beside the images it learnt from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from crossimage.data.build import build_dataset, find_source
from crossimage.evaluation.galleries.base import Gallery, Row
from crossimage.evaluation.galleries.images import Pictures, to_bytes, to_rgb
from crossimage.evaluation.galleries.model import no_tests, preparation
from crossimage.inference.predictor import Predictor

_TOGETHER = 64  # images that are made at a time


class Samples(Gallery):
    """Images that a model makes of noise, those of ``crossimage sample`` with the same seed.

    The real pictures are the test images of the data set, prepared as in training.

    Args:
        title: What the gallery is called.
        model: The trained model.
        data: The data set.
        count: How many images are made; as many as there are real ones where None.
        seed: Seed of the noise.

    Raises:
        FileNotFoundError: A folder or a file of the data set is missing.
        ValueError: The data set is not of the layout that the method learns from.
    """

    def __init__(
        self, title: str, model: Predictor, data: str, count: int | None, seed: int
    ) -> None:
        self.model, self.seed = model, seed
        found = find_source(data, model.config, model.networks.layout)
        self._images = build_dataset(found, model.config)
        (domain,) = self._images.domains
        paths, prepared = domain.test or domain.train, preparation(model.config)
        super().__init__(
            title=title,
            real=Pictures(paths, self._read_real, prepared),
            paths=[Path(f"{number + 1:04}") for number in range(count or len(paths))],
            most=1,
            facts={
                "method": model.method, "model": title, "data": data, "preparation": prepared,
            },
            notes=[] if domain.test else no_tests([domain.name]),
            drawn=True,
            kind="samples",
        )  # fmt: skip

    def rows(self, inputs: int | None, samples: int | None) -> Iterator[Row]:
        """The first samples; see :meth:`Gallery.rows`."""
        count, number = min(self.total, inputs or self.total), 0
        for images in self.model.sample_batches(count, self.seed, _TOGETHER):
            for picture in to_rgb(to_bytes(images)):
                path, number = self.paths[number], number + 1
                yield Row(path.name, picture[None], None, None, path)

    def pair_up(self) -> None:
        """Refuse, for samples have no targets; see :meth:`Gallery.pair_up`."""
        raise ValueError(
            f"{self.title} makes images of noise, which have no targets; leave out the metrics "
            "that compare pairs"
        )

    def _read_real(self, path: Path) -> Tensor:
        return to_rgb(to_bytes(self._images.centred(0, path)))
