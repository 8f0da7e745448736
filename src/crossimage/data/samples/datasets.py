"""Training samples, each a pure function of the seed and its number."""

from __future__ import annotations

import hashlib
import os
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from crossimage.config import Config
from crossimage.data.images.pixels import ImageError
from crossimage.data.loader import LoadedBatch, NumberedSamples, Sample
from crossimage.data.samples.augment import Zoom, augment, zoom_of_step
from crossimage.data.samples.rows import Group, Row, RowReader
from crossimage.data.shards.member import is_member
from crossimage.data.sources.folders import Domain, Split
from crossimage.data.stores.addresses import LostStoreError
from crossimage.data.unreadable import Unreadable
from crossimage.data.worker_crashes import is_deadly, still_deadly
from crossimage.utils.seeds import seed_of


class ImageDataset(NumberedSamples):
    """Endless numbered samples of one image per domain.

    The domains form groups. Images of one group are drawn, cropped and flipped together; different
    groups are independent of one another. A group of n rows of images shows every row once per
    epoch of n samples, in a new order in each epoch.

    Args:
        domains: The images; the domains of a group have equally many.
        config: Seed, channels, and how images are resized, cropped and flipped.
        groups: Indices of the domains of each group.
        letters: The letter of each domain, under which samples hold its images; domains may share
            one.

    Attributes:
        config: The config, in whose place may come one with other lengths of the run.
        letters: The letter of each domain.
        channels: Channels of each domain's images.
        further_groups: Groups that samples hold beside those of every epoch.
        reader: Reads the images.

    Raises:
        ValueError: ``config.channels`` does not hold one number per letter.
    """

    resizes: ClassVar[bool] = True
    """Whether images are resized before they are cropped."""

    reader_type: ClassVar[type[RowReader]] = RowReader
    """What reads the images."""

    draws_evenly: bool = False
    """Whether classes are drawn evenly, in place of every image once per epoch."""

    rotates: bool = False
    """Whether training crops are rotated by random quarter turns."""

    def __init__(
        self,
        domains: Sequence[Domain],
        config: Config,
        groups: Sequence[Group],
        letters: Sequence[str] = string.ascii_lowercase,
    ) -> None:
        self.domains, self.config, self.groups = tuple(domains), config, tuple(groups)
        self._augmented_as = config
        self.letters = tuple(letters[: len(domains)])
        kinds = list(dict.fromkeys(self.letters))
        if len(config.channels) != len(kinds):
            names = ", ".join(domain.name for domain in domains)
            every = f"each of the {len(kinds)} domains" if len(kinds) > 1 else "all images"
            raise ValueError(
                f"channels holds {len(config.channels)} numbers, expected one for {every} ({names})"
            )
        self.channels = tuple(config.channels[kinds.index(letter)] for letter in self.letters)
        self.further_groups: tuple[Group, ...] = ()
        self._orders: dict[int, tuple[int, Tensor]] = {}
        self.reader = self.reader_type(config)
        for domain, letter, channels in zip(self.domains, self.letters, self.channels, strict=True):
            self.reader.add(domain, letter, channels)

    @property
    def deadly(self) -> dict[str, str]:
        """Reasons why files are not read, by path: they ended the process that read them."""
        return self.reader.deadly

    @property
    def has_tests(self) -> bool:
        """Whether there are test images of all domains; of pairs, one partner is enough."""
        return all(any(self.domains[i].test for i in group) for group in self.groups)

    def __getitem__(self, number: int) -> Sample:
        """Load sample ``number``, which may be any number from 0 on."""
        sample = Sample({})
        try:
            for group, number_in_group in self._groups_of(number):
                self._add(sample, group, number_in_group)
        except (ValueError, LostStoreError) as error:
            sample.error = str(error)
        return sample

    def fixed(self, split: Split, count: int) -> LoadedBatch:
        """Return images that stay the same during a run: evenly spread, centre-cropped, unflipped.

        Args:
            split: Which images; domains without test images return training images.
            count: Images per domain; fewer if a domain has fewer.

        Returns:
            Images (N, C, H, W) in [-1, 1] by letter, with the same N for all; of pairs whose test
            images have no partners, without the letter of the missing ones.

        Raises:
            ValueError: The images cannot be used.
        """
        groups = [self.known(group, split) for group in self.groups]
        files = {group: self._rows(group, split) for group in groups}
        count = min(count, *(len(rows) for rows in files.values()))
        loaded = {group: self._spread(group, rows, count) for group, rows in files.items()}
        count = min(len(rows) for rows in loaded.values())
        images = {
            self.letters[domain]: torch.stack([row[column] for row in rows[:count]])
            for group, rows in loaded.items()
            for column, domain in enumerate(group)
        }
        return LoadedBatch(images, [], None)

    def tests(
        self, letter: str, batch_size: int, unreadable: list[Unreadable] | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Iterate over the labelled test images under a letter, prepared as by :meth:`fixed`.

        Args:
            letter: The letter of a domain, or of several.
            batch_size: Images at a time.
            unreadable: Collects the files that cannot be used, which are skipped.

        Yields:
            Images (N, C, H, W) in [-1, 1], and class indices (N,) or label vectors (N, L); nothing
            for domains whose test images have no labels.
        """
        indices = [index for index, own in enumerate(self.letters) if own == letter]
        known = [(index, *entry) for index in indices for entry in self._tests(index)]
        images, labels = [], []
        for index, path, label in known:
            try:
                images.append(self.centred(index, path))
                labels.append(label)
            except (ValueError, FileNotFoundError) as error:
                if unreadable is not None:
                    unreadable.append((self.domains[index].name, str(path), str(error)))
            if len(images) == batch_size:
                yield torch.stack(images), torch.tensor(labels)
                images, labels = [], []
        if images:
            yield torch.stack(images), torch.tensor(labels)

    def centred(self, index: int, path: Path) -> Tensor:
        """Load an image (C, H, W) in [-1, 1] of domain ``index``, prepared as by :meth:`fixed`."""
        return self.reader.centred((index,), (path,))[0]

    def describe_labels(self) -> list[str]:
        """Return lines of text on the labels of the images; none if they have none."""
        return []

    def still_unreadable(self, known: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
        """Try files again that could not be read, and leave out those that are gone or repaired.

        Args:
            known: Reasons by path by domain name.

        Returns:
            Those that are still there and cannot be read.
        """
        still: dict[str, dict[str, str]] = {domain.name: {} for domain in self.domains}
        for group in (*self.groups, *self.further_groups) if any(known.values()) else ():
            domains = [self.domains[index] for index in group]
            for row in zip(*(domain.train for domain in domains), strict=True):
                bad = [
                    (domain.name, str(path))
                    for domain, path in zip(domains, row, strict=True)
                    if str(path) in known.get(domain.name, ())
                ]
                self._try_deadly(known, bad)
                try:
                    if bad:
                        self.reader.load(group, row, quick=True)
                except (ImageError, FileNotFoundError) as error:
                    for name, path in bad:
                        still[name][path] = str(error)
        return still

    def _try_deadly(
        self, known: Mapping[str, Mapping[str, str]], bad: Sequence[tuple[str, str]]
    ) -> None:
        """Try files again that ended the process that read them, in processes of their own."""
        for name, path in bad:
            reason = known[name][path]
            if is_deadly(reason) and reason.startswith(path) and still_deadly(Path(path)):
                self.deadly[path] = reason

    def fingerprint(self) -> dict[str, str]:
        """Return digests by domain name that change if the training images do."""
        return {domain.name: fingerprint_of(domain) for domain in self.domains}

    def _groups_of(self, number: int) -> Iterable[tuple[Group, int]]:
        """Return the groups of the images of sample ``number``, and its number in each."""
        return [(group, number) for group in self.groups]

    def _add_labels(self, sample: Sample, index: int, row: int, number: int) -> None:
        """Add the labels of an image of domain ``index`` to sample ``number`` of its group."""
        if class_indices := self.domains[index].class_indices:
            sample.labels[self.letters[index]] = class_indices[row]

    def _tests(self, index: int) -> Iterable[tuple[Path, int | list[float]]]:
        """Return the labelled test images of a domain with their labels."""
        domain = self.domains[index]
        known = domain.test_class_indices
        return zip(domain.test, known, strict=True) if known else []

    def known(self, group: Group, split: Split) -> Group:
        """Return the domains of a group that have images of a split; all if none has any."""
        return tuple(i for i in group if self.domains[i].files(split)) or group

    def _rows(self, group: Group, split: Split) -> list[Row]:
        """Return the files of a group; the training files if there are no test files."""
        domains = [self.domains[index] for index in group]
        return list(zip(*(domain.files(split) or domain.train for domain in domains), strict=True))

    def _order(self, group: Group, epoch: int) -> Tensor:
        """Return the order of a group's rows in one of its epochs."""
        first = group[0]
        cached = self._orders.get(first)
        if cached is None or cached[0] != epoch:
            generator = torch.Generator()
            generator.manual_seed(seed_of(self.config.seed, "order", first, epoch))
            cached = epoch, torch.randperm(len(self.domains[first].train), generator=generator)
            self._orders[first] = cached
        return cached[1]

    def _add(self, sample: Sample, group: Group, number: int) -> None:
        """Add a group's images to sample ``number``."""
        config = self.config
        epoch, position = divmod(number, len(self.domains[group[0]].train))
        generator = torch.Generator().manual_seed(seed_of(config.seed, "augment", group[0], number))
        zoom = zoom_of_step(config, group[0], number)
        row, images = self._first_readable(
            group, self._after(group, epoch, position), generator, sample.unreadable, zoom
        )
        files = (str(self.domains[index].train[row]) for index in group)
        sample.files += dict.fromkeys(files)  # the halves of a pair share a file
        for index, image in zip(group, images, strict=True):
            sample.images[self.letters[index]] = image
            self._add_labels(sample, index, row, number)

    def _after(self, group: Group, epoch: int, position: int) -> Iterator[int]:
        """Iterate over the rows of an epoch from ``position`` on, and then those before it."""
        order = self._order(group, epoch)
        for later in range(position, position + len(order)):
            yield int(order[later % len(order)])

    def _first_readable(
        self,
        group: Group,
        rows: Iterable[int],
        generator: torch.Generator,
        unreadable: list[Unreadable],
        zoom: Zoom,
    ) -> tuple[int, list[Tensor]]:
        """Return the first readable one of some rows, and its images, augmented."""
        domains = [self.domains[index] for index in group]
        for row in rows:
            paths = tuple(domain.train[row] for domain in domains)
            try:
                decoded = self.reader.decode(group, paths, quick=True)
                resize = partial(self.reader.resized, decoded, paths)
                return row, augment(decoded, self._augmented_as, generator, resize, zoom)
            except (ImageError, FileNotFoundError) as error:
                # all domains lose the pair
                for domain, path in zip(domains, paths, strict=True):
                    unreadable.append((domain.name, str(path), str(error)))
        raise ValueError(f"{self.reader.none_of(group)} can be read; {unreadable[-1][2]}")

    def _spread(self, group: Group, rows: list[Row], count: int) -> list[list[Tensor]]:
        """Load ``count`` evenly spread rows of images; an unreadable row gives way to the next."""
        loaded: list[list[Tensor]] = []
        tried: set[Row] = set()
        for number in range(count):
            start = number * len(rows) // count
            for row in (*rows[start:], *rows[:start]):
                if row in tried:
                    continue
                tried.add(row)
                try:
                    loaded.append(self.reader.centred(group, row))
                    break
                except (ImageError, FileNotFoundError) as error:
                    problem = str(error)
        if not loaded:
            raise ValueError(f"{self.reader.none_of(group)} can be read; {problem}")
        return loaded


class SingleImages(ImageDataset):
    """Samples of the images of one domain, under the letter ``x``.

    Args:
        domains: The images: a single domain.
        config: Seed, channels, and how images are resized, cropped and flipped.

    Raises:
        ValueError: ``config.channels`` is not one number.
    """

    def __init__(self, domains: Sequence[Domain], config: Config) -> None:
        super().__init__(domains, config, [(0,)], "x")


class PairedImages(ImageDataset):
    """Pairs of images, which share crop and flip.

    A pair whose images have different sizes counts as unreadable.

    Args:
        domains: The images, in the order of the pairs; see
            :func:`~crossimage.data.sources.pairs.align`.
        config: Seed, channels, and how images are resized, cropped and flipped.

    Raises:
        ValueError: ``config.channels`` does not hold one number per domain.
    """

    def __init__(self, domains: Sequence[Domain], config: Config) -> None:
        super().__init__(domains, config, [tuple(range(len(domains)))])


def fingerprint_of(domain: Domain) -> str:
    """Return the number of a domain's training images and a digest of their names."""
    # members of shards are known by their names in them, however they are divided
    paths = [
        Path("/", path.inside) if is_member(path) else Path(os.path.abspath(path))
        for path in domain.train
    ]
    root = os.path.commonpath([path.parent for path in paths])
    files = "\n".join(path.relative_to(root).as_posix() for path in paths)
    digest = hashlib.sha256(os.fsencode(files)).hexdigest()[:16]
    return f"{len(domain.train)} images, {digest}"
