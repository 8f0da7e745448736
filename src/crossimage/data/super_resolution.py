"""Images with small versions of themselves, to learn to enlarge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from crossimage.config import SuperResolutionConfig
from crossimage.data.datasets import Images
from crossimage.data.images.pixels import ImageError
from crossimage.data.loader import Item, LoadedBatch
from crossimage.data.sources.folders import Domain, Split

_REACH = 3  # pixels of the smaller image that the cubic kernel may need beyond an edge


class EnlargingImages(Images):
    """Samples of a crop of an image under ``b`` and a small version of it under ``a``.

    Images are never resized; those smaller than the crop count as unreadable.

    Args:
        domains: Where the images are: the same files twice, for small and for large images.
        config: Seed, channels, how images are cropped and flipped, and ``scale``.

    Raises:
        ValueError: ``config.channels`` are not two numbers.
    """

    def __init__(self, domains: Sequence[Domain], config: SuperResolutionConfig) -> None:
        super().__init__(domains, config, [(0, 1)])
        self.scale = config.scale

    def fixed(self, split: Split, count: int) -> LoadedBatch:
        """Centre crops that stay the same during a run, and their small versions."""
        batch = super().fixed(split, count)
        batch.images["a"] = shrink(batch.images["b"], self.scale)
        return batch

    def _add(self, item: Item, group: tuple[int, ...], number: int) -> None:
        super()._add(item, group, number)
        item.images["a"] = shrink(item.images["b"][None], self.scale)[0]

    def _resize(self, image: Tensor, path: Path) -> Tensor:
        size, crop = tuple(image.shape[1:]), self.config.crop
        if size[0] < crop[0] or size[1] < crop[1]:
            raise ImageError(
                f"{path} is {size[1]} x {size[0]}, smaller than the crop of {crop[1]} x {crop[0]}; "
                "set a smaller crop or remove it"
            )
        return image


def shrink(x: Tensor, scale: int) -> Tensor:
    """Bicubic small versions of images, rounded to 8 bits as those in the literature are.

    The antialiasing cubic kernel (a = -0.5) and the mirrored edges are those of MATLAB's
    ``imresize``.

    Args:
        x: Images (N, C, H, W) in [-1, 1], H and W multiples of ``scale``.
        scale: How many times smaller they become.

    Raises:
        ValueError: A side is no multiple of the scale.
    """
    height, width = x.shape[2:]
    if height % scale or width % scale:
        raise ValueError(
            f"found images of {width}x{height} pixels, expected multiples of {scale}; crop them"
        )
    return _bicubic(x, (height // scale, width // scale), _REACH * scale, _REACH)


def enlarge(x: Tensor, scale: int) -> Tensor:
    """Bicubic large versions of images (N, C, H, W) in [-1, 1], the counterpart of `shrink`."""
    height, width = x.shape[2:]
    return _bicubic(x, (height * scale, width * scale), _REACH, _REACH * scale)


def _bicubic(x: Tensor, size: tuple[int, int], margin: int, result: int) -> Tensor:
    """Resize images to a size, with margins, made of mirrored pixels, that are cut off again."""
    for axis in (2, 3):
        x = x.index_select(axis, _mirrored(x.shape[axis], margin).to(x.device))
    padded = (size[0] + 2 * result, size[1] + 2 * result)
    # without antialiasing torch's kernel is another one (a = -0.75)
    y = interpolate(x, padded, mode="bicubic", antialias=True)
    y = y[:, :, result : result + size[0], result : result + size[1]]
    return ((y + 1) * 127.5).round().clamp(0, 255) / 127.5 - 1


def _mirrored(length: int, margin: int) -> Tensor:
    """Places of a row of pixels that is continued by its mirror image on both sides."""
    place = torch.arange(-margin, length + margin) % (2 * length)
    return torch.minimum(place, 2 * length - 1 - place)
