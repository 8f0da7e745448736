"""``-`` in place of a path: an image from stdin, or the result to stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from crossimage.utils.paths import as_path
from crossimage.utils.writing.scratch import scratch_folder

PIPE = "-"


def read_pipes(*groups: Sequence[str]) -> list[list[str | BytesIO]]:
    """Replace ``-`` in groups of paths by the image on stdin, as a binary file.

    Raises:
        ValueError: It is given more than once, or there is nothing to read.
    """
    asked = sum(list(group).count(PIPE) for group in groups)
    if asked > 1:
        raise ValueError(f"- is given {asked} times; stdin holds one image")
    image = _read_stdin() if asked else None
    return [[image if path == PIPE and image else path for path in group] for group in groups]


def _read_stdin() -> BytesIO:
    if sys.stdin is None or sys.stdin.isatty():
        raise ValueError("- reads an image from stdin, which is a terminal; add `< image.png`")
    image = BytesIO(sys.stdin.buffer.read())
    if not image.getbuffer():
        raise ValueError("- reads an image from stdin, which is empty")
    image.name = "stdin"
    return image


@contextmanager
def results_folder(out: str) -> Iterator[Path]:
    """Yield the folder for results; for ``-`` a temporary one.

    Raises:
        ValueError: The path is empty, or stdout is a terminal.
    """
    if out != PIPE:
        yield as_path(out, "--out", stores=True)
        return
    if sys.stdout is None or sys.stdout.isatty():
        raise ValueError("--out - writes the result to stdout, which is a terminal; add `> x.png`")
    with scratch_folder() as folder:
        yield folder


def check_single(inputs: Sequence[str], results: int) -> None:
    """Check that there will be a single result for stdout.

    Args:
        inputs: Paths of the inputs.
        results: Number of results per input.

    Raises:
        ValueError: There will or may be several.
    """
    path = Path(inputs[0]) if len(inputs) == 1 else None
    if path is None or results > 1 or path.is_dir():
        found = f"{results} results per input" if results > 1 else f"{len(inputs)} inputs"
        found = f"the folder {path}" if path and path.is_dir() else found
        raise ValueError(
            f"--out - writes a single result to stdout, found {found}; give a folder for the "
            "results"
        )


def write_stdout(written: Sequence[Path]) -> None:
    """Write the only result to stdout.

    Raises:
        ValueError: There are several.
    """
    if len(written) != 1:
        raise ValueError(
            f"--out - writes a single result to stdout, found {len(written)}; give a folder for "
            "the results"
        )
    sys.stdout.buffer.write(written[0].read_bytes())
    sys.stdout.buffer.flush()
