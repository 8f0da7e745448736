"""The gallery of a model that generates images from noise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from crossimage.data.build import build_dataset
from crossimage.evaluation.galleries.base import GalleryItem
from crossimage.evaluation.galleries.checks import Tested, data_name, find_tested
from crossimage.evaluation.galleries.images import ImageStream, as_uint8, to_rgb
from crossimage.evaluation.galleries.model import TrainedGallery, preparation
from crossimage.inference.predictor import Predictor

_BATCH_SIZE = 64


class SampleGallery(TrainedGallery):
    """Images that a model generates, equal to those of ``crossimage sample`` with the same seed.

    The real images are the test images of the data set, prepared as in training.

    Args:
        title: Title of the gallery.
        model: The trained model.
        data: The data set.
        count: Number of images; None: that of the real ones.
        seed: Seed of the noise.

    Raises:
        FileNotFoundError: A folder or a file of the data set is missing.
        ValueError: The data set does not have the layout that the method is trained on.
    """

    def __init__(
        self, title: str, model: Predictor, data: Tested, count: int | None, seed: int
    ) -> None:
        self.model, self.seed = model, seed
        self._images = build_dataset(find_tested(data, model), model.config)
        (domain,) = self._images.domains
        paths, prepared = domain.test or domain.train, preparation(model.config)
        super().__init__(
            title=title,
            real=ImageStream(paths, self._read_real, prepared),
            paths=[Path(f"{number + 1:04}") for number in range(count or len(paths))],
            max_outputs=1,
            facts={
                "method": model.method, "model": title, "data": data_name(data),
                "preparation": prepared,
            },
            depends_on_seed=True,
            item_kind="samples",
        )  # fmt: skip
        self.domains = self._images.domains
        self.untested = () if domain.test else (domain.name,)

    def _tests(self) -> list[Path]:
        known = {path for path in self.domains[0].train} if self.untested else set()
        return [path for path in self.real.paths if path not in known]

    def items(self, inputs: int | None, samples: int | None) -> Iterator[GalleryItem]:
        """Iterate over the first samples; see :meth:`Gallery.items`."""
        count, number = min(self.total, inputs or self.total), 0
        for images in self.model.sample_batches(count, self.seed, _BATCH_SIZE):
            for image in to_rgb(as_uint8(images)):
                path, number = self.paths[number], number + 1
                yield GalleryItem(path.name, image[None], None, None, path)

    def pair_up(self) -> None:
        """Raise an error: samples have no targets; see :meth:`Gallery.pair_up`."""
        raise ValueError(
            f"{self.title} makes images from noise, which have no targets; leave out the metrics "
            "that compare pairs"
        )

    def _read_real(self, path: Path) -> Tensor:
        return to_rgb(as_uint8(self._images.centred(0, path)))
