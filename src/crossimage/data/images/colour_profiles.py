"""Embedded colour profiles: images are converted to sRGB when they are read."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms

from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.pixels import ImageError, Pixels

Mode = Literal["L", "RGB", "CMYK"]

_SRGB = ImageCms.createProfile("sRGB")
_EQUAL = 2  # of 255: sRGB profiles differ from one another by that much


@lru_cache(maxsize=64)
def _transform(profile: bytes, mode: Mode) -> ImageCms.ImageCmsTransform | str | None:
    """Return the transform of a profile to sRGB; None if it is sRGB; else why it cannot be used."""
    try:
        opened = ImageCms.ImageCmsProfile(BytesIO(profile))
        space = str(opened.profile.xcolor_space).strip()
        fits = {"L": ("GRAY", "RGB"), "RGB": ("RGB",), "CMYK": ("CMYK",)}[mode]
        if space not in fits:
            return f"it is for {space} images"
        given = "L" if space == "GRAY" else space
        # the shortcut for gray loses the darkest levels
        flags = ImageCms.Flags.NOOPTIMIZE if given == "L" else ImageCms.Flags.NONE
        transform = ImageCms.buildTransform(opened, _SRGB, given, "RGB", flags=flags)
        if space == "CMYK":
            return transform
        levels = np.arange(0, 256, 15 if space == "RGB" else 1).astype(np.uint8)
        grid = np.stack(np.meshgrid(*[levels] * (3 if space == "RGB" else 1)), -1)
        grid = grid.reshape(1, -1, grid.shape[-1])
        change = _apply(transform, grid).astype(int) - grid
        return None if np.abs(change).max() <= _EQUAL else transform
    except (OSError, ValueError, ImageCms.PyCMSError) as error:
        return str(error) or "it is damaged"


def problem(profile: bytes | None, mode: Mode) -> str | None:
    """Return why the profile of an image of a mode cannot be used; None if it can."""
    transform = _transform(profile, mode) if profile else None
    return transform if isinstance(transform, str) else None


def to_srgb(pixels: Pixels, profile: bytes | None, path: str | ImageFile) -> Pixels:
    """Convert gray or colour pixels of 8 or 16 bits to sRGB; all others stay as they are.

    A profile that cannot be used is ignored.

    Args:
        pixels: The pixels, not premultiplied.
        profile: The embedded profile, if any.
        path: The image's name, for error messages.

    Raises:
        ImageError: The image has 16 bits, and the package that converts them is missing.
    """
    values = pixels.values
    colours = values.shape[0] - pixels.alpha
    if not profile or colours not in (1, 3) or values.is_floating_point():
        return pixels
    transform = _transform(profile, "L" if colours == 1 else "RGB")
    if transform is None or isinstance(transform, str):
        return pixels
    array = values[:colours].permute(1, 2, 0).numpy()
    if values.dtype == torch.uint8:
        array = _apply(transform, array)
    else:
        array = _convert_16_bits(array, profile, path)
    converted = torch.from_numpy(array[:, :, :colours]).permute(2, 0, 1)
    if pixels.alpha:
        converted = torch.cat([converted, values[colours:]])
    return pixels._replace(values=converted)


def cmyk_to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert a CMYK image to RGB, by its profile if there is one that can be used."""
    transform = _transform(profile, "CMYK") if profile else None
    if transform is None or isinstance(transform, str):
        return image.convert("RGB")
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None
    return converted


def _apply(transform: ImageCms.ImageCmsTransform, array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Transform an array (H, W, C); the result has C channels."""
    channels = array.shape[2]
    gray = transform.input_mode == "L"
    plane = array[:, :, 0] if gray else np.broadcast_to(array, (*array.shape[:2], 3))
    result = ImageCms.applyTransform(Image.fromarray(np.ascontiguousarray(plane)), transform)
    # in sRGB, the three channels of a gray are equal
    return np.asarray(result)[:, :, 1:2] if channels == 1 else np.array(result)


def _convert_16_bits(
    array: NDArray[Any], profile: bytes, path: str | ImageFile
) -> NDArray[np.uint16]:
    try:
        from imagecodecs import cms_transform
    except ImportError:
        raise ImageError(
            f"{path} can't be read: it has 16 bits and a colour profile, which needs the package "
            "imagecodecs; run `pip install 'crossimage[formats]'`, or convert the images to sRGB"
        ) from None
    gray = array.shape[2] == 1
    is_gray = gray and ImageCms.ImageCmsProfile(BytesIO(profile)).profile.xcolor_space == "GRAY"
    x = array.astype(np.float32) / 65535
    x = x[:, :, 0] if is_gray else np.broadcast_to(x, (*x.shape[:2], 3))
    y = cms_transform(
        np.ascontiguousarray(x), profile, ImageCms.ImageCmsProfile(_SRGB).tobytes(),
        colorspace="gray" if is_gray else "rgb", outcolorspace="rgb", outdtype=np.float32,
    )  # fmt: skip
    y = y[:, :, 1:2] if gray else y
    converted: NDArray[np.uint16] = (y.clip(0, 1) * 65535).round().astype(np.uint16)
    return converted
