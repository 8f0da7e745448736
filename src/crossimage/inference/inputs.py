"""Validate user input and convert it to tensors; return results in the form of the input."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from torch import Tensor

from crossimage.config import DataRules
from crossimage.data.images.arrays import from_array, from_pil, to_array, to_pil
from crossimage.data.images.encoded import EncodedImage, ImageFile
from crossimage.data.images.files import read_image
from crossimage.data.images.label_maps import read_label_map
from crossimage.data.shards.index import find_member
from crossimage.inference.halves import HalfRule
from crossimage.inference.input_checks import Array, check_array, check_tensor
from crossimage.inference.web import download, is_address, without_secrets
from crossimage.utils.names import near_path_hint
from crossimage.utils.paths import as_path

__all__ = [
    "Array", "Codes", "FileLike", "FilesLike", "ImageLike", "ImageSource", "ImagesLike", "Inputs",
    "as_list", "fit_codes", "is_single", "read_file", "read_inputs",
]  # fmt: skip

ImageSource = Image.Image | str | Path | bytes | bytearray | BinaryIO
"""An image, its path or address, or an encoded image in memory or in a file in binary mode."""

FileLike = str | Path | bytes | bytearray | BinaryIO
"""A path, pattern, list or address, or an encoded image."""

FilesLike = FileLike | Iterable[FileLike]
ImageLike = ImageSource | Array
ImagesLike = Tensor | ImageLike | Sequence[ImageLike]
ReferencesLike = ImagesLike | Sequence[Tensor]
Codes = Tensor | ArrayLike

_IN_MEMORY = (Image.Image, np.ndarray)
_KINDS = "PIL images, uint8 arrays (H, W, C), paths, addresses, encoded bytes or binary files"


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


def as_list(x: object) -> list[Any]:
    """Return one image or several as a list.

    Raises:
        ValueError: ``x`` is neither an image nor a list.
    """
    if is_single(x):
        return [x]
    if not isinstance(x, Iterable) or isinstance(x, Mapping):
        raise ValueError(
            f"expected a float tensor (N, C, H, W) in [-1, 1], or one or several {_KINDS}; "
            f"found {type(x).__name__}"
        )
    return list(x)


def read_inputs(
    x: ImagesLike | Sequence[ImageLike | EncodedImage],
    channels: int,
    value_range: tuple[float, float] | None = None,
    rules: DataRules = 3,
    classes: int = 0,
    half: HalfRule | None = None,
) -> Inputs:
    """Read what a user passes as images.

    Args:
        x: A float tensor (N, C, H, W) in [-1, 1], an image, or a list of images. An image is a PIL
            image, a uint8 array (H, W) or (H, W, C), a path, an address (``https://...``), or an
            encoded image as bytes or in a file opened in binary mode.
        channels: Channels that the images must have.
        value_range: Range of images of more than 8 bits.
        rules: The rules by which images are read.
        classes: Number of classes if the images are label maps; 0 otherwise.
        half: Which part of each image is used; None: all of it.

    Returns:
        The images: a tensor as one batch, any other image as a batch of one.

    Raises:
        FileNotFoundError: A path does not exist.
        ValueError: The shape, type or range of an image does not fit, or it is unreadable.

    Warns:
        UserWarning: The values of a tensor are those of images in [0, 1], or exceed [-1, 1] by far.
    """
    if isinstance(x, Tensor):
        batch = check_tensor(x, channels)
        if half:
            batch = half.apply(batch, "the tensor", is_file=False)
        return Inputs([batch], x.device, is_tensor=True)
    images = as_list(x)
    if not images:
        raise ValueError("the list of images is empty; expected at least one")
    if classes:
        batches = [read_label_map(_opened(image), channels, classes)[None] for image in images]
    else:
        batches = [_read(image, channels, value_range, rules)[None] for image in images]
    if half:
        batches = [
            half.apply(batch, _title(image), is_file=not isinstance(image, _IN_MEMORY))
            for batch, image in zip(batches, images, strict=True)
        ]
    arrays = [isinstance(image, np.ndarray) for image in images]
    return Inputs(batches, single=is_single(x), arrays=arrays)


def _title(image: object) -> str:
    """Return what messages call an image."""
    if isinstance(image, str | Path | EncodedImage):
        return without_secrets(image) if isinstance(image, str) else str(image)
    name = getattr(image, "name", None)
    return name if isinstance(name, str) else "the image"


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
    given: object, channels: int, value_range: tuple[float, float] | None, rules: DataRules
) -> Tensor:
    """Read one image as a float32 tensor (C, H, W) in [-1, 1]."""
    image = _opened(given)
    if isinstance(image, np.ndarray):
        return from_array(check_array(image, channels), channels)
    if isinstance(image, Image.Image):
        return from_pil(image, channels, value_range, rules)
    return read_image(image, channels, value_range, rules)


def _opened(given: object) -> ImageFile | Image.Image | NDArray[Any]:
    """Return one of a user's images as what readers accept; addresses are downloaded."""
    if isinstance(given, np.ndarray | EncodedImage):
        return given
    if isinstance(given, Image.Image):
        if not given.width or not given.height:
            size = f"{given.width}x{given.height}"
            raise ValueError(f"expected at least one pixel, found an image of {size}")
        return given
    if isinstance(given, bytes | bytearray):
        if not given:
            raise ValueError("expected the bytes of an encoded image, found none")
        return EncodedImage(bytes(given))
    if hasattr(given, "read"):
        return read_file(given)
    if is_address(given):
        file = io.BytesIO()
        download(str(given), file)
        return EncodedImage(file.getvalue(), without_secrets(str(given)))
    if not isinstance(given, str | Path):
        hint = "; stack tensors into one (N, C, H, W)" if isinstance(given, Tensor) else ""
        raise ValueError(f"expected a list of {_KINDS}, found {type(given).__name__}{hint}")
    path = as_path(given, "the path of an image")
    if path.is_dir():
        raise ValueError(f"{path} is a folder, expected an image; translate_files takes folders")
    found = path if path.is_file() else find_member(path)
    if found is None:
        raise FileNotFoundError(f"there is no image {path}{near_path_hint(path)}")
    return found


def read_file(file: Any) -> EncodedImage:
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
