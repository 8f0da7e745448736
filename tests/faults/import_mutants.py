"""Checkpoints of other codebases, damaged or crafted, and a check of each.

The same seed gives the same files. The tests try a few; for any number, run

    python -m tests.faults.import_mutants --count 20000 --seed 3
"""

from __future__ import annotations

import io
import pickle
import re
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from crossimage.interop import import_model
from tests.faults.image_mutants import Mutant, Outcome
from tests.faults.reading import ALTERED, check_with, run

State = dict[str, Tensor]


def warm_up() -> None:
    """Do once what the first file would be charged for."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        for name, data in originals().items():
            path = Path(folder) / name
            path.write_bytes(data)
            read(path)


def read(path: Path) -> object:
    """Import a generator as both of CycleGAN's."""
    out = path.with_suffix(".imported")
    try:
        return import_model([path, path], out, "junyanz-cyclegan")
    finally:
        out.unlink(missing_ok=True)


def check(batch: Sequence[Mutant]) -> Outcome:
    """Read files in another process, and return what became of them."""
    return check_with("import_mutants", batch)


def mutants(seed: int) -> Iterator[Mutant]:
    """Yield damaged and crafted files without end.

    Args:
        seed: Determines the files.
    """
    random, whole = Random(seed), originals()
    number = 0
    while True:
        if random.random() < 0.5:
            name = random.choice(list(whole))
            prefix, data = _damaged(random, name, whole[name])
        else:
            name = "crafted.pth"
            prefix, data = _CRAFTS[number % len(_CRAFTS)](random)
        yield f"{prefix}{number}-{name}", data
        number += 1


@cache
def originals() -> dict[str, bytes]:
    """Return undamaged files by name: an archive, the older form, and safetensors."""
    state = generator()
    return {
        "archive.pth": _saved(state),
        "older.pth": _older(state),
        "wrapped.ckpt": _saved({"state_dict": state, "epoch": 3, "optimizer": {"lr": 0.1}}),
        "tensors.safetensors": safetensors.torch.save(state),
    }


def generator(width: int = 2, blocks: int = 1, make: Callable[..., Tensor] = torch.ones) -> State:
    """Return the tensors of a small generator of the official CycleGAN code."""
    state: State = OrderedDict()

    def conv(name: str, *shape: int, biases: int) -> None:
        state[f"{name}.weight"], state[f"{name}.bias"] = make(*shape), make(biases)

    conv("model.1", width, 3, 7, 7, biases=width)
    for i in (1, 2):
        wide = width << i
        conv(f"model.{1 + 3 * i}", wide, wide // 2, 3, 3, biases=wide)
    for i in range(blocks):
        for j in (1, 5):
            conv(f"model.{10 + i}.conv_block.{j}", 4 * width, 4 * width, 3, 3, biases=4 * width)
    for i in (0, 1):
        wide = (4 * width) >> i
        conv(f"model.{10 + blocks + 3 * i}", wide, wide // 2, 3, 3, biases=wide // 2)
    conv(f"model.{17 + blocks}", 3, width, 7, 7, biases=3)
    return state


def _saved(content: object, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def _older(state: State) -> bytes:
    """Return a file of the older form, whose tensors lie in one memory.

    It names memory by its address, which is another one each time, and here always 0.
    """
    single = {id(tensor.untyped_storage()) for tensor in state.values() if 0 in tensor.stride()}
    if single:  # tensors that share one number
        one = torch.ones(1)
        state = {name: one.expand(tensor.shape) for name, tensor in state.items()}
    else:
        memory = torch.cat([tensor.flatten() for tensor in state.values()])
        parts = memory.split([tensor.numel() for tensor in state.values()])
        pairs = zip(state.items(), parts, strict=True)
        state = {name: part.view(tensor.shape) for (name, tensor), part in pairs}
    data = _saved(state, _use_new_zipfile_serialization=False)
    for key in set(re.findall(rb"(?<=X[\x0a-\x14]\0\0\0)\d{10,20}(?=q)", data)):
        data = data.replace(b"X" + struct.pack("<I", len(key)) + key, b"X\1\0\0\0" + b"0")
    return data


def _write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Write an entry whose date is not the current one."""
    archive.writestr(zipfile.ZipInfo(name), content, archive.compression)


def _damaged(random: Random, name: str, data: bytes) -> tuple[str, bytes]:
    """Flip a bit of what the archive's CRC-32 covers; or damage any file in any way."""
    changed = bytearray(data)
    if name != "older.pth" and name != "tensors.safetensors" and random.random() < 0.6:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entry = random.choice([e for e in archive.infolist() if e.file_size])
        names, extra = struct.unpack_from("<2H", data, entry.header_offset + 26)
        start = entry.header_offset + 30 + names + extra
        changed[start + random.randrange(entry.file_size)] ^= 1 << random.randrange(8)
        return f"{ALTERED}content-", bytes(changed)
    most = len(data) if random.random() < 0.5 else min(len(data), 3000)
    kind, place = random.randrange(4), random.randrange(most)
    if kind == 0:
        changed[place] ^= 1 << random.randrange(8)
    elif kind == 1:
        del changed[place:]
    elif kind == 2:
        changed[place : place + 8] = random.randbytes(8)
    else:
        del changed[place : place + random.choice((1, 8, 100))]
    return "damaged-", bytes(changed)


def _giant(random: Random) -> tuple[str, bytes]:
    """Tensors of any size that share one number."""
    width = random.choice((64, 1500, 20_000))
    state = generator(width, random.choice((1, 9)), lambda *shape: torch.ones(1).expand(*shape))
    return f"{ALTERED}giant-", _older(state) if random.random() < 0.5 else _saved(state)


def _overlapping(random: Random) -> tuple[str, bytes]:
    state = generator()
    name = random.choice(list(state))
    shape = state[name].shape
    if random.random() < 0.5 or len(shape) < 2:  # one memory for all
        memory = torch.ones(4096)
        state = {n: memory[: t.numel()].view(t.shape) for n, t in state.items()}
        return "shared-", _saved(state)
    state[name] = torch.ones(4096).as_strided(shape, [1] * len(shape))
    return f"{ALTERED}overlapping-", _saved(state)


def _wide_first(random: Random) -> tuple[str, bytes]:
    """Only the first layer is as wide as the networks would be."""
    state = generator()
    for width in (random.choice((1500, 8000)),):
        state["model.1.weight"] = torch.ones(width, 3, 7, 7)
        state["model.1.bias"] = torch.ones(width)
    return f"{ALTERED}wide-", _saved(state)


def _many_blocks(random: Random) -> tuple[str, bytes]:
    state, name = generator(), "model.{}.conv_block.1.weight"
    small = torch.ones(1)
    state |= {name.format(i): small for i in range(11, random.choice((300, 3000)))}
    return f"{ALTERED}blocks-", _saved(state)


def _not_finite(random: Random) -> tuple[str, bytes]:
    state = generator()
    tensor = state[random.choice(list(state))]
    tensor.view(-1)[random.randrange(tensor.numel())] = random.choice((float("nan"), float("inf")))
    return f"{ALTERED}nan-", _saved(state)


def _bomb(random: Random) -> tuple[str, bytes]:
    """An archive whose entries unpack to many times its size."""
    source, packed = io.BytesIO(_saved(generator())), io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            _write(new, entry.filename, old.read(entry))
        for i in range(random.choice((1, 2))):
            _write(new, f"archive/data/{100 + i}", bytes(40 << 20))
    return f"{ALTERED}bomb-", packed.getvalue()


def _nested(random: Random) -> tuple[str, bytes]:
    """Values that are nested deeply, in themselves, or in many ways."""
    kind = random.randrange(3)
    inside: Any = {}
    if kind == 0:
        inside["a"] = inside
    elif kind == 1:
        return f"{ALTERED}nested-", _with_pickle(_deep(random.choice((100, 100_000))))
    else:
        for _ in range(25):
            inside = {str(i): inside for i in range(8)}
    return f"{ALTERED}endless-", _saved({"state_dict": generator(), "extra": inside})


def _deep(levels: int) -> bytes:
    """The pickle of a dictionary in dictionaries."""
    return b"\x80\x02" + b"}X\x01\x00\x00\x00a" * levels + b"}" + b"s" * levels + b"."


def _calls(random: Random) -> tuple[str, bytes]:
    """Pickles that make something large out of little, or refer to nothing."""
    calls = (
        b"c__builtin__\nbytearray\n\x8a\x05\x00\x00\x00\x00\x04\x85R",
        b"cbuiltins\nbytearray\nJ\x00\x00\x00\x70\x85R",
        b"}r\xff\xff\xff\x7f",
        b"\x8e\xff\xff\xff\xff\x7f\x00\x00\x00",
        b"h\x07",
        b"(" * 50_000,
        b"ctorch\nTensor\nJ\x00\x00\x00\x70\x85R",
        b"\x8b\xff\xff\xff\x7f",
        b"cos\nsystem\nX\x04\x00\x00\x00true\x85R",
    )
    call = random.choice(calls)
    return f"{ALTERED}call-", _with_pickle(b"\x80\x02}X\x01\x00\x00\x00a" + call + b"s.")


def _with_pickle(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        _write(archive, "archive/data.pkl", content)
        _write(archive, "archive/version", b"3\n")
        _write(archive, "archive/byteorder", b"little")
    return file.getvalue()


def _tedious(random: Random) -> tuple[str, bytes]:
    """Pickles of very many steps, which name, build or nest nothing of use."""
    count = random.choice((20_000, 100_000, 300_000))
    steps = random.choice((b"]", b"}", b"K\1", b"X\1\0\0\0a", b"K\1\x85", b"]0", b"cab\ncd\n",
                           b"cab\ncd\n)R", b"ccollections\nOrderedDict\n)R"))  # fmt: skip
    if random.random() < 0.3:  # another one each time
        steps = b"]r%b" if len(steps) < 2 else b"cab\nc%b\n)R"
        each = [steps % (struct.pack("<I", i) if steps.startswith(b"]") else b"%d" % i)
                for i in range(count)]  # fmt: skip
    else:
        each = [steps] * count
    pickled = b"\x80\x02}X\x01\x00\x00\x00a](" + b"".join(each) + b"es."
    if random.random() < 0.2:  # several in a row, as in the older form
        return f"{ALTERED}tedious-", pickle.dumps(0x1950A86A20F9469CFC6C, 2) + 4 * pickled
    return f"{ALTERED}tedious-", _with_pickle(pickled)


def _many_names(random: Random) -> tuple[str, bytes]:
    """Many tensors, or one that is referred to often, below long names."""
    kind, one = random.randrange(3), torch.zeros(1)
    state: Any = {str(i): one for i in range(random.choice((20, 3_000, 9_000)))}
    if kind == 0:
        state = {"x" * random.choice((10, 900, 1_000_000)): state}
    elif kind == 1:
        state = one
        for _ in range(random.choice((4, 6))):
            state = {str(i): state for i in range(12)}
    else:
        state |= generator()
    return f"{ALTERED}names-", _saved({"state_dict": state})


def _many_entries(random: Random) -> tuple[str, bytes]:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        _write(archive, "archive/data.pkl", pickle.dumps({}, 2))
        for i in range(random.choice((500, 5000))):
            _write(archive, f"archive/data/{i}", b"")
    return f"{ALTERED}entries-", file.getvalue()


def _long_names(random: Random) -> tuple[str, bytes]:
    state = generator()
    name = random.choice(list(state))
    state[name + "x" * random.choice((1000, 100_000))] = state.pop(name)
    return f"{ALTERED}names-", _saved(state)


_CRAFTS = (_giant, _overlapping, _wide_first, _many_blocks, _not_finite, _bomb, _nested, _calls,
           _many_entries, _long_names, _giant, _calls, _nested, _tedious, _many_names)  # fmt: skip


if __name__ == "__main__":
    run(__doc__ or "", mutants, check)
