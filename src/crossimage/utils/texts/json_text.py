"""JSON of files, which may be damaged or malicious."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from crossimage.utils.paths import check_not_special
from crossimage.utils.reading import read_data


def parse_json(text: str | bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: It is not JSON, too deeply nested, or holds a number of thousands of digits.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_json(path: Path) -> Any:
    """Return the value of a JSON file.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not JSON, too deeply nested, or no regular file.
    """
    check_not_special(path)
    return parse_json(read_data(path))
