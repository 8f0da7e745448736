"""Pixels of image files that Pillow opens, and of Pillow images."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageOps, ImagePalette

from crossimage.config import DataRules
from crossimage.data.images.checks import png
from crossimage.data.images.checks.size import SMALL, check_size
from crossimage.data.images.codecs import deep_png, jpeg, jpeg2000
from crossimage.data.images.colour_profiles import Mode, cmyk_to_srgb, problem, to_srgb
from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.pixels import (
    MODES,
    ImageInfo,
    Pixels,
    check_finite,
    fill_gaps,
    stretched,
    upright,
)
from crossimage.data.images.stored import highest_value, orientation_of

EARLIER_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")

# The modes that images are converted to before they become tensors; all others become RGB.
_PLAIN = {"1": "L", "La": "LA", "PA": "RGBA", "RGBa": "RGBA"} | {
    mode: mode for mode in ("L", "LA", "RGB", "RGBA", "I;16", "I;16L", "I;16B", "I", "F")
}
_DEPTHS = {"1": "1-bit", "I": "32-bit", "F": "float32"}
_WEBP_BYTES = 16  # of a pixel while it is decoded: canvases of the animation, and copies
_ORIENTATION = 274
_SRGB_GAMMA = 0.45455  # as PNG states it
_COLOUR_MAP = 320  # of a TIFF
_ANIMATED = ("GIF", "PNG", "WEBP")


def info(path: ImageFile, image: Image.Image) -> ImageInfo:
    """Describe an opened file from its header; check its size."""
    width, height = image.size
    mode, deep, full = _plain_mode(image), _deep_png(path, image), 65535
    if packed := jpeg2000.bits(path, image):
        deep, full = len(image.getbands()), 2**packed - 1
    elif _is_deep_pnm(image):
        full = highest_value(path, image)
    deep_gray = mode.startswith("I;16") or _is_deep_pnm(image)
    channels = deep or len(Image.new(mode, (1, 1)).getbands())
    value_bytes = 2 if deep or deep_gray else 4 if mode in ("I", "F") else 1
    large_webp = image.format == "WEBP" and width * height > SMALL
    check_size(path, width, height, _WEBP_BYTES if large_webp else channels * value_bytes)
    if orientation_of(path, image) > 4:
        width, height = height, width
    if image.format == "JPEG2000" and (profile := jpeg2000.profile(path)):
        image.info["icc_profile"] = profile  # Pillow leaves it out
    ignored = problem(image.info.get("icc_profile"), _profile_mode(image)) or _other_gamma(image)
    further = getattr(image, "n_frames", 1) - 1 if image.format in _ANIMATED else 0
    if deep:
        return ImageInfo(
            width, height, deep, MODES[deep], "16-bit",
            ignored_profile=ignored, full=full, further=further,
        )  # fmt: skip
    depth = "16-bit" if deep_gray else _DEPTHS.get(image.mode, "8-bit")
    return ImageInfo(
        width, height, channels, image.mode, depth,
        ignored_profile=ignored, full=full, further=further,
    )  # fmt: skip


def _other_gamma(image: Image.Image) -> str | None:
    """Return the gamma that a PNG states in place of a profile, unless it is nearly sRGB's."""
    known = {"icc_profile", "srgb", "gamma"} & image.info.keys()
    gamma = image.info["gamma"] if image.format == "PNG" and known == {"gamma"} else 0
    if gamma <= 0 or abs(gamma - _SRGB_GAMMA) < 0.02:
        return None
    return f"it is a gamma of {gamma:.2f} without a profile"


def read(
    path: ImageFile,
    image: Image.Image,
    target_size: tuple[int, int] | None = None,
    rules: DataRules = 3,
    profiles: bool = True,
) -> Pixels:
    """Decode an opened file, upright, and convert its colours to sRGB.

    Args:
        path: The file.
        image: The image that Pillow opened.
        target_size: The required height and width. A JPEG that is at least two, four or eight
            times as large is decoded at a half, a quarter or an eighth of its size.
        rules: The rules by which files are read.
        profiles: Whether colours are converted to sRGB.
    """
    profile = image.info.get("icc_profile") if profiles and rules != 1 else None
    return to_srgb(_decode(path, image, target_size, rules, profile), profile, path)


def _decode(
    path: ImageFile,
    image: Image.Image,
    target_size: tuple[int, int] | None,
    rules: DataRules,
    profile: bytes | None,
) -> Pixels:
    """Decode an opened file, upright; only CMYK is converted by the profile."""
    if image.format == "PNG" and (rules != 1 or _deep_png(path, image)):
        found = png.check(path)
        if found.depth == 16:
            values = torch.from_numpy(deep_png.decode(path, image, found))
            return Pixels(values, alpha=len(values) in (2, 4))
        if image.mode == "L" and "transparency" in image.info:  # a value of 2 or 4 bits
            image.info["transparency"] *= 255 // (2**found.depth - 1)
    if rules != 1 and (packed := jpeg2000.bits(path, image)):
        levels, stretch = stretched(jpeg2000.read(path, image, packed), packed)
        return Pixels(torch.from_numpy(levels), alpha=len(levels) in (2, 4), stretch=stretch)
    reduced = target_size is not None and _reduce(image, *target_size)
    if image.format in ("JPEG", "MPO") and (rules != 1 or not reduced):
        array = jpeg.read(path, image) if rules != 1 else jpeg.read_intact(path, image)
        if array is not None:
            if image.mode == "CMYK":
                array = np.asarray(cmyk_to_srgb(Image.fromarray(array, "CMYK"), profile))
            orientation = image.getexif().get(_ORIENTATION, 1)
            if orientation != 1:
                turned = upright(array.transpose(2, 0, 1), orientation)
                array = np.ascontiguousarray(turned.transpose(1, 2, 0))
            # the channels stay side by side in memory
            return Pixels(torch.from_numpy(array).permute(2, 0, 1), alpha=False)
    if image.format == "TIFF" and image.mode == "P" and rules != 1:
        colours = image.tag_v2.get(_COLOUR_MAP, ())  # type: ignore[attr-defined]
        if max(colours, default=256) < 256:  # 8 bits, against the standard, as libtiff allows
            image.palette = ImagePalette.raw("RGB;L", bytes(colours))
    deep_pnm = _is_deep_pnm(image)
    stretch = 65535 / highest_value(path, image) if deep_pnm else 1.0
    ImageOps.exif_transpose(image, in_place=True)
    decoded = pixels(cmyk_to_srgb(image, profile) if image.mode == "CMYK" else image)
    if rules == 1:
        return check_finite(decoded, path)
    if deep_pnm:
        decoded = decoded._replace(values=decoded.values.to(torch.uint16), stretch=stretch)
    return fill_gaps(decoded, path)


def from_image(image: Image.Image, rules: DataRules) -> Pixels:
    """Return the pixels of a Pillow image, upright and in sRGB."""
    profile = image.info.get("icc_profile")
    image = ImageOps.exif_transpose(image)
    if rules == 1:
        return check_finite(pixels(image), "the image")
    image = cmyk_to_srgb(image, profile) if image.mode == "CMYK" else image
    return to_srgb(fill_gaps(pixels(image), "the image"), profile, "the image")


def pixels(image: Image.Image) -> Pixels:
    """Return the pixels of an image as they are stored, with interleaved channels in memory."""
    mode = _plain_mode(image)
    array = np.array(image if image.mode == mode else image.convert(mode))
    if array.dtype.kind != "u":
        array = array.astype(np.float32)
    elif array.dtype.itemsize == 2:
        array = array.astype(np.uint16)  # in native byte order
    values = torch.from_numpy(array)
    values = values[None] if values.ndim == 2 else values.permute(2, 0, 1)
    return Pixels(values, alpha=mode in ("LA", "RGBA"))


def _reduce(image: Image.Image, height: int, width: int) -> bool:
    """Prepare a JPEG to be decoded from its lowest frequencies only, if enough pixels remain."""
    size, rotated = image.size, image.getexif().get(_ORIENTATION, 1) > 4
    image.draft(
        None, (height, width) if rotated else (width, height)
    )  # has no effect on other formats
    return image.size != size


def _deep_png(path: ImageFile, image: Image.Image) -> int:
    """Return the channels of a PNG of 16 bits, which Pillow would cut to 8 bits; else 0."""
    channels = png.deep_channels(path) if image.format == "PNG" else 0
    return channels + (channels in (1, 3) and "transparency" in image.info)


def _is_deep_pnm(image: Image.Image) -> bool:
    """Return whether an image is a gray PNM of 16 bits, which Pillow keeps in 32."""
    return image.format == "PPM" and image.mode == "I"


def _profile_mode(image: Image.Image) -> Mode:
    """Return the colour mode that an image's profile must describe."""
    if image.mode == "CMYK":
        return "CMYK"
    return "L" if image.mode in ("1", "L", "LA") or image.mode.startswith("I") else "RGB"


def _plain_mode(image: Image.Image) -> str:
    mode = _PLAIN.get(image.mode, "RGB")
    if mode in ("L", "RGB") and image.has_transparency_data:
        return "LA" if mode == "L" else "RGBA"
    return mode
