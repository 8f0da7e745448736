"""Small originals of the makers of data sets: digits, label maps, photos and a video."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat

from tests.data.videos.videos import write_video

_COUNT = 20
_SPLITS = {"train": ("train", 0), "t10k": ("test", 1)}

Pixels = NDArray[np.uint8]


def make_originals(folder: Path) -> None:
    """Write them below a folder: ``mnist``, ``fashion_mnist``, ``usps``, ``svhn`` and so on."""
    for below in ("mnist", "fashion_mnist", "usps", "svhn", "labels", "photos"):
        (folder / below).mkdir(parents=True)
    usps: dict[str, Pixels] = {}
    for name, (split, seed) in _SPLITS.items():
        for below in ("mnist", "fashion_mnist"):
            images, labels = _digits(seed, 28)
            for kind, values in (("images-idx3", images), ("labels-idx1", labels)):
                path = folder / below / f"{name}-{kind}-ubyte.gz"
                path.write_bytes(gzip.compress(idx(values)))
        images, labels = _digits(seed, 16)
        usps |= {f"{split}_images": images, f"{split}_labels": labels}
        images, labels = _digits(seed, 32)
        colours = np.stack([images] * 3, axis=2).transpose(1, 3, 2, 0)
        savemat(folder / "svhn" / f"{split}_32x32.mat", {"X": colours, "y": labels[:, None] + 1})
    np.savez(folder / "usps" / "usps_16x16_uint8.npz", **usps)  # type: ignore[arg-type]
    rng = np.random.default_rng(2)
    for number in range(6):
        ids = rng.integers(0, 5, (24, 24)).astype(np.uint8)
        Image.fromarray(ids).save(folder / "labels" / f"{number}.png")
        photo = rng.integers(0, 256, (40, 40, 3)).astype(np.uint8)
        Image.fromarray(photo).save(folder / "photos" / f"{number}.png")
    write_video(folder / "video.mp4", 20)


def idx(values: Pixels) -> bytes:
    """Return the bytes of an IDX file."""
    header = b"\0\0\x08" + bytes([values.ndim]) + np.array(values.shape, ">i4").tobytes()
    return header + values.tobytes()


def _digits(seed: int, side: int) -> tuple[Pixels, Pixels]:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (_COUNT, side, side), np.uint8)
    return images, (np.arange(_COUNT) % 10).astype(np.uint8)
