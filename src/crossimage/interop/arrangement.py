"""Which tensors of the given files are which network of a format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations, product
from pathlib import Path

from crossimage.interop.checkpoint_files import (
    Contents,
    State,
    canonical,
    spellings,
    split,
    unwrapped,
)
from crossimage.interop.mapping import CheckpointFile, Files, Format


@dataclass
class NetworkTensors:
    """The tensors of one network.

    Attributes:
        path: Its file, with the network's name if the file holds several.
        state: The tensors.
        role: Its role in the format, if a name says so.
    """

    path: Path
    state: State
    role: str | None


def parts_of(
    contents: Sequence[Contents], files: Files, others: Sequence[str]
) -> list[NetworkTensors]:
    """Divide files into networks.

    Args:
        contents: The files.
        files: The networks of a format.
        others: The networks of all other formats.
    """
    known = spellings(files.roles, [content.role or "" for content in contents])
    parts = []
    for content in contents:
        networks = split(content.state, files.roles, others)
        label = "{} ({})" if len(networks) > 1 else "{}"
        said = known.get(canonical(content.role or ""), content.role)
        parts += [
            NetworkTensors(Path(label.format(content.path, role)), state, role)
            for role, state in networks.items()
        ] or [NetworkTensors(content.path, content.state, said)]
    return parts


def arrange(
    contents: Sequence[Contents], format: Format, others: Sequence[str]
) -> list[CheckpointFile] | None:
    """Return the networks of a format in its order; None if the files do not have the format.

    Networks without a role are taken in the order given.

    Args:
        contents: The files.
        format: The format.
        others: The networks of all other formats.
    """
    files = format.FILES
    parts = parts_of(contents, files, others)
    roles = [part.role for part in parts]
    if all(roles) and not files.any_order:
        order = [role for role in files.roles if role in roles]
        expected = files.required if files.told_apart else files.roles[: len(order)]
        if sorted(map(str, roles)) != sorted(order) or order[: len(expected)] != list(expected):
            return None
        parts.sort(key=lambda part: files.roles.index(str(part.role)))
    if not len(files.required) <= len(parts) <= len(files.roles):
        return None
    variants = [list(unwrapped(part.state)) for part in parts]
    depths = sorted(product(*(range(len(variant)) for variant in variants)), key=sum)
    for depth in depths:
        states = [variant[index] for variant, index in zip(variants, depth, strict=True)]
        if format.recognises(states):
            return [
                CheckpointFile(part.path, state) for part, state in zip(parts, states, strict=True)
            ]
    return None


def other_order(
    contents: Sequence[Contents], format: Format, others: Sequence[str]
) -> list[CheckpointFile] | None:
    """Return the networks in the order in which they have the format; None if in no order."""
    if len(contents) > len(format.FILES.roles):
        return None
    orders = permutations(contents)
    found = (arrange(order, format, others) for order in orders)
    return next((sources for sources in found if sources), None)


def note_left_out(content: Contents, sources: Sequence[CheckpointFile]) -> list[str]:
    """Return a note of what is left out of a file, by reason."""
    used = {id(tensor) for source in sources for tensor in source.state.values()}
    reasons: dict[str, list[str]] = {}
    for name, reason in content.left_out.items():
        reasons.setdefault(reason, []).append(name)
    unused = [name for name, tensor in content.state.items() if id(tensor) not in used]
    groups = sorted({name.partition(".")[0] for name in unused})
    if groups:
        reasons[f"{len(unused)} tensors of no network of this format"] = groups
    if not reasons:
        return []
    texts = [f"{', '.join(names)} ({reason})" for reason, names in reasons.items()]
    return [f"left out of {content.path.name}: {'; '.join(texts)}"]
