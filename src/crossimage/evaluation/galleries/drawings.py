"""The gallery of a model of drawings: test sketches translated to photos of their own classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from crossimage.data.build import Source, build_dataset
from crossimage.data.samples.class_pairs import ClassPairs
from crossimage.data.sources.class_pairs import (
    SETS,
    facts_of_class_pairs,
    find_class_pairs,
    sets_in,
)
from crossimage.data.sources.domains.data_set import DataSet
from crossimage.data.sources.folders import Domain, Split
from crossimage.evaluation.galleries.checks import (
    KnownImages,
    Tested,
    data_name,
    held_out_of,
    training_images_among,
)
from crossimage.evaluation.galleries.images import ImageStream, as_uint8, to_rgb
from crossimage.evaluation.galleries.model import (
    ModelGallery,
    PreparedInput,
    preparation,
    training_images_used,
)
from crossimage.inference.predictor import Predictor
from crossimage.labels import ClassPairsConfig


class DrawingGallery(ModelGallery):
    """A model's outputs for the test sketches, or edge maps if there are no sketches.

    Every drawing becomes a photo of its own class. The real images are the drawings' photos.

    Args:
        title: Title of the gallery.
        model: The trained model.
        data: The folder that it was trained on, or another with the same classes.
        to: A class whose drawings alone are used; None: those of all classes.
        seed: Seed of the noise.

    Raises:
        FileNotFoundError: A folder is missing.
        ValueError: The data has other classes, no photos of its test images, or ``to`` is unknown.
    """

    def __init__(
        self, title: str, model: Predictor, data: Tested, to: str | None, seed: int
    ) -> None:
        config, labels = model.config, model.networks.labels
        assert isinstance(config, ClassPairsConfig) and labels is not None
        chosen = None if to is None else labels.index(to)
        domains: Sequence[Domain]
        if isinstance(data, KnownImages):
            domains = data.domains[:2]  # the first set, and its photos
        else:
            kept = sets_in(data)[:1] or SETS[:1]
            domains = _find(data, labels.names, model, kept)
        source = Source("class_pairs", tuple(domains), facts_of_class_pairs(domains))
        images = build_dataset(source, config)
        assert isinstance(images, ClassPairs)
        drawings, photos = domains
        tested = bool(drawings.test)
        if tested and not photos.test:
            raise ValueError(
                f"the test images of {drawings.name} in {data_name(data)} have no photos to "
                "compare with; add the folder photos beside theirs"
            )
        split: Split = "test" if tested else "train"
        indices = drawings.test_class_indices if tested else drawings.class_indices
        rows = [row for row, own in enumerate(indices) if chosen in (None, own)]
        if not rows:
            raise ValueError(
                f"{data_name(data)} has no {split} images of {drawings.name} of the class {to}"
            )
        self._images = images
        self._labels = {row: labels.vectors(labels.names[indices[row]], 1)[0] for row in rows}
        self._rows = rows
        self._photos = [photos.files(split)[row] for row in rows]
        direction, prepared = f"{drawings.name} to photos", preparation(config)
        super().__init__(
            model, seed,
            {"data": data_name(data), "direction": direction, "preparation": prepared},
            title=title,
            real=ImageStream(list(dict.fromkeys(self._photos)), self._read_photo, prepared),
            paths=[drawings.files(split)[row] for row in rows],
            paired=True,
            target="photos" if to is None else labels.names[chosen or 0],
        )  # fmt: skip
        self.domains = domains
        self.untested = () if tested else (drawings.name,)

    def load(self, index: int) -> PreparedInput:
        """Load and prepare an input; see :meth:`ModelGallery.load`."""
        path, photo = self.paths[index], self._photos[index]
        x = self.model.fit_size(self._images.centred(0, path)[None])[0]
        return PreparedInput(
            path, x, self._labels[self._rows[index]], photo, self._read_photo(photo)
        )

    def input_name(self, path: Path) -> str:
        """Return an input's name; see :meth:`ModelGallery.input_name`."""
        return self.domains[0].name_below(path, in_class=True)

    def pair_up(self) -> None:
        """Do nothing: every drawing has its photo; see :meth:`Gallery.pair_up`."""

    def warnings(self) -> list[str]:
        """Return what is wrong with the comparison; see :meth:`Gallery.warnings`.

        The folders of the data are not its classes, which are checked when it is opened.
        """
        leaked = training_images_among(self._tests(), *self._trained_on())
        return [*training_images_used(self.untested), *([leaked] if leaked else [])]

    def _read_photo(self, path: Path) -> Tensor:
        return to_rgb(as_uint8(self._images.centred(1, path)))


def _find(
    data: DataSet, classes: Sequence[str], model: Predictor, kept: Sequence[str]
) -> tuple[Domain, ...]:
    """Return the drawings of a set and their photos, as far as the model is tested on them."""
    config = model.config
    assert isinstance(config, ClassPairsConfig)
    domains = find_class_pairs(data, classes, config.data_rules, needed=kept)
    if not domains[0].test and set(kept) < set(config.needed) <= set(sets_in(data)):
        # which photos are held out depends on all sets of the training
        every = find_class_pairs(data, classes, config.data_rules, needed=config.needed)
        held = held_out_of(every, model)
        first = [domain.name for domain in every].index(domains[0].name)
        return held[first : first + 2]
    return held_out_of(domains, model)
