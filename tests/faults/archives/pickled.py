"""Pickles of tensors with any lie in them, in archives and in files of the older form."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from torch import Tensor

from tests.faults.archives.zips import SAME, Entry, write
from tests.faults.reading import ALTERED

_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001


@dataclass
class Described:
    """A tensor as a pickle describes it; every field can be a lie.

    Attributes:
        key: Name of its memory.
        count: Number of elements of its memory.
        shape: Its shape.
        strides: Its strides.
        offset: Index of its first element.
        kind: Name of its memory's class.
        place: Name of the device.
        function: The function that builds it.
        after: Steps behind it.
        content: Its bytes.
    """

    key: str
    count: Any
    shape: Any
    strides: Any
    offset: Any = 0
    kind: str = "torch\nFloatStorage"
    place: Any = "cpu"
    function: str = "torch._utils\n_rebuild_tensor_v2"
    after: bytes = b""
    content: bytes = b""


@dataclass
class Steps:
    """Steps of a pickle in the place of a value."""

    steps: bytes


@dataclass
class Content:
    """What a checkpoint holds: a dictionary, perhaps of dictionaries, of described tensors."""

    values: dict[str, Any]
    tensors: list[Described] = field(default_factory=list)

    @staticmethod
    def of(state: Mapping[str, Any]) -> Content:
        """Describe the tensors of a checkpoint."""
        found: list[Described] = []

        def described(value: Any) -> Any:
            if isinstance(value, Mapping):
                return {key: described(one) for key, one in value.items()}
            assert isinstance(value, Tensor)
            value = value.float().contiguous()
            strides = tuple(value.stride())
            content = value.numpy().tobytes()
            one = Described(str(len(found)), value.numel(), tuple(value.shape), strides,
                            content=content)  # fmt: skip
            found.append(one)
            return one

        return Content(described(state), found)

    def archive(self) -> bytes:
        """Return an archive, as PyTorch writes it."""
        entries = [Entry(b"archive/data.pkl", self.pickle())]
        entries += [Entry(b"archive/byteorder", b"little"), Entry(b"archive/version", b"3\n")]
        stored = {one.key: one.content for one in self.tensors}
        entries += [Entry(b"archive/data/" + k.encode(), v) for k, v in stored.items()]
        return write(entries)

    def older(self, **lies: Any) -> bytes:
        """Return a file of the older form.

        Args:
            **lies: What differs: keys, counts (by key), and end (bytes behind the memories).
        """
        facts = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
        stored = {one.key: one.content for one in self.tensors}
        keys = lies.get("keys", sorted(stored))
        out = b"".join(pickle.dumps(value, 2) for value in (_MAGIC, _VERSION, facts))
        out += self.pickle(older=True) + pickle.dumps(keys, 2)
        for key in keys:
            content = stored.get(str(key), b"")
            count = lies.get("counts", {}).get(str(key), len(content) // 4)
            out += struct.pack("<q", count) + content
        return out + lies.get("end", b"")

    def pickle(self, *, older: bool = False) -> bytes:
        """Return the pickle."""
        return b"\x80\x02" + b"".join(_steps(self.values, older)) + b"."


def _steps(value: Any, older: bool) -> Iterator[bytes]:
    if isinstance(value, Steps):
        yield value.steps
    elif isinstance(value, Described):
        yield b"c" + value.function.encode() + b"\n("
        yield b"(" + b"".join(_steps("storage", older)) + b"c" + value.kind.encode() + b"\n"
        for part in (value.key, value.place, value.count):
            yield from _steps(part, older)
        yield b"NtQ" if older else b"tQ"  # no view of another memory
        for part in (value.offset, value.shape, value.strides, False):
            yield from _steps(part, older)
        yield b"ccollections\nOrderedDict\n)RtR" + value.after
    elif isinstance(value, dict):
        yield b"}("
        for key, one in value.items():
            yield from _steps(key, older)
            yield from _steps(one, older)
        yield b"u"
    elif isinstance(value, tuple):
        yield b"("
        for one in value:
            yield from _steps(one, older)
        yield b"t"
    else:  # a plain value, without the start and the end of its pickle
        yield pickle.dumps(value, 2)[2:-1].replace(b"q\x00", b"")


Trick = Callable[[Random, Content], tuple[str, bytes]]
"""A trick takes what a checkpoint holds."""


def _written(random: Random, prefix: str, content: Content) -> tuple[str, bytes]:
    return prefix, content.archive() if random.random() < 0.6 else content.older()


def _wide(random: Random, content: Content) -> Described:
    """Choose a tensor of several elements and dimensions."""
    return random.choice([t for t in content.tensors if t.count > 9 and len(t.shape) > 1])


def strides(random: Random, content: Content) -> tuple[str, bytes]:
    """Elements that share memory, or lie outside of it."""
    tensor = _wide(random, content)
    place = max(range(len(tensor.shape)), key=lambda i: tensor.shape[i])
    changed = list(tensor.strides)
    changed[place] = random.choice((0, -1, 2**31, 2**62, 2**63, -(2**63), 10**400, 1.0, None))
    tensor.strides = tuple(changed) if random.random() < 0.8 else (0,) * len(changed)
    return _written(random, ALTERED, content)


def offsets(random: Random, content: Content) -> tuple[str, bytes]:
    """A first element that is not there."""
    tensor = random.choice(content.tensors)
    tensor.offset = random.choice((-1, -(2**63), 1, 2**31, 2**62, 2**64, 10**400, 0.5, "0", None))
    return _written(random, ALTERED, content)


def shapes(random: Random, content: Content) -> tuple[str, bytes]:
    """Shapes that are none, or have more elements than there are."""
    tensor = _wide(random, content)
    changed = list(tensor.shape)
    changed[random.randrange(len(changed))] = random.choice(
        (-1, 2**20, 2**31, 2**62, 2**63, 10**400, 3.0, None, "3")
    )
    extra = (1,) * random.choice((0, 0, 70, 5000))
    tensor.shape, tensor.strides = (*changed, *extra), (*tensor.strides, *extra)
    return _written(random, ALTERED, content)


def counts(random: Random, content: Content) -> tuple[str, bytes]:
    """Memories of another size than the file has."""
    tensor = random.choice(content.tensors)
    tensor.count = random.choice(
        (0, tensor.count - 1, tensor.count + 1, 2**31, 2**40, 2**62, -1, 10**400, 1.5, "9", None)
    )
    if random.random() < 0.3:
        tensor.content = tensor.content[: random.randrange(len(tensor.content))]
        return _written(random, ALTERED, content)
    return _written(random, ALTERED, content)


def kinds(random: Random, content: Content) -> tuple[str, bytes]:
    """Memories of another type, which the file cannot hold or nobody knows."""
    tensor = random.choice(content.tensors)
    tensor.kind = random.choice(
        ("torch\nDoubleStorage", "torch\nComplexDoubleStorage", "torch\nComplexFloatStorage",
         "torch\nQInt32Storage", "torch.storage\nTypedStorage", "torch.storage\nUntypedStorage",
         "torch\nHalfStorage", "torch.cuda\nFloatStorage", "os\nsystem", "torch\nFloat8Storage",
         "torch\nLongStorage")
    )  # fmt: skip
    larger = any(word in tensor.kind for word in ("Double", "Long", "ComplexFloat"))
    return _written(random, ALTERED if larger and tensor.count > 9 else "", content)


def shared(random: Random, content: Content) -> tuple[str, bytes]:
    """All tensors in one memory: in the right places, or in that of one of them."""
    if random.random() < 0.5:
        memory, place = b"".join(tensor.content for tensor in content.tensors), 0
        for tensor in content.tensors:
            tensor.key, tensor.offset, place = "0", place, place + tensor.count
        for tensor in content.tensors:
            tensor.count, tensor.content = place, memory
        return _written(random, SAME, content)
    largest = max(content.tensors, key=lambda tensor: tensor.count)
    for tensor in content.tensors:
        tensor.key, tensor.count, tensor.content = largest.key, largest.count, largest.content
    prefix, data = _written(random, "", content)
    if random.random() < 0.5:  # which disagree on its size
        random.choice(content.tensors).count -= 1
        return _written(random, ALTERED, content)
    return prefix, data


def places(random: Random, content: Content) -> tuple[str, bytes]:
    """Devices that are not here; where a tensor lay is no part of a model."""
    for tensor in random.choice((content.tensors, content.tensors[:1])):
        tensor.place = random.choice(
            ("cuda:0", "cuda:99999999999999999999", "meta", "", "x" * 100_000, "mps", "xla", None,
             3, "cpu:-1")
        )  # fmt: skip
    return _written(random, SAME, content)


_FUNCTIONS = (
    "torch._utils\n_rebuild_tensor", "torch._utils\n_rebuild_tensor_v3",
    "torch._utils\n_rebuild_sparse_tensor", "torch._utils\n_rebuild_qtensor",
    "torch._utils\n_rebuild_meta_tensor_no_storage", "torch._utils\n_rebuild_nested_tensor",
    "torch._utils\n_rebuild_wrapper_subclass", "torch._utils\n_rebuild_device_tensor_from_numpy",
    "torch._utils\n_rebuild_parameter", "torch._tensor\n_rebuild_from_type_v2", "torch\nTensor",
    "numpy.core.multiarray\n_reconstruct", "builtins\neval", "torch\nzeros",
)  # fmt: skip


def functions(random: Random, content: Content) -> tuple[str, bytes]:
    """Tensors that another function should build."""
    random.choice(content.tensors).function = random.choice(_FUNCTIONS)
    return _written(random, SAME, content)


_AFTER = (
    b"}X\x01\x00\x00\x00axb", b"h\xff", b"r\xff\xff\xff\x7f", b"q\x000h\x00", b"2", b"20", b"0",
    b"(1", b"N\x86R", b"}(X\x04\x00\x00\x00dataK\x01ub", b"\x94", b"j\xff\xff\xff\xff",
    b"2\x86b", b"q\x05q\x05h\x050", b"R", b"\x8fb",
)  # fmt: skip


def steps(random: Random, content: Content) -> tuple[str, bytes]:
    """Steps behind a tensor: attributes, references to nothing, values twice or away."""
    tensor = random.choice(content.tensors)
    tensor.after = random.choice(_AFTER) * random.choice((1, 1, 1, 3, 20_000))
    return _written(random, SAME, content)


def replaced(random: Random, content: Content) -> tuple[str, bytes]:
    """A tensor in the place of all others by its number, or numbers that are given anew."""
    first, second = random.sample(content.tensors, 2)
    number = random.choice((b"q\x07", b"r\x07\x00\x00\x00", b"r\xff\xff\xff\xff"))
    first.after = number
    second.after = b"0" + {b"q": b"h", b"r": b"j"}[number[:1]] + number[1:]
    return _written(random, "", content)


_BESIDE = (
    b"}q\x01X\x01\x00\x00\x00ah\x01s",
    b"]q\x01h\x01a",
    b"]q\x01" + b"(h\x01h\x01h\x01lq\x01" * 40,
    b"X\x01\x00\x00\x00aq\x01" + b"h\x01h\x01\x86q\x01" * 60,
    b"\x8a\xff" + b"\x7f" * 255,
    b"I" + b"9" * 100_000 + b"\n",
    b"F" + b"9" * 5_000 + b"\n",
    b"L" + b"9" * 200_000 + b"L\n",
    b"ccollections\nOrderedDict\n)R}X\x09\x00\x00\x00_metadata" + b"]" * 500 + b"a" * 499 + b"sb",
    b"c__builtin__\nset\n](NNNe\x85R",
    b"ccollections\nCounter\n}K\1J\xff\xff\xff\x7fs\x85R",
)


def aside(random: Random, content: Content) -> tuple[str, bytes]:
    """Something large or endless beside the tensors."""
    beside = random.choice(_BESIDE)
    content.values["beside"] = Steps(beside)
    return _written(random, SAME, content)


def memories(random: Random, content: Content) -> tuple[str, bytes]:
    """Files of the older form whose memories are others than the list says."""
    keys = sorted({tensor.key for tensor in content.tensors})
    chosen = random.choice(keys)
    sizes = (0, -1, 1, 2**31, 2**40, 2**61, 2**62, -(2**63), 2**63 - 1)
    kind = random.randrange(5)
    if kind == 0:
        return SAME, content.older(counts={chosen: random.choice(sizes)})
    if kind == 1:
        return ALTERED, content.older(keys=[key for key in keys if key != chosen])
    if kind == 2:
        more = random.choice(([chosen], ["other"], [7], [None], ["x" * 100_000], [["a"]], keys))
        return SAME, content.older(keys=[*keys, *more])
    if kind == 3:
        return SAME, content.older(end=bytes(random.choice((1, 8, 5000))))
    return ALTERED, content.older()[: -random.choice((1, 8, 100))]


def tar(random: Random, content: Content) -> tuple[str, bytes]:
    """Tar archives, the oldest form, and many or long members."""
    out = io.BytesIO()
    form = random.choice((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT))
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        members = {"sys_info": b"x", "pickle": content.pickle(), "tensors": b"", "storages": b""}
        for name in members if random.random() < 0.3 else ["checkpoint.pth"]:
            info = tarfile.TarInfo(name)
            info.size = len(members.get(name, b""))
            archive.addfile(info, io.BytesIO(members.get(name, b"")))
        for i in range(random.choice((0, 3000))):
            archive.addfile(tarfile.TarInfo(f"{i}"))
        if random.random() < 0.5 and form != tarfile.USTAR_FORMAT:
            long = "x" * random.choice((1000, 5_000_000))
            archive.addfile(tarfile.TarInfo(long))
    data = bytearray(out.getvalue())
    if random.random() < 0.3:  # a size that is not there
        data[124:136] = random.choice((b"\x80" + b"\xff" * 11, b"77777777777 ", b"-0000000001 "))
        data[148:156] = b"%06o\0 " % (sum(data[:148]) + 8 * 32 + sum(data[156:512]))
    return ALTERED, bytes(data)


TRICKS: tuple[Trick, ...] = (
    strides, offsets, shapes, counts, kinds, shared, places, functions, steps, replaced, aside,
    memories, tar,
)  # fmt: skip
