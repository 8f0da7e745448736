"""Compare the lists of a place with its files, and repair them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from crossimage.inference.files.ledger import Ledger
from crossimage.inference.files.results import Results
from crossimage.utils.manifest import JOB, NAME, RESULT, Entry, is_manifest, parse_line

_SHARD = re.compile(r"crossimage-(\d+)-of-(\d+)-")
_AT_ONCE = 256  # files that threads look at together


@dataclass
class Audit:
    """The result of comparing the lists of a place with its files.

    Attributes:
        complete: Number of files that are as listed.
        missing: Names of listed files that do not exist.
        altered: Names of listed files with other contents than when they were listed.
        not_made: Number of results that the last translation was to make, but did not list.
        no_list: If any: the shards of the last translation that have listed nothing, each as K/N.
        unfinished: Names of temporary files that killed processes left.
        unlisted: Names of files that no list has, such as results of a process that was killed
            before it listed them; the translation that they belong to makes them again.
    """

    complete: int = 0
    missing: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    not_made: int = 0
    no_list: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether all results are there as listed."""
        return not (self.missing or self.altered or self.not_made)


def audit(results: Results) -> Audit:
    """Compare all files of a place with its lists, by their SHA-256.

    Args:
        results: The place.

    Raises:
        ValueError: It has no list.
        OSError: A list cannot be read.
    """
    if not results.list_names():
        raise ValueError(
            f"{results} has no list of results ({NAME}); expected the folder of results that "
            "crossimage translate wrote"
        )
    found, listed, last = Audit(), 0, Entry("")
    with Ledger(results) as ledger, ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for entry, state in _states(ledger, results, pool):
            if entry.kind == JOB:
                last = max(last, entry, key=lambda one: one.run)
            elif state == "complete":
                found.complete += 1
            else:
                (found.missing if state == "missing" else found.altered).append(entry.output)
            listed += entry.kind == RESULT
        planned = last.settings.get("results", 0)
        found.not_made = max(0, planned - listed) if isinstance(planned, int) else 0
        found.unlisted = [
            name for name in results.names() if not is_manifest(name) and name not in ledger
        ]
    if found.not_made:
        found.no_list = _shards_without_list(results.list_names(), last)
    found.unfinished = list(results.leftovers())
    return found


def repair(results: Results, found: Audit) -> None:
    """Drop the lines of missing and altered files, torn lines, and unfinished files.

    The same translation then makes what is missing.

    Args:
        results: The place.
        found: What is wrong with it.

    Raises:
        ValueError: A translation is writing there.
        OSError: A list cannot be written.
    """
    wrong = {*found.missing, *found.altered}

    def keep(line: bytes) -> bool:
        entry = parse_line(line)
        return entry is not None and (entry.kind == JOB or entry.output not in wrong)

    for name in results.list_names():
        if not results.rewrite(name, keep):
            raise ValueError(
                f"a translation is writing to {results} ({name}); wait until it has ended, or stop "
                "it, before the repair"
            )
    for name in found.unfinished:
        results.remove(name)


def _shards_without_list(names: Iterable[str], last: Entry) -> list[str]:
    """Return the shards that have listed no result, by the names of the lists."""
    shards = last.settings.get("shards")
    if not isinstance(shards, int):
        return []
    found = (_SHARD.match(name) for name in names)
    listed = {int(one[1]) for one in found if one and int(one[2]) == shards}
    return [f"{k}/{shards}" for k in range(1, shards + 1) if k not in listed]


def _states(
    ledger: Ledger, results: Results, pool: ThreadPoolExecutor
) -> Iterator[tuple[Entry, str]]:
    """Yield what the lists say about each file, and ``complete``, ``missing`` or ``altered``."""

    def state(entry: Entry) -> str:
        now = None if entry.kind == JOB else results.state(entry.output)
        if now is None:
            return "missing"
        if entry.output_state and entry.output_state[0] != now.size:
            return "altered"
        try:
            return "complete" if results.sha256(entry.output) == entry.output_sha256 else "altered"
        except FileNotFoundError:
            return "missing"
        except OSError:
            return "altered"

    entries = ledger.entries()
    while some := list(islice(entries, _AT_ONCE)):
        yield from zip(some, pool.map(state, some), strict=True)
