"""Images with labels, of one data set or several."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from crossimage.data.datasets import Group, Images
from crossimage.data.images.files import ImageError
from crossimage.data.loader import Item, LoadedBatch
from crossimage.data.sources.folders import Split
from crossimage.data.sources.labelled import LabelledDomain, Values
from crossimage.labels import LabelledConfig
from crossimage.utils.seeds import seed_of


class LabelledImages(Images):
    """Samples of an image with its labels, under the letter ``x``.

    Several data sets take turns, each for all samples of a step. Under ``target`` stand the labels
    of another random image of the same data set.

    Args:
        domains: The data sets.
        config: Seed, channels, labels, samples per step, and how images are resized, cropped and
            flipped; completed by the facts of the same data sets.

    Attributes:
        labels: What the label vectors are made of.

    Raises:
        ValueError: ``config.channels`` is not one number, or two data sets have a label in common.
    """

    domains: tuple[LabelledDomain, ...]

    def __init__(self, domains: Sequence[LabelledDomain], config: LabelledConfig) -> None:
        groups = [(index,) for index in range(len(domains))]
        super().__init__(domains, config, groups, "x" * len(domains))
        self.labels = config.labels

    def fixed(self, split: Split, count: int) -> LoadedBatch:
        """Images that stay the same during a run: centre-cropped, not flipped, of all labels.

        Args:
            split: Which images; data sets without test images show training images.
            count: Images a data set; fewer where one has fewer.

        Returns:
            Images (N, C, H, W) in [-1, 1] and label vectors (N, L), both under ``x``.

        Raises:
            ValueError: The images can't be used.
        """
        images, labels = [], []
        for index, domain in enumerate(self.domains):
            files, values = domain.files(split), domain.test_values
            if split == "train" or not files:
                files, values = domain.train, domain.values
            rows, found = _mixed(values, seed_of(self.config.seed, "fixed", index)), 0
            for row in rows:
                try:
                    images += self._centre(self._load((index,), (files[row],)))
                except (ImageError, FileNotFoundError) as error:
                    problem = str(error)
                    continue
                labels.append(self.labels.of(index, values[row]))
                if (found := found + 1) == count:
                    break
            if not found:
                raise ValueError(f"{self._none_of((index,))} can be read; {problem}")
        return LoadedBatch({"x": torch.stack(images)}, [], None, {"x": torch.tensor(labels)})

    def fingerprint(self) -> dict[str, str]:
        """What tells whether the training images or their labels have changed, by data set."""
        prints = super().fingerprint()
        for domain in self.domains:
            told = repr((domain.label_set.names, domain.values)).encode()
            prints[domain.name] += f", labels {hashlib.sha256(told).hexdigest()[:16]}"
        return prints

    def _drawn(self, number: int) -> Iterable[tuple[Group, int]]:
        step, place = divmod(number, self.config.samples)
        turn, index = divmod(step, len(self.domains))
        return [((index,), turn * self.config.samples + place)]

    def _label(self, item: Item, index: int, row: int, number: int) -> None:
        values = self.domains[index].values
        generator = torch.Generator()
        generator.manual_seed(seed_of(self.config.seed, "target", index, number))
        other = int(torch.randint(len(values) - 1, (), generator=generator))
        other += other >= row  # any image but this one
        item.labels["x"] = self.labels.of(index, values[row])
        item.labels["target"] = self.labels.of(index, values[other])

    def _tests(self, index: int) -> Iterable[tuple[Path, int | list[float]]]:
        domain = self.domains[index]
        vectors = [self.labels.of(index, values) for values in domain.test_values]
        return zip(domain.test, vectors, strict=True)


def _mixed(values: Sequence[Values], seed: int) -> list[int]:
    """Rows in random order, but one of every kind of labels before a second one of any."""
    order = torch.randperm(len(values), generator=torch.Generator().manual_seed(seed)).tolist()
    seen: Counter[Values] = Counter()
    ranked = []
    for row in order:
        seen[values[row]] += 1
        ranked.append((seen[values[row]], row))
    return [row for _, row in sorted(ranked, key=lambda pair: pair[0])]
