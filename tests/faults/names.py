"""Awkward names of files and folders, which users, other systems and downloads give them."""

from __future__ import annotations

import os

AWKWARD = (
    "two words", " led by a space", "ends in a space ", "two\nlines", "tab\there", "-rf", "--out",
    "\x1b[31mred\x1b[2J", "gnp.\u202etxt", "zero\u200bwidth", os.fsdecode(b"latin-\xe9\xff"),
    "dots...", ".hidden", "#1", "100%", "%s%d%n", "{0}{name}", "[bold]x", "[red]", ":smile:",
    "a&b<c>", "'quoted'", '"double"', "$HOME", "`ls`", "~", "a=b", "a,b", "a;b|c", "*?", "\\back",
    "\u56fe\u50cf", "e\u0301", "\U0001f600", "CON", "x" * 255, "\u00e9" * 127,
    "..up", "a..b", "\u00e9", "[a]*?", "{}", "%2e%2e", "-1", "null", "1e3", "0x10", "no",
    "2026-11-29", "cr\rlf", "a.png", "a.tmp", "@here", "hf:x", "memory:x", "file:x", "C:x",
    "\ufeffbom", "\u2028", "=1+1", "<script>", "{{x}}", "--", "x_1", "real_B", "\u0130\u0131",
    "test", "trainA",
)  # fmt: skip
"""Names of a folder; :func:`with_suffix` makes names of files of them."""


def with_suffix(name: str, suffix: str) -> str:
    """Return a name with a suffix, no longer than file systems allow."""
    encoded = os.fsencode(name)[: 255 - len(suffix)]
    while True:
        try:
            encoded.decode()
        except UnicodeDecodeError as error:
            if error.end >= len(encoded) and len(encoded) > 200:  # a character was cut
                encoded = encoded[: error.start]
                continue
        return os.fsdecode(encoded) + suffix
