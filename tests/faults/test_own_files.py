"""Files of ours: any flipped bit is noticed, a replaced file is whole, and bytes repeat."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from threading import Event, Thread

import numpy as np
import pytest
from torch import nn

from crossimage.checkpoints import load
from crossimage.checkpoints.model_file import save_model
from crossimage.checkpoints.training_state import Checkpoints
from crossimage.config import to_dict
from crossimage.evaluation.galleries.moments import read_moments
from crossimage.evaluation.networks.network_file import read_network, write_network
from tests.faults.harness import digest
from tests.faults.model_mutants import method_of, state_of

FACTS = {"inputs": 3, "classes": list("abcd")}
KINDS = ("model", "classifier", "segmenter", "checkpoint", "built-in", "npz", "compressed npz")


@cache
def original(kind: str, folder: Path, second: bool = False) -> bytes:
    """Return the bytes of a file, or of another one of its kind."""
    path, factor = folder / f"{kind}-{second}", 2 if second else 1
    if "npz" in kind:
        file = io.BytesIO()
        write = np.savez_compressed if kind == "compressed npz" else np.savez
        write(file, mu=np.arange(20.0), sigma=factor * np.eye(20))
        return file.getvalue()
    if kind == "built-in":
        builtin = Path(load.__file__).parent / "builtin"
        return (builtin / "outlines.safetensors").read_bytes()
    if kind == "checkpoint":
        return Checkpoints(path, 1).save(2, state_of("munit") | {"seconds": factor}).read_bytes()
    path = path.with_suffix(".safetensors")
    if kind == "model":
        save_model(path, method_of("munit"))
    else:
        layer = nn.Linear(3, 4)
        nn.init.constant_(layer.weight, factor)
        nn.init.zeros_(layer.bias)
        write_network(path, kind, layer, FACTS)
    return path.read_bytes()


def read(kind: str, path: Path) -> str:
    """Read a file as the commands do, and return the digest of what it gives."""
    if "npz" in kind:
        moments = read_moments(path)
        return digest([moments.mean, moments.covariance])
    if kind == "checkpoint":
        return digest(Checkpoints.load(path))
    if kind in ("classifier", "segmenter"):
        facts, network, _ = read_network(path, kind, lambda facts: nn.Linear(3, 4))
        return digest([facts, network.state_dict()])
    method = load.load_networks(path)
    return digest([to_dict(method.config), method.state_dict()])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


def name(kind: str) -> str:
    ending = {"checkpoint": "step-00000002.pt", "npz": "x.npz", "compressed npz": "x.npz"}
    return ending.get(kind, "m.safetensors")


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_is_refused_or_changes_nothing(
    kind: str, folder: Path, tmp_path: Path
) -> None:
    random, data, path = Random(7), original(kind, folder), tmp_path / name(kind)
    path.write_bytes(data)
    whole, refused = read(kind, path), 0
    for number in range(40):
        changed = bytearray(data)
        most = min(len(data), 2000) if number % 2 else len(data)  # half of them in settings
        changed[random.randrange(most)] ^= 1 << random.randrange(8)
        path.write_bytes(changed)
        try:
            assert read(kind, path) == whole
        except ValueError as error:
            assert path.name in str(error) and "\n" not in str(error)
            refused += 1
    assert refused > (10 if "npz" in kind else 35)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "built-in"])
def test_a_file_that_is_replaced_while_it_is_read_is_one_or_the_other(
    kind: str, folder: Path, tmp_path: Path
) -> None:
    path, stop = tmp_path / name(kind), Event()
    both = [original(kind, folder, second) for second in (False, True)]
    digests = set()
    for data in both:
        path.write_bytes(data)
        digests.add(read(kind, path))

    def replace() -> None:
        number = 0
        while not stop.wait(0.001):
            new = tmp_path / "new"
            new.write_bytes(both[number % 2])
            os.replace(new, path)
            number += 1

    writer = Thread(target=replace)
    writer.start()
    try:
        found = {read(kind, path) for _ in range(15)}
    finally:
        stop.set()
        writer.join()
    assert found <= digests


WRITERS: dict[str, Callable[[Path], Path]] = {
    "classifier": lambda folder: written(folder, "classifier"),
    "segmenter": lambda folder: written(folder, "segmenter"),
    "checkpoint": lambda folder: Checkpoints(folder, 1).save(2, state_of("cyclegan") | FIXED),
}
FIXED = {"method": {"weight": nn.init.ones_(nn.Linear(2, 2).weight).detach()}}


def written(folder: Path, kind: str) -> Path:
    folder.mkdir()
    layer = nn.Linear(3, 4)
    nn.init.ones_(layer.weight)
    nn.init.zeros_(layer.bias)
    write_network(folder / "x.safetensors", kind, layer, FACTS)
    return folder / "x.safetensors"


@pytest.mark.parametrize("kind", WRITERS)
def test_saving_twice_gives_the_same_bytes(kind: str, tmp_path: Path) -> None:
    one, other = (WRITERS[kind](tmp_path / str(i)).read_bytes() for i in range(2))
    assert one == other
