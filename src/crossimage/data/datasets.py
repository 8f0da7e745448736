"""Training samples: each a pure function of the seed and its number."""

from __future__ import annotations

import hashlib
import os
import string
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.v2 import functional as transforms

from crossimage.config import Config
from crossimage.data.images.files import MAX_PIXELS, BombError, ImageError, decode, normalise
from crossimage.data.images.resize import resize_decoded, size_before_crop
from crossimage.data.loader import Item, LoadedBatch
from crossimage.data.sources.folders import Domain, Split
from crossimage.data.unreadable import Unreadable
from crossimage.utils.seeds import seed_of

Row = tuple[Path, ...]
"""One file of every domain of a group."""

Group = tuple[int, ...]
"""Places of the domains whose images are drawn together."""


class Images(Dataset[Item]):
    """Endless numbered samples; each holds one image of every domain.

    The domains form groups. Images of one group are drawn, cropped and flipped together, different
    groups independently. A group of n rows of images shows each row once in any n samples from a
    multiple of n on, in an order that is new every time.

    Args:
        domains: Where the images are; those of a group have as many images each.
        config: Seed, channels, and how images are resized, cropped and flipped.
        groups: Places of the domains that belong together.
        letters: The letters that the domains' images come under; by default a letter each.

    Attributes:
        letters: The letters that the domains' images come under.
        channels: Channels of the domains' images.

    Raises:
        ValueError: ``config.channels`` has not one number a letter.
    """

    def __init__(
        self,
        domains: Sequence[Domain],
        config: Config,
        groups: Sequence[Group],
        letters: Sequence[str] = string.ascii_lowercase,
    ) -> None:
        self.domains, self.config, self.groups = tuple(domains), config, tuple(groups)
        self.letters = tuple(letters[: len(domains)])
        kinds = list(dict.fromkeys(self.letters))
        if len(config.channels) != len(kinds):
            names = ", ".join(domain.name for domain in domains)
            every = f"each of the {len(kinds)} domains" if len(kinds) > 1 else "all images"
            raise ValueError(
                f"channels names {len(config.channels)} numbers, expected one for {every} ({names})"
            )
        self.channels = tuple(config.channels[kinds.index(letter)] for letter in self.letters)
        self._orders: dict[int, tuple[int, Tensor]] = {}

    def __getitem__(self, number: int) -> Item:
        """Load sample ``number``, any number from 0 on."""
        item = Item({})
        try:
            for group, own in self._drawn(number):
                self._add(item, group, own)
        except ValueError as error:
            item.error = str(error)
        return item

    def fixed(self, split: Split, count: int) -> LoadedBatch:
        """Images that stay the same during a run: evenly spread, centre-cropped, not flipped.

        Args:
            split: Which images; domains without test images show training images.
            count: Images a domain; fewer where a domain has fewer.

        Returns:
            Images (N, C, H, W) in [-1, 1] by letter, N the same for all.

        Raises:
            ValueError: The images can't be used.
        """
        files = {group: self._rows(group, split) for group in self.groups}
        count = min(count, *(len(rows) for rows in files.values()))
        found = {group: self._spread(group, rows, count) for group, rows in files.items()}
        count = min(len(rows) for rows in found.values())
        images = {
            self.letters[index]: torch.stack([row[place] for row in rows[:count]])
            for group, rows in found.items()
            for place, index in enumerate(group)
        }
        return LoadedBatch(images, [], None)

    def tests(
        self, letter: str, batch_size: int, unreadable: list[Unreadable] | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """All test images under a letter with their labels, in order, prepared as by :meth:`fixed`.

        Args:
            letter: The letter of a domain, or of several.
            batch_size: Images at a time.
            unreadable: Where to note files that can't be used; they are skipped.

        Yields:
            Images (N, C, H, W) in [-1, 1] and class numbers (N,) or label vectors (N, L); nothing
            for domains without labels of their test images.
        """
        places = [index for index, own in enumerate(self.letters) if own == letter]
        known = [(index, *entry) for index in places for entry in self._tests(index)]
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
        """An image (C, H, W) in [-1, 1] of the domain in a place, prepared as by :meth:`fixed`."""
        return self._centre(self._load((index,), (path,)))[0]

    def fingerprint(self) -> dict[str, str]:
        """What tells whether the training images have changed, by domain name."""
        prints = {}
        for domain in self.domains:
            paths = [Path(os.path.abspath(path)) for path in domain.train]
            root = os.path.commonpath([path.parent for path in paths])
            files = "\n".join(path.relative_to(root).as_posix() for path in paths)
            digest = hashlib.sha256(os.fsencode(files)).hexdigest()[:16]
            prints[domain.name] = f"{len(domain.train)} images, {digest}"
        return prints

    def _drawn(self, number: int) -> Iterable[tuple[Group, int]]:
        """The groups of which sample ``number`` has images, with its number in each."""
        return [(group, number) for group in self.groups]

    def _label(self, item: Item, index: int, row: int, number: int) -> None:
        """Add the labels of a domain's image to sample ``number`` of its group."""
        if indices := self.domains[index].class_indices:
            item.labels[self.letters[index]] = indices[row]

    def _tests(self, index: int) -> Iterable[tuple[Path, int | list[float]]]:
        """The test images of a domain whose labels are known, with these."""
        domain = self.domains[index]
        known = domain.test_class_indices
        return zip(domain.test, known, strict=True) if known else []

    def _rows(self, group: Group, split: Split) -> list[Row]:
        """The files of a group; training files where there are no others."""
        domains = [self.domains[index] for index in group]
        return list(zip(*(domain.files(split) or domain.train for domain in domains), strict=True))

    def _order(self, group: Group, epoch: int) -> Tensor:
        """Permutation of a group's rows in one of its epochs."""
        first = group[0]
        cached = self._orders.get(first)
        if cached is None or cached[0] != epoch:
            generator = torch.Generator()
            generator.manual_seed(seed_of(self.config.seed, "order", first, epoch))
            cached = epoch, torch.randperm(len(self.domains[first].train), generator=generator)
            self._orders[first] = cached
        return cached[1]

    def _add(self, item: Item, group: Group, number: int) -> None:
        """Add a group's images to sample ``number``."""
        config = self.config
        epoch, position = divmod(number, len(self.domains[group[0]].train))
        row, images = self._first_readable(group, epoch, position, item.unreadable)
        generator = torch.Generator().manual_seed(seed_of(config.seed, "augment", group[0], number))
        height, width = config.crop
        top = int(torch.randint(images[0].shape[1] - height + 1, (), generator=generator))
        left = int(torch.randint(images[0].shape[2] - width + 1, (), generator=generator))
        flip = config.flip and torch.rand((), generator=generator) < 0.5
        for index, image in zip(group, images, strict=True):
            image = image[:, top : top + height, left : left + width]
            image = normalise((image.flip(2) if flip else image).contiguous())
            item.images[self.letters[index]] = image
            self._label(item, index, row, number)

    def _first_readable(
        self, group: Group, epoch: int, position: int, unreadable: list[Unreadable]
    ) -> tuple[int, list[Tensor]]:
        """The first readable row of an epoch's order from ``position`` on, and its images."""
        order, domains = self._order(group, epoch), [self.domains[index] for index in group]
        for place in range(position, position + len(order)):
            row = int(order[place % len(order)])
            paths = tuple(domain.train[row] for domain in domains)
            try:
                return row, self._load(group, paths, quick=True)
            except (ImageError, FileNotFoundError) as error:
                # A pair is lost to all its domains.
                for domain, path in zip(domains, paths, strict=True):
                    unreadable.append((domain.name, str(path), str(error)))
        raise ValueError(f"{self._none_of(group)} can be read; {unreadable[-1][2]}")

    def _load(self, group: Group, paths: Row, *, quick: bool = False) -> list[Tensor]:
        """The images of one row, resized: of all domains to the same size.

        Quickly, JPEGs of twice the size or more are reduced as they are decoded. On the way from
        1024 to 286 pixels that changes 8-bit values by 0.7 on average, and by 2 to 64 pixels; the
        longer side may differ by one pixel. Pairs are left alone, for their sizes to be compared.
        """
        alone = len(group) == 1 and self.domains[group[0]].half is None
        enough = self._size if quick and alone else None
        wanted = [(path, self.channels[i]) for i, path in zip(group, paths, strict=True)]
        pictures = {
            key: decode(*key, self.config.value_range, enough) for key in dict.fromkeys(wanted)
        }
        images = [
            _half(pictures[key], self.domains[index].half, key[0])
            for index, key in zip(group, wanted, strict=True)
        ]
        check_sizes([((x.shape[2], x.shape[1]), p) for x, p in zip(images, paths, strict=True)])
        return [self._resize(x, path) for x, path in zip(images, paths, strict=True)]

    def _size(self, height: int, width: int) -> tuple[int, int]:
        return size_before_crop(height, width, self.config)

    def _resize(self, image: Tensor, path: Path) -> Tensor:
        size = self._size(image.shape[1], image.shape[2])
        if size == tuple(image.shape[1:]):
            return image
        if size[0] * size[1] > MAX_PIXELS:
            raise BombError(
                f"{path} is {image.shape[2]} x {image.shape[1]} and would be enlarged to {size[1]} "
                f"x {size[0]} pixels; remove it or set a smaller resize"
            )
        return resize_decoded(image, size)

    def _centre(self, images: list[Tensor]) -> list[Tensor]:
        size = self.config.crop
        return [normalise(transforms.center_crop(image, size).contiguous()) for image in images]

    def _spread(self, group: Group, rows: list[Row], count: int) -> list[list[Tensor]]:
        """Readable rows of images from ``count`` places, none twice."""
        found: list[list[Tensor]] = []
        tried: set[Row] = set()
        for place in range(count):
            start = place * len(rows) // count
            for row in (*rows[start:], *rows[:start]):
                if row in tried:
                    continue
                tried.add(row)
                try:
                    found.append(self._centre(self._load(group, row)))
                    break
                except (ImageError, FileNotFoundError) as error:
                    problem = str(error)
        if not found:
            raise ValueError(f"{self._none_of(group)} can be read; {problem}")
        return found

    def _none_of(self, group: Group) -> str:
        names = " and ".join(self.domains[index].name for index in group)
        several = f"pairs of images of domains {names}"
        return f"none of the {several if len(group) > 1 else f'images of domain {names}'}"


class UnpairedImages(Images):
    """Samples whose images are drawn independently for every domain.

    Args:
        domains: Where the images are.
        config: Seed, channels, and how images are resized, cropped and flipped.

    Raises:
        ValueError: ``config.channels`` does not hold one number per domain.
    """

    def __init__(self, domains: Sequence[Domain], config: Config) -> None:
        super().__init__(domains, config, [(index,) for index in range(len(domains))])


class SingleImages(Images):
    """Samples of the images of one domain, under the letter ``x``.

    Args:
        domains: Where the images are: one domain.
        config: Seed, channels, and how images are resized, cropped and flipped.

    Raises:
        ValueError: ``config.channels`` is not one number.
    """

    def __init__(self, domains: Sequence[Domain], config: Config) -> None:
        super().__init__(domains, config, [(0,)], "x")


class PairedImages(Images):
    """Samples that are pairs, with the same crop and flip for all images of one.

    A pair whose images have different sizes counts as unreadable.

    Args:
        domains: Where the images are, in the order of the pairs; see
            :func:`~crossimage.data.sources.pairs.align`.
        config: Seed, channels, and how images are resized, cropped and flipped.

    Raises:
        ValueError: ``config.channels`` does not hold one number per domain.
    """

    def __init__(self, domains: Sequence[Domain], config: Config) -> None:
        super().__init__(domains, config, [tuple(range(len(domains)))])


def check_sizes(found: Sequence[tuple[tuple[int, int], Path]]) -> None:
    """Refuse a pair whose images differ in width or height; raises :class:`ImageError`."""
    (size, first), *others = found
    for other, path in others:
        if other != size:
            raise ImageError(
                f"{first} is {size[0]} x {size[1]} and {path} is {other[0]} x {other[1]}; expected "
                "images of the same size in a pair"
            )


def _half(picture: Tensor, half: int | None, path: Path) -> Tensor:
    """The part of a picture that belongs to a domain."""
    if half is None:
        return picture
    if picture.shape[2] % 2:
        raise ImageError(
            f"{path} is {picture.shape[2]} pixels wide; expected a side-by-side pair, which has an "
            "even width"
        )
    return picture.chunk(2, dim=2)[half]
