"""Embedded colour profiles: images are converted to sRGB when they are read."""

from __future__ import annotations

import struct
from functools import cache, lru_cache
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
_DATE = struct.pack(
    ">6H", 2000, 1, 1, 0, 0, 0
)  # not today's, so that results are the same every day
_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # of sRGB
_WHITE = (0.9642, 1.0, 0.8249)  # D50
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


@cache
def standard_profile(colours: int) -> bytes | None:
    """Return the profile of images as they are read and written.

    Args:
        colours: Channels besides opacity.

    Returns:
        That of sRGB for 3 colours, and of gray with the same curve for 1; otherwise None.
    """
    if colours == 3:
        profile = ImageCms.ImageCmsProfile(_SRGB).tobytes()
        return profile[:24] + _DATE + profile[36:]
    return _gray_profile() if colours == 1 else None


def _gray_profile() -> bytes:
    """Build a profile (ICC 4.3) of gray with the curve of sRGB."""

    def fixed(*values: float) -> bytes:
        return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))

    def text(words: str) -> bytes:
        encoded = words.encode("utf-16-be")
        head = struct.pack(">4sIII2s2sII", b"mluc", 0, 1, 12, b"en", b"US", len(encoded), 28)
        return head + encoded

    parts = {
        b"desc": text("Gray with the curve of sRGB"),
        b"cprt": text("No copyright, use freely"),
        b"wtpt": b"XYZ \0\0\0\0" + fixed(*_WHITE),
        b"kTRC": b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + fixed(*_CURVE),
    }
    start = 128 + 4 + 12 * len(parts)
    table, body = struct.pack(">I", len(parts)), b""
    for name, data in parts.items():
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    head = struct.pack(
        ">I4sI4s4s4s12s4s4sIIIII12s", start + len(body), b"\0" * 4, 0x04300000, b"mntr", b"GRAY",
        b"XYZ ", _DATE, b"acsp", b"\0" * 4, 0, 0, 0, 0, 0, fixed(*_WHITE),
    )  # fmt: skip
    return head.ljust(128, b"\0") + table + body


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
