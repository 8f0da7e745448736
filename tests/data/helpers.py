"""Images of one gray level, and data sets of them."""

import torch
from PIL import Image

from crossimage.config import Config
from crossimage.data.datasets import (
    UnpairedImages,
)
from crossimage.data.sources.folders import scan_domains

PLAIN = Config(resize=0, crop=(8, 8), flip=False, batch_size=2, workers=0)


def flat(path, level, size=(8, 8)):
    """A picture of one gray level, by which it is known again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (level,) * 3).save(path)


def level(image):
    return round((image.mean().item() + 1) * 127.5)


def dataset(folder, config=PLAIN):
    return UnpairedImages(scan_domains(str(folder)), config)


def same(batches, others):
    return all(
        torch.equal(x.images[k], y.images[k])
        for x, y in zip(batches, others, strict=True)
        for k in x.images
    )
