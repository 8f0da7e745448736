"""Pairs made from photos: a changed version of each, from which a paired method learns the photo.

The tasks of Isola et al., Image-to-Image Translation with Conditional Adversarial Networks (CVPR
2017), and sketches, on anyone's photos.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crossimage.data.images.arrays import to_array
from crossimage.data.images.files import read_image
from crossimage.data.left_out import describe
from crossimage.data.make.degradations import blurred, noisy, reduced
from crossimage.data.make.edges import SIDE, opencv, to_edges
from crossimage.data.make.hed import HedEdges
from crossimage.data.make.made import MadeDataset, check_apart, summarise, training_command
from crossimage.data.make.parallel import threads
from crossimage.data.make.sketches import to_sketch
from crossimage.data.sources.folders import Split, find_images
from crossimage.utils.files import new_folder
from crossimage.utils.numbers import whole
from crossimage.utils.progress import ProgressCallback, track
from crossimage.utils.reading import read_data
from crossimage.utils.seeds import seed_of
from crossimage.utils.texts.setting_text import names_text
from crossimage.utils.writing.folders import make_folder
from crossimage.utils.writing.pictures import save_png

Pixels = NDArray[np.uint8]
Change = Callable[[Pixels, np.random.Generator], Pixels]
"""Makes the input of a pair from a photo (H, W, 3) and its own random numbers."""

_SMALLEST = 16  # pixels of the shorter side
_MOST_TESTS = 50
"""Photos that are held out for testing at most, if the folder has no test images."""


def to_gray(photo: Pixels, _: np.random.Generator) -> Pixels:
    """Return a photo without its colours, with the same CIE lightness L* at every pixel."""
    values = photo / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    luminance = linear @ (0.2126, 0.7152, 0.0722)
    gray = np.where(
        luminance <= 0.0031308, luminance * 12.92, 1.055 * luminance ** (1 / 2.4) - 0.055
    )
    return np.round(gray * 255).clip(0, 255).astype(np.uint8)


def with_hole(photo: Pixels, rng: np.random.Generator) -> Pixels:
    """Return a photo with a white rectangle of 3/8 to 5/8 of its height and width."""
    holed = photo.copy()
    rows, columns = (_part(side, rng) for side in photo.shape[:2])
    holed[rows, columns] = 255
    return holed


def _part(side: int, rng: np.random.Generator) -> slice:
    length = max(1, round(side * rng.uniform(3 / 8, 5 / 8)))
    start = int(rng.integers(side - length + 1))
    return slice(start, start + length)


def make_pairs(
    names: tuple[str, str],
    change: Change,
    recipe: str,
    out: Path,
    *,
    photos: Path,
    seed: int = 0,
    test_count: int | None = None,
    size: int | None = None,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> MadeDataset:
    """Write pairs of a changed photo and the photo into ``train`` and ``test``.

    The files are PNGs in a folder per domain and have the names of the photos, sub-folders
    included. The same photos and seed always give the same files, with any number of workers. If
    the photos have no split of their own, a tenth of them, chosen by content, becomes test images.

    Args:
        names: Names of the changed photos and of the photos themselves.
        change: Makes the former from the latter.
        recipe: The recipe that learns from such pairs.
        out: The folder to create; removed after an error.
        photos: The photos, as for :func:`~crossimage.data.sources.folders.find_images`.
        seed: Seed of the random numbers of all changes.
        test_count: Number of photos held out for testing if they have no split of their own; by
            default a tenth of them, at most 50.
        size: Shorter side in pixels to which larger photos are reduced first; None: they keep
            their sizes.
        workers: Photos processed at the same time; None: as many as there are cores.
        progress: Receives the number of photos written.

    Returns:
        How many pairs were written, what was left out and why, and how to train on the pairs.

    Raises:
        FileNotFoundError: The folder is missing.
        ValueError: There are no photos or none can be read, they have a split and ``test_count`` is
            given, too many would be held out, a number is too small, or ``out`` is below ``photos``
            or exists and is not empty.
    """
    if size is not None and size < _SMALLEST:
        raise ValueError(f"size must be at least {_SMALLEST} pixels, found {size}")
    check_apart(out, photos)
    domain = find_images(str(photos))
    splits: dict[Split, Sequence[Path]] = {"train": domain.train, "test": domain.test}
    if domain.test and test_count is not None:
        raise ValueError(
            f"{photos} has test images of its own ({domain.test_from}); leave out --test-count"
        )
    if not domain.test:
        splits["train"], splits["test"] = held_out(domain.train, test_count)
    if not splits["train"]:
        raise ValueError(
            f"{photos} holds {len(splits['test'])} photos, all of which would be held out for "
            "testing; use a smaller --test-count"
        )

    with new_folder(out) as parent, threads(workers) as pool:
        jobs = []
        for split, paths in splits.items():
            root = domain.root(split) if domain.test else domain.train_root
            for path, name in zip(paths, png_names(paths, root), strict=True):
                files = [parent / split / domain_name / name for domain_name in names]
                rng = np.random.default_rng(seed_of(seed, name.as_posix()))
                jobs.append(partial(_write_pair, path, files, change, rng, size))
        errors = pool.map(lambda job: job(), jobs)
        problems = [e for e in track(errors, "photos", len(jobs), progress) if e]
        if len(problems) == len(jobs):
            raise ValueError(f"none of the photos in {photos} can be read; {problems[0]}")
    written = f"{len(jobs) - len(problems)} pairs of {names[0]} and {names[1]}"
    summary = summarise(written, describe(domain.left_out, len(problems)), problems)
    # folders in alphabetical order could be the other way round, such as photo and sketch
    return MadeDataset(summary, training_command(recipe, out, f"domains={names_text(names)}"))


def make_edges(out: Path, *, hed: Path | None = None, **options: Any) -> MadeDataset:
    """Write pairs of a photo's edges and the photo, as :func:`make_pairs` does.

    Args:
        out: The folder to create; removed after an error.
        hed: Weights of a network for edges; None: Canny's detector.
        **options: As for :func:`make_pairs`.

    Raises:
        FileNotFoundError: The folder or the file of weights is missing.
        ValueError: OpenCV is not installed, the file holds another network, or as for
            :func:`make_pairs`.
    """
    opencv()
    change = to_edges if hed is None else HedEdges(hed)
    return make_pairs(("edges", "photo"), change, "pix2pix/pairs_small", out, **options)


def make_blur(out: Path, *, blur_px: float = 2.0, **options: Any) -> MadeDataset:
    """Write pairs of a blurred photo and the photo; see :func:`blurred`, :func:`make_pairs`."""
    return _restored(("blurred", "photo"), partial(blurred, blur_px=blur_px), out, options)


def make_noise(out: Path, *, noise_levels: float = 25.0, **options: Any) -> MadeDataset:
    """Write pairs of a noisy photo and the photo; see :func:`noisy`, :func:`make_pairs`."""
    change = partial(noisy, noise_levels=noise_levels)
    return _restored(("noisy", "photo"), change, out, options)


def make_small(out: Path, *, factor: float = 4.0, **options: Any) -> MadeDataset:
    """Write pairs of a reduced photo and the photo; see :func:`reduced`, :func:`make_pairs`."""
    return _restored(("low", "photo"), partial(reduced, factor=factor), out, options)


def _restored(
    names: tuple[str, str], change: Change, out: Path, options: Mapping[str, Any]
) -> MadeDataset:
    change(np.zeros((1, 1, 3), np.uint8), np.random.default_rng(0))  # refuses a wrong strength
    return make_pairs(names, change, "pix2pix/restoration_small", out, **options)


PHOTO_MAKERS: Mapping[str, Callable[..., MadeDataset]] = {
    "edges": partial(make_edges, size=SIDE),
    "grey": partial(make_pairs, ("grey", "color"), to_gray, "pix2pix/colorization_small"),
    "holes": partial(make_pairs, ("holes", "photo"), with_hole, "pix2pix/inpainting_small"),
    "sketches": partial(make_pairs, ("sketch", "photo"), to_sketch, "pix2pix/pairs_small"),
    "blur": partial(make_blur, size=SIDE),
    "noise": partial(make_noise, size=SIDE),
    "small": partial(make_small, size=SIDE),
}


def held_out(paths: Sequence[Path], count: int | None) -> tuple[list[Path], list[Path]]:
    """Split photos into training and test photos by the hash of their files, not their names.

    Copies of a file are on the same side, so there may be a few more or fewer test photos. Files of
    more copies than there are to be test photos are for training, unless all are such.
    """
    if count is None:
        count = min(_MOST_TESTS, len(paths) // 10)
    whole(count, "test-count", 0)
    copies: dict[bytes, list[Path]] = {}
    for path in paths:
        try:
            content = hashlib.sha256(read_data(path)).digest()
        except (FileNotFoundError, PermissionError):  # named when it is to be written
            content = b""
        copies.setdefault(content, []).append(path)
    fewest = min(map(len, copies.values()), default=0)
    most = fewest if count < fewest <= len(paths) / 2 else count
    tests: set[Path] = set()
    for digest in sorted(copies):
        if len(tests) < count and len(copies[digest]) <= most:
            tests.update(copies[digest])
    return [path for path in paths if path not in tests], sorted(tests)


def distinct_names(
    short: Sequence[Path], long: Sequence[Path], taken: Sequence[Path] = ()
) -> list[Path]:
    """Return names, long ones only where short ones are equal, also in upper and lower case.

    Args:
        short: A short name for each file.
        long: A long name for each.
        taken: Names of other files.
    """
    names = list(short)
    while True:  # a long name may be another file's short one
        count = Counter(name.as_posix().lower() for name in (*names, *taken))
        longer = [
            full if count[name.as_posix().lower()] > 1 else name
            for full, name in zip(long, names, strict=True)
        ]
        if longer == names:
            return names
        names = longer


def png_names(paths: Sequence[Path], root: Path, taken: Sequence[Path] = ()) -> list[Path]:
    """Return the photos' paths below their folder as PNGs; equal ones keep their suffixes, too.

    Args:
        paths: The photos.
        root: Their folder.
        taken: Names of other files, which are equal regardless of upper and lower case, too.

    Raises:
        ValueError: Two files would have the same name even so.
    """
    if not paths:
        return []
    below = root if root.is_dir() else Path(os.path.commonpath([path.parent for path in paths]))
    relative = [path.relative_to(below) for path in paths]
    names = distinct_names(
        [path.with_suffix(".png") for path in relative],
        [path.with_name(f"{path.name}.png") for path in relative], taken,
    )  # fmt: skip
    repeated = {name for name, times in Counter((*names, *taken)).items() if times > 1}
    for path, name in zip(relative, names, strict=True):
        if name in repeated:
            raise ValueError(
                f"{path} would be written as {name}, like another image of {below}; rename one of "
                "them"
            )
    return names


def _write_pair(
    path: Path,
    files: Sequence[Path],
    change: Change,
    rng: np.random.Generator,
    size: int | None,
) -> str | None:
    """Write a changed photo and the photo; return what is wrong with a photo that can't be read."""
    try:
        photo = shrunk(to_array(read_image(path)), size)
    except (ValueError, FileNotFoundError) as error:
        return str(error)
    for file, pixels in zip(files, (change(photo, rng), photo), strict=True):
        make_folder(file.parent)
        save_png(Image.fromarray(pixels), file)
    return None


def shrunk(photo: Pixels, size: int | None) -> Pixels:
    """Return a photo whose shorter side has at most ``size`` pixels."""
    height, width = photo.shape[:2]
    if size is None or min(height, width) <= size:
        return photo
    scale = size / min(height, width)
    smaller = max(size, round(width * scale)), max(size, round(height * scale))
    return np.asarray(Image.fromarray(photo).resize(smaller, Image.Resampling.BICUBIC))
