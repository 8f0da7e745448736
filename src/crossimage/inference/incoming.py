"""Images that are not files, kept in a temporary folder while they are translated."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from crossimage.data.images.encoded import EncodedImage
from crossimage.data.images.formats import HEAD, SUFFIXES, format_of
from crossimage.inference.web import download, name_of, without_secrets
from crossimage.utils.reading import open_data, read_data
from crossimage.utils.writing.scratch import scratch_folder

_MAX_NAME = 80  # characters
_SUFFIX_OF = {"JPEG": ".jpg", "TIFF": ".tif", "JPEG2000": ".jp2"}


class Incoming:
    """Images from the web and from memory, as files in a temporary folder.

    Use it as a context manager: the folder is made for the first image, and removed at the end.

    Attributes:
        names: What messages call each file: its address, or the name of the open file.
    """

    def __init__(self) -> None:
        self.names: dict[Path, str] = {}
        self._folder: Path | None = None
        self._stack = ExitStack()
        self._count = 0

    def __enter__(self) -> Self:
        """Return the images."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the files."""
        self._folder = None
        self._stack.close()

    def add(self, image: EncodedImage, name: str = "image") -> Path:
        """Keep an encoded image under a name, and return its file."""
        file = self._new_file()
        file.write_bytes(read_data(image))
        return self._named(file, Path(name).name, str(image))

    def download(self, address: str) -> Path:
        """Download an image, named by the end of its address, and return its file.

        Raises:
            ImageError: It can't be downloaded, is too large, or is not an image.
        """
        path = self._new_file()
        with path.open("wb") as file:
            download(address, file)
        return self._named(path, name_of(address), without_secrets(address))

    def image(self, path: Path) -> Path | EncodedImage:
        """Return a file as it is to be read: under its own name in messages."""
        name = self.names.get(path)
        return path if name is None else EncodedImage(read_data(path), name)

    def _new_file(self) -> Path:
        if self._folder is None:
            self._folder = self._stack.enter_context(scratch_folder())
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir()
        return folder / "new"

    def _named(self, file: Path, name: str, shown: str) -> Path:
        """Give a file a name that all systems take, with the suffix of an image."""
        with open_data(file) as data:
            kind = format_of(data.read(HEAD)) or "PNG"
        plain = re.sub(r'[\\/:*?"<>|\x00-\x1f\x7f]', "_", name).strip(". ") or "image"
        suffix = Path(plain).suffix
        if suffix.lower() not in SUFFIXES:
            suffix = _SUFFIX_OF.get(kind, f".{kind.lower()}")
        else:
            plain = plain.removesuffix(suffix)
        path = file.rename(file.with_name(plain[:_MAX_NAME] + suffix))
        self.names[path] = shown
        return path
