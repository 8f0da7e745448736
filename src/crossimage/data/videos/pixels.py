"""Decoded frames as upright RGB images."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossimage.data.videos.opening import pyav

Pixels = NDArray[np.uint8]
"""An image (H, W, 3): RGB of full range, upright."""

# Numbers of ITU-T H.273, which files of all kinds use.
_MATRICES = {1: "ITU709", 4: "FCC", 5: "ITU601", 6: "ITU601", 7: "SMPTE240M", 9: "BT2020"}
_UNTAGGED = {2, 3}
_HDR = {16: "PQ", 18: "HLG"}
_OTHER_CURVES = {8: "linear light", 9: "a logarithmic curve", 10: "a logarithmic curve"}
_WIDE = {8: "film", 9: "BT.2020", 10: "XYZ", 11: "DCI-P3", 12: "Display P3"}
_FULL, _LIMITED = 2, 1  # of ranges

_SD = (1024, 576)
"""Largest width and height of untagged videos that players take for BT.601, and larger ones for
BT.709."""


def refusal(frame: Any) -> str | None:
    """Return why the colours of a decoded frame cannot be converted to RGB; None if they can."""
    if frame.color_trc in _HDR:
        return f"is HDR ({_HDR[frame.color_trc]}); export it in SDR (BT.709) first"
    if frame.color_trc in _OTHER_CURVES:
        return f"stores {_OTHER_CURVES[frame.color_trc]}; export it in SDR (BT.709) first"
    if frame.color_primaries in _WIDE:
        wide = _WIDE[frame.color_primaries]
        return f"has the wide gamut of {wide}; export it in SDR (BT.709) first"
    if not _is_rgb(frame) and frame.colorspace not in _MATRICES | dict.fromkeys(_UNTAGGED):
        return (
            f"has colours of matrix {frame.colorspace} of ITU-T H.273, which is unknown here; "
            "export it in SDR (BT.709) first"
        )
    return None


def has_alpha(frame: Any) -> bool:
    """Return whether a decoded frame has transparency."""
    return any(component.is_alpha for component in frame.format.components)


def upright(frame: Any) -> Pixels:
    """Return a decoded frame as RGB, turned and mirrored as it states.

    The frame's own tags say what its values mean. Untagged ones are of limited range, and of BT.601
    if they are small and of BT.709 otherwise, as players take them. Transparent parts are white.

    Args:
        frame: A frame of PyAV that :func:`refusal` does not refuse.
    """
    pyav("reading videos")
    from av.video.reformatter import Interpolation

    exact = Interpolation.ACCURATE_RND | Interpolation.BITEXACT | Interpolation.FULL_CHR_H_INT
    transparent = has_alpha(frame)
    rgb = frame.reformat(
        format="rgba" if transparent else "rgb24",
        src_colorspace=_matrix(frame),
        src_color_range=_range(frame),
        dst_color_range=_FULL,
        interpolation=Interpolation.BICUBIC | exact,
    )
    pixels = rgb.to_ndarray()
    if transparent:
        pixels = _on_white(pixels)
    return _oriented(pixels, _display_matrix(frame))


def turned(frame: Any) -> bool:
    """Return whether a frame states that its rows are shown as columns."""
    matrix = _display_matrix(frame)
    return matrix is not None and abs(matrix[0]) < abs(matrix[1])


def _is_rgb(frame: Any) -> bool:
    return bool(frame.format.is_rgb or frame.format.has_palette)


def _matrix(frame: Any) -> str:
    if frame.colorspace in _MATRICES:
        return _MATRICES[frame.colorspace]
    small = frame.width <= _SD[0] and frame.height <= _SD[1]
    return "ITU601" if small else "ITU709"


def _range(frame: Any) -> int:
    if _is_rgb(frame) or frame.format.name.startswith("yuvj") or frame.color_range == _FULL:
        return _FULL
    return _LIMITED


def _on_white(pixels: NDArray[np.uint8]) -> Pixels:
    """Blend RGBA (H, W, 4) with white."""
    alpha = pixels[..., 3:].astype(np.uint16)
    mixed = pixels[..., :3] * alpha + 255 * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


def _display_matrix(frame: Any) -> tuple[int, int, int, int] | None:
    """Return the linear part a, b, c, d of the matrix by which a frame is to be shown.

    A pixel (x, y) is shown at (a x + c y, b x + d y), up to a shift, where y points downwards.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return None
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(data))
    return (a, b, c, d)


def _oriented(pixels: Pixels, matrix: tuple[int, int, int, int] | None) -> Pixels:
    """Turn and mirror an image by the nearest multiple of a right angle."""
    if matrix is None:
        return pixels
    a, b, c, d = matrix
    if abs(a) >= abs(b):
        across, down = a, d
    else:
        pixels, across, down = pixels.transpose(1, 0, 2), c, b
    pixels = pixels[:, ::-1] if across < 0 else pixels
    pixels = pixels[::-1] if down < 0 else pixels
    return np.ascontiguousarray(pixels)
