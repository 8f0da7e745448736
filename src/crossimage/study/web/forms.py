"""Forms of a study's pages: their limits, and how they are parsed."""

from __future__ import annotations

from urllib.parse import parse_qsl

from crossimage.server.guard import Limits, Refused

MAX_FIELDS = 12
"""Fields of a form."""
FORMS = Limits("form", 16 * 1024, 10.0, ("application/x-www-form-urlencoded",))
"""The limits of a form."""


def parse_form(body: bytes) -> dict[str, str]:
    """Parse a form, or what follows the question mark of an address.

    Raises:
        Refused: It has too many fields, or a field twice, or is not text.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"
        )
    except ValueError:
        raise Refused(
            400, f"expected a form of at most {MAX_FIELDS} fields, encoded as UTF-8"
        ) from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Refused(400, "a field of the form occurs twice")
    return fields
