"""Images with labels, of one data set or several."""

from __future__ import annotations

from collections.abc import Sequence

from crossimage.config import Config
from crossimage.data.datasets import Images
from crossimage.data.domains import Domain


def find_labelled(data: str, config: Config) -> tuple[Domain, ...]:
    """Find data sets of labelled images."""
    raise NotImplementedError


class LabelledImages(Images):
    """Samples of an image with its labels, under ``x``."""

    def __init__(self, domains: Sequence[Domain], config: Config) -> None:
        super().__init__(domains, config, [(0,)])
