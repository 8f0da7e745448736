"""Small images, and data sets of them."""

from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from crossimage.config import Config
from crossimage.data.samples.unpaired import UnpairedImages
from crossimage.data.sources.domains.scan import scan_domains
from tests.conftest import open_dataset

PLAIN = Config(resize=0, crop=(8, 8), flip=False, batch_size=2, workers=0)


def flat(path, level, size=(8, 8)):
    """Write an image of one gray level, which identifies it."""
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


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def touch(*paths):
    for path in paths:
        save(path, np.zeros((8, 8, 3), np.uint8))


def noise(seed, height=20, width=30, channels=3):
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def pets(root, count, side):
    """Make folders of cats and dogs, each with different square images of noise."""
    for seed, name in enumerate(("cats", "dogs")):
        for number in range(count):
            save(root / name / f"{number}.png", noise(100 * seed + number, side, side))
    return root


def levels(image):
    return image.add(1).mul(127.5).round().int()


def pairs(data, config=PLAIN, names=()):
    return open_dataset(data, replace(config, domains=tuple(names)), "paired")
