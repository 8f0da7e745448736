"""Read the images of a row: files that belong together, one of each domain of a group."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from crossimage.config import Config
from crossimage.data.images.checks.limit import max_pixels
from crossimage.data.images.files import decode
from crossimage.data.images.pixels import BombError, ImageError, normalise
from crossimage.data.images.resize import centre, resize_decoded, size_before_crop
from crossimage.data.sources.folders import Domain
from crossimage.data.sources.pairs import check_sizes
from crossimage.data.sources.side_by_side import half_of
from crossimage.data.worker_crashes import recording

Row = tuple[Path, ...]
"""One file per domain of a group."""

Group = tuple[int, ...]
"""Indices of the domains whose images are drawn together."""


class RowReader:
    """Decodes the images of rows, resizes them, and crops them at the centre.

    Args:
        config: How images are read, resized and cropped.

    Attributes:
        config: The same.
        deadly: Reasons why files are not read, by path: they ended the process that read them.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.deadly: dict[str, str] = {}
        self._domains: list[tuple[Domain, str, int]] = []
        self._only: dict[object, Tensor] = {}  # the decoded images of domains of a single one

    def add(self, domain: Domain, letter: str, channels: int) -> None:
        """Add a domain, whose index is the number of those before it.

        Args:
            domain: The domain.
            letter: Its letter.
            channels: Channels of its images.
        """
        self._domains.append((domain, letter, channels))

    def centred(self, group: Group, paths: Row) -> list[Tensor]:
        """Load the images (C, H, W) of a row in [-1, 1], resized and cropped at the centre."""
        size = self.config.crop
        return [normalise(centre(x, size).contiguous()) for x in self.load(group, paths)]

    def load(self, group: Group, paths: Row, *, quick: bool = False) -> list[Tensor]:
        """Load the images of a row, resized to the same size for all domains."""
        return self.resized(self.decode(group, paths, quick=quick), paths)

    def decode(self, group: Group, paths: Row, *, quick: bool = False) -> list[Tensor]:
        """Decode the images of a row, which must be of one size.

        With ``quick``, JPEGs of at least twice the size are reduced while they are decoded. From
        1024 to 286 pixels, this changes 8-bit values by 0.7 on average; to 64 pixels, by 2. The
        longer side may differ by one pixel. Pairs are not reduced, so that their sizes can be
        compared.
        """
        config, domains = self.config, [self._domains[index] for index in group]
        alone = len(domains) == 1 and domains[0][0].half is None
        size = self._size if quick and alone else None
        wanted = [
            (path, channels, config.range_of(letter))
            for (_, letter, channels), path in zip(domains, paths, strict=True)
        ]
        decoded: dict[object, Tensor] = {}
        for key in dict.fromkeys(wanted):
            image = self._only.get(key)
            decoded[key] = self._read(*key, size) if image is None else image
        single = all(len(domain.train) == 1 for domain, _, _ in domains)
        if quick and single and config.smallest_zoom < 1:
            self._only.update(decoded)
        images = [
            _half(decoded[key], domain.half, key[0])
            for (domain, _, _), key in zip(domains, wanted, strict=True)
        ]
        check_sizes([((x.shape[2], x.shape[1]), p) for x, p in zip(images, paths, strict=True)])
        return images

    def resized(self, images: list[Tensor], paths: Row) -> list[Tensor]:
        """Return the decoded images of a row, resized as before a crop."""
        return [self._resize(x, path) for x, path in zip(images, paths, strict=True)]

    def none_of(self, group: Group) -> str:
        """Begin the sentence that no image of a group can be read."""
        names = " and ".join(self._domains[index][0].name for index in group)
        several = f"pairs of images of domains {names}"
        return f"none of the {several if len(group) > 1 else f'images of domain {names}'}"

    def _read(
        self,
        path: Path,
        channels: int,
        value_range: tuple[float, float] | None,
        size: Callable[[int, int], tuple[int, int]] | None,
    ) -> Tensor:
        """Decode a file, unless that is known to end the process."""
        if self.deadly and (reason := self.deadly.get(str(path))):
            raise ImageError(reason)
        with recording(path):
            return decode(path, channels, value_range, size, self.config.data_rules)

    def _size(self, height: int, width: int) -> tuple[int, int]:
        return size_before_crop(height, width, self.config)

    def _resize(self, image: Tensor, path: Path) -> Tensor:
        size = self._size(image.shape[1], image.shape[2])
        if size == tuple(image.shape[1:]):
            return image
        if size[0] * size[1] > max_pixels():
            raise BombError(
                f"{path} is {image.shape[2]} x {image.shape[1]} and would be enlarged to {size[1]} "
                f"x {size[0]} pixels; remove it or set a smaller resize"
            )
        return resize_decoded(image, size)


def _half(image: Tensor, half: int | None, path: Path) -> Tensor:
    """Return the half of an image (C, H, W) that belongs to a domain; None: the whole image."""
    if half is None:
        return image
    if image.shape[2] % 2:
        raise ImageError(
            f"{path} is {image.shape[2]} pixels wide; expected a side-by-side pair, which has an "
            "even width"
        )
    return half_of(image, half)
