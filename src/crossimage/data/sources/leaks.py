"""Detection, by content, of test images that are also training images."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crossimage.data.sources.folders import Domain
from crossimage.data.stores.addresses import LostStoreError
from crossimage.utils.reading import open_data

SECONDS = 5.0
"""Time limit of the search before training."""

_NAMED = 3


@dataclass(frozen=True)
class Leaks:
    """Test images that are also training images.

    Attributes:
        pairs: Each such test image with a training image of the same content.
        checked: Number of test images that were checked.
        total: Number of test images.
    """

    pairs: tuple[tuple[Path, Path], ...]
    checked: int
    total: int

    def sentence(self) -> str | None:
        """Return a sentence that counts and names them; None if there are none."""
        if not self.pairs:
            return None
        named = ", ".join(
            str(test) if test == train else f"{test} ({train})"
            for test, train in self.pairs[:_NAMED]
        )
        more = ", ..." if len(self.pairs) > _NAMED else ""
        partly = f" of the first {self.checked:,}" if self.checked < self.total else ""
        of_all = f" of {self.total:,}" if not partly else ""
        return (
            f"{len(self.pairs):,}{of_all}{partly} test images are also training images, so that "
            f"they test nothing: {named}{more}"
        )


def find_leaks(domains: Sequence[Domain], seconds: float | None = None) -> Leaks:
    """Find test images whose files are equal to those of training images of any domain.

    Only files of equal size are read.

    Args:
        domains: The domains of a data set.
        seconds: Time after which the search ends; None: no limit.
    """
    end = time.monotonic() + seconds if seconds is not None else float("inf")
    tests = list(dict.fromkeys(path for domain in domains for path in domain.test))
    trains = list(dict.fromkeys(path for domain in domains for path in domain.train))
    if not tests:
        return Leaks((), 0, 0)
    by_size: dict[int, list[Path]] = defaultdict(list)
    for path in trains:
        if (size := _size(path)) is not None:
            by_size[size].append(path)
        if time.monotonic() > end:
            return Leaks((), 0, len(tests))
    pairs: list[tuple[Path, Path]] = []
    known: dict[int, dict[bytes, Path]] = {}
    for number, test in enumerate(tests):
        size = _size(test)
        if size is None or size not in by_size:
            continue
        if size not in known:
            known[size] = {}
            for path in by_size[size]:
                if time.monotonic() > end:
                    return Leaks(tuple(pairs), number, len(tests))
                if (digest := digest_of(path)) is not None:
                    known[size].setdefault(digest, path)
        digest = digest_of(test)
        if digest is not None and digest in known[size]:
            pairs.append((test, known[size][digest]))
        if time.monotonic() > end:
            return Leaks(tuple(pairs), number + 1, len(tests))
    return Leaks(tuple(pairs), len(tests), len(tests))


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def digest_of(path: Path) -> bytes | None:
    """Return a hash of the content of a file; None if it cannot be read."""
    try:
        with open_data(path) as file:
            return hashlib.file_digest(file, "blake2b").digest()
    except LostStoreError:
        raise
    except OSError:
        return None
