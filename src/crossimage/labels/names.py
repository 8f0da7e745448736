"""Names of labels, and targets as users write them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from torch import Tensor

from crossimage.utils.names import did_you_mean, look_up

To = str | Mapping[str, object] | Tensor
"""A target as users give it: a label's name, values by name, or label vectors."""

_LONGEST = 200  # bytes of a label's name, which becomes part of file names
_LISTED = 50  # labels that an error message names at most


def parse_target(text: str, names: Sequence[str] = ()) -> To:
    """Parse ``Blond_Hair`` or ``Male=1,Young=0.5`` into a target for :meth:`Labels.vectors`.

    A name that holds a comma may stand in double quotes: ``"a,b"=1,Young=0``.

    Args:
        text: The text.
        names: The known labels; text that is one of them needs no quotes.

    Raises:
        ValueError: A part is not ``name=value``.
    """
    if look_up(text, names) is not None:
        return text
    quoted = re.fullmatch(r'\s*"((?:[^"]|"")*)"\s*', text)
    if quoted:
        return quoted[1].replace('""', '"')
    if "=" not in text:
        return text
    values: dict[str, object] = {}
    example = names[0] if names else "Male"
    for part in re.findall(r'(?:"(?:[^"]|"")*"|[^,"]|"(?=[^"]*$))+|(?<=,)(?=,|$)|^(?=,)', text):
        name, equals, value = part.rpartition("=")
        name, value = name.strip(), value.strip()
        if not (name and equals and value):
            raise ValueError(
                f"'{part}' is not understood: expected name=value, such as {example}=1"
            )
        if len(name) > 1 and name[0] == name[-1] == '"':
            name = name[1:-1].replace('""', '"')
        values[name] = value
    return values


def check_names(names: Sequence[str], source: str) -> None:
    """Check that labels can be asked for by their names, and be part of the names of files.

    Args:
        names: Names of labels.
        source: The table or folder that has them.

    Raises:
        ValueError: A name can't be used.
    """
    folded: dict[str, str] = {}
    for name in names:
        other = folded.setdefault(name.casefold(), name)
        if other != name:
            raise ValueError(
                f"{source} has labels '{other}' and '{name}', which differ only in upper and lower "
                "case, as files on some systems can't; rename one, or choose among them with "
                "`attributes`"
            )
    for name in names:
        if name.casefold() == "all":
            problem = "stands for every label in `--to all`"
        elif len(name.encode("utf-8", "surrogateescape")) > _LONGEST:
            problem = f"has more than {_LONGEST} bytes, too many for a part of a file's name"
        elif name != name.strip() or not name.isprintable() or not name:
            problem = "begins or ends with a space, or holds characters that can't be typed"
        elif name.startswith('"'):
            problem = "begins with a quotation mark"
        else:
            continue
        shown = name if len(name) <= _LISTED else f"{name[:_LISTED]}..."
        raise ValueError(f"{source} has a label '{shown}', which {problem}; rename it")


def label_index(name: str, names: Sequence[str]) -> int:
    """Return the index of a label among others, ignoring case.

    Raises:
        ValueError: The label is unknown; the nearest one is suggested.
    """
    index = look_up(name, names)
    if index is None:
        hint = did_you_mean(name, names)
        more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
        known = ", ".join(names[:_LISTED])
        raise ValueError(f"there is no label '{name}', only {known}{more}{hint}")
    return index
