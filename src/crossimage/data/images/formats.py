"""The image formats that are read, recognised by their first bytes, and those that are written."""

from __future__ import annotations

from typing import Literal

SUFFIXES = frozenset(
    {
        ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo",
        ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff",
        ".avif", ".avifs", ".heic", ".heif", ".hif",
        ".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx",
        ".pbm", ".pgm", ".ppm", ".pnm", ".pfm",
    }
)  # fmt: skip
"""Suffixes, in lower case, of the files that count as images without being opened."""

EXPECTED = ".jpg, .png, .webp, .tif, .bmp, .gif, .avif, .jp2, .ppm, .heic or their variants"
"""The formats, for error messages."""

EXTENSIONS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff")
"""Suffixes of the files that can be written."""

TIFF = (".tif", ".tiff")
"""Suffixes of the files that hold any number of channels, and floating-point values."""
DEEP = (".png", *TIFF)
"""Suffixes of the files that hold 16 bits per channel."""
WITH_OPACITY = (".png", ".webp", *TIFF)
"""Suffixes of the files that hold opacity."""

Depth = Literal["8", "16", "float"]
"""How values are stored: with 8 or 16 bits, or in floating point, as are other whole numbers."""

Opacity = Literal["white", "keep", "drop"]
"""What becomes of transparent parts: white, kept in the result, or as if they were opaque."""

MOST = 65535
"""The largest value of 16 bits."""

HEAD = 32
"""Number of bytes at the start of a file that identify its format."""

_CERTAIN = frozenset({"JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "JPEG2000"})
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
_JPEG2000 = (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")
_STARTS = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "BMP": (b"BM",),
    "DIB": (b"\x28\0\0\0", b"\x6c\0\0\0", b"\x7c\0\0\0"),
    "JPEG2000": _JPEG2000,
    "PPM": tuple(b"P%c%c" % (kind, space) for kind in b"123456fF" for space in b" \t\r\n#"),
}


def format_of(head: bytes) -> str | None:
    """Return the format of a file by its first :data:`HEAD` bytes.

    Args:
        head: The start of the file.

    Returns:
        Pillow's name of the format; ``JPEG`` also for MPO, whose first image is a JPEG. None for
        all other files.
    """
    for name, starts in _STARTS.items():
        if head.startswith(starts):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        # the brands: the major one, a version, and the compatible ones
        brands = [head[at : at + 4] for at in (8, *range(16, len(head) - 3, 4))]
        if any(brand in (b"avif", b"avis") for brand in brands):
            return "AVIF"
        if any(brand in _HEIC for brand in brands):
            return "HEIF"
    return None


def is_image(suffix: str, head: bytes) -> bool:
    """Return whether a file without an image suffix holds an image.

    Files with a suffix of another type need an unmistakable start: many camera and microscope
    formats look like TIFF, for instance.
    """
    name = format_of(head)
    return name in _CERTAIN or (name is not None and not suffix)


def whole_range(value_range: tuple[float, float] | None) -> tuple[float, float]:
    """Return the values of -1 and 1 in files of 16 bits: the given ones if they are whole."""
    if value_range is None:
        return 0.0, float(MOST)
    low, high = value_range
    return (low, high) if low >= 0 and high <= MOST and high - low > 255 else (0.0, float(MOST))
