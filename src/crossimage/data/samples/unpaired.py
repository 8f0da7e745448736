"""Samples of images that do not belong together, with companions for methods that ask for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from crossimage.config import Config
from crossimage.data.loader import Sample
from crossimage.data.samples.augment import zoom_of_step
from crossimage.data.samples.datasets import ImageDataset
from crossimage.data.sources.folders import Domain
from crossimage.data.stores.addresses import LostStoreError
from crossimage.utils.seeds import seed_of


class UnpairedImages(ImageDataset):
    """Samples with an independently drawn image of each domain, and perhaps companions.

    A companion is a further image, any one of its domain or of a folder of its own each time,
    which is prepared like the images of its domain. Images of such a folder are a domain of their
    own that has no letter.

    Args:
        domains: The images.
        config: Seed, channels, and how images are resized, cropped and flipped.
        companions: Letter and images of each companion, by the name under which samples hold it.

    Raises:
        ValueError: ``config.channels`` does not hold one number per domain.
    """

    def __init__(
        self,
        domains: Sequence[Domain],
        config: Config,
        companions: Mapping[str, tuple[str, Domain]] | None = None,
    ) -> None:
        super().__init__(domains, config, [(index,) for index in range(len(domains))])
        self._companions: dict[str, int] = {}
        for name, (letter, images) in (companions or {}).items():
            if images not in self.domains:
                own = self.letters.index(letter)
                self.further_groups += ((len(self.domains),),)
                self.domains += (images,)
                self.letters += (letter,)
                self.channels += (self.channels[own],)
                self.reader.add(images, letter, self.channels[own])
            self._companions[name] = self.domains.index(images)

    def __getitem__(self, number: int) -> Sample:
        """Load sample ``number`` with its companions."""
        sample = super().__getitem__(number)
        try:
            for name, index in self._companions.items() if sample.error is None else ():
                self._add_companion(sample, name, index, number)
        except (ValueError, LostStoreError) as error:
            sample.error = str(error)
        return sample

    def _add_companion(self, sample: Sample, name: str, index: int, number: int) -> None:
        generator = torch.Generator()
        generator.manual_seed(seed_of(self.config.seed, "companion", name, number))
        count = len(self.domains[index].train)
        first = int(torch.randint(count, (), generator=generator))
        rows = (row % count for row in range(first, first + count))
        zoom = zoom_of_step(self.config, index, number)
        row, (image,) = self._first_readable((index,), rows, generator, sample.unreadable, zoom)
        sample.files.append(str(self.domains[index].train[row]))
        sample.images[name] = image
