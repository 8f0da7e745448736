"""JSON of files, which may be damaged or malicious."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

from crossimage.utils.paths import check_not_special
from crossimage.utils.reading import read_data
from crossimage.utils.texts.shown import cut


def parse_json(text: str | bytes, *, once: bool = False) -> Any:
    """Return the value of a JSON text.

    Args:
        text: The text.
        once: Refuse an object that states a name twice, of which parsers keep one or the other.

    Raises:
        ValueError: It is not JSON, too deeply nested, or holds a number of thousands of digits; or
            a name is stated twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_stated_once if once else None)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _stated_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        name = next(name for name, count in Counter(n for n, _ in pairs).items() if count > 1)
        raise ValueError(f"it states '{cut(name)}' twice")
    return values


def json_number(value: float) -> float | str:
    """Return a number as JSON can hold it: infinities and NaN as text."""
    return value if math.isfinite(value) else str(value)


def read_json(path: Path) -> Any:
    """Return the value of a JSON file.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not JSON, too deeply nested, or no regular file.
    """
    check_not_special(path)
    return parse_json(read_data(path))
