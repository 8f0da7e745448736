"""What users hand to a model - images, styles, names, numbers - as what its networks take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike
from PIL import Image
from torch import Tensor

from crossimage.data.images.files import from_pil, read_image
from crossimage.utils.files import as_path
from crossimage.utils.names import did_you_mean, look_up

ImageLike = Image.Image | str | Path
ImagesLike = Tensor | ImageLike | Sequence[ImageLike]
Codes = Tensor | ArrayLike

# Refuses 0..255, and lets noise and resizing overshoot [-1, 1].
_LIMIT = 10.0


def is_single(x: ImagesLike) -> bool:
    """Whether ``x`` is one image or path, rather than a tensor or a list."""
    return isinstance(x, Image.Image | str | Path)


def as_list(x: ImageLike | Sequence[ImageLike]) -> list[ImageLike]:
    """One picture or several as a list."""
    return [x] if isinstance(x, Image.Image | str | Path) else list(x)


def device_of(x: ImagesLike) -> torch.device:
    """The device that results for ``x`` go to."""
    return x.device if isinstance(x, Tensor) else torch.device("cpu")


def domain_index(name: object, domains: Sequence[str]) -> int:
    """Position of a domain, whose name may differ in upper and lower case.

    Raises:
        ValueError: There is no such domain.
    """
    known = " and ".join(map(repr, domains))
    if not isinstance(name, str):
        raise ValueError(f"expected the name of a domain, {known}, found {name!r}")
    place = look_up(name, domains)
    if place is None:
        hint = did_you_mean(name, domains)
        raise ValueError(f"the model has no domain '{name}', only {known}{hint}")
    return place


def fit_codes(codes: Codes, count: int, length: int, what: str) -> Tensor:
    """Style codes as float32 (count, length).

    Args:
        codes: A tensor, an array or nested lists (1, length) or (count, length).
        count: How many are needed.
        length: Numbers in a code.
        what: What the error message calls them.

    Raises:
        ValueError: They are of another shape, or no numbers.
    """
    if not isinstance(codes, Tensor):
        try:
            codes = torch.from_numpy(np.array(codes, np.float32))
        except (TypeError, ValueError):
            kind = type(codes).__name__
            raise ValueError(f"{what}: expected rows of numbers, found a {kind}") from None
    if codes.ndim == 4 and codes.shape[2:] == (1, 1):
        codes = codes[:, :, 0, 0]
    if codes.ndim != 2 or codes.shape[1] != length or codes.shape[0] not in {1, count}:
        rows = "1" if count == 1 else f"1 or {count}"
        raise ValueError(
            f"{what}: expected codes ({rows}, {length}), one for all images or one an image, "
            f"found {tuple(codes.shape)}"
        )
    return codes.float().expand(count, length)


def to_batches(
    x: ImagesLike, channels: int, value_range: tuple[float, float] | None = None
) -> list[Tensor]:
    """Images as batches of equal size, in their order.

    Args:
        x: A float tensor (N, C, H, W) in [-1, 1], an image, a path, or a list of the latter two.
        channels: Channels that the images need to have.
        value_range: Range of floating-point images.

    Returns:
        The tensor itself as float32, or a tensor (1, C, H, W) an image.

    Raises:
        FileNotFoundError: A path does not exist.
        ValueError: A tensor of another shape, type or range; an unreadable or unfit image.
    """
    if isinstance(x, Tensor):
        return [_checked(x, channels)]
    pictures = as_list(x)
    if not pictures:
        raise ValueError("the list of images is empty; expected at least one")
    return [_read(picture, channels, value_range)[None] for picture in pictures]


def _read(
    picture: ImageLike | object, channels: int, value_range: tuple[float, float] | None
) -> Tensor:
    if isinstance(picture, Image.Image):
        return from_pil(picture, channels, value_range)
    if not isinstance(picture, str | Path):
        raise ValueError(
            f"expected images or paths, found {type(picture).__name__}; give arrays as one tensor "
            "(N, C, H, W) in [-1, 1]"
        )
    path = as_path(picture, "the path of an image")
    if not path.is_file():
        raise FileNotFoundError(f"there is no image {path}")
    return read_image(path, channels, value_range)


def _checked(x: Tensor, channels: int) -> Tensor:
    if x.ndim != 4:
        hint = "; add the batch dimension with x[None]" if x.ndim == 3 else ""
        raise ValueError(f"expected images (N, C, H, W), found a tensor {tuple(x.shape)}{hint}")
    if x.shape[1] != channels:
        raise ValueError(
            f"expected images (N, {channels}, H, W) of {channels} channels, "
            f"found a tensor {tuple(x.shape)}"
        )
    if not x.numel():
        raise ValueError(f"expected at least one pixel, found a tensor {tuple(x.shape)}")
    if not x.is_floating_point():
        hint = "; for 0..255 use x / 127.5 - 1" if x.dtype == torch.uint8 else ""
        raise ValueError(f"expected a float tensor in [-1, 1], found {x.dtype}{hint}")
    low, high = (value.item() for value in x.aminmax())
    # Written so that NaN, for which every comparison is false, is refused.
    if not (low >= -_LIMIT and high <= _LIMIT):
        hint = "; for 0..255 use x / 127.5 - 1" if low >= 0 and high <= 255 else ""
        raise ValueError(f"expected values in [-1, 1], found {low:g} to {high:g}{hint}")
    return x.float()


def join_batches(batches: Sequence[Tensor]) -> Tensor:
    """Batches as one.

    Raises:
        ValueError: Their images differ in size.
    """
    sizes = {f"{batch.shape[3]}x{batch.shape[2]}" for batch in batches}
    if len(sizes) > 1:
        raise ValueError(
            f"the images differ in size ({', '.join(sorted(sizes))}); give those of one size at "
            "a time"
        )
    return torch.cat(list(batches))
