"""Recipes and tables, damaged or crafted, and a check of each.

The same seed gives the same files. The tests try a few; for any number, run

    python -m tests.faults.text_mutants --count 20000 --seed 3
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from random import Random

from crossimage.config import build, read_yaml
from crossimage.data.sources.tables.columns import read_labels
from crossimage.data.sources.tables.read import read_table
from crossimage.methods import find_method
from tests.faults.image_mutants import Mutant, Outcome
from tests.faults.reading import check_with, run

_WORDS = (
    "nan", "2", "", "-", "9" * 400, "1e308", "1e400", "-0", ".inf", "9223372036854775808",
    "x" * 5000, "!!int x", "!!bool 3", "!!binary x", "*a", "&a [*a]", "[" * 300, "{" * 300, "? ",
    "<<: *a", "\t", "'", '"', "|", "yes", "2001-99-99", "1:1:1:1", "\x1b[2J",
    "\u0130", "0x" + "f" * 200,
)  # fmt: skip


def warm_up() -> None:
    """Do once what the first file would be charged for."""
    for method in ("munit", "stargan", "cyclegan"):
        build(find_method(method, "a test").Config, {})


def read(path: Path) -> object:
    """Read a recipe as `train` does, or a table of attributes."""
    if path.suffix != ".yaml":
        for line in range(8):
            image = path.parent / f"{line}.png"
            if not image.exists():
                image.write_bytes(b"")
        return read_labels(read_table(path))
    values = read_yaml(path)
    method = values.pop("method", None)
    if not isinstance(method, str):
        raise ValueError(f"{path} does not state its method")
    return build(find_method(method, path).Config, values, source=str(path))


def check(batch: Sequence[Mutant]) -> Outcome:
    """Read files in another process, and return what became of them."""
    return check_with("text_mutants", batch)


def mutants(seed: int) -> Iterator[Mutant]:
    """Yield damaged and crafted files without end.

    Args:
        seed: Determines the files.
    """
    random, whole = Random(seed), originals()
    number = 0
    while True:
        if random.random() < 0.2:
            name, data = "crafted.yaml", _endless(random).encode()
        else:
            name = random.choice(list(whole))
            data = _damaged(random, whole[name])
        yield f"{number}-{name}", data
        number += 1


@cache
def originals() -> dict[str, bytes]:
    """Return all recipes, and tables of attributes, by name."""
    recipes = Path(str(files("crossimage.recipes")))
    texts = {
        f"{path.parent.name}-{path.name}": path.read_bytes() for path in recipes.glob("*/*.yaml")
    }
    for name, mark in (("commas.csv", ","), ("semicolons.csv", ";"), ("tabs.tsv", "\t")):
        rows = [["file", "smiling", "male", "split"]]
        splits = ("train", "test")
        rows += [[f"{i}.png", str(i % 2), str(i // 2 % 2), splits[i % 2]] for i in range(8)]
        for i in range(12):
            texts[f"{i}-{name}"] = "\n".join(mark.join(row) for row in rows).encode()
    return texts


def _damaged(random: Random, data: bytes) -> bytes:
    for _ in range(random.choice((1, 1, 2, 4))):
        place = random.randrange(len(data) + 1)
        kind = random.randrange(5)
        if kind == 0:
            word = random.choice(_WORDS).encode()
            # a value, from a separator to the end of the cell or line
            starts = [i for i, byte in enumerate(data) if byte in b":,;\t"]
            if starts:
                start = random.choice(starts) + 1
                ends = [i for i in range(start, len(data)) if data[i] in b",;\t\n"]
                data = data[:start] + b" " + word + data[ends[0] if ends else len(data) :]
        elif kind == 1:
            data = data[:place] + random.choice(_WORDS).encode() + data[place:]
        elif kind == 2:
            data = data[:place] + random.randbytes(random.choice((1, 4))) + data[place + 1 :]
        elif kind == 3:
            data = data[:place] + data[place + random.choice((1, 10)) :]
        else:
            data = data[:place] + data[max(0, place - 30) : place] * random.choice((2, 50))
            data += data[place:]
    return data


def _endless(random: Random) -> str:
    """Return a recipe whose values are many times as large as its text."""
    kind = random.randrange(7)
    each, levels = random.choice((2, 9, 30)), random.choice((3, 9, 40))
    key = random.choice(("domains", "width", "weights", "x" * random.choice((1, 1000))))
    if kind == 0:
        lines = [f"x0: &x0 [{','.join('y' * each)}]"]
        for level in range(1, levels):
            lines.append(f"x{level}: &x{level} [{','.join([f'*x{level - 1}'] * each)}]")
        text = "\n".join(lines) + f"\n{key}: *x{levels - 1}"
    elif kind == 1:
        text = f"{key}: &a {random.choice(('[*a]', '{b: *a}', '[[[*a, 1]]]', '{<<: *a}'))}"
    elif kind == 2:
        text = f"{key}: " + random.choice("[{") * random.choice((40, 500, 200_000))
    elif kind == 3:
        text = f"{key}: " + random.choice("19f") * random.choice((90, 400, 100_000))
    elif kind == 4:
        text = "\n".join(f"key{i}: {i}" for i in range(random.choice((100, 20_000))))
    elif kind == 5:
        text = f"{key}: [{','.join(map(str, range(random.choice((100, 100_000)))))}]"
    else:
        text = f"{key}: " + "1:" * random.choice((20, 50_000)) + "1"
    return f"method: {random.choice(('munit', 'stargan', 'x'))}\n{text}\n"


if __name__ == "__main__":
    run(__doc__ or "", mutants, check)
