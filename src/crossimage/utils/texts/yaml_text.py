"""YAML of users and files, within bounds: a small text can describe endless values."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from crossimage.utils.reading import open_data
from crossimage.utils.texts.shown import cut

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # many times as fast where it exists

_MAX_BYTES = 4 << 20
_MAX_DEPTH = 50
_MAX_VALUES = 200_000  # with all aliases written out
_MAX_DIGITS = 100
_NUMBER = re.compile(r"[-+]?(0[xob])?[0-9a-fA-F_.:]+([eE][-+]?\d+)?")


class SyntaxFault(ValueError):
    """A text is not YAML."""


def read_yaml_text(path: Path) -> str:
    """Return the text of a YAML file.

    Raises:
        OSError: The file cannot be opened.
        ValueError: It is not text, or is larger than 4 MiB.
    """
    with open_data(path) as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ValueError(f"{path} is larger than {_MAX_BYTES >> 20} MiB; expected a YAML file")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from None


def parse_yaml(text: str) -> Any:
    """Return the value of a YAML text.

    Raises:
        SyntaxFault: It is not valid YAML.
        ValueError: Its values are nested too deeply or in themselves, there are too many of them,
            or it holds a number of more than 100 digits.
    """
    try:
        _check(text)
    except yaml.YAMLError as error:
        raise SyntaxFault(_sentence(error)) from None
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise SyntaxFault(_sentence(error)) from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # values with a wrong explicit type, such as "!!int x"
        raise SyntaxFault(f"a value is not of its type ({cut(error)})") from None


def repeated_key(text: str) -> str | None:
    """Return a key that a mapping of a valid YAML text holds twice, or None.

    YAML forbids it, but parsers keep the last value without a word.
    """
    opened: list[set[str] | None] = []  # keys of the mappings around; None for sequences
    turns: list[bool] = []  # whether a key comes next, for each of them
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionEndEvent):
            opened.pop()
            turns.pop()
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        if opened and (known := opened[-1]) is not None:
            if turns[-1] and isinstance(event, yaml.ScalarEvent):
                if event.value in known:
                    return str(event.value)
                known.add(event.value)
            turns[-1] = not turns[-1]
        if isinstance(event, yaml.CollectionStartEvent):
            opened.append(set() if isinstance(event, yaml.MappingStartEvent) else None)
            turns.append(True)
    return None


def _sentence(error: yaml.YAMLError) -> str:
    """Return the message of an error, which has a line of its own for each part, as one."""
    return cut(" ".join(str(error).split()), 400)


def _check(text: str) -> None:
    """Refuse values without end, going through the text's parts without building any."""
    sizes: dict[str, int] = {}  # of the anchored values, with all aliases written out
    opened: list[tuple[str | None, int]] = []  # anchors of the values around, and values before
    count = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, before = opened.pop()
            if anchor:
                sizes[anchor] = count - before
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in (anchor for anchor, _ in opened):
                raise ValueError(f"the value '{cut(event.anchor)}' holds itself")
            count += sizes.get(str(event.anchor), 1)
        elif isinstance(event, yaml.NodeEvent):
            count += 1
            if isinstance(event, yaml.CollectionStartEvent):
                opened.append((event.anchor, count - 1))
            elif event.anchor:
                sizes[event.anchor] = 1
            if isinstance(event, yaml.ScalarEvent):
                _check_number(event.value)
        if len(opened) > _MAX_DEPTH:
            raise ValueError(f"values are nested more than {_MAX_DEPTH} deep")
        if count > _MAX_VALUES:
            raise ValueError(f"there are more than {_MAX_VALUES:,} values, aliases written out")


def _check_number(text: str) -> None:
    if len(text) > _MAX_DIGITS and _NUMBER.fullmatch(text):
        raise ValueError(f"a number has {len(text)} digits; expected at most {_MAX_DIGITS}")
