"""What image files hold besides pixels, and what results keep of it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, NamedTuple

import tifffile
from PIL import ExifTags, Image

from crossimage.config import DataRules
from crossimage.data.images.checks.pieces import open_piecewise
from crossimage.data.images.checks.regular import check_regular
from crossimage.data.images.checks.size import pillow_limit
from crossimage.data.images.checks.tiff_pages import check_pages
from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.formats import HEAD, format_of
from crossimage.data.images.pixels import ImageError
from crossimage.data.images.tiff.layout import read_layout
from crossimage.utils.reading import FailedReadError, reads_noticed

_ORIENTATION, _EXIF, _GPS = 274, ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
_NO_UNIT, _CENTIMETRE = 1, 3

# Descriptions: document, image, camera, page, software, date, artist, computer, copyright, rating,
# and the titles and keywords of Windows. All other tags describe how pixels are stored.
_DESCRIPTIONS = (
    269, 270, 271, 272, 285, 305, 306, 315, 316, 33432, 18246, 18249, 40091, 40092, 40093, 40094,
    40095,
)  # fmt: skip
_DENSITY = (X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT)
_COLOUR_SPACE, _WIDTH, _HEIGHT, _INTEROPERABILITY = 0xA001, 0xA002, 0xA003, 0xA005
_SRGB = 1
MAKER_NOTE = 0x927C

_PIXEL_SCALE, _TIE_POINTS, _TRANSFORMATION = 33550, 33922, 34264
_KEYS, _NUMBERS, _TEXTS = 34735, 34736, 34737
_BANDS = 42112  # GDAL's statistics, units and scales of the bands
_RASTER_TYPE, _POINT = 1025, 2

_NOT_TEXT = re.compile(r"XML:com\.adobe\.xmp$|Raw profile type ")
_LAYOUT_IN_WORDS = re.compile(r'\{"shape": |ImageJ=|<\?xml.*<OME |<OME ', re.DOTALL)
_XMP_ORIENTATION = re.compile(
    rb"""\s*tiff:Orientation\s*=\s*(?:"[^"]*"|'[^']*')|<tiff:Orientation>.*?</tiff:Orientation>"""
)
_XMP_THUMBNAILS = re.compile(rb"<xmp:Thumbnails>.*?</xmp:Thumbnails>", re.DOTALL)
_XMP_OF_SEVERAL = (b"hdrgm:", b"GContainer", b"Container:Directory")  # lists images that are gone


_BIG = (b"II+\0", b"MM\0+")  # how BigTIFF files begin

PLACE_LOST = "the image is {}, so the tags of its place on the map are left out"
GROUPS_LOST = "camera data (EXIF) is left out, which is not read from BigTIFF files"
BANDS_LOST = "GDAL's metadata is left out, since it describes the values of the input"


class Tag(NamedTuple):
    """A TIFF tag that places an image on the map.

    Attributes:
        code: Its number.
        values: Its numbers, or its text.
    """

    code: int
    values: tuple[float, ...] | str


@dataclass(frozen=True)
class Metadata:
    """What a result keeps of its input besides pixels.

    Attributes:
        exif: EXIF data in Pillow's form, without the orientation and the thumbnail.
        dpi: Pixels per inch, across and down.
        texts: Comments and other texts by keyword.
        xmp: An XMP packet, without the orientation and the thumbnail.
        geo: The tags of a GeoTIFF.
        profile: The input's colour profile if its colours were not converted; None: sRGB.
        lost: What results can't keep, each in a sentence.
    """

    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    texts: tuple[tuple[str, str], ...] = ()
    xmp: bytes | None = None
    geo: tuple[Tag, ...] = ()
    profile: bytes | None = None
    lost: tuple[str, ...] = ()

    @property
    def has_groups(self) -> bool:
        """Whether there are groups of EXIF data: those of a camera, or a place."""
        exif = self.exif_for(1, 1)
        return any(exif.get_ifd(group) for group in (_EXIF, _GPS))

    def resized(self, before: tuple[int, int], after: tuple[int, int]) -> Metadata:
        """Return the metadata of the whole image at another size, each (height, width)."""
        if not self.geo or before == after:
            return self
        return replace(self, geo=_scaled(self.geo, before[1] / after[1], before[0] / after[0]))

    def exif_for(self, height: int, width: int) -> Image.Exif:
        """Return the EXIF data of a result of a size."""
        exif = Image.Exif()
        if self.exif is not None:
            exif.load(self.exif)
            camera = exif.get_ifd(_EXIF)
            if camera:
                for tag, value in ((_WIDTH, width), (_HEIGHT, height), (_COLOUR_SPACE, _SRGB)):
                    if tag in camera:
                        camera[tag] = value
                exif[_EXIF] = dict(camera)
        return exif


def joined_texts(texts: tuple[tuple[str, str], ...]) -> str:
    """Return texts by keyword as one text, for formats that have a single comment."""
    return "\n".join(text if key == "Comment" else f"{key}: {text}" for key, text in texts)


def read_metadata(path: ImageFile, rules: DataRules = 3) -> Metadata:
    """Read what a readable image file holds besides pixels; broken parts are left out.

    Args:
        path: The file.
        rules: The rules by which its pixels are read; 1: its colours are not converted.
    """
    try:
        check_regular(path)
        with (
            warnings.catch_warnings(), pillow_limit.raised(), reads_noticed(),
            open_piecewise(path) as data,
        ):  # fmt: skip
            warnings.simplefilter("ignore")  # about broken parts
            name = format_of(data.read(HEAD))
            data.seek(0)
            if name == "TIFF":
                check_pages(path, data)
                return _of_tiff(data, rules)
            with Image.open(data, formats=None if name is None else (name,)) as image:
                return _of_image(image, rules)
    except FailedReadError as error:  # nothing is wrong with the file
        raise ImageError(str(error)) from None
    except Exception as error:  # readers of metadata fail in more ways than they document
        reason = str(error).partition("\n")[0] or type(error).__name__
        return Metadata(lost=(f"texts and camera data can't be read ({reason}) and are left out",))


def _of_image(image: Image.Image, rules: DataRules) -> Metadata:
    if image.format == "PNG":
        image.load()  # texts may follow the pixels
    info = image.info
    texts = {
        key: str(text)
        for key, text in getattr(image, "text", {}).items()
        if not _NOT_TEXT.match(key)
    }
    if comment := info.get("comment"):
        texts["Comment"] = _decoded(comment)
    return Metadata(
        exif=_kept_exif(image.getexif()),
        dpi=_positive(info.get("dpi")),
        texts=tuple(texts.items()),
        xmp=_kept_xmp(info.get("xmp")),
        profile=info.get("icc_profile") if rules == 1 else None,
    )


def _of_tiff(data: BinaryIO, rules: DataRules) -> Metadata:
    """Read metadata of a TIFF, whose tags are EXIF data at the same time."""
    exif, groups_lost = _exif_of_tiff(data)
    unit = 2.54 if exif.get(RESOLUTION_UNIT) == _CENTIMETRE else 1.0
    density = [float(exif.get(tag) or 0) * unit for tag in (X_RESOLUTION, Y_RESOLUTION)]
    data.seek(0)
    with tifffile.TiffFile(data) as file:
        layout = read_layout(file)
        assert layout is not None
        page = file.pages[layout.page]
        codes = (_PIXEL_SCALE, _TIE_POINTS, _TRANSFORMATION, _KEYS, _NUMBERS, _TEXTS)
        geo = [_tag(code, page.tags[code].value) for code in codes if code in page.tags]  # type: ignore[union-attr]
        profile, turned = layout.profile, layout.orientation != 1
        bands = _BANDS in page.tags  # type: ignore[union-attr]
    xmp = exif.get(ExifTags.Base.XMLPacket)
    return Metadata(
        exif=_kept_exif(exif),
        dpi=None if exif.get(RESOLUTION_UNIT) == _NO_UNIT else _positive(density),
        xmp=_kept_xmp(bytes(xmp) if isinstance(xmp, bytes) else None),
        geo=() if turned else tuple(geo),
        profile=profile if rules == 1 else None,
        lost=(PLACE_LOST.format("turned upright"),) * bool(geo and turned)
        + (BANDS_LOST,) * bands
        + (GROUPS_LOST,) * groups_lost,
    )


def _exif_of_tiff(data: BinaryIO) -> tuple[Image.Exif, bool]:
    """Return the tags of the first page of a TIFF, and whether groups of a BigTIFF are left out."""
    exif = Image.Exif()
    data.seek(0)
    big = data.read(4) in _BIG
    data.seek(0)
    if not big:
        exif.load_from_fp(data)
        return exif, False
    with tifffile.TiffFile(data) as file:
        tags = file.pages[0].tags  # type: ignore[union-attr]
        for tag in tags.values():
            if tag.code in (*_DESCRIPTIONS, *_DENSITY, int(ExifTags.Base.XMLPacket)):
                exif[tag.code] = _rational(tag)
        return exif, int(_EXIF) in tags or int(_GPS) in tags


def _rational(tag: tifffile.TiffTag) -> Any:
    """Return the value of a tag, a fraction as one number."""
    value = tag.value
    is_fraction = tag.code in (X_RESOLUTION, Y_RESOLUTION)
    return value[0] / value[1] if is_fraction and value[1] else value


def _kept_exif(exif: Image.Exif) -> bytes | None:
    kept = Image.Exif()
    for tag in (*_DESCRIPTIONS, *_DENSITY):
        if tag in exif and not _LAYOUT_IN_WORDS.match(str(exif[tag])):
            kept[tag] = exif[tag]
    for group in (_EXIF, _GPS):
        values = {
            tag: value
            for tag, value in exif.get_ifd(group).items()
            if tag != _INTEROPERABILITY and not isinstance(value, Mapping)
        }
        if values:
            kept[group] = values
    return kept.tobytes() if len(kept) else None


def _kept_xmp(xmp: Any) -> bytes | None:
    if not isinstance(xmp, bytes) or any(sign in xmp for sign in _XMP_OF_SEVERAL):
        return None
    return _XMP_THUMBNAILS.sub(b"", _XMP_ORIENTATION.sub(b"", xmp)).rstrip(b"\0")


def _decoded(text: Any) -> str:
    if isinstance(text, str):
        return text
    try:
        return bytes(text).decode()
    except UnicodeDecodeError:
        return bytes(text).decode("latin-1")


def _positive(density: Any) -> tuple[float, float] | None:
    if not density or not all(0 < float(value) < 1e6 for value in density):
        return None
    return float(density[0]), float(density[1])


def _tag(code: int, value: Any) -> Tag:
    return Tag(code, value if isinstance(value, str) else tuple(value))


def _scaled(geo: tuple[Tag, ...], x: float, y: float) -> tuple[Tag, ...]:
    """Return geo tags for pixels that are x times as wide and y times as high."""
    keys = dict(geo).get(_KEYS, ())
    rows = [keys[i : i + 4] for i in range(4, len(keys), 4)]
    point = any(row[0] == _RASTER_TYPE and row[3] == _POINT for row in rows)
    # coordinates refer to the corners of pixels, or to their centres
    shift = 0.5 if point else 0.0
    return tuple(_scaled_tag(tag, x, y, shift) for tag in geo)


def _scaled_tag(tag: Tag, x: float, y: float, shift: float) -> Tag:
    values = tag.values
    if isinstance(values, str):
        return tag
    if tag.code == _PIXEL_SCALE:
        return Tag(tag.code, (values[0] * x, values[1] * y, *values[2:]))
    if tag.code == _TIE_POINTS:
        moved = list(values)
        for i in range(0, len(moved) - 5, 6):
            moved[i] = (moved[i] + shift) / x - shift
            moved[i + 1] = (moved[i + 1] + shift) / y - shift
        return Tag(tag.code, tuple(moved))
    if tag.code == _TRANSFORMATION:
        matrix = list(values)
        for row in range(0, len(matrix) - 3, 4):
            a, b = matrix[row], matrix[row + 1]
            matrix[row], matrix[row + 1] = a * x, b * y
            matrix[row + 3] += shift * (a * (x - 1) + b * (y - 1))
        return Tag(tag.code, tuple(matrix))
    return tag
