"""Tar shards of small images."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from PIL import Image


def png(level: int, size: tuple[int, int] = (8, 8)) -> bytes:
    """An image of one gray level, encoded."""
    file = io.BytesIO()
    Image.new("RGB", size, (level,) * 3).save(file, "PNG")
    return file.getvalue()


def write_tar(path: Path, members: Mapping[str, bytes], kind: int = tarfile.PAX_FORMAT) -> Path:
    """Write members into a tar file of one of the formats of tarfile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=kind) as file:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return path


def images(count: int, first: int = 0) -> dict[str, bytes]:
    """Members of different gray levels."""
    return {f"{number:03}.png": png(first + number) for number in range(count)}
