"""Checkpoints of official networks that can be imported, as archives that were tampered with.

Each is refused; or gives the same model as before, where the trick changes no weight. By hand::

    python -m tests.faults.archives.mutants --count 5000 --seed 3
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from crossimage.interop import import_model
from tests.faults.archives import pickled, zips
from tests.faults.archives.pickled import Content
from tests.faults.archives.zips import SAME, entries_of
from tests.faults.image_mutants import Mutant, Outcome
from tests.faults.reading import check_with, run
from tests.interop.junyanz_networks import resnet, unet
from tests.interop.nvlabs_networks import MUNITGenerator
from tests.interop.test_nvlabs import CONFIG
from tests.interop.test_yunjey_stargan import Generator

_MODULE = "archives.mutants"
_FORMATS = {"cyclegan": "junyanz-cyclegan", "pix2pix": "junyanz-pix2pix",
            "stargan": "yunjey-stargan", "munit": "nvlabs-munit"}  # fmt: skip


def warm_up() -> None:
    """Do once what the first file would be charged for."""
    with TemporaryDirectory() as folder:
        for name in _FORMATS:
            expected(name)
            for i, data in enumerate((archive(name), Content.of(state(name)).older())):
                path = Path(folder) / f"{SAME}{i}-{name}.pth"
                path.write_bytes(data)
                read(path)


def read(path: Path) -> object:
    """Import a file; one whose weights must not have changed gives the model that it was."""
    name = path.stem.rpartition("-")[2]
    digest = _imported(path, name)
    if path.name.startswith(SAME) and digest != expected(name):
        raise AssertionError("another model was imported")
    return digest


def _imported(path: Path, name: str) -> str:
    out = path.with_suffix(".imported")
    try:
        import_model([path, path] if name == "cyclegan" else [path], out, _FORMATS[name],
                     _OPTIONS.get(name))  # fmt: skip
        return hashlib.sha256(out.read_bytes()).hexdigest()
    finally:
        out.unlink(missing_ok=True)


_OPTIONS = {"stargan": {"attributes": "a,b,c,d,e"}}


@cache
def expected(name: str) -> str:
    """Return the digest of the model that an undamaged file gives."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"whole-{name}.pth"
        path.write_bytes(archive(name))
        return _imported(path, name)


@cache
def state(name: str, seed: int = 0) -> dict[str, Any]:
    """Return the tensors of a small network as an official program would save them."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if name == "cyclegan":
            return resnet(width=2, blocks=1).state_dict()
        if name == "pix2pix":
            return _of_floats(unet(width=1, depth=5).state_dict())
        if name == "stargan":
            return _of_floats(Generator(width=2, blocks=1).state_dict())
        sides = [MUNITGenerator(3, CONFIG["gen"]).state_dict() for _ in range(2)]
    return dict(zip("ab", sides, strict=True))


def _of_floats(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if tensor.is_floating_point()}


@cache
def archive(name: str, seed: int = 0) -> bytes:
    """Return an undamaged archive."""
    file = io.BytesIO()
    torch.save(state(name, seed), file)
    return file.getvalue()


def check(batch: Sequence[Mutant]) -> Outcome:
    """Import files in another process, and return what became of them."""
    return check_with(_MODULE, batch)


def mutants(seed: int) -> Iterator[Mutant]:
    """Yield archives that were tampered with, without end.

    Args:
        seed: Determines the files.
    """
    random, number = Random(seed), 0
    tricks = (*zips.TRICKS, *pickled.TRICKS)
    while True:
        trick, name = tricks[number % len(tricks)], random.choice(list(_FORMATS))
        if trick in zips.TRICKS:
            prefix, data = trick(random, entries_of(archive(name)), entries_of(archive(name, 1)))
        else:
            prefix, data = trick(random, deepcopy(Content.of(state(name))))
        yield f"{prefix}{number}-{trick.__name__}-{name}.pth", data
        number += 1


if __name__ == "__main__":
    run(__doc__ or "", mutants, check)
