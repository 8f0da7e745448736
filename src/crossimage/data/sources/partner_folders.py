"""The folders of test images that belong to folders of training images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from crossimage.config import DataRules
from crossimage.data.left_out import NO_DOMAIN, OUTSIDE_DOMAINS, LeftOut
from crossimage.data.sources.find import find_files, visible_folders, why_left_out
from crossimage.data.sources.similar_names import match_names


def partner_folder(folder: Path, name: str, siblings: Sequence[str], rules: DataRules) -> Path:
    """Return the folder of a domain, or class, among those of another split.

    It has the same name, or a similar one that does not belong to another domain; see
    :func:`~crossimage.data.sources.similar_names.match_names`.

    Args:
        folder: The folder of the other split.
        name: The name of the folder of training images.
        siblings: The names of all folders of training images.
        rules: The rules by which files are found; only 3 knows similar names.
    """
    if rules != 3 or not name or (folder / name).is_dir():
        return folder / name
    return folder / match_names(visible_folders(folder, rules), siblings).get(name, name)


def without_partners(folder: Path, siblings: Sequence[str], rules: DataRules) -> Iterator[LeftOut]:
    """Yield what the folder of a split holds besides the images of domains.

    These are folders of test images that no folder of training images is called like, and images
    that are in no folder of a domain.

    Args:
        folder: The folder of a split.
        siblings: The names of all folders of training images.
        rules: The rules by which files are found.
    """
    names = visible_folders(folder, rules)
    known = {*match_names(names, siblings).values()}
    for name in names:
        if name not in known and find_files(folder / name, rules).images:
            place = f"{folder.name}/{name}"
            yield LeftOut(NO_DOMAIN, place, str(folder / name))
    for path in sorted(folder.iterdir()):
        if path.is_file() and why_left_out(path) is None:
            yield LeftOut(OUTSIDE_DOMAINS, folder.name, str(path))
