"""The images of a page: its samples, and what visitors bring."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256
from pathlib import Path

from crossimage.data.images.encoded import EncodedImage
from crossimage.data.images.files import probe
from crossimage.inference.incoming import Incoming

MAX_BYTES = 32 * 2**20
"""Bytes of an image that a visitor brings."""
_KEPT, _KEPT_BYTES = 64, 512 * 2**20


class PageImages:
    """Images by their number on the page; the oldest that visitors brought are forgotten.

    Args:
        incoming: Keeps images of visitors as files.

    Attributes:
        shown: By file, its path in commands.
    """

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self._samples: dict[str, Path] = {}
        self._brought: OrderedDict[str, tuple[Path, int]] = OrderedDict()
        self.shown: dict[Path, str] = {}

    def add_sample(self, path: Path, shown: str) -> str:
        """Keep a sample, and return its number, which is that of the file for all models."""
        self.shown[path] = shown
        known = next((number for number, one in self._samples.items() if one == path), None)
        number = known or f"s{len(self._samples)}"
        self._samples[number] = path
        return number

    def add(self, data: bytes, name: str) -> tuple[str, Path, tuple[int, int]]:
        """Keep an image that a visitor brings.

        Returns:
            Its number, its file, and its width and height.

        Raises:
            ValueError: It is not an image that can be read.
        """
        label = Path(name).name or "image"
        info = probe(EncodedImage(data, label))
        path = self._incoming.add(EncodedImage(data, label), label)
        number = "u" + sha256(path.name.encode() + b"\0" + data).hexdigest()[:32]
        if number in self._brought:
            path.unlink()
            path, _ = self._brought.pop(number)
        self._brought[number] = path, len(data)
        while len(self._brought) > _KEPT or self._bytes() > _KEPT_BYTES:
            _, (oldest, _) = self._brought.popitem(last=False)
            oldest.unlink(missing_ok=True)
        return number, path, (info.width, info.height)

    def find(self, number: str) -> Path:
        """Return the file of an image.

        Raises:
            ValueError: It is not known, or not any more.
        """
        if number in self._samples:
            return self._samples[number]
        if number not in self._brought:
            raise ValueError("this image is not known here any more; choose it again")
        self._brought.move_to_end(number)
        return self._brought[number][0]

    def _bytes(self) -> int:
        return sum(size for _, size in self._brought.values())
