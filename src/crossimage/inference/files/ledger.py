"""The ledger: which results are done, whoever made them.

It is made of all lists of a place (:mod:`crossimage.utils.manifest`). A result is done if its line
and its file exist and both agree. Processes only ever add lines of their own, after the files that
these are about are complete, so that any number of processes may be killed at any moment.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import IO, AnyStr, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from crossimage.inference.files.results import Results
from crossimage.utils.manifest import RESULT, Entry, parse_line
from crossimage.utils.reading import open_data, sha256_of

_AT_ONCE = 1024  # inputs that threads look at together
_OUTPUT, _RUN = b'{"output":"', b'"run":"'
_NEW, _MISSING, _ALTERED = "new", "missing", "altered since"
_OTHER = "made from another image, or with another model or other settings"

T = TypeVar("T")


class ExpectedOutputs(NamedTuple):
    """An input, and its results as they would be made now.

    Attributes:
        path: Its file.
        outputs: What would be said about each result, without the input's SHA-256.
    """

    path: Path
    outputs: Sequence[Entry]


class Ledger:
    """The lines about results, found by the names of these.

    A line takes 28 bytes of memory, and is read again when it is asked for. Of several lines about
    a file, the last of the last run counts.

    Args:
        results: The place of the results.

    Attributes:
        runs: Number of runs that wrote the lines.

    Raises:
        OSError: A list cannot be read.
    """

    def __init__(self, results: Results) -> None:
        self._files: list[Path] = []
        self._handles: list[IO[bytes]] = []
        keys, places, lengths, runs = array("Q"), array("Q"), array("L"), array("L")
        known_runs: dict[bytes, int] = {}
        for name in results.list_names():
            number = len(self._files)
            self._files.append(results.list_file(name))
            for offset, line in _lines(self._files[-1]):
                found = _name_and_run(line)
                if found is not None:
                    keys.append(_key(found[0]))
                    places.append(number << 48 | offset)
                    lengths.append(len(line))
                    runs.append(known_runs.setdefault(found[1], len(known_runs)))
        self.runs = len(known_runs)
        all_keys = np.array(keys, np.uint64)
        by_run = _ranks(known_runs)[np.array(runs, np.int64)]
        order = np.lexsort((by_run, all_keys))  # stable: later lines last
        ordered = all_keys[order]
        last = np.append(ordered[1:] != ordered[:-1], True) if len(ordered) else ordered == 0
        self._keys = ordered[last]
        self._places = np.array(places, np.uint64)[order][last]
        self._lengths = np.array(lengths, np.uint32)[order][last]

    def __len__(self) -> int:
        """Return the number of files that the lists are about."""
        return len(self._keys)

    def __enter__(self) -> Ledger:
        """Open the lists."""
        self._handles = [open_data(path) for path in self._files]  # noqa: SIM115  # by __exit__
        return self

    def __exit__(self, *_: object) -> None:
        """Close the lists."""
        for handle in self._handles:
            handle.close()
        self._handles = []

    def __contains__(self, name: str) -> bool:
        """Return whether the lists name a file."""
        return self._position(name) is not None

    def find(self, name: str) -> Entry | None:
        """Return what the lists say about a file; None if nothing."""
        at = self._position(name)
        entry = None if at is None else self._entry(at)
        return entry if entry is not None and entry.output == name else None

    def _position(self, name: str) -> int | None:
        key = _key(name)
        at = int(self._keys.searchsorted(np.uint64(key)))
        return at if at < len(self._keys) and int(self._keys[at]) == key else None

    def entries(self) -> Iterator[Entry]:
        """Yield what the lists say about each file, in the order of the lists."""
        for at in np.argsort(self._places, kind="stable"):
            entry = self._entry(int(at))
            if entry is not None:
                yield entry

    def _entry(self, at: int) -> Entry | None:
        place = int(self._places[at])
        handle = self._handles[place >> 48]
        handle.seek(place & (1 << 48) - 1)
        return parse_line(handle.read(int(self._lengths[at])))


class DoneInputs:
    """Tells which inputs need no translation.

    Args:
        ledger: What is known of results; it is open.
        results: Their place.
        any_seed: Whether results of any seed count.

    Attributes:
        outdated: How many inputs have results that do not count, by reason.
    """

    def __init__(self, ledger: Ledger, results: Results, any_seed: bool) -> None:
        self._ledger, self._results, self._any_seed = ledger, results, any_seed
        self.outdated: dict[str, int] = {}

    def split(
        self, items: Iterable[T], expected: Callable[[T], ExpectedOutputs], pool: Executor
    ) -> Iterator[tuple[T, bool]]:
        """Yield the inputs in their order, each with whether it is done.

        What is known by length and time of change is not read; all else is read in threads.

        Args:
            items: The inputs.
            expected: Returns an input's file and its outputs as they would be made now.
            pool: Threads that read files.
        """
        iterator = iter(items)
        while some := list(islice(iterator, _AT_ONCE)):
            judged = [self._judge(expected(item)) for item in some]
            waiting = [pool.submit(one) if callable(one) else one for one in judged]
            for item, one in zip(some, waiting, strict=True):
                reason = one if isinstance(one, str) else one.result()
                if reason and reason != _NEW:
                    self.outdated[reason] = self.outdated.get(reason, 0) + 1
                yield item, not reason

    def _judge(self, expected: ExpectedOutputs) -> str | Callable[[], str]:
        """Return why an input is not done, the empty string if it is, or what finds out."""
        unsure: list[tuple[Entry, bool, bool]] = []
        try:
            now = input_state(expected.path)
        except OSError:  # reported when it is read
            return _NEW
        for entry in expected.outputs:
            earlier = self._ledger.find(entry.output)
            if earlier is None or earlier.kind != RESULT:
                return _NEW
            if not entry.same_making(earlier, any_seed=self._any_seed, any_input=True):
                return _OTHER
            state = self._results.state(entry.output)
            if state is None:
                return _MISSING
            read_input = not now[1] or tuple(earlier.input_state) != now
            read_output = not state[1] or tuple(earlier.output_state) != tuple(state)
            if read_input or read_output:
                unsure.append((earlier, read_input, read_output))
        return partial(self._read, expected.path, unsure) if unsure else ""

    def _read(self, path: Path, unsure: Sequence[tuple[Entry, bool, bool]]) -> str:
        """Compare hashes; see :meth:`_judge`."""
        try:
            if any(read for _, read, _ in unsure):
                sha256 = sha256_of(path)
                if any(read and entry.input_sha256 != sha256 for entry, read, _ in unsure):
                    return _OTHER
        except OSError:  # reported when it is read
            return _NEW
        try:
            altered = any(
                read and self._results.sha256(entry.output) != entry.output_sha256
                for entry, _, read in unsure
            )
        except OSError:
            return _MISSING
        return _ALTERED if altered else ""


def from_earlier_runs(ledger: Ledger, results: Results) -> tuple[int, str]:
    """Find results of inputs that a later run translated again to the same target.

    Such files remain where the later run made fewer results, or of another type; see
    :func:`crossimage.utils.manifest.from_earlier_runs`.

    Returns:
        Their number, and the name of the first; none where all lines are of one run.
    """
    if ledger.runs < 2:
        return 0, ""
    keys, runs, known = array("Q"), array("L"), dict[str, int]()
    for entry in _placed(ledger, results):
        folder = entry.output.rpartition("/")[0]
        keys.append(_key(repr((folder, *entry.task))))
        runs.append(known.setdefault(entry.run, len(known)))
    if not keys:
        return 0, ""
    ranks = _ranks(known)[np.array(runs, np.int64)]
    groups = np.unique(np.array(keys, np.uint64), return_inverse=True)[1]
    last = np.zeros(len(groups), np.int64)
    np.maximum.at(last, groups, ranks)
    earlier = ranks < last[groups]
    if not earlier.any():
        return 0, ""
    first = next(islice(_placed(ledger, results), int(earlier.argmax()), None))
    return int(earlier.sum()), first.output


def _placed(ledger: Ledger, results: Results) -> Iterator[Entry]:
    """Yield what the lists say about results of inputs, as far as they exist."""
    for entry in ledger.entries():
        is_result = entry.kind == RESULT and entry.input is not None
        if is_result and results.state(entry.output) is not None:
            yield entry


def input_state(path: Path) -> tuple[int, int]:
    """Return the length of a file, and a time that differs if it was changed or replaced since.

    Raises:
        OSError: It does not exist.
    """
    state = path.stat()
    # a file unpacked or copied over another may keep its time of modification
    return state.st_size, state.st_mtime_ns if os.name == "nt" else state.st_ctime_ns


def _ranks(runs: Mapping[AnyStr, int]) -> NDArray[np.int64]:
    """Return the ranks of runs by the times at which they began, by their numbers."""
    ranks = np.zeros(len(runs), np.int64)
    for rank, run in enumerate(sorted(runs)):
        ranks[runs[run]] = rank
    return ranks


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the complete lines of a list, each with its offset."""
    offset = 0
    with open_data(path) as file:
        for line in file:
            if line.endswith(b"\n"):
                yield offset, line
            offset += len(line)


def _name_and_run(line: bytes) -> tuple[str, bytes] | None:
    """Return the file that a line is about and its run; None if it is not a complete line."""
    end, at = line.find(b'"', len(_OUTPUT)), line.rfind(_RUN)
    if line.startswith(_OUTPUT) and b"\\" not in (name := line[len(_OUTPUT) : end]) and at > 0:
        return name.decode("ascii", "replace"), line[
            at + len(_RUN) : line.find(b'"', at + len(_RUN))
        ]
    entry = parse_line(line)
    return None if entry is None else (entry.output, entry.run.encode())


def _key(name: str) -> int:
    """Return a number that hardly two names share; names are compared afterwards."""
    digest = blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")
