"""Validate user input and convert it to tensors; return results in the form of the input."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from torch import Tensor

from crossimage.config import DataRules
from crossimage.data.images.encoded import EncodedImage
from crossimage.data.images.files import from_array, from_pil, read_image, to_array, to_pil
from crossimage.utils.files import as_path
from crossimage.utils.names import did_you_mean, look_up

__all__ = [
    "Array", "Codes", "ImageLike", "ImageSource", "ImagesLike", "Inputs",
    "as_list", "domain_index", "fit_codes", "is_single", "read_inputs",
]  # fmt: skip

Array = NDArray[np.uint8]
"""An image (H, W) or (H, W, C) of uint8; 3 channels are RGB."""

ImageSource = Image.Image | str | Path | bytes | bytearray | BinaryIO
"""An image, a path, or an encoded image in memory or in a file opened in binary mode."""

ImageLike = ImageSource | Array
ImagesLike = Tensor | ImageLike | Sequence[ImageLike]
Codes = Tensor | ArrayLike

_LIMIT = 10.0  # refuses 0..255, and lets noise and resizing overshoot [-1, 1]
_KINDS = "PIL images, uint8 arrays (H, W, C), paths, encoded bytes or binary files"


@dataclass(frozen=True)
class Inputs:
    """Images from a user as tensors, with the form in which they were passed.

    Attributes:
        batches: Float32 images (N, C, H, W) of one size each, in the order of the input.
        device: The device of a tensor; the CPU otherwise.
        is_tensor: Whether the input was a tensor.
        single: Whether the input was one image rather than a list.
        arrays: For each image of a list, whether it was a NumPy array.
    """

    batches: list[Tensor]
    device: torch.device = torch.device("cpu")
    is_tensor: bool = False
    single: bool = False
    arrays: Sequence[bool] = ()

    def __len__(self) -> int:
        """Return the number of images."""
        return sum(map(len, self.batches))

    def joined(self) -> Tensor:
        """Return all images as one batch.

        Raises:
            ValueError: The images differ in size.
        """
        sizes = {f"{batch.shape[3]}x{batch.shape[2]}" for batch in self.batches}
        if len(sizes) > 1:
            raise ValueError(
                f"the images differ in size ({', '.join(sorted(sizes))}); give those of one size "
                "at a time"
            )
        return torch.cat(self.batches)

    def results(self, outputs: Sequence[Tensor], *, several: bool) -> Any:
        """Convert outputs to the form of the input.

        Args:
            outputs: Images (N, k, C, H, W) for each batch.
            several: Whether the user asked for k outputs per input; otherwise only the first
                counts.

        Returns:
            For a tensor, a tensor (N, k, C, H, W) on its device. For one image, a list of k images,
            which are uint8 arrays (H, W, C) if it was an array, and PIL images otherwise; for a
            list, a list of such lists. Without ``several``, single images instead of lists of k.
        """
        if self.is_tensor:
            (y,) = outputs
            return (y if several else y[:, 0]).to(self.device)
        rows = (row for output in outputs for row in output)
        images = [
            [to_array(image) if array else to_pil(image) for image in row[: None if several else 1]]
            for row, array in zip(rows, self.arrays, strict=True)
        ]
        results = images if several else [row[0] for row in images]
        return results[0] if self.single else results


def is_single(x: object) -> bool:
    """Return whether a user's input is one image, rather than a tensor or a list."""
    kinds = (Image.Image, np.ndarray, str, Path, bytes, bytearray)
    return isinstance(x, kinds) or hasattr(x, "read")


def as_list(x: ImageLike | Sequence[ImageLike]) -> list[ImageLike]:
    """Return one image or several as a list.

    Raises:
        ValueError: ``x`` is neither an image nor a list.
    """
    if is_single(x):
        return [x]  # type: ignore[list-item]
    if not isinstance(x, Iterable):
        raise ValueError(
            f"expected a float tensor (N, C, H, W) in [-1, 1], or one or several {_KINDS}; "
            f"found {type(x).__name__}"
        )
    return list(x)


def read_inputs(
    x: ImagesLike,
    channels: int,
    value_range: tuple[float, float] | None = None,
    rules: DataRules = 2,
) -> Inputs:
    """Read what a user passes as images.

    Args:
        x: A float tensor (N, C, H, W) in [-1, 1], an image, or a list of images. An image is a PIL
            image, a uint8 array (H, W) or (H, W, C), a path, or an encoded image as bytes or in a
            file opened in binary mode.
        channels: Channels that the images must have.
        value_range: Range of images of more than 8 bits.
        rules: The rules by which images are read.

    Returns:
        The images: a tensor as one batch, any other image as a batch of one.

    Raises:
        FileNotFoundError: A path does not exist.
        ValueError: The shape, type or range of an image does not fit, or it is unreadable.
    """
    if isinstance(x, Tensor):
        return Inputs([_check_tensor(x, channels)], x.device, is_tensor=True)
    images = as_list(x)
    if not images:
        raise ValueError("the list of images is empty; expected at least one")
    batches = [_read(image, channels, value_range, rules)[None] for image in images]
    arrays = [isinstance(image, np.ndarray) for image in images]
    return Inputs(batches, single=is_single(x), arrays=arrays)


def domain_index(name: object, domains: Sequence[str]) -> int:
    """Return the index of a domain, whose name may differ in case.

    Raises:
        ValueError: The domain is unknown.
    """
    known = " and ".join(map(repr, domains))
    if not isinstance(name, str):
        raise ValueError(f"expected the name of a domain, {known}, found {name!r}")
    index = look_up(name, domains)
    if index is None:
        hint = did_you_mean(name, domains)
        raise ValueError(f"the model has no domain '{name}', only {known}{hint}")
    return index


def fit_codes(codes: Codes, count: int, length: int, name: str) -> Tensor:
    """Return style codes as a float32 tensor (count, length).

    Args:
        codes: A tensor, an array or nested lists, (1, length) or (count, length).
        count: Number of codes needed.
        length: Length of a code.
        name: Name of the argument, for error messages.

    Raises:
        ValueError: The codes have another shape or are not numbers.
    """
    if not isinstance(codes, Tensor):
        try:
            codes = torch.from_numpy(np.array(codes, np.float32))
        except (TypeError, ValueError):
            kind = type(codes).__name__
            raise ValueError(f"{name}: expected rows of numbers, found a {kind}") from None
    if codes.ndim == 4 and codes.shape[2:] == (1, 1):
        codes = codes[:, :, 0, 0]
    if codes.ndim != 2 or codes.shape[1] != length or codes.shape[0] not in {1, count}:
        rows = "1" if count == 1 else f"1 or {count}"
        raise ValueError(
            f"{name}: expected codes ({rows}, {length}), one for all images or one per image, "
            f"found {tuple(codes.shape)}"
        )
    return codes.float().expand(count, length)


def _read(
    image: object, channels: int, value_range: tuple[float, float] | None, rules: DataRules
) -> Tensor:
    """Read one image as a float32 tensor (C, H, W) in [-1, 1]."""
    if isinstance(image, np.ndarray):
        return from_array(_check_array(image, channels), channels)
    if isinstance(image, Image.Image):
        if not image.width or not image.height:
            size = f"{image.width}x{image.height}"
            raise ValueError(f"expected at least one pixel, found an image of {size}")
        return from_pil(image, channels, value_range, rules)
    if isinstance(image, bytes | bytearray):
        if not image:
            raise ValueError("expected the bytes of an encoded image, found none")
        return read_image(EncodedImage(bytes(image)), channels, value_range, rules)
    if hasattr(image, "read"):
        return read_image(_read_file(image), channels, value_range, rules)
    if not isinstance(image, str | Path):
        hint = "; stack tensors into one (N, C, H, W)" if isinstance(image, Tensor) else ""
        raise ValueError(f"expected a list of {_KINDS}, found {type(image).__name__}{hint}")
    path = as_path(image, "the path of an image")
    if not path.is_file():
        raise FileNotFoundError(f"there is no image {path}")
    return read_image(path, channels, value_range, rules)


def _read_file(file: Any) -> EncodedImage:
    """Read the rest of a binary file."""
    given = getattr(file, "name", None)
    name = given if isinstance(given, str) else "the file object"
    if isinstance(file, io.TextIOBase):
        raise ValueError(f"{name} is open as text; open it in binary mode, 'rb'")
    try:
        data = file.read()
    except (OSError, ValueError) as error:  # such as of closed files
        raise ValueError(f"{name} can't be read: {error}") from None
    if not isinstance(data, bytes):
        raise ValueError(f"{name} returns {type(data).__name__}, not bytes; open it in binary mode")
    if not data:
        raise ValueError(f"{name} is at its end; to read it again, call seek(0)")
    return EncodedImage(data, name)


def _check_array(array: NDArray[Any], channels: int) -> Array:
    shape = array.shape
    if array.dtype != np.uint8:
        raise ValueError(
            f"expected an array of uint8, found {array.dtype}; convert values in [0, 1] with "
            "(x * 255).round().astype('uint8'), or give a float tensor (N, C, H, W) in [-1, 1]"
        )
    if array.ndim not in {2, 3}:
        hint = "; give several images as a list of arrays" if array.ndim == 4 else ""
        raise ValueError(f"expected an array (H, W) or (H, W, C), found the shape {shape}{hint}")
    if not array.size:
        raise ValueError(f"expected at least one pixel, found an array of the shape {shape}")
    usual = {1, 3, 4}
    found = 1 if array.ndim == 2 else shape[2]
    if found != channels and not {found, channels} <= usual:
        hint = "; channels come last: use x.transpose(1, 2, 0)" if shape[0] in usual else ""
        raise ValueError(
            f"expected an array (H, W, {channels}) of {channels} channels, found the shape "
            f"{shape}{hint}"
        )
    return array


def _check_tensor(x: Tensor, channels: int) -> Tensor:
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
    # Phrased so that NaN, for which every comparison is false, is refused.
    if not (low >= -_LIMIT and high <= _LIMIT):
        hint = "; for 0..255 use x / 127.5 - 1" if low >= 0 and high <= 255 else ""
        raise ValueError(f"expected values in [-1, 1], found {low:g} to {high:g}{hint}")
    return x.float()
