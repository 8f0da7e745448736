"""Samples of images of classes, each with references of a target class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from crossimage.data.images.pixels import ImageError
from crossimage.data.loader import LoadedBatch, Sample
from crossimage.data.samples.augment import zoom_of_step
from crossimage.data.samples.labelled import LabelledImages, mixed
from crossimage.data.samples.rows import Group
from crossimage.data.sources.folders import Split
from crossimage.data.sources.labelled import LabelledDomain
from crossimage.labels import ReferencesConfig
from crossimage.utils.seeds import seed_of

REFERENCES = ("reference", "reference_2")
"""Where a sample holds its references."""


class ClassImages(LabelledImages):
    """Samples of an image under ``x``, and of references of one target class.

    The references, different images, are under ``reference`` and ``reference_2``, as many as
    ``config.references``; the label vector of their class is under ``target``. It may be the class
    of ``x``. With ``config.balanced``, the class of ``x`` and the target class are drawn, all with
    the same probability, and then their images; otherwise every image is seen once per epoch, and
    the first reference is any image.

    Args:
        domains: The data set.
        config: Seed, channels, labels, how classes are drawn, and how images are resized, cropped,
            flipped and augmented; completed by the facts of the same data set.

    Raises:
        ValueError: ``config.channels`` is not one number.
    """

    config: ReferencesConfig

    def __init__(self, domains: Sequence[LabelledDomain], config: ReferencesConfig) -> None:
        super().__init__(domains, config)
        self.draws_evenly = config.balanced
        (domain,) = domains
        self._classes = [values.index(1) for values in domain.values]
        self._rows_of: list[list[int]] = [[] for _ in domain.label_set.names]
        for row, label in enumerate(self._classes):
            self._rows_of[label].append(row)

    def fixed(self, split: Split, count: int) -> LoadedBatch:
        """Return images and first references that stay the same during a run.

        Args:
            split: Which images; if there are no test images, training images. References are
                training images; those of test images are test images of classes unseen in training,
                if there are any.
            count: Images; fewer if there are fewer.

        Returns:
            Images (N, C, H, W) in [-1, 1] of all classes under ``x`` and, of other classes than
            these, under ``reference``; label vectors (N, L) under ``x`` and ``target``.

        Raises:
            ValueError: The images cannot be used.
        """
        batch = super().fixed(split, count)
        (domain,) = self.domains
        known = list(zip(domain.train, domain.values, strict=True))
        tests = zip(domain.test, domain.test_values, strict=True)
        if split == "test" and (unseen := [pair for pair in tests if not any(pair[1])]):
            known = unseen
        order = mixed(
            [values for _, values in known], seed_of(self.config.seed, "fixed references")
        )
        images, targets = [], []
        for own in batch.labels["x"].tolist():
            for row in [row for row in order if list(known[row][1]) != own or not any(own)]:
                path, values = known[row]
                try:
                    images.append(self.centred(0, path))
                except (ImageError, FileNotFoundError) as error:
                    problem = str(error)
                    continue
                targets.append(self.labels.vector_of(0, values))
                order.remove(row)
                order.append(row)
                break
            else:
                raise ValueError(f"{self.reader.none_of((0,))} can be read; {problem}")
        batch.images["reference"] = torch.stack(images)
        batch.labels["target"] = torch.tensor(targets)
        return batch

    def _add(self, sample: Sample, group: Group, number: int) -> None:
        (domain,) = self.domains
        balanced, count = self.config.balanced, len(domain.train)
        draw = self._generator("draw", number)
        if balanced:
            label = _uniform(len(self._rows_of), draw)
            rows = self._of_class(label, _uniform(len(self._rows_of[label]), draw))
        else:
            rows = self._after(group, *divmod(number, count))
        row = self._put(sample, "x", rows, number)
        sample.labels["x"] = self.labels.vector_of(0, domain.values[row])

        if balanced:
            label = _uniform(len(self._rows_of), draw)
            first = _uniform(len(self._rows_of[label]), draw)
        else:
            any_row = _uniform(count, draw)
            label = self._classes[any_row]
            first = self._rows_of[label].index(any_row)
        sample.labels["target"] = [float(k == label) for k in range(len(self._rows_of))]
        used: list[int] = []
        for name in REFERENCES[: self.config.references]:
            rows = (row for row in self._of_class(label, first) if row not in used)
            used.append(self._put(sample, name, rows, number))
            first = _uniform(len(self._rows_of[label]), draw)

    def _put(self, sample: Sample, name: str, rows: Iterator[int], number: int) -> int:
        """Add the first readable one of some images under a name, and return its row."""
        generator = self._generator(f"augment {name}", number)
        zoom = zoom_of_step(self.config, 0, number)
        row, (image,) = self._first_readable((0,), rows, generator, sample.unreadable, zoom)
        sample.files.append(str(self.domains[0].train[row]))
        sample.images[name] = image
        return row

    def _of_class(self, label: int, first: int) -> Iterator[int]:
        """Iterate over the images of a class, beginning with the one of this index in the class."""
        rows = self._rows_of[label]
        yield from rows[first:]
        yield from rows[:first]

    def _generator(self, purpose: str, number: int) -> torch.Generator:
        return torch.Generator().manual_seed(seed_of(self.config.seed, purpose, number))


def _uniform(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))
