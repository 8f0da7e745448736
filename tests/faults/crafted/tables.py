"""Tables as they should not be: of attributes, splits, losses, palettes, and lists of images.

By hand::

    python -m tests.faults.crafted.tables --count 2000 --seed 3
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

from crossimage.data.make.palettes import read_id_colours
from crossimage.data.sources.lists import read_list
from crossimage.data.sources.tables.columns import read_labels
from crossimage.data.sources.tables.read import read_table
from crossimage.evaluation.networks.palette import read_palette
from crossimage.training.loss_table import drop_rows_after, read_rows
from tests.faults.crafted.tricks import of_texts
from tests.faults.image_mutants import Mutant, Outcome
from tests.faults.reading import check_with, run

_IMAGES = 8
ORIGINALS = {
    "attributes.csv": "file,old,pale,split\n"
    + "".join(f"{i}.png,{i % 2},{i // 4},{'train' if i < 6 else 'test'}\n" for i in range(_IMAGES)),
    "celeba.txt": f"{_IMAGES}\nold pale\n" + "".join(f"{i}.png 1 -1\n" for i in range(_IMAGES)),
    "partition.csv": "".join(f"{i}.png,{i % 3}\n" for i in range(_IMAGES)),
    "partition.txt": "".join(f"{i}.png {i % 3}\n" for i in range(_IMAGES)),
    "losses.csv": "step,seconds,learning_rate,generator\n"
    + "".join(f"{i},{i / 2},0.0001,{i}.5\n" for i in range(1, 9)),
    "palette.csv": "name,r,g,b\nroad,128,64,128\nsky,70,130,180\nvoid,0,0,0\n",
    "ids.csv": "id,name,r,g,b\n0,road,128,64,128\n1,sky,70,130,180\n2,void,0,0,0\n",
    "list.txt": "".join(f"{i}.png\n" for i in range(_IMAGES)),
}
"""Sound tables by the end of their names."""


def warm_up() -> None:
    """Do nothing: the first file is charged for little."""


def read(path: Path) -> object:
    """Read a table as the commands do."""
    for number in range(_IMAGES):
        (path.parent / f"{number}.png").touch()
    kind = path.name.rpartition("-")[2]
    if kind.startswith("partition"):
        return _with_partition(path)
    if kind == "losses.csv":
        read_rows(path)
        return drop_rows_after(path, 4)
    if kind == "palette.csv":
        return read_palette(path)
    if kind == "ids.csv":
        return read_id_colours(str(path))
    if kind == "list.txt":
        return read_list(path)
    return read_labels(read_table(path))


def _with_partition(path: Path) -> object:
    """Read a sound table with the splits of another file."""
    folder = path.with_suffix(".folder")
    folder.mkdir(exist_ok=True)
    for number in range(_IMAGES):
        (folder / f"{number}.png").touch()
    (folder / "attributes.csv").write_text(ORIGINALS["attributes.csv"].replace(",split", ",x"))
    partition = folder / f"list_eval_partition{path.suffix}"
    partition.write_bytes(path.read_bytes())
    try:
        return read_table(folder / "attributes.csv")
    except (ValueError, OSError) as error:
        raise type(error)(str(error).replace(str(partition), str(path))) from None


def check(batch: Sequence[Mutant]) -> Outcome:
    """Read tables in another process, and return what became of them."""
    return check_with("crafted.tables", batch)


_CELLS = (
    "", " ", "\0", '"', '""', '"a\nb"', "a\rb", "=1+1", "=cmd|' /C calc'!A0", "@SUM(1)", "+1", "-",
    "nan", "inf", "1e999", "9" * 5_000, "\u0663", "\u00b2", "\uff11", "0x1", "1_0", "1,5", "true",
    "\x1b[2J", "\u202e", "\ufeff", "x" * 140_000, "../0.png", "/etc/passwd", "0.png/", "~/0.png",
    "0.PNG", "file:0.png", "\ud800", "a;b", "a\tb", "a|b", "train", "val", "2", "-1", "\x85",
)  # fmt: skip


def _cell(random: Random, text: str) -> str:
    lines = text.splitlines()
    row = random.randrange(len(lines))
    mark = "," if "," in lines[row] else " "
    cells = lines[row].split(mark)
    cells[random.randrange(len(cells))] = random.choice(_CELLS)
    lines[row] = mark.join(cells)
    return "\n".join(lines) + "\n"


def _wide(random: Random, text: str) -> str:
    """Have very many columns, in one line or in all."""
    first, _, rest = text.partition("\n")
    count = random.choice((200, 20_000, 1_000_000))
    names = "".join(f",c{i}" for i in range(count))
    if random.random() < 0.5 or count > 200:
        return f"{first}{names}\n{rest}"
    return f"{first}{names}\n" + "".join(f"{line}{',1' * count}\n" for line in rest.splitlines())


def _tall(random: Random, text: str) -> str:
    return text + (random.choice((text.splitlines()[-1], "", '"', "x,1,2,3")) + "\n") * 100_000


def _repeated(random: Random, text: str) -> str:
    first, _, rest = text.partition("\n")
    again = random.choice((f"{first},{first}", first.upper(), f"{first}\n{first}", f" {first}"))
    return f"{again}\n{rest}"


def _quoted(random: Random, text: str) -> str:
    place = random.randrange(len(text))
    return text[:place] + random.choice(('"', '"' * 3, "'", '"\n', '",', '""')) + text[place:]


def _line_ends(random: Random, text: str) -> str:
    ends = ("\n", "\r\n", "\r", "\n\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\n\n")
    return "".join(line + random.choice(ends) for line in text.splitlines())


def _bytes(random: Random, text: str) -> bytes:
    data = text.encode()
    place = random.randrange(len(data))
    odd = (b"\0", codecs.BOM_UTF8, b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x1a", b"\0" * 4_000,
           random.randbytes(50), b"," * 300_000, b"\x80\x81")  # fmt: skip
    return data[:place] + random.choice(odd) + data[place:]


def _coded(random: Random, text: str) -> bytes:
    code = random.choice(("utf-16", "utf-16-be", "utf-32", "utf-8-sig", "utf-7", "cp037", "cp1252"))
    mark = random.choice((b"", codecs.BOM_UTF8, codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE, b"\0"))
    return mark + text.replace("old", "\u00e9").encode(code, "replace")


def _whole(random: Random, text: str) -> str | bytes:
    return random.choice(
        ("", "\n", "\n" * 200_000, text.partition("\n")[0], text[: len(text) // 2], "x" * 3_000_000,
         b"PK\x03\x04" + bytes(500), b"\x89PNG\r\n\x1a\n", "{}", "<html>", text.replace(",", ";"),
         text.replace(",", "\t"), text.replace(",", ";", 1), text.replace("\n", ",\n"), b"\xd0\xcf",
         text.replace(".png", ""), text.replace("png", "jpg"), f"sep=,\n{text}", f"# x\n{text}")
    )  # fmt: skip


_TRICKS: tuple[Callable[[Random, str], str | bytes], ...] = (
    _cell, _cell, _cell, _wide, _tall, _repeated, _quoted, _quoted, _line_ends, _bytes, _bytes,
    _coded, _whole,
)  # fmt: skip


def mutants(seed: int) -> Iterator[Mutant]:
    """Yield tables without end.

    Args:
        seed: Determines the files.
    """
    yield from of_texts(_TRICKS, ORIGINALS, seed)


if __name__ == "__main__":
    run(__doc__ or "", mutants, check)
