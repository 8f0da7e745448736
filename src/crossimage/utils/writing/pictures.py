"""Images that programs make, as files."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from pathlib import Path

from PIL import Image


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """Return an image as the content of a file.

    Pillow writes to real files by itself, and says of a full disk only that "the encoder" failed.
    In memory, nothing but the image can be wrong.

    Args:
        image: The image.
        kind: The format, by Pillow's name.
        options: Pillow's options of the format.
    """
    data = BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def data_url(image: Image.Image, kind: str = "PNG", **options: object) -> str:
    """Return an image as a ``data:`` URL, for pages that need no other file.

    Args:
        image: The image.
        kind: The format, by Pillow's name.
        options: Pillow's options of the format.
    """
    content = b64encode(encoded(image, kind, **options)).decode("ascii")
    return f"data:image/{kind.lower()};base64,{content}"


def save_png(image: Image.Image, path: Path) -> None:
    """Write an image into a folder that nobody uses yet.

    Raises:
        OSError: The file cannot be written; it is named.
    """
    path.write_bytes(encoded(image))
