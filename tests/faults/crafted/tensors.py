"""Headers of safetensors files that lie: models, classifiers and checkpoints to import.

By hand::

    python -m tests.faults.crafted.tensors --count 2000 --seed 3
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

from tests.faults import import_mutants, model_mutants
from tests.faults.image_mutants import Mutant, Outcome
from tests.faults.reading import ALTERED, check_with, run

Header = dict[str, Any]
Made = tuple[str | bytes, bytes]
"""A header, and what follows it."""


def warm_up() -> None:
    """Do once what the first file would be charged for."""
    model_mutants.warm_up()
    import_mutants.warm_up()


def read(path: Path) -> object:
    """Read a file as the commands do."""
    kind = import_mutants if path.name.endswith("import.safetensors") else model_mutants
    return kind.read(path)


def check(batch: Sequence[Mutant]) -> Outcome:
    """Read files in another process, and return what became of them."""
    return check_with("crafted.tensors", batch)


def _overlapping(random: Random, header: Header, data: bytes) -> Made:
    one, other = random.sample(_names(header), 2)
    header[one]["data_offsets"] = header[other]["data_offsets"]
    return json.dumps(header), data


def _gap(random: Random, header: Header, data: bytes) -> Made:
    place = random.choice([header[name]["data_offsets"][0] for name in _names(header)])
    _move(header, place, by := random.choice((1, 8, 4096)))
    return json.dumps(header), data[:place] + bytes(by) + data[place:]


def _trailing(random: Random, header: Header, data: bytes) -> Made:
    return json.dumps(header), data + random.randbytes(random.choice((1, 8, 5000)))


def _short(random: Random, header: Header, data: bytes) -> Made:
    return json.dumps(header), data[: -random.choice((1, 4, len(data) // 2, len(data)))]


def _twice(random: Random, header: Header, data: bytes) -> Made:
    """Name a tensor twice: once with other facts."""
    name, other = random.sample(_names(header), 2)
    first = json.dumps({name: header[other]})[1:-1]
    text = json.dumps(header)
    return random.choice((f"{{{first}, {text[1:]}", f"{text[:-1]}, {first}}}")), data


def _exchanged(random: Random, header: Header, data: bytes) -> Made:
    names = _names(header)
    pairs = [
        (a, b) for a in names for b in names
        if a < b and header[a]["shape"] == header[b]["shape"] != []
        and data[slice(*header[a]["data_offsets"])] != data[slice(*header[b]["data_offsets"])]
    ]  # fmt: skip
    if pairs:
        one, other = random.choice(pairs)
        header[one], header[other] = header[other], header[one]
    else:
        header[f"{names[0]}x"] = header.pop(names[0])
    return json.dumps(header), data


def _dtype(random: Random, header: Header, data: bytes) -> Made:
    header[random.choice(_names(header))]["dtype"] = random.choice(
        ("I32", "U32", "F16", "f32", "F4", "", None, ["F32"], "C64", "BOOL", "\0", "F32 " * 999)
    )
    return json.dumps(header), data


def _shape(random: Random, header: Header, data: bytes) -> Made:
    name = random.choice([name for name in _names(header) if header[name]["shape"]])
    shape = header[name]["shape"]
    header[name]["shape"] = random.choice(
        ([*shape, 1], [2**63, *shape], [2**32, 2**32], [-1, *shape], [0, *shape], [1.0, *shape],
         [True, *shape, 7], [10**400], [1] * 40 + shape, {"0": 1}, str(shape), [shape], None, [],
         [2**63, 0], [0] * 17)
    )  # fmt: skip
    return json.dumps(header), data


def _offsets(random: Random, header: Header, data: bytes) -> Made:
    entry = header[random.choice(_names(header))]
    start, end = entry["data_offsets"]
    entry["data_offsets"] = random.choice(
        ([-8, end], [end, start], [start - 2**63, end - 2**63], [start, end + 4], [start, 2**63],
         [start, end, end], [start], [], None, f"{start}", [str(start), str(end)],
         [start + 0.5, end + 0.5], [10**300, 10**300 + end - start], {"start": start},
         [start + 4, end + 4])
    )  # fmt: skip
    return json.dumps(header), data


def _metadata(random: Random, header: Header, data: bytes) -> Made:
    metadata = header["__metadata__"] if header.get("__metadata__") else {"format": "pt"}
    key = random.choice(list(metadata))
    wrong: Any = random.choice((1, None, True, ["x"], {"a": "b"}, 1e400, [[]] * 999))
    if random.random() < 0.3:
        header["__metadata__"] = wrong if wrong is not None else "x"
    else:
        header["__metadata__"] = metadata | {key: wrong}
    return json.dumps(header), data


def _deep(random: Random, header: Header, data: bytes) -> Made:
    opening, closing = random.choice((("[", "]"), ('{"a":', "}")))
    depth = random.choice((60, 900, 20_000, 500_000))
    value = opening * depth + "1" + closing * random.choice((depth, 0))
    key = random.choice(("x", "__metadata__", _names(header)[0]))
    return json.dumps(header)[:-1] + f', "{key}": {value}}}', data


def _many(random: Random, header: Header, data: bytes) -> Made:
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [len(data)] * 2}
    stem = random.choice(("x", "y" * 200))
    count = random.choice((50, 5_000, 30_000))
    return json.dumps(header | {f"{stem}{i}": empty for i in range(count)}), data


def _digits(random: Random, header: Header, data: bytes) -> Made:
    number = random.choice("19") * random.choice((50, 5_000, 300_000))
    text = json.dumps(header)
    place = text.index(": [") + 3
    return text[:place] + number + ", " + text[place:], data


def _name(random: Random, header: Header, data: bytes) -> Made:
    name = random.choice(_names(header))
    new = random.choice(
        ("", "x" * 100_000, "a\nb", "\x1b[2J", "\ud800", "__metadata__.x", "\0", "\u202e",
         name[:-1], name + " ", name.upper(), f"{name}.", "e\u0301")
    )  # fmt: skip
    header[new] = header.pop(name)
    return json.dumps(header), data


def _text(random: Random, header: Header, data: bytes) -> Made:
    """Write a header as JSON parsers may or may not take it."""
    text = json.dumps(header)
    return random.choice(
        (text.replace("{", "{,", 1), text[:-1] + ",}", f"{text} x", f"{text}{{}}", f"[{text}]",
         "\ufeff" + text, text.encode("utf-16"), text.replace('"', "'"), f"{text}\0", text[:-1],
         text.replace(": [", ": [NaN, ", 1), text.encode() + b"\xff", f"/**/{text}",
         text.replace("F32", "F\\u00332", 1)[:-1])
    ), data  # fmt: skip


def _padded(random: Random, header: Header, data: bytes) -> Made:
    """Change nothing but the spaces."""
    return json.dumps(header, indent=random.choice((None, 0, 9))) + " " * 8, data


_TRICKS: tuple[Callable[[Random, Header, bytes], Made], ...] = (
    _overlapping, _gap, _trailing, _short, _twice, _exchanged, _dtype, _shape, _offsets, _metadata,
    _deep, _many, _digits, _name, _text, _padded,
)  # fmt: skip
_LENGTHS = (0, 1, 2, 7, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1)


def mutants(seed: int) -> Iterator[Mutant]:
    """Yield files whose headers lie without end; none of ours may be accepted.

    Args:
        seed: Determines the files.
    """
    random, number = Random(seed), 0
    whole = {
        name: data for name, data in model_mutants.originals().items() if name.endswith("tensors")
    }
    whole["import.safetensors"] = import_mutants.originals()["tensors.safetensors"]
    while True:
        trick = _TRICKS[number % len(_TRICKS)]
        name = random.choice([*whole, "import.safetensors"])
        start = 8 + int.from_bytes(whole[name][:8], "little")
        header, data = trick(random, json.loads(whole[name][8:start]), whole[name][start:])
        text = header if isinstance(header, bytes) else header.encode("utf-8", "surrogatepass")
        length = len(text)
        if random.random() < 0.1:
            trick, length = (
                _text,
                random.choice((*_LENGTHS, length + 1, length - 1, length + len(data))),
            )
        prefix = "" if name == "import.safetensors" or trick is _padded else ALTERED
        yield (
            f"{prefix}{number}-{trick.__name__}-{name}",
            length.to_bytes(8, "little") + text + data,
        )
        number += 1


def _names(header: Header) -> list[str]:
    return [name for name in header if name != "__metadata__"]


def _move(header: Header, place: int, by: int) -> None:
    """Move the bytes of all tensors from a place on."""
    for name in _names(header):
        start, end = header[name]["data_offsets"]
        if start >= place and end > place:
            header[name]["data_offsets"] = [start + by, end + by]


if __name__ == "__main__":
    run(__doc__ or "", mutants, check)
