"""Text of tables: encodings and separators, which are detected."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from crossimage.utils.reading import read_data

Line = tuple[int, Sequence[str]]
"""Line number and cells."""

WHITESPACE = " "
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", WHITESPACE: "spaces"}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_SAMPLE = 200  # lines from which the separator is detected
_WORD = re.compile(r"[^\W\d_]+(?:[^\x00-\x7f\s][^\W\d_]*)*|[^\x00-\x7f]+")
_PUNCTUATION = str.maketrans("", "", "“”‘’„‚–—…•€°²³½«»·±µ\xa0")


@dataclass(frozen=True)
class TableText:
    """The decoded text of a table.

    Attributes:
        text: The text.
        encoding: Name of its encoding.
        separator: Separator of its cells; a space stands for any white space.
        skipped: Lines before the text: the line ``sep=;`` that spreadsheets write.
    """

    text: str
    encoding: str
    separator: str
    skipped: int = 0

    @property
    def description(self) -> str:
        """Its encoding and separator, as shown to users."""
        return f"{self.encoding}, separated by {_SEPARATORS[self.separator]}"

    def lines(self) -> Iterator[Line]:
        """Yield the cells of every line that is not blank."""
        for line, cells in _split(self.text, self.separator):
            if any(cell.strip() for cell in cells):
                yield line + self.skipped, cells


def read_text(file: Path) -> TableText:
    """Read the text of a table, and detect its encoding and separator.

    UTF-16 and UTF-32 are recognised by their byte order mark, UTF-16 without one by its zero bytes,
    UTF-8 by being valid; any other text is read as Windows-1252 if its words are mostly ASCII.

    Raises:
        ValueError: The file is not text, or its encoding is unclear.
    """
    text, encoding = decoded(file, "a table", "a text file such as CSV")
    mark = re.match(r"sep=(.)\r?\n", text)
    if mark and mark[1] in _SEPARATORS:
        return TableText(text[mark.end() :], encoding, mark[1], skipped=1)
    return TableText(text, encoding, _separator(text, file.suffix.lower() in (".csv", ".tsv")))


def decoded(file: Path, kind: str, expected: str) -> tuple[str, str]:
    """Return the text of a file and the name of its encoding; see :func:`read_text`.

    Args:
        file: The file.
        kind: What it is meant to be, for error messages.
        expected: What it is expected to hold.
    """
    content = read_data(file)
    refusal = f"{file} is not {kind}; expected {expected}"
    try:
        for mark, codec, name in _MARKS:
            if content.startswith(mark):
                return content.decode(codec), name
        if b"\0" in content:
            # every other byte of a text's ASCII characters is zero
            odd, even = content[1::2].count(0), content[::2].count(0)
            if len(content) % 2 or max(odd, even) < len(content) // 4 or min(odd, even):
                raise ValueError(refusal)
            return content.decode("utf-16-le" if odd else "utf-16-be"), "UTF-16"
    except UnicodeDecodeError:
        raise ValueError(refusal) from None
    for codec, name in (("utf-8", "UTF-8"), ("cp1252", "Windows-1252")):
        try:
            text = content.decode(codec)
        except UnicodeDecodeError:
            continue
        if codec == "utf-8" or _western(text):
            return text, name
    raise ValueError(
        f"{file} is neither UTF-8 nor UTF-16, and its encoding is unclear; save it as UTF-8"
    )


def _western(text: str) -> bool:
    """Return whether text has the few accents of Western European words."""
    words = [word for word in _WORD.findall(text.translate(_PUNCTUATION)) if not word.isascii()]
    other = sum(not char.isascii() for word in words for char in word)
    # été is the extreme among common words; a single letter, as in Ø, proves nothing
    return all(len(word) < 2 or word.isalpha() for word in words) and (
        3 * other <= 2 * sum(map(len, words)) or max(map(len, words)) < 2
    )


def lines_of(text: str) -> list[str]:
    """Return the lines of a text, which end with LF, CR or both, and with nothing else."""
    return re.split(r"\r\n|\r|\n", text)


def _split(text: str, separator: str) -> Iterator[Line]:
    if separator == WHITESPACE:
        yield from enumerate((line.split() for line in lines_of(text)), start=1)
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    for cells in reader:
        yield reader.line_num, cells


def _separator(text: str, comma_separated: bool) -> str:
    """Return the separator that splits most lines into as many cells as the first one.

    Args:
        text: The text.
        comma_separated: Whether the file's name says that its cells are separated by a character,
            so that white space is the last resort; otherwise it is the default.
    """
    best = (0.0, 0, "")
    for separator in ",;\t|":
        lines = (cells for _, cells in _split(text, separator) if any(c.strip() for c in cells))
        try:
            widths = [len(cells) for cells in islice(lines, _SAMPLE)]
        except csv.Error:  # without this separator, a long line is a cell that is too large
            continue
        if widths and widths[0] > 1:
            agree = Counter(widths)[widths[0]] - 1
            best = max(best, (agree / max(1, len(widths) - 1), widths[0], separator))
    agreement, _, separator = best
    if separator and (comma_separated or agreement >= 0.5):
        return separator
    first = next((line for line in lines_of(text) if line.strip()), "")
    return "," if comma_separated and len(first.split()) < 2 else WHITESPACE
