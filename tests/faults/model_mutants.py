"""Models, classifiers, segmenters and checkpoints, damaged or crafted, and a check of each.

The same seed gives the same files. The tests try a few; for any number, run

    python -m tests.faults.model_mutants --count 20000 --seed 3
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import nn

from crossimage.checkpoints.load import load_networks
from crossimage.checkpoints.model_file import save_model
from crossimage.checkpoints.training_state import Checkpoints
from crossimage.config import build, to_dict
from crossimage.evaluation.networks.network_file import read_network, write_network
from crossimage.methods import METHODS
from crossimage.utils.tensor_files.safetensors_files import read_safetensors, write_safetensors
from tests.conftest import SMALL
from tests.faults.image_mutants import Mutant, Outcome
from tests.faults.reading import ALTERED, check_with, run

_METHODS = ("munit", "cyclegan", "pix2pix", "stargan", "cut", "srgan", "gan")
_EXTREME: tuple[Any, ...] = (
    0, -1, 1, 2, 3, 64, 1500, 65_536, 200_000, 2**31, 2**63, 10**400, 1e308, -1e308, float("nan"),
    True, None, "", "x", "x" * 10_000, "\x1b[2J", [], {}, [[]], [1] * 1000, {"a": {"b": 1}},
)  # fmt: skip
_OF_HEADER = ("[" * 100_000, '{"a":' * 50_000, "{}", "null", "[1, 2]", '{"__metadata__": 3}')


def warm_up() -> None:
    """Do once what the first file would be charged for."""
    torch.zeros(1, device="meta")
    with TemporaryDirectory() as folder:
        for name, data in originals().items():
            path = Path(folder) / name
            path.write_bytes(data)
            read(path)


def read(path: Path) -> object:
    """Read a file as the commands do."""
    if "classifier" in path.name:
        return read_network(path, "classifier", _build).network
    return load_networks(path)


def check(batch: Sequence[Mutant]) -> Outcome:
    """Read files in another process, and return what became of them."""
    return check_with("model_mutants", batch)


def mutants(seed: int) -> Iterator[Mutant]:
    """Yield damaged and crafted files without end.

    Args:
        seed: Determines the files.
    """
    random, whole = Random(seed), originals()
    number = 0
    while True:
        name = random.choice(list(whole))
        data = whole[name]
        if random.random() < 0.4:
            changed = _damaged(random, data)
            if changed == data:
                continue
            yield f"{ALTERED}{number}-{name}", changed
        elif name.endswith(".pt"):
            yield f"crafted-{number}-{name}", _crafted_state(random, data)
        else:
            prefix, changed = _crafted(random, data)
            yield f"{prefix}{number}-{name}", changed
        number += 1


@cache
def originals() -> dict[str, bytes]:
    """Return undamaged files by name."""
    files = {}
    torch.manual_seed(0)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "m.safetensors"
        for name in _METHODS:
            for everything in (False, True):
                method = method_of(name)
                save_model(path, method, discriminators=everything)
                files[f"{name}-{everything}.safetensors"] = path.read_bytes()
        write_network(path, "classifier", nn.Linear(3, 4), {"inputs": 3, "classes": list("abcd")})
        files["classifier.safetensors"] = path.read_bytes()
        for name in ("munit", "cyclegan"):
            state = state_of(name)
            files[f"{name}.pt"] = Checkpoints(Path(folder), 1).save(2, state).read_bytes()
    return files


def method_of(name: str) -> Any:
    cls = METHODS[name]
    settings = {"crop": 16, "domains": "a,b"} | SMALL[name]
    return cls(build(cls.Config, settings), training=True)


def state_of(name: str) -> dict[str, Any]:
    method = method_of(name)
    return {
        "step": 2, "seconds": 1.0, "method": method.tensors(), "average": None, "memories": [{}],
        "optimizers": {"generators": {"state": {}, "param_groups": [{"lr": 0.1, "params": [0]}]}},
        "scaler": None, "unreadable": {}, "skipped": {"total": 0, "in_a_row": 0},
        "recorder": {"losses": []}, "config": {"method": name, **to_dict(method.config)},
        "data": {"a": "x"}, "data_changes": [], "arithmetic": "fp32",
    }  # fmt: skip


def _build(facts: dict[str, Any]) -> nn.Module:
    return nn.Linear(int(facts["inputs"]), len(facts["classes"]))


def _damaged(random: Random, data: bytes) -> bytes:
    """Flip bits, cut, repeat or overwrite bytes."""
    changed = bytearray(data)
    kind = random.randrange(5)
    # half of the places are in the first kilobytes, where headers are
    most = len(data) if random.random() < 0.5 else min(len(data), 3000)
    place = random.randrange(most)
    if kind <= 1:
        for _ in range(random.choice((1, 1, 1, 2, 8))):
            changed[random.randrange(most)] ^= 1 << random.randrange(8)
    elif kind == 2:
        del changed[place:]
    elif kind == 3:
        del changed[place : place + random.choice((1, 8, 100))]
    else:
        changed[place:place] = random.randbytes(random.choice((1, 8, 100)))
    return bytes(changed)


def _crafted(random: Random, data: bytes) -> tuple[str, bytes]:
    """Change settings or the header, with or without a seal that fits."""
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    kind = random.randrange(4)
    if kind == 0:
        text = random.choice(_OF_HEADER).encode()
        return f"{ALTERED}header-", len(text).to_bytes(8, "little") + text + data[start:]
    if kind == 1:
        name = random.choice([key for key in header if key != "__metadata__"])
        key = random.choice(["dtype", "shape", "data_offsets"])
        value = header[name][key]
        if isinstance(value, list) and value and random.random() < 0.7:
            value[random.randrange(len(value))] = deepcopy(random.choice(_EXTREME))
        else:
            header[name][key] = deepcopy(random.choice(_EXTREME))
        text = json.dumps(header).encode()
        changed = len(text).to_bytes(8, "little") + text + data[start:]
        same = json.loads(data[8:start]) == header
        return ("same-" if same else f"{ALTERED}entry-"), changed
    metadata = header["__metadata__"]
    key = "config" if "config" in metadata else "facts"
    before = json.loads(metadata[key])
    values = json.loads(metadata[key])
    _change(random, values)
    metadata[key] = json.dumps(values)
    if kind == 2 and values != before:  # with the seal of other settings
        text = json.dumps(header).encode()
        return f"{ALTERED}settings-", len(text).to_bytes(8, "little") + text + data[start:]
    with TemporaryDirectory() as folder:
        path, file = Path(folder) / "m.safetensors", io.BytesIO()
        path.write_bytes(data)
        _, tensors = read_safetensors(path, "a file")
        metadata.pop("seal")
        write_safetensors(file, tensors, metadata)
    return "sealed-", file.getvalue()


def _change(random: Random, values: dict[str, Any]) -> None:
    for _ in range(random.choice((1, 1, 2, 5))):
        group = values
        key = random.choice(list(group))
        if isinstance(group[key], dict) and group[key]:
            group = group[key]
            key = random.choice(list(group))
        if random.random() < 0.1:
            key += "x" * random.choice((1, 1000))
        group[key] = deepcopy(random.choice(_EXTREME))


def _crafted_state(random: Random, data: bytes) -> bytes:
    """Change values of a training state, and seal it."""
    state = torch.load(io.BytesIO(data), weights_only=True)
    kind = random.randrange(5)
    if kind == 0:
        del state[random.choice(list(state))]
    elif kind == 1:
        state[random.choice(list(state))] = deepcopy(random.choice(_EXTREME))
    elif kind == 2:
        name = random.choice(list(state["method"]))
        state["method"][name] = random.choice(_TENSORS)()
    elif kind == 3:
        _change(random, state["config"])
    else:
        state[random.choice(list(state))] = _endless(random)
    file = io.BytesIO()
    torch.save(state, file)
    content = file.getvalue()
    seal = hashlib.sha256(content).hexdigest()
    return content + f"\ncrossimage sha256 {seal}".encode()


_TENSORS = (
    lambda: torch.zeros(1).expand(100_000, 1000),
    lambda: torch.zeros(200).as_strided((90, 50), (1, 1)),
    lambda: torch.full((4, 3, 7, 7), float("nan")),
    lambda: torch.zeros(0),
    lambda: torch.zeros((), dtype=torch.complex64),
    lambda: torch.zeros(3, dtype=torch.bool),
    lambda: torch.zeros(2, 2).to_sparse(),
    lambda: "x",
)


def _endless(random: Random) -> Any:
    """Return values that are nested deeply, or in many ways."""
    value: Any = random.choice(({}, [], {"w": torch.zeros(2)}))
    if random.random() < 0.5:
        for _ in range(random.choice((40, 200))):
            value = [value] if random.random() < 0.5 else {"a": value}
    else:
        for _ in range(20):
            value = [value] * 8
    return value


if __name__ == "__main__":
    run(__doc__ or "", mutants, check)
