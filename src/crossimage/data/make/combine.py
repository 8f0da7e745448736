"""Side-by-side pairs made from two folders whose images have the same names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
from PIL import Image

from crossimage.data.images.arrays import to_array
from crossimage.data.images.class_ids import names_classes
from crossimage.data.images.files import probe, read_image
from crossimage.data.images.pixels import BombError, ImageError
from crossimage.data.left_out import LeftOut, describe
from crossimage.data.make.labels import class_numbers
from crossimage.data.make.made import (
    MadeDataset,
    beside,
    check_apart,
    command,
    summarise,
    training_command,
)
from crossimage.data.make.parallel import threads
from crossimage.data.make.photo_pairs import held_out, png_names
from crossimage.data.sources.find import shared_name
from crossimage.data.sources.folders import SPLITS, Domain, Split, find_images
from crossimage.data.sources.side_by_side import has_shape_of
from crossimage.utils.files import new_folder
from crossimage.utils.progress import ProgressCallback, track
from crossimage.utils.texts.setting_text import names_text
from crossimage.utils.writing.folders import make_folder
from crossimage.utils.writing.pictures import save_png

_ALONE = ("image without a partner", "images without partners")
_OTHER_SHAPE = ("pair of images of different shapes", "pairs of images of different shapes")
_LOOKED_AT = 8  # images of a folder that may be label maps
_UNLIKE = ("pair unlike the others in shape", "pairs unlike the others in shape")


class _Pair(NamedTuple):
    """Two files, the width and height that both will have, and the name of the result."""

    first: Path
    second: Path
    size: tuple[int, int]
    name: Path


def combine(
    out: Path,
    *,
    a: Path,
    b: Path,
    test_count: int | None = None,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> MadeDataset:
    """Write the images of two folders side by side, those of the same name in one file.

    Names are compared without suffix and case. Of two sizes of one shape the smaller is taken. If
    the folders have no splits, a tenth of the pairs, chosen by content, becomes test images.

    Args:
        out: The folder to create, with ``train`` and ``test``; removed after an error.
        a: The images of the left halves.
        b: The images of the right halves.
        test_count: Number of pairs held out for testing if the folders have no split; by default a
            tenth of them, at most 50.
        workers: Pairs processed at the same time; None: as many as there are cores.
        progress: Receives the number of pairs written.

    Returns:
        How many pairs were written, what was left out and why, and how to train on the pairs.

    Raises:
        FileNotFoundError: A folder is missing.
        ValueError: Both folders are the same, there are no pairs, only one folder has test images,
            training would not take the results for side-by-side pairs, or ``out`` is below a folder
            or exists and is not empty.
    """
    if os.path.realpath(a) == os.path.realpath(b):
        raise ValueError(f"--a and --b are the same folder, {a}; give two folders")
    check_apart(out, a, b)
    domains = find_images(str(a)), find_images(str(b))
    if bool(domains[0].test) != bool(domains[1].test):
        split, other = (a, b) if domains[0].test else (b, a)
        raise ValueError(
            f"{split} has test images and {other} has none; give both the same folders train and "
            "test, or neither"
        )
    if domains[0].test and test_count is not None:
        raise ValueError(f"{a} and {b} have test images of their own; leave out --test-count")
    left_out = [entry for domain in domains for entry in domain.left_out]
    problems: list[str] = []
    found: dict[Split, list[_Pair]] = {
        split: _matched(domains, split, left_out, problems) for split in SPLITS
    }
    if not found["train"]:
        reasons = "; ".join([describe(left_out, len(problems)) or "", *problems[:1]])
        raise ValueError(
            f"{a} and {b} hold no pair of images of the same name and shape; {reasons}"
        )
    found = {split: _of_usual_shape(found, split, left_out) for split in SPLITS}
    if not domains[0].test:
        firsts = {pair.first: pair for pair in found["train"]}
        train, test = held_out(list(firsts), test_count)
        if not train:
            raise ValueError(f"all {len(test)} pairs would be held out; use a smaller --test-count")
        found = {"train": [firsts[p] for p in train], "test": [firsts[p] for p in test]}
    with new_folder(out) as parent, threads(workers) as pool:
        jobs = [
            partial(_write, pair, parent / split / pair.name)
            for split in SPLITS
            for pair in found[split]
        ]
        errors = pool.map(lambda job: job(), jobs)
        broken = [error for error in track(errors, "pairs", len(jobs), progress) if error]
        if len(broken) == len(jobs):
            raise ValueError(f"none of the pairs of {a} and {b} can be read; {broken[0]}")
    problems += broken
    left, right = _names(a, b)
    written = f"{len(jobs) - len(broken)} pairs of {left} (left) and {right} (right)"
    summary = summarise(written, describe(left_out, len(problems)), problems)
    sides = ((a, [pair.first for pair in found["train"]]),
             (b, [pair.second for pair in found["train"]]))  # fmt: skip
    for folder, paths in sides:
        if _hold_class_numbers(paths):
            coloured = beside(folder, "_colours")
            summary += (
                f"\n{folder} holds label maps of class numbers, which are nearly black to a "
                f"network; give each class its colour, and combine {coloured} instead"
            )
            words = ("data", "make", "labels", "--from", folder, "--out", coloured)
            return MadeDataset(summary, command(*words))
    following = training_command("pix2pix/pairs_small", out, f"domains={names_text((left, right))}")
    return MadeDataset(summary, following)


def _hold_class_numbers(paths: Sequence[Path]) -> bool:
    """Return whether images are label maps of class numbers, judging by the first ones."""
    numbers = [class_numbers(path) for path in paths[:_LOOKED_AT]]
    known = [found for found in numbers if isinstance(found, set)]
    return len(known) == len(numbers) and names_classes(set().union(*known))


def _names(a: Path, b: Path) -> tuple[str, str]:
    """Return names of two domains: those of their folders, or of the first parents that differ."""
    upwards = [[part.replace(",", "_") for part in p.resolve().parts[:0:-1]] for p in (a, b)]
    return next(((x, y) for x, y in zip(*upwards, strict=False) if x != y), ("a", "b"))


def _matched(
    domains: tuple[Domain, Domain], split: Split, left_out: list[LeftOut], problems: list[str]
) -> list[_Pair]:
    """Return the pairs of a split whose shapes agree, and collect everything else."""
    roots = [domain.root(split) for domain in domains]
    first, second = map(_by_key, domains, (split, split), roots)
    if not set(first) & set(second):  # such as train/label and train/photo
        roots = list(map(_deepest, domains, (split, split)))
        first, second = map(_by_key, domains, (split, split), roots)
    for own, other in ((first, second), (second, first)):
        left_out += [LeftOut(_ALONE, p.name, str(p)) for k, p in own.items() if k not in other]
    keys = [key for key in first if key in second]
    pairs = []
    for key, name in zip(keys, png_names([first[key] for key in keys], roots[0]), strict=True):
        try:
            sizes = [probe(path) for path in (first[key], second[key])]
        except (ImageError, BombError, FileNotFoundError) as error:
            problems.append(str(error))
            continue
        small, large = sorted(sizes, key=lambda info: info.width * info.height)
        if abs(large.width * small.height / large.height - small.width) > 1:
            left_out.append(LeftOut(_OTHER_SHAPE, first[key].name, str(first[key])))
            continue
        pairs.append(_Pair(first[key], second[key], (small.width, small.height), name))
    return pairs


def _deepest(domain: Domain, split: Split) -> Path:
    """Return the deepest folder that holds all images of a split."""
    parents = [path.parent for path in domain.files(split)]
    return Path(os.path.commonpath(parents)) if parents else domain.root(split)


def _by_key(domain: Domain, split: Split, root: Path) -> dict[str, Path]:
    """Return a split's images by their names in a folder, without suffix; these must differ."""
    found: dict[str, Path] = {}
    for path in domain.files(split):
        below = path.relative_to(root) if root.is_dir() else Path(path.name)
        other = found.setdefault(shared_name(below).casefold(), path)
        if other != path:
            raise ValueError(
                f"{other} and {path} have the same name without suffix and case, by which images "
                "are combined; rename or remove one of them"
            )
    return found


def _of_usual_shape(
    found: dict[Split, list[_Pair]], split: Split, left_out: list[LeftOut]
) -> list[_Pair]:
    """Return the pairs of a split that training would take for side-by-side pairs."""
    aspect = median(2 * w / h for pairs in found.values() for _, _, (w, h), _ in pairs)
    if aspect < 1.5 or not has_shape_of(round(aspect * 10_000), 10_000, aspect):
        width, height = found["train"][0].size
        raise ValueError(
            f"side by side, images of {width} x {height} have the shape of a single photo, and "
            "training would not split them; leave the images in two folders, trainA and trainB of "
            "one data set, where they are pairs by their names as well"
        )
    kept = []
    for pair in found[split]:
        width, height = pair.size
        if has_shape_of(2 * width, height, aspect) and 4 * width >= 3 * height:
            kept.append(pair)
        else:
            left_out.append(LeftOut(_UNLIKE, pair.first.name, str(pair.first)))
    return kept


def _write(pair: _Pair, file: Path) -> str | None:
    """Write a pair side by side; return what is wrong with one that can't be read."""
    try:
        halves = [_resized(to_array(read_image(path)), pair.size) for path in pair[:2]]
    except (ValueError, FileNotFoundError) as error:
        return str(error)
    make_folder(file.parent)
    save_png(Image.fromarray(np.concatenate(halves, 1)), file)
    return None


def _resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if image.shape[1::-1] == size:
        return image
    # label maps keep their colours
    few = len(np.unique(image.reshape(-1, image.shape[2])[::7], axis=0)) <= 64
    kind = Image.Resampling.NEAREST if few else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(image).resize(size, kind))
