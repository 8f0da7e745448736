"""Fields of forms, checked."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping

from crossimage.server.guard import Refused
from crossimage.study import participants

_TOKEN = re.compile(r"[A-Za-z0-9_-]{10,64}")
_NUMBER = re.compile(r"[0-9]{1,9}")
_DAY = 86_400_000  # milliseconds
_LONGEST = 64  # characters of two exposures


def platform_number(fields: Mapping[str, str]) -> str | None:
    """Return the number of a participant; None if there is none.

    Raises:
        Refused: It has other characters than such numbers have.
    """
    for name in participants.FIELDS:
        if text := fields.get(name):
            if not participants.FORM.fullmatch(text):
                raise Refused(400, f"{name} {participants.REFUSED}")
            return text
    return None


def token(fields: Mapping[str, str]) -> str:
    """Return the token of a question.

    Raises:
        Refused: There is none.
    """
    text = fields.get("trial", "")
    if not _TOKEN.fullmatch(text):
        raise Refused(400, "the question is missing")
    return text


def number(fields: Mapping[str, str], name: str) -> int | None:
    """Return a whole number; None if the field is missing or empty.

    Raises:
        Refused: It is not a number.
    """
    text = fields.get(name, "")
    if text == "":
        return None
    if not _NUMBER.fullmatch(text):
        raise Refused(400, f"{name} is not a number")
    return int(text)


def milliseconds(fields: Mapping[str, str]) -> int | None:
    """Return how long a person took; None if the page did not measure it."""
    value = number(fields, "milliseconds")
    return None if value is None else min(value, _DAY)


def exposures(fields: Mapping[str, str]) -> list[float]:
    """Return how long images were visible, in milliseconds.

    Raises:
        Refused: They are not a few numbers.
    """
    text = fields.get("exposures", "")
    if text == "":
        return []
    try:
        values = json.loads(text) if len(text) <= _LONGEST else None
    except ValueError:
        values = None
    if not (
        isinstance(values, list)
        and len(values) <= 2
        and all(type(v) in (int, float) and math.isfinite(v) and 0 <= v <= _DAY for v in values)
    ):
        raise Refused(400, "exposures are not numbers")
    return [float(value) for value in values]
