"""Seeds derived from their purpose."""

from __future__ import annotations

import hashlib


def seed_of(*parts: int | str) -> int:
    """Derive a well-mixed seed below 2^63 from numbers and words, the same on every machine."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
