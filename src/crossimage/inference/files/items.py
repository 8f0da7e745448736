"""The inputs with their outputs: in memory, or found again in a folder whenever they are needed."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path, PurePath
from typing import NamedTuple, Protocol

import numpy as np

from crossimage.data.left_out import LeftOut
from crossimage.data.sources.find import walk_images
from crossimage.data.sources.results import SHEET_NAME
from crossimage.inference.files.names import output_names
from crossimage.utils.manifest import is_manifest, known_files
from crossimage.utils.paths import RealPaths


class Item(NamedTuple):
    """An input and its outputs.

    Attributes:
        number: Its place among the inputs, from 0.
        path: The input's file.
        drawn: The name that random styles depend on: the input's path relative to the folder,
            pattern or list that named it, with ``/``.
        outputs: Names of its outputs: the samples of the first target, then those of the next.
    """

    number: int
    path: Path
    drawn: str
    outputs: Sequence[str]


class Items(Protocol):
    """Inputs with their outputs, in an order of their own."""

    def __len__(self) -> int:
        """Return the number of inputs."""

    def __iter__(self) -> Iterator[Item]:
        """Iterate over the inputs."""


class FolderItems:
    """The images of a folder, which are found again each time, so that they take no memory.

    Args:
        folder: The folder.
        out: The folder of the outputs.
        suffix_for: Returns the suffix of the outputs of an input.
        endings: What is appended to the names of an input's outputs; empty for a single output.

    Attributes:
        left_out: What the folder holds besides images.
        is_plain: Whether its inputs can be taken one by one: all outputs have names of their own,
            none would overwrite an input, and no file is a result of ours.
    """

    def __init__(
        self, folder: Path, out: Path, suffix_for: Callable[[PurePath], str], endings: Sequence[str]
    ) -> None:
        self._folder, self._suffix_for, self._endings = str(folder), suffix_for, endings
        self.left_out: list[LeftOut] = []
        self._number = 0
        self.is_plain = self._survey(out)

    def __len__(self) -> int:
        """Return the number of images."""
        return self._number

    def __iter__(self) -> Iterator[Item]:
        """Find the images, in the order of their paths."""
        start = len(os.path.join(self._folder, ""))
        for number, path in enumerate(walk_images(self._folder, [], [])):
            drawn = path[start:]
            if os.sep != "/":
                drawn = drawn.replace(os.sep, "/")
            yield Item(number, Path(path), drawn, self._outputs(drawn))

    def _outputs(self, drawn: str) -> list[str]:
        return output_names(drawn, self._suffix_for, self._endings)

    def _survey(self, out: Path) -> bool:
        """Go through the folder once, and return whether it is plain."""
        real = RealPaths()
        place = os.path.join(os.path.realpath(out), "")
        own = os.path.join(os.path.realpath(self._folder), "")
        if own.startswith(place) or place.startswith(own) or known_files(Path(self._folder)):
            return False
        keys, folders, outputs = array("q"), set[str](), set[str]()
        start = len(os.path.join(self._folder, ""))
        ignored = list[LeftOut]()
        for path in walk_images(self._folder, self.left_out, ignored):
            self._number += 1
            folder = os.path.dirname(path)
            if folder not in outputs:
                outputs.add(folder)
                folders.add(real.of_folder(path))
            if os.path.islink(path):
                folders.add(os.path.dirname(real.of(path)))
            if path.endswith(SHEET_NAME):
                return False
            keys.extend(hash(name.casefold()) for name in self._outputs(path[start:]))
        if any(is_manifest(os.path.basename(one.path)) for one in ignored):
            return False
        self.left_out += ignored
        written = {real.of_folder(os.path.join(out, folder[start:], "")) for folder in outputs}
        if written & folders or any(f"{folder}{os.sep}".startswith(place) for folder in folders):
            return False
        ordered = np.sort(np.array(keys, np.int64))
        return not (ordered[1:] == ordered[:-1]).any()


class EveryNth:
    """Every n-th of the inputs.

    Args:
        items: All inputs.
        k: Which of the n parts, from 1.
        n: Number of parts.
    """

    def __init__(self, items: Items, k: int, n: int) -> None:
        self._items, self._first, self._step = items, k - 1, n

    def __len__(self) -> int:
        """Return the number of inputs of this part."""
        return len(range(self._first, len(self._items), self._step))

    def __iter__(self) -> Iterator[Item]:
        """Iterate over the inputs of this part."""
        return islice(iter(self._items), self._first, None, self._step)
