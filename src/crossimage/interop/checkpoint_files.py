"""Contents of a checkpoint file: the tensors of its networks, and everything else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from crossimage.utils.paths import check_not_special
from crossimage.utils.tensor_files.safetensors_files import is_safetensors, read_safetensors
from crossimage.utils.tensor_files.torch_files import Unread, read_pickle
from crossimage.utils.texts.shown import cut

State = dict[str, Tensor]

_WRAPPERS = ("state_dict", "model_state_dict", "model", "params", "weights", "networks", "nets")
_SETTINGS = ("hyper_parameters", "hparams", "opt", "opts", "args", "options", "config", "cfg")
_WORDS = (
    ("generator", "g"),
    ("gen", "g"),
    ("discriminator", "d"),
    ("disc", "d"),
    ("dis", "d"),
    ("encoder", "e"),
)
_OBJECT = "a Python object"
_MOST = 5_000  # tensors
_LONGEST = 1_000  # characters of a name
_DEPTH = 3
"""Number of words before the names of a network's tensors that may be dropped."""


@dataclass
class Contents:
    """The contents of a file.

    Attributes:
        path: The file.
        state: All tensors of networks by their names, joined by dots
            (``a.enc.model.0.conv.weight``), without the prefixes of ``DataParallel`` and
            ``torch.compile``.
        left_out: What else the file holds, by name, and why it is left out.
        role: The role of its network, where the names of the files of a folder say it.
    """

    path: Path
    state: State
    left_out: dict[str, str] = field(default_factory=dict)
    role: str | None = None


def read_checkpoint(path: Path) -> Contents:
    """Read a PyTorch checkpoint or a ``.safetensors`` file, on the CPU.

    A file may hold the tensors of one network or of several, by themselves or under a name such as
    ``state_dict``. Optimizers, counters and Python objects beside them are left out; Python
    objects are never built.

    Raises:
        FileNotFoundError: The file does not exist.
        OSError: It cannot be opened.
        ValueError: It is damaged, would have to run code, or holds no tensors.
    """
    content: Mapping[str, Any]
    check_not_special(path)
    if is_safetensors(path):
        metadata, content = read_safetensors(path, "a checkpoint (.safetensors)")
        own = metadata.get("format") == "crossimage"
    else:
        content = read_pickle(path, objects=True)
        own = {"method", "config", "average"} <= content.keys()
    if own:
        raise ValueError(
            f"{path} is a model of crossimage already; use it as it is, with `crossimage translate`"
        )
    found = Contents(path, {})
    _collect(found, content, "")
    _check_complete(found)
    wrapper = next((w for w in _WRAPPERS if isinstance(content.get(w), Mapping)), None)
    inside = {name: t for name, t in found.state.items() if name.startswith(f"{wrapper}.")}
    if inside:
        for name in found.state.keys() - inside.keys():
            found.left_out[name.split(".")[0]] = f"not part of {wrapper}"
        found.state = {name.removeprefix(f"{wrapper}."): t for name, t in inside.items()}
    found.state = _without_prefixes(found.state)
    if not found.state:
        objects = [name for name, what in found.left_out.items() if what.startswith(_OBJECT)]
        if objects:
            raise ValueError(
                f"{path} holds no tensors, but '{cut(objects[0])}', {found.left_out[objects[0]]} "
                "whose code would run when it is read, and which is not built; expected a "
                "checkpoint of named tensors: save the network's state_dict()"
            )
        raise ValueError(f"{path} holds no tensors; expected those of a network")
    return found


def _collect(found: Contents, content: Mapping[str, Any], prefix: str) -> None:
    """Sort the entries of nested dictionaries into tensors and the rest."""
    for key, value in content.items():
        if len(prefix) + len(str(key)) > _LONGEST:
            raise ValueError(
                f"{found.path} holds a name of more than {_LONGEST:,} characters "
                f"('{cut(f'{prefix[:_LONGEST]}{str(key)[:_LONGEST]}')}'); expected a checkpoint of "
                "named tensors"
            )
        name = f"{prefix}{key}"
        if isinstance(value, Tensor):
            found.state[name] = value
            if len(found.state) > _MOST:
                raise ValueError(
                    f"{found.path} holds more than {_MOST:,} tensors; expected those of a network"
                )
        elif isinstance(value, Mapping) and "param_groups" in value:
            found.left_out[name] = "the state of an optimizer"
        elif isinstance(value, Mapping) and not prefix and key in _SETTINGS:
            found.left_out[name] = "settings; give those that matter as key=value"
        elif isinstance(value, Mapping):
            _collect(found, value, f"{name}.")
        elif isinstance(value, Unread):
            found.left_out[name] = f"{_OBJECT} ({cut(value.name)})"
        elif value is not None:
            found.left_out[name] = f"a {type(value).__name__}"


def _check_complete(found: Contents) -> None:
    """Refuse a layer some of whose entries, such as its biases, are not tensors.

    Without them it would be taken for another layer. Layers may keep values of their own as
    ``_extra_state``.
    """
    layers = {name.rpartition(".")[0] for name in found.state} - {""}
    for name, what in found.left_out.items():
        layer, _, last = name.rpartition(".")
        if layer in layers and last != "_extra_state" and what.startswith((_OBJECT, "a list")):
            raise ValueError(
                f"{found.path} holds '{cut(name)}' as {what}; expected a tensor, like the "
                "others of this layer: save the network's state_dict()"
            )


def _without_prefixes(state: State) -> State:
    """Remove the words that ``DataParallel`` and ``torch.compile`` add to names.

    ``module`` stands before all names of a network; a genuine part of this name inside it
    (``conv.module.weight_bar``) stays. ``_orig_mod`` stands before any compiled part.
    """
    state = {_without_word(name, "_orig_mod"): value for name, value in state.items()}
    while all(name.startswith("module.") for name in state) and state:
        state = {name.removeprefix("module."): value for name, value in state.items()}
    groups: dict[str, list[str]] = {}
    for name in state:
        group, dot, rest = name.partition(".")
        if dot:
            groups.setdefault(group, []).append(rest)
    wrapped = {
        group
        for group, rests in groups.items()
        if all(rest.startswith("module.") for rest in rests)
    }
    return {_without_module(name, wrapped): value for name, value in state.items()}


def _without_module(name: str, wrapped: AbstractSet[str]) -> str:
    """Remove ``module`` after the first word of a name, if that word is one of ``wrapped``."""
    group, dot, rest = name.partition(".")
    return f"{group}.{rest.removeprefix('module.')}" if dot and group in wrapped else name


def _without_word(name: str, word: str) -> str:
    return ".".join(part for part in name.split(".") if part != word)


def split(state: State, roles: Sequence[str], others: Sequence[str]) -> dict[str, State]:
    """Return the networks of a file that are kept under names of their own, by role.

    ``netG_A``, ``net_G_A`` and ``generator_A`` are the role ``G_A``.

    Args:
        state: The tensors of the file.
        roles: Names of the networks of a format.
        others: Names of those of other formats, which are not left out either.

    Returns:
        The tensors of each network; empty if the file is not divided by these roles.
    """
    groups = {name.partition(".")[0] for name in state if "." in name}
    known = {canonical(role): role for role in others} | spellings(roles, groups)
    networks: dict[str, State] = {}
    for name, value in state.items():
        group, _, rest = name.partition(".")
        if rest and canonical(group) in known:
            networks.setdefault(known[canonical(group)], {})[rest] = value
    return networks if set(networks) <= set(roles) else {}


def canonical(name: str) -> str:
    """Return the form that spellings of a network's role have in common, such as ``ga``."""
    text = re.sub(r"[^a-z0-9]", "", name.lower()).removeprefix("net")
    for word, letter in _WORDS:
        if text.startswith(word):
            text = letter + text.removeprefix(word)
            break
    return re.sub(r"(?<=^g)([ab])(?:2|to)([ab])$", r"\1\2", text)


def spellings(roles: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    """Return the roles of a format by canonical name, in the terms of the given names.

    Where generators are named by both domains (``G_AB``, ``netG_A2B``), ``D_A`` scores images of
    a, and beside ``G_A`` those that it makes, which are of b.
    """
    known = {canonical(role): role for role in roles}
    if {"gab", "gba"} & {canonical(name) for name in names} and "ga" in known:
        same = {"gab": "ga", "gba": "gb", "da": "db", "db": "da"}
        known = {said: known[ours] for said, ours in same.items() if ours in known}
    return known


def unwrapped(state: State) -> Iterator[State]:
    """Return a network's tensors under their names, and without the words all names begin with.

    A program that keeps a network as a part of its own (``self.generator = ...``) adds such words.
    """
    for _ in range(1 + _DEPTH):
        yield state
        words = {name.partition(".")[0] for name in state}
        if len(words) != 1 or not all("." in name for name in state):
            return
        state = {name.partition(".")[2]: value for name, value in state.items()}
