"""YAML as it should not be: recipes, settings of runs, studies and lists of trainings.

By hand::

    python -m tests.faults.crafted.yamls --count 2000 --seed 3
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from random import Random

from crossimage.config import build
from crossimage.interop.junyanz_options import read_options
from crossimage.methods import find_method
from crossimage.recipes import resolve
from crossimage.study.settings import read_settings
from crossimage.training.ablations import check_variants, find_variants
from crossimage.training.resume import RecordedRun
from tests.faults.crafted.tricks import of_texts
from tests.faults.image_mutants import Mutant, Outcome
from tests.faults.reading import check_with, run

_STUDY = "protocol: preference\nmethods: [one, two]\nquestions: 10\nanswers: 3\nseed: 1\n"
_LIST = (
    "- {name: one, recipe: munit}\n"
    "- name: two\n  recipe: munit/edges2shoes\n  settings: {seed: 3, weights: {cycle: 2}}\n"
)
_OPTIONS = "batch_size: 1 [default: 2]\nngf: 8\nnetG: resnet_9blocks\nno_dropout: True\n"


def originals() -> dict[str, str]:
    """Return sound files by the end of their names."""
    recipes = files("crossimage.recipes")
    munit = recipes.joinpath("munit/edges2shoes.yaml").read_text(encoding="utf-8")
    return {
        "recipe.yaml": munit, "run.yaml": munit, "study.yaml": _STUDY, "list.yaml": _LIST,
        "options.txt": _OPTIONS,
    }  # fmt: skip


def warm_up() -> None:
    """Do once what the first file would be charged for."""
    build(find_method("munit", "a test").Config, {})


def read(path: Path) -> object:
    """Read a file as the commands do."""
    kind = path.stem.rpartition("-")[2]
    if kind == "study":
        return read_settings(path)
    if kind == "list":
        check_variants(variants := find_variants([str(path)]), {})
        return variants
    if kind == "options":
        return read_options(path)
    if kind == "run":
        run_folder = path.with_suffix(".run")
        run_folder.mkdir(exist_ok=True)
        try:
            (run_folder / "config.yaml").write_bytes(path.read_bytes())
            return RecordedRun.read(run_folder)
        except (OSError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from None
    method, settings = resolve(str(path))
    return build(find_method(method, path).Config, settings, source=str(path))


def check(batch: Sequence[Mutant]) -> Outcome:
    """Read files in another process, and return what became of them."""
    return check_with("crafted.yamls", batch)


_VALUES = (
    "2026-11-29", "2026-13-45", "2026-11-29 25:61:61", "0001-01-01T00:00:00+99:99", "12:30:45",
    "0o17",
    "017", "0b", "0x", "1_000", "_", "1e", ".nan", "-.INF", "~", "NO", "on",
    "!!python/object:os.system x",
    "!!binary '%%'", "!!set {a, b}", "!!omap [a: 1]", "!!pairs [a: 1, a: 2]", "!!timestamp x",
    "!local x",
    "!<tag:yaml.org,2002:int> 0x", "!!float x", "!!null x", "!!map []", "!!seq {}", "!!str [a]",
    "!!int ''", "!!int '0x'", "!!int '_'", "!!float ':'", "!!int ':1'", "!!bool ''", "!!merge x",
    "=",
    "[a: 1, b]", "{a, b: c}", "{? [1, 2] : 3}", "{{a: 1}: 2}", "*missing", "&a", "&a *a",
    "|9\n   x", ">-",
    "'open", '"open', '"\\x"', '"\\ud800"', '"\\U00110000"', "\t- x", "@x", "`x`", "%x", "? a",
    "- -",
    "{a: b", "[1, 2", "]", "}", "a: b: c", "\x07", "\ufffe", "\ufeff", "\x85", "\u2028", "9" * 101,
    "1e999",
    "-9223372036854775809", "'" + "x" * 100_000 + "'", "1:" * 60 + "0", "<<", "!!value x", "0.1.2",
    "+.",
)  # fmt: skip
_KEYS = ("2026-11-29", "1", "1.5", "true", "null", "~", "[a, b]", "{a: 1}", "? [x]\n", "''", "<<",
         "!!binary eA==", "*a", "&a b", "'a\nb'", "12:30", "=", "__class__", "self", "a.b",
         "x" * 2000,
         "\u202e", '"\\e[2J"', "method", "weights.cycle", "-", "! x", '"\\ud800"')  # fmt: skip


def _value(random: Random, text: str) -> str:
    lines = text.splitlines()
    place = random.choice([i for i, line in enumerate(lines) if ":" in line])
    lines[place] = lines[place].partition(":")[0] + ": " + random.choice(_VALUES)
    return "\n".join(lines) + "\n"


def _key(random: Random, text: str) -> str:
    lines = text.splitlines()
    place = random.randrange(len(lines) + 1)
    lines.insert(place, f"{random.choice(_KEYS)}: {random.choice(('1', '{b: 1}', '[*a]', 'x'))}")
    return "\n".join(lines) + "\n"


def _twice(random: Random, text: str) -> str:
    lines = text.splitlines()
    return text + "\n" + random.choice(lines) + "\n"


def _merged(random: Random, text: str) -> str:
    return text + random.choice(
        ("<<: {seed: 3}\n", "<<: [{seed: 3}, {seed: 4}]\n", "<<: 3\n", "<<: [1]\n",
        "x: &a {<<: *a}\n",
         "<<: &b {<<: {<<: {seed: 1}}}\n", "<<: [[[]]]\n", "x: &a {seed: 1}\n<<: *a\n",
         "<<: null\n",
         "a: &a {b: 1}\n" + "<<: [" + "*a, " * 70_000 + "*a]\n")
    )  # fmt: skip


def _coded(random: Random, text: str) -> bytes:
    code = random.choice(("utf-16", "utf-16-be", "utf-32", "utf-8-sig", "utf-7", "cp037", "cp1252"))
    marks = (
        b"",
        codecs.BOM_UTF8,
        codecs.BOM_UTF16_LE,
        codecs.BOM_UTF32_BE,
        b"\0",
        b"\xff",
        b"\xc0\x80",
    )
    return random.choice(marks) + text.encode(code, "replace")


def _bytes(random: Random, text: str) -> bytes:
    data = text.encode()
    place = random.randrange(len(data))
    odd = (b"\0", b"\xef\xbb\xbf", b"\r", b"\x85", b"\xe2\x80\xa8", b"\x1b[2J", b"\xed\xa0\x80",
    b"\t",
           b"\x7f", b"\xff", b"\0" * 5000, b"#" * 200_000, b"\n" * 300_000, b"\r\n")  # fmt: skip
    return data[:place] + random.choice(odd) + data[place:]


def _documents(random: Random, text: str) -> str:
    return random.choice(
        (f"---\n{text}---\n{text}", f"{text}...\n{text}", f"%YAML 1.1\n---\n{text}",
        f"%YAML 9.9\n---\n{text}",
         f"%TAG ! tag:x,2000:\n---\n{text}", f"%X\n{text}", "---\n" * 3000, f"--- |\n{text}", "",
         "#\n",
         "null", "3", "x", "- x", "{}", "[]", "---\n...\n", text.replace("\n", "\r"), text * 2000,
         text.replace("\n", "\r\n"), text.replace(":", " :"), text.replace(" ", "\t"), text.upper())
    )  # fmt: skip


def _nested(random: Random, text: str) -> str:
    depth = random.choice((30, 60, 3_000))
    return text + random.choice(
        ("x: " + "[" * depth + "]" * depth, "x: " + "{a: " * depth + "}" * depth,
         "\n".join(" " * i + "a:" for i in range(depth)), "- " * depth + "x", "? " * depth + "x",
         "x: " + "&a " * depth, "x: " + "!!str " * depth,
         "\n".join(f"x{i}: &x{i} 1" for i in range(9_000)))
    )  # fmt: skip


_TRICKS: tuple[Callable[[Random, str], str | bytes], ...] = (
    _value, _value, _value, _key, _key, _twice, _merged, _coded, _bytes, _bytes, _documents,
    _nested,
)  # fmt: skip


def mutants(seed: int) -> Iterator[Mutant]:
    """Yield YAML files without end.

    Args:
        seed: Determines the files.
    """
    yield from of_texts(_TRICKS, originals(), seed)


if __name__ == "__main__":
    run(__doc__ or "", mutants, check)
