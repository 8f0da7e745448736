"""Images with small versions of themselves, to learn to enlarge."""

from __future__ import annotations

from crossimage.config import Config
from crossimage.data.datasets import Images
from crossimage.data.domains import Domain


class EnlargingImages(Images):
    """Samples of an image under ``b`` and a small version of it under ``a``."""

    def __init__(self, domain: Domain, config: Config) -> None:
        super().__init__([domain], config, [(0,)])
        raise NotImplementedError
