"""Samples of images and small versions of them, for super-resolution."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from crossimage.config import SuperResolutionConfig
from crossimage.data.images.pixels import ImageError
from crossimage.data.images.resize import shrink
from crossimage.data.loader import LoadedBatch, Sample
from crossimage.data.samples.datasets import ImageDataset
from crossimage.data.samples.rows import Group, RowReader
from crossimage.data.sources.folders import Domain, Split
from crossimage.utils.seeds import seed_of


class _Unresized(RowReader):
    """Leaves images as large as they are."""

    def _resize(self, image: Tensor, path: Path) -> Tensor:
        size, crop = tuple(image.shape[1:]), self.config.crop
        if size[0] < crop[0] or size[1] < crop[1]:
            raise ImageError(
                f"{path} is {size[1]} x {size[0]}, smaller than the crop of {crop[1]} x {crop[0]}; "
                "set a smaller crop or remove it"
            )
        return image


class SuperResolutionImages(ImageDataset):
    """Samples of a crop of an image, under ``b``, and a small version of it, under ``a``.

    Images are never resized; those smaller than the crop count as unreadable.

    Args:
        domains: The images: the same files twice, for small and for large images.
        config: Seed, channels, scale, and how images are cropped, flipped and rotated.

    Raises:
        ValueError: ``config.channels`` does not hold two numbers, or images would be resized.
    """

    resizes = False
    reader_type = _Unresized

    def __init__(self, domains: Sequence[Domain], config: SuperResolutionConfig) -> None:
        if config.resized_crop:
            raise ValueError(
                "resized_crop resizes images, which super-resolution does not; set it to 0"
            )
        if config.smallest_zoom < 1:
            raise ValueError(
                "smallest_zoom shrinks images, which super-resolution does not; set it to 1"
            )
        super().__init__(domains, config, [(0, 1)])
        self.scale, self.rotates = config.scale, config.rotate

    def fixed(self, split: Split, count: int) -> LoadedBatch:
        """Return centre crops that stay the same during a run, and their small versions."""
        batch = super().fixed(split, count)
        batch.images["a"] = shrink(batch.images["b"], self.scale)
        return batch

    def _add(self, sample: Sample, group: Group, number: int) -> None:
        super()._add(sample, group, number)
        if self.rotates:
            generator = torch.Generator().manual_seed(seed_of(self.config.seed, "rotate", number))
            turns = int(torch.randint(4, (), generator=generator))
            sample.images["b"] = sample.images["b"].rot90(turns, (1, 2)).contiguous()
        sample.images["a"] = shrink(sample.images["b"][None], self.scale)[0]
