"""Which files of a folder are results, and which of them belong to one input.

Three ways, in this order: the folder's list of results (``crossimage.jsonl``); the names that the
official codebases give, see :mod:`crossimage.evaluation.galleries.official`; and names that end in
numbers (``x_1.png``, ``x_2.png``).
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from crossimage.data.images.formats import EXPECTED
from crossimage.data.left_out import LeftOut, describe
from crossimage.data.sources.find import find_results, shared_name
from crossimage.evaluation.galleries.official import OfficialFile, official_results, targets_of
from crossimage.utils.manifest import RESULT, Entry, from_earlier_runs
from crossimage.utils.names import did_you_mean, look_up, near_path_hint

Group = tuple[str, tuple[Path, ...]]
"""Name of an input, and the files of its outputs."""

_NUMBERED = re.compile(r"(.+)_([1-9]\d*)", re.DOTALL)
_SHEETS = re.compile(r"\d+-images")
_MOST_SAMPLES = 50  # outputs per input
_EARLIER_RUN = (
    "result of an earlier run for the same input", "results of earlier runs for the same inputs"
)  # fmt: skip
_OTHER_TARGET = ("result of another target", "results of other targets")


class ResultGroups(NamedTuple):
    """The results in a folder.

    Attributes:
        groups: The inputs, in the order of their names, with their outputs in order.
        sentence: How many there are, how they are grouped and what was left out.
        target: The target that was chosen; empty if there is none to choose.
    """

    groups: list[Group]
    sentence: str
    target: str


def results_in(folder: Path, to: str | None = None, known: Collection[str] = ()) -> ResultGroups:
    """Find the results in a folder.

    Args:
        folder: The folder.
        to: The target whose results are wanted, for a folder with those of several.
        known: Names of real images; numbered results of the same names are one per input.

    Raises:
        FileNotFoundError: The folder does not exist.
        ValueError: There are no results, or those of several targets, or of none called ``to``.
    """
    if not folder.is_dir():
        hint = near_path_hint(folder)
        raise FileNotFoundError(f"there is no folder {folder}; expected a folder of images{hint}")
    found = find_results(folder)
    left_out = list(found.left_out)
    if not found.images:
        others = describe(left_out)
        more = f" ({others})" if others else ""
        raise ValueError(f"{folder} holds no images{more}; expected {EXPECTED}")
    if all(_SHEETS.fullmatch(path.stem) for path in found.images):
        raise ValueError(
            f"{folder} holds sheets, N-images, with inputs and results side by side in one file; "
            "expected a file per result, so save them separately"
        )
    listed = {
        path: entry
        for path in found.images
        if (entry := found.entries.get(os.path.realpath(path))) and entry.kind == RESULT
    }
    for path in from_earlier_runs(listed):
        del listed[path]
        left_out.append(LeftOut(_EARLIER_RUN, path.suffix.lower(), str(path)))
    target = ""
    if listed:
        target, chosen = _of_target(
            folder, {path: _title(entry.target) for path, entry in listed.items()}, to, left_out
        )
        groups = _by_input(folder, {path: listed[path] for path in chosen}, target)
        how = "by the list of results"
    elif official := official_results(folder, found.images, left_out):
        target, chosen = _of_target(
            folder, {file.path: file.target for file in official}, to, left_out
        )
        groups = _by_name([file for file in official if file.path in set(chosen)])
        how = "by the names of an official codebase"
    elif to is not None:
        raise ValueError(f"{folder} has no list of results, so leave out --to, which chooses one")
    else:
        groups, how = _by_number(folder, found.images, known)
    total = sum(len(paths) for _, paths in groups)
    sentence = f"{total} {'result' if total == 1 else 'results'}, grouped as {_shape(groups)} {how}"
    others = describe(left_out)
    return ResultGroups(groups, f"{sentence}, {others}" if others else sentence, target)


def real_beside(folder: Path, to: str | None = None) -> Path:
    """Return the folder of the real images of an official folder: the same one.

    Args:
        folder: The folder of results.
        to: The target whose results are wanted.

    Raises:
        ValueError: It holds no results, or no real images beside them.
    """
    if not folder.is_dir() or not targets_of(folder, results_in(folder, to).target):
        test_model = any(path.stem.endswith("_real") for path in find_results(folder).images)
        inputs = " (x_real are its inputs)" if test_model else ""
        raise ValueError(
            f"--fake and --real belong together: {folder} holds no real images of the target "
            f"beside results, such as x_real_B.png{inputs}; give a folder of real images"
        )
    return folder


def _of_target(
    folder: Path, targets: dict[Path, str], to: str | None, left_out: list[LeftOut]
) -> tuple[str, list[Path]]:
    """Choose the results of one target."""
    known = sorted(set(targets.values()))
    if to is not None:
        index = look_up(to, known)
        if index is None:
            named = ", ".join(filter(None, known)) or "no target that has a name"
            hint = did_you_mean(to, known)
            raise ValueError(f"{folder} holds no results for '{to}', only for {named}{hint}")
        known = [known[index]]
    elif len(known) > 1:
        raise ValueError(
            f"{folder} holds results for several targets, {', '.join(known)}; choose one with --to"
        )
    left_out += [
        LeftOut(_OTHER_TARGET, target, str(path))
        for path, target in targets.items()
        if target != known[0]
    ]
    return known[0], [path for path, target in targets.items() if target == known[0]]


def _by_input(folder: Path, entries: dict[Path, Entry], target: str) -> list[Group]:
    """Group results by their inputs, as the list states them."""
    groups: dict[tuple[str, str | None], list[Path]] = defaultdict(list)
    for path, entry in entries.items():
        own = str(path) if entry.input is None else entry.input
        groups[own, entry.input_sha256].append(path)
    named: list[Group] = []
    ending = "_" + re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", target)
    for paths in groups.values():
        first = name_in(paths[0], folder)
        numbered = _NUMBERED.fullmatch(first)
        if len(paths) > 1 and numbered:
            paths.sort(key=lambda path: (len(path.stem), path.stem))
            first = numbered[1]
        named.append((first.removesuffix(ending) if target else first, tuple(paths)))
    return named


def _by_name(files: Sequence[OfficialFile]) -> list[Group]:
    """Group results of an official codebase by the names of their inputs."""
    groups: dict[str, list[OfficialFile]] = defaultdict(list)
    for file in files:
        groups[file.name].append(file)
    return [
        (name, tuple(file.path for file in sorted(groups[name], key=lambda file: file.sample)))
        for name in sorted(groups)
    ]


def _by_number(
    folder: Path, images: Sequence[Path], known: Collection[str]
) -> tuple[list[Group], str]:
    """Group results whose names all end in numbers, if these number the outputs of inputs.

    There must be as many of each name, and evidence that these are inputs: real images of these
    names, or else several names with no more outputs each than anybody samples. A single name, such
    as that of the frames of a video, is no evidence.

    Args:
        folder: The folder.
        images: Its images.
        known: Names of real images.

    Returns:
        The groups, and what they are made by.
    """
    single: list[Group] = [(name_in(path, folder), (path,)) for path in images]
    plain = single, "by their names"
    if known and {name for name, _ in single} <= set(known):
        return plain
    groups: dict[str, dict[int, Path]] = defaultdict(dict)
    for path in images:
        numbered = _NUMBERED.fullmatch(name_in(path, folder))
        if not numbered:
            return plain
        groups[numbered[1]][int(numbered[2])] = path
    counts = {len(group) for group in groups.values()}
    complete = all(set(group) == set(range(1, len(group) + 1)) for group in groups.values())
    if len(counts) > 1 or counts == {1} or not complete:
        return plain
    count = max(counts)
    if not set(groups) <= set(known) and (len(groups) == 1 or count > _MOST_SAMPLES):
        return single, f"as nothing shows that those named {next(iter(groups))}_N belong together"
    numbers = "by the numbers in their names"
    return [
        (name, tuple(group[k] for k in sorted(group))) for name, group in groups.items()
    ], numbers


def _shape(groups: Sequence[Group]) -> str:
    sizes = Counter(len(paths) for _, paths in groups)
    inputs = f"{len(groups)} {'input' if len(groups) == 1 else 'inputs'}"
    low, high = min(sizes), max(sizes)
    return f"{inputs} with {low if low == high else f'{low} to {high}'} each"


def _title(target: object) -> str:
    if isinstance(target, dict):
        return ",".join(f"{key}={value}" for key, value in target.items())
    return "" if target is None else str(target)


def name_in(path: Path, root: Path) -> str:
    """Return the name of an image in a folder, by which images of several folders are matched."""
    return shared_name(path.relative_to(root))
