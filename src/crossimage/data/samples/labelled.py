"""Samples of images with label vectors, from one data set or several."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from crossimage.data.images.pixels import ImageError
from crossimage.data.loader import LoadedBatch, Sample
from crossimage.data.samples.datasets import ImageDataset
from crossimage.data.samples.rows import Group
from crossimage.data.sources.folders import SPLITS, Split
from crossimage.data.sources.labelled import LabelledDomain, Values
from crossimage.labels import LabelledConfig
from crossimage.utils.seeds import seed_of


class LabelledImages(ImageDataset):
    """Samples of an image and its label vector, under the letter ``x``.

    Several data sets take turns, each for all samples of a step. ``target`` holds the label vector
    of another random image of the same data set.

    Args:
        domains: The data sets.
        config: Seed, channels, labels, samples per step, and how images are resized, cropped and
            flipped; completed by the facts of the same data sets.

    Attributes:
        labels: The labels of all data sets, as parts of one vector.

    Raises:
        ValueError: ``config.channels`` is not one number, or two data sets share a label.
    """

    domains: tuple[LabelledDomain, ...]

    def __init__(self, domains: Sequence[LabelledDomain], config: LabelledConfig) -> None:
        groups = [(index,) for index in range(len(domains))]
        super().__init__(domains, config, groups, "x" * len(domains))
        self.labels = config.labels

    def fixed(self, split: Split, count: int) -> LoadedBatch:
        """Return images that stay the same during a run: centre-cropped, unflipped, of all labels.

        Args:
            split: Which images; data sets without test images return training images.
            count: Images per data set; fewer if one has fewer.

        Returns:
            Images (N, C, H, W) in [-1, 1] and label vectors (N, L), both under ``x``.

        Raises:
            ValueError: The images cannot be used.
        """
        images, labels = [], []
        for index, domain in enumerate(self.domains):
            files, values = domain.files(split), domain.test_values
            if split == "train" or not files:
                files, values = domain.train, domain.values
            rows, loaded = mixed(values, seed_of(self.config.seed, "fixed", index)), 0
            for row in rows:
                try:
                    images += self.reader.centred((index,), (files[row],))
                except (ImageError, FileNotFoundError) as error:
                    problem = str(error)
                    continue
                labels.append(self.labels.vector_of(index, values[row]))
                if (loaded := loaded + 1) == count:
                    break
            if not loaded:
                raise ValueError(f"{self.reader.none_of((index,))} can be read; {problem}")
        return LoadedBatch({"x": torch.stack(images)}, [], None, {"x": torch.tensor(labels)})

    def describe_labels(self) -> list[str]:
        """Return how the labels were read, and how many images have each, as lines of text."""
        lines = []
        for domain in self.domains:
            lines += domain.sentences()
            lines += [domain.describe_labels(split) for split in SPLITS if domain.files(split)]
        return lines

    def fingerprint(self) -> dict[str, str]:
        """Return digests by data set that change if the training images or their labels do."""
        prints = super().fingerprint()
        for domain in self.domains:
            labels = repr((domain.label_set.names, domain.values)).encode()
            prints[domain.name] += f", labels {hashlib.sha256(labels).hexdigest()[:16]}"
        return prints

    def _groups_of(self, number: int) -> Iterable[tuple[Group, int]]:
        step, number_in_step = divmod(number, self.config.samples)
        turn, index = divmod(step, len(self.domains))
        return [((index,), turn * self.config.samples + number_in_step)]

    def _add_labels(self, sample: Sample, index: int, row: int, number: int) -> None:
        values = self.domains[index].values
        generator = torch.Generator()
        generator.manual_seed(seed_of(self.config.seed, "target", index, number))
        other = int(torch.randint(len(values) - 1, (), generator=generator))
        other += other >= row  # any image but this one
        sample.labels["x"] = self.labels.vector_of(index, values[row])
        sample.labels["target"] = self.labels.vector_of(index, values[other])

    def _tests(self, index: int) -> Iterable[tuple[Path, int | list[float]]]:
        domain = self.domains[index]
        vectors = [self.labels.vector_of(index, values) for values in domain.test_values]
        return zip(domain.test, vectors, strict=True)


def mixed(values: Sequence[Values], seed: int) -> list[int]:
    """Return rows in random order, one per combination of labels before any second one."""
    order = torch.randperm(len(values), generator=torch.Generator().manual_seed(seed)).tolist()
    seen: Counter[Values] = Counter()
    ranked = []
    for row in order:
        seen[values[row]] += 1
        ranked.append((seen[values[row]], row))
    return [row for _, row in sorted(ranked, key=lambda pair: pair[0])]
