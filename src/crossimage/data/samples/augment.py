"""Random zoom, crops, mirroring, brightness and contrast of training images."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor

from crossimage.config import Config
from crossimage.data.images.pixels import normalise
from crossimage.data.images.resize import resize_decoded, size_before_crop
from crossimage.utils.seeds import seed_of

Zoom = tuple[float, float]
"""Factors of height and width."""

_TRIES = 10  # boxes drawn before the middle of the image is taken


def augment(
    images: Sequence[Tensor],
    config: Config,
    generator: Generator,
    resize: Callable[[], list[Tensor]],
    zoom: Zoom = (1.0, 1.0),
) -> list[Tensor]:
    """Crop, mirror and jitter images that belong together, all in the same way.

    Args:
        images: Decoded images (C, H, W) of one size, not resized yet.
        config: The crop and the augmentations.
        generator: Source of all draws. What is off draws nothing.
        resize: Returns the images resized as before a usual crop.
        zoom: The factors of height and width by which the images are shrunk before a usual crop.

    Returns:
        Float32 images (C, *crop) in [-1, 1].
    """
    height, width = config.crop
    if config.resized_crop and _draw(generator) < config.resized_crop:
        box = random_box(images[0].shape[1], images[0].shape[2], config, generator)
        cut = [resize_decoded(_cut(image, box), config.crop) for image in images]
    elif zoom != (1.0, 1.0):
        box = zoomed_box(images[0].shape[1], images[0].shape[2], config, zoom, generator)
        cut = [resize_decoded(_cut(image, box), config.crop) for image in images]
    else:
        resized = resize()
        top = int(torch.randint(resized[0].shape[1] - height + 1, (), generator=generator))
        left = int(torch.randint(resized[0].shape[2] - width + 1, (), generator=generator))
        cut = [_cut(image, (top, left, height, width)) for image in resized]
    flip = config.flip and _draw(generator) < 0.5
    mirrored = [(image.flip(2) if flip else image).contiguous() for image in cut]
    return jitter([normalise(image) for image in mirrored], config, generator)


def zoom_of_step(config: Config, domain: int, number: int) -> Zoom:
    """Draw the zoom of sample ``number`` of a domain, which all samples of a step share.

    Returns:
        The factors of height and width, both 1 if ``config.smallest_zoom`` is.
    """
    low = config.smallest_zoom
    if low == 1:
        return 1.0, 1.0
    seed = seed_of(config.seed, "zoom", domain, number // config.samples)
    generator = torch.Generator().manual_seed(seed)
    return low + (1 - low) * _draw(generator), low + (1 - low) * _draw(generator)


def zoomed_box(
    height: int, width: int, config: Config, zoom: Zoom, generator: Generator
) -> tuple[int, int, int, int]:
    """Draw the part of an image that is a crop once the image is resized and shrunk.

    As little as the crop needs is shrunk: resizing this part is the same as cropping the shrunk
    image, up to its outermost pixels.

    Returns:
        Its top, left, height and width in pixels.
    """
    sides = []
    resized = size_before_crop(height, width, config)
    for side, before, factor, crop in zip((height, width), resized, zoom, config.crop, strict=True):
        sides.append(max(1, round(side * crop / max(crop, before * factor))))
    top = int(torch.randint(height - sides[0] + 1, (), generator=generator))
    left = int(torch.randint(width - sides[1] + 1, (), generator=generator))
    return top, left, sides[0], sides[1]


def random_box(
    height: int, width: int, config: Config, generator: Generator
) -> tuple[int, int, int, int]:
    """Draw the part of an image that a resized crop shows.

    With areas above 1 it may be larger than the image, which then lies somewhere within it.

    Returns:
        Its top and left, negative outside the image, and its height and width, in pixels.
    """
    scale, ratio = config.resized_crop_scale, config.resized_crop_ratio
    beyond = scale[1] > 1
    logs = math.log(ratio[0]), math.log(ratio[1])
    for _ in range(_TRIES):
        area = height * width * (scale[0] + _draw(generator) * (scale[1] - scale[0]))
        shape = math.exp(logs[0] + _draw(generator) * (logs[1] - logs[0]))
        w, h = max(1, round(math.sqrt(area * shape))), max(1, round(math.sqrt(area / shape)))
        if beyond or (w <= width and h <= height):
            return _place(height, h, generator), _place(width, w, generator), h, w
    shape = min(max(width / height, ratio[0]), ratio[1])
    w, h = min(width, max(1, round(height * shape))), min(height, max(1, round(width / shape)))
    return (height - h) // 2, (width - w) // 2, h, w


def jitter(images: list[Tensor], config: Config, generator: Generator) -> list[Tensor]:
    """Change brightness and contrast of images (C, H, W) in [-1, 1], all by the same amounts.

    The contrast is about the mean of each image.
    """
    if config.contrast:
        factor = 1 + config.contrast * (2 * _draw(generator) - 1)
        images = [(x - x.mean()).mul(factor).add(x.mean()).clamp(-1, 1) for x in images]
    if config.brightness:
        shift = 2 * config.brightness * (2 * _draw(generator) - 1)
        images = [x.add(shift).clamp(-1, 1) for x in images]
    return images


def _draw(generator: Generator) -> float:
    return float(torch.rand((), generator=generator))


def _place(side: int, part: int, generator: Generator) -> int:
    """Draw where a part of a side begins; one that is longer than the side begins before it."""
    start = int(torch.randint(abs(side - part) + 1, (), generator=generator))
    return start if part <= side else -start


def _cut(image: Tensor, box: tuple[int, int, int, int]) -> Tensor:
    """Cut a box from an image; outside the image it has the median colour of the border."""
    top, left, height, width = box
    inside = image[:, max(0, top) : top + height, max(0, left) : left + width]
    if inside.shape[1:] == (height, width):
        return inside
    border = torch.cat([image[:, [0, -1], :].flatten(1), image[:, 1:-1, [0, -1]].flatten(1)], 1)
    colour = border.float().median(1).values.to(image.dtype)
    cut = colour[:, None, None].repeat(1, height, width)
    y, x = max(0, -top), max(0, -left)
    cut[:, y : y + inside.shape[1], x : x + inside.shape[2]] = inside
    return cut
