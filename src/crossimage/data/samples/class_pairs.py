"""Samples of sketches or edge maps with their photos and the class of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from crossimage.data.images.pixels import ImageError
from crossimage.data.loader import LoadedBatch, Sample
from crossimage.data.samples.augment import jitter, zoom_of_step
from crossimage.data.samples.datasets import ImageDataset
from crossimage.data.samples.labelled import mixed
from crossimage.data.samples.rows import Group
from crossimage.data.sources.class_pairs import SETS
from crossimage.data.sources.folders import Domain, Split
from crossimage.labels import ClassPairsConfig
from crossimage.utils.seeds import seed_of


class ClassPairs(ImageDataset):
    """Samples of a drawing under ``x``, its photo under ``photo``, and another under ``real``.

    A sample is from the sketches with a probability that grows over the run, as
    ``config.sketch_share`` says, and otherwise from the edge maps; within a set, all drawings have
    the same probability. The further photo is drawn likewise, with ``config.real_sketch_share``.
    Label vectors are under ``x`` and ``real``. Brightness and contrast change the photos only.

    Args:
        domains: For each set in turn, its drawings and their photos.
        config: Seed, channels, labels, steps, the shares, and how images are resized, cropped,
            flipped and augmented; completed by the facts of the same data.

    Raises:
        ValueError: ``config.channels`` is not one number.
    """

    config: ClassPairsConfig

    def __init__(self, domains: Sequence[Domain], config: ClassPairsConfig) -> None:
        groups = [(index, index + 1) for index in range(0, len(domains), 2)]
        super().__init__(domains, config, groups, "x" * len(domains))
        self.labels = config.labels
        self._group_of = {domains[group[0]].name: group for group in groups}
        self._augmented_as = replace(config, brightness=0.0, contrast=0.0)

    @property
    def has_tests(self) -> bool:
        """Whether there are test drawings of any set."""
        return any(self.domains[drawings].test for drawings, _ in self.groups)

    def sketch_share(self, step: int) -> float:
        """Return the share of sketches among the inputs of a step."""
        first, last = self.config.sketch_share
        return first + (last - first) * min(1.0, step / self.config.steps)

    def describe_draws(self) -> str:
        """Return a sentence on how often the drawings of each set are seen."""
        first, last = self.config.sketch_share
        mean = {SETS[0]: (first + last) / 2, SETS[1]: 1 - (first + last) / 2}
        seen = []
        for name, (drawings, _) in self._group_of.items():
            count = len(self.domains[drawings].train)
            times = self.config.steps * self.config.samples * mean[name] / count
            seen.append(f"each of the {count} {name} {times:,.{0 if times > 10 else 1}f} times")
        return (
            f"Pairs are drawn at random, sketches with a share of {first:g} at first and {last:g} "
            f"at last: in the {self.config.steps:,} steps configured, {' and '.join(seen)} on "
            "average."
        )

    def fixed(self, split: Split, count: int) -> LoadedBatch:
        """Return images that stay the same during a run: centre-cropped, unflipped, of all classes.

        Args:
            split: Which images; a set without test images is left out, if another has some.
            count: Drawings per set; fewer if it has fewer.

        Returns:
            Drawings (N, C, H, W) in [-1, 1] under ``x``, their label vectors (N, L) under ``x``,
            and, unless these are missing, their photos under ``photo``.

        Raises:
            ValueError: The images cannot be used.
        """
        split = split if self.has_tests else "train"
        rows: list[list[Tensor]] = []
        labels: list[list[float]] = []
        for group in self.groups:
            if self.domains[group[0]].files(split):
                for label, row in self._of_all_classes(group, split, count):
                    rows.append(row)
                    labels.append(self._vector(label))
        if not rows:
            raise ValueError(f"none of the {split} images of {self._names} can be read")
        images = {"x": torch.stack([row[0] for row in rows])}
        if all(len(row) == 2 for row in rows):
            images["photo"] = torch.stack([row[1] for row in rows])
        return LoadedBatch(images, [], None, {"x": torch.tensor(labels)})

    def _groups_of(self, number: int) -> Iterable[tuple[Group, int]]:
        return [(self.groups[0], number)]  # _add draws the set

    def _add(self, sample: Sample, group: Group, number: int) -> None:
        share = self.sketch_share(number // self.config.samples)
        self._put(sample, number, "x", share, ("x", "photo"))
        self._put(sample, number, "real", self.config.real_sketch_share, ("real",))

    def _put(
        self, sample: Sample, number: int, label: str, share: float, names: Sequence[str]
    ) -> None:
        """Add a random pair, or its photo alone, to sample ``number``.

        Args:
            sample: The sample.
            number: Its number.
            label: Where its label vector goes, which also tells its draws from others.
            share: Probability of the sketches.
            names: Where its images go: the drawing and the photo, or the photo.
        """
        generator = torch.Generator().manual_seed(seed_of(self.config.seed, label, number))
        sketches = float(torch.rand((), generator=generator)) < share
        pair = self._group_of[SETS[0] if sketches else SETS[1]]
        group = pair[-len(names) :]
        start = int(torch.randint(len(self.domains[pair[0]].train), (), generator=generator))
        row, images = self._first_readable(
            group,
            self._from(pair[0], start),
            generator,
            sample.unreadable,
            zoom_of_step(self.config, pair[0], number),
        )
        images[-1:] = jitter(images[-1:], self.config, generator)
        sample.images |= dict(zip(names, images, strict=True))
        sample.labels[label] = self._vector(self.domains[pair[0]].class_indices[row])
        sample.files += [str(self.domains[index].train[row]) for index in group]

    def _of_all_classes(
        self, group: Group, split: Split, count: int
    ) -> Iterator[tuple[int, list[Tensor]]]:
        """Yield classes and images of random pairs, of all classes in turn; see :meth:`fixed`."""
        drawings = self.domains[group[0]]
        labels = drawings.class_indices if split == "train" else drawings.test_class_indices
        known = self.known(group, split)
        rows = self._rows(known, split)
        loaded = 0
        for row in mixed([(label,) for label in labels], seed_of(self.config.seed, "fixed")):
            if loaded == count:
                return
            try:
                images = self.reader.centred(known, rows[row])
            except (ImageError, FileNotFoundError):
                continue
            loaded += 1
            yield labels[row], images

    def _from(self, index: int, start: int) -> Iterator[int]:
        """Iterate over the rows of a domain from one on, and then those before it."""
        count = len(self.domains[index].train)
        return ((start + later) % count for later in range(count))

    @property
    def _names(self) -> str:
        return " and ".join(self.domains[drawings].name for drawings, _ in self.groups)

    def _vector(self, label: int) -> list[float]:
        return [float(index == label) for index in range(self.labels.size)]
