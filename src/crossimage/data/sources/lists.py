"""List files: the path of an image per line."""

from __future__ import annotations

from pathlib import Path

from crossimage.config import DataRules
from crossimage.data.images.formats import EXPECTED
from crossimage.data.sources.find import NameIndex, is_image_file
from crossimage.data.sources.tables.text import decoded, lines_of
from crossimage.utils.paths import expanded
from crossimage.utils.texts.shown import cut


def read_list(file: Path, rules: DataRules = 3) -> list[tuple[Path, int]]:
    """Return the images that a list file names, in its order, with their line numbers.

    Blank lines and comments, which begin with ``#``, are ignored. Paths are relative to the list
    or else to the working folder.

    Raises:
        FileNotFoundError: The list or a file that it names does not exist.
        ValueError: The list is not text, or names no images or a file that is not an image.
    """
    index = NameIndex()
    return [
        (find_entry(file, number, text, index, rules), number)
        for number, text in list_entries(file)
    ]


def list_entries(file: Path) -> list[tuple[int, str]]:
    """Return the entries of a list file with their line numbers.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not text, or has no entries.
    """
    if not file.is_file():
        raise FileNotFoundError(f"there is no list file {file}; expected one image path per line")
    content, _ = decoded(file, "a text file", "one image path per line")
    texts = ((number, line.strip()) for number, line in enumerate(lines_of(content), start=1))
    entries = [(number, text) for number, text in texts if text and not text.startswith("#")]
    if not entries:
        raise ValueError(f"{file} lists no images; expected one path per line")
    return entries


def find_entry(file: Path, number: int, text: str, index: NameIndex, rules: DataRules = 3) -> Path:
    """Return the path of the image that a line of a list file names.

    Args:
        file: The list file.
        number: The number of the line.
        text: The line.
        index: Finds names regardless of their Unicode form.
        rules: The rules by which files are found.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not an image.
    """
    spellings = [text, text.replace("\\", "/")] if "\\" in text else [text]  # as on Windows
    named = [expanded(Path(spelling)) for spelling in spellings]
    candidates = (path for name in named for path in (file.parent / name, name))
    path = next(filter(None, map(index.find, candidates)), None)
    if path is None or not path.is_file():
        raise FileNotFoundError(f"{file}, line {number}: there is no file {cut(text)}")
    if not is_image_file(path, rules):
        raise ValueError(f"{file}, line {number}: {cut(text)} is not an image; expected {EXPECTED}")
    return path
