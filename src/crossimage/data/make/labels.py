"""Label maps in colours, made from images that hold class numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crossimage.data.images.class_ids import names_classes, read_class_ids
from crossimage.data.images.pixels import BombError, ImageError
from crossimage.data.left_out import describe
from crossimage.data.make.made import (
    MadeDataset,
    check_apart,
    combining,
    command,
    summarise,
    training_command,
)
from crossimage.data.make.palettes import IdColours, distinct_colours, read_id_colours
from crossimage.data.make.parallel import threads
from crossimage.data.make.photo_pairs import png_names
from crossimage.data.sources.find import find_files, visible_folders
from crossimage.data.sources.split_names import split_folders
from crossimage.utils.files import new_folder, write_text
from crossimage.utils.progress import ProgressCallback, track
from crossimage.utils.texts.setting_text import names_text
from crossimage.utils.writing.folders import copy_file, make_folder
from crossimage.utils.writing.pictures import save_png


def make_labels(
    out: Path,
    *,
    originals: Path,
    palette: str | None = None,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> MadeDataset:
    """Copy a data set, with its label maps in colours, and write the table of these colours.

    Label maps are recognised by folder: single-channel images of few different values, some other
    than 0 and 255, which are at least half of its images. All other images are copied as they are.

    Args:
        out: The folder to create; removed after an error.
        originals: A data set, or a folder of label maps.
        palette: Name of a palette, or the path of a table; see :func:`read_id_colours`. By default
            the colours of PASCAL VOC.
        workers: Images processed at the same time; None: as many as there are cores.
        progress: Receives the number of images read, and then of those written.

    Returns:
        How many images were coloured and copied, what was left out and why, and the next command.

    Raises:
        FileNotFoundError: The folder or the palette is missing.
        ValueError: There are no label maps, the palette lacks one of their numbers, or ``out`` is
            below ``originals`` or exists and is not empty.
    """
    if not originals.is_dir():
        raise FileNotFoundError(f"{originals} is not a folder; expected a data set or label maps")
    check_apart(out, originals)
    table = distinct_colours() if palette is None else read_id_colours(palette)
    paths, left_out = find_files(originals)
    with new_folder(out) as parent, threads(workers) as pool:
        results = track(pool.map(class_numbers, paths), "reading images", len(paths), progress)
        read = dict(zip(paths, results, strict=True))
        problems = [text for text in read.values() if isinstance(text, str)]
        numbers: dict[Path, set[int]] = {}
        for path, found in read.items():
            if isinstance(found, set):
                numbers.setdefault(path.parent, set()).update(found)
        readable = Counter(p.parent for p in paths if not isinstance(read[p], str))
        mapped = Counter(p.parent for p in paths if isinstance(read[p], set))
        folders = {
            folder
            for folder, found in numbers.items()
            if names_classes(found) and 2 * mapped[folder] >= readable[folder]
        }
        maps = [p for p in paths if isinstance(read[p], set) and p.parent in folders]
        others = [p for p in paths if not isinstance(read[p], str) and p not in set(maps)]
        if not maps:
            unreadable = f"; {len(problems)} can't be read: {problems[0]}" if problems else ""
            raise ValueError(
                f"{originals} holds no label maps of class numbers among {len(paths)} images; "
                "expected single-channel images, such as PNGs, of at most 64 different values"
                f"{unreadable}"
            )
        copied = [path.relative_to(originals) for path in others]
        names = png_names(maps, originals, copied)
        jobs = [
            *(partial(_paint, path, parent / name, table)
              for path, name in zip(maps, names, strict=True)),
            *(partial(copy_file, originals / name, parent / name) for name in copied),
        ]  # fmt: skip
        for _ in track(pool.map(lambda job: job(), jobs), "writing", len(jobs), progress):
            pass
        used = set().union(*(numbers[folder] for folder in folders))
        write_text(parent / "palette.csv", table.only(used).as_text())
    shown = ", ".join(sorted({f.relative_to(originals).as_posix() for f in folders}))
    written = f"{len(maps)} label maps in colours" + (f" ({shown})" if shown != "." else "")
    written += f", {len(others)} other images" if others else ""
    summary = summarise(written, describe(left_out, len(problems)), problems)
    if not others and len(_domains(out)) < 2:
        summary += "\nthey become pairs with the photos of the same names, in a folder PHOTOS"
        return MadeDataset(summary, combining(out))
    return MadeDataset(summary, _following(originals, out, folders))


def _domains(data: Path) -> list[str]:
    """Return the names of the folders of domains in a data set; empty if it has none."""
    splits = split_folders(names := visible_folders(data))
    if ("train", "A") in splits and ("train", "B") in splits:
        return ["A", "B"]
    if ("train", "") in splits:
        return visible_folders(data / splits["train", ""][0])
    return [] if splits else names


def class_numbers(path: Path) -> set[int] | str | None:
    """Return the class numbers in an image; None if it has none; or why it can't be read."""
    try:
        ids = read_class_ids(path)
    except (ImageError, BombError, FileNotFoundError) as error:
        return str(error)
    return None if ids is None else set(np.unique(ids).tolist())


def _paint(path: Path, file: Path, table: IdColours) -> None:
    ids: NDArray[np.int64] | None = read_class_ids(path)
    assert ids is not None
    make_folder(file.parent)
    save_png(Image.fromarray(table.paint(ids, path)), file)


def _following(originals: Path, out: Path, folders: set[Path]) -> str:
    """Return the command that trains from label maps to the other domain, if there is one."""
    names = [path.name for path in originals.iterdir() if path.is_dir()]
    splits = split_folders(names)
    recipe = "pix2pix/pairs_small"
    if ("train", "") in splits:
        train = originals / splits["train", ""][0]
        domains = [path for path in sorted(train.iterdir()) if path.is_dir()]
        labels, others = _parted(domains, folders)
        if len(labels) == len(others) == 1:
            ordered = names_text([labels[0].name, others[0].name])
            return training_command(recipe, out, f"domains={ordered}")
    elif ("train", "A") in splits and ("train", "B") in splits:
        domains = [originals / splits["train", letter][0] for letter in "AB"]
        labels, others = _parted(domains, folders)
        if len(labels) == len(others) == 1:
            towards = [] if labels[0] == domains[0] else ["direction=b-to-a"]
            return training_command(recipe, out, *towards)
    return command("data", "inspect", out)


def _parted(domains: Sequence[Path], folders: set[Path]) -> tuple[list[Path], list[Path]]:
    """Return the domains that hold label maps, and the others."""
    labels = [d for d in domains if any(f == d or d in f.parents for f in folders)]
    return labels, [d for d in domains if d not in labels]
