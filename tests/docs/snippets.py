"""The code blocks of README.md and docs/*.md: found, and run as a user would, but tiny.

A block is run unless an HTML comment stands directly before it: ``<!-- not run: the reason -->``.
Blocks in a language other than Python hold shell commands, except ``bibtex``, ``yaml`` and
``text``. What is changed before a command runs, and nothing else:

- ``train``: each setting of ``tests.conftest.small`` takes the place of the command's own, or is
  added, unless the command sets it to 0; settings that count steps or epochs (:data:`LENGTHS`) are
  dropped. The settings as written are checked first, so that a misspelt or impossible one fails.
- ``train``: ``--budget`` and ``--finish`` become a few seconds.
- ``evaluate``: ``--inputs``, ``--samples``, ``--epochs`` and ``--size`` become tiny, and networks
  whose weights would be downloaded are random.
- ``data make``: few and small images.
- ``train`` and ``data make`` begin anew where an earlier block left a folder of the same name.
- Replacements that a page names in ``tests/docs/stand_ins.py``.

Files and models that a page takes for granted are made there too.
"""

from __future__ import annotations

import glob
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossimage.cli.app import main
from crossimage.cli.overrides import parse_overrides
from crossimage.cli.train import configured
from crossimage.data.make.photo_pairs import PHOTO_MAKERS
from tests.conftest import RUN, as_arguments, small

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

# Settings that snippets need beside, or instead of, those of `tests.conftest.small`.
DIFFERENT: dict[str, dict[str, Any]] = {
    "diat": {"identity_layers": 2},
    # A U-Net deep enough for dropout, which gives many outputs per input.
    "pix2pix": {"dropout": 0.5, "downsamples": 6, "resize": 64, "crop": 64},
    # The second stage, by the VGG-19 that stands in on its page.
    "sketch_to_photo": {
        "shape_steps": 1,
        "encoder": "vgg",
        "color_width": 64,
        "encoder_weights": "vgg_normalised.pth",
    },
}
# Settings that every method takes.
RUN_ONLY = RUN | {"steps": 2, "resize": 36, "crop": 32}
LENGTHS = {"epochs", "decay_epochs", "decay_steps", "decay_every", "steps"}
NO_COMMANDS = {"bibtex", "yaml", "text"}
_FENCE = re.compile(r"^```([\w{}-]*)")
_REASON = re.compile(r"^<!-- not run: (.+) -->$")


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins, its language, its lines, and why it is not run."""

    page: str
    line: int
    language: str
    text: str
    reason: str | None = None

    @property
    def runs(self) -> bool:
        """Whether the block holds something to run."""
        no_code = self.language in NO_COMMANDS or self.language.startswith("{")
        return self.reason is None and not no_code


def blocks(path: Path) -> Iterator[Block]:
    """Every fenced block of a page."""
    name = path.relative_to(ROOT).as_posix()
    language, start, body, reason = "", 0, [], None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        fence = _FENCE.match(line)
        if start and line.strip() == "```":
            yield Block(name, start, language, "\n".join(body), reason)
            start, body, reason = 0, [], None
        elif start:
            body.append(line)
        elif fence:
            language, start = fence[1], number
        elif match := _REASON.match(line):
            reason = match[1]
        elif line.strip():
            reason = None


def commands(text: str) -> Iterator[list[str]]:
    """The commands of a shell block as words: lines joined, comments dropped, patterns expanded."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=False)
        lexer.whitespace_split, lexer.commenters = True, "#"
        words: list[str] = []
        for word in lexer:
            matches = glob.glob(word) if "*" in word else []
            words += sorted(matches) or [word.strip("'\"")]
        if words:
            yield words


def check(words: list[str]) -> None:
    """Fail where the settings of a training command are not those of its method."""
    if words[:2] == ["crossimage", "train"] and not {"--init", "--resume"} & set(words):
        given = zip(words[2:], words[3:], strict=False)  # --data cats=DIR,dogs=DIR is no setting
        settings = [word for before, word in given if "=" in word and before != "--data"]
        configured(words[2], parse_overrides(settings))


def tiny(words: list[str]) -> list[str]:
    """The same command, with little to do."""
    match words[1:3]:
        case ["train", "--resume"]:
            return _with_flags(words, {"--finish": "2s"})
        case ["train", recipe]:
            method, init = recipe.partition("/")[0], "--init" in words
            words = _with_settings(words, RUN_ONLY if init else small_settings(method))
            if "--budget" in words:  # chooses the number of steps
                words = [w for w in words if w.partition("=")[0] not in {"steps", "epochs"}]
            return _with_flags(words, {"--budget": "6s"})
        case ["data", "inspect"]:
            return [*words, "--no-estimate"]
        case ["data", "make"]:
            few = {"--count": "6", "--test-count": "4", "--size": "20"}
            own = {*PHOTO_MAKERS, "labels", "combine", "split", "frames"}
            if words[3] in own:  # they change as many images as there are
                return words
            if words[3].startswith("object"):  # of every class
                some = {"--count": "400", "--test-count": "4", "--size": "20"}
                return _with_flags(words, some, add=True)
            drawn = words[3].startswith(("outline", "noise"))
            few = few if drawn else {"--count": "30"}
            return _with_flags(words, few, add=words[3] != "noise_sketches")
        case ["evaluate", "fit-classifier" | "fit-segmenter"]:
            return _with_flags(words, {"--epochs": "1", "--size": "36"}, add=True)
        case ["evaluate", "invariance"]:
            return [*words, "--weights", "random"]
        case ["evaluate", command]:
            few = {"--inputs": "2", "--samples": "3"}
            words = _with_flags(words, few, add=command == "ablate")
            if command == "ablate":
                words = _with_settings(words, RUN_ONLY)
            random = dict.fromkeys(("--features", "--lpips-weights", "--vgg-weights"), "random")
            missing = {flag: value for flag, value in random.items() if flag not in words}
            return _with_flags(words, missing, add=True)
        case ["sample", _]:
            return _with_flags(words, {"--samples": "3"})
        case _:
            return words


def small_settings(method: str) -> dict[str, Any]:
    """Settings of a tiny run of a method, on whatever data."""
    lengths = {"epochs": 0, "decay_epochs": 0}
    settings = lengths | small(method, steps=2, log_every=1, save_every=2)
    settings.pop("classes", None)  # the data tells them
    return settings | DIFFERENT.get(method, {})


def _with_settings(words: list[str], settings: Mapping[str, Any]) -> list[str]:
    off = {word.partition("=")[0] for word in words if word.endswith("=0")}
    mine = [word for word in as_arguments(settings) if word.partition("=")[0] not in off]
    taken = {argument.partition("=")[0] for argument in mine} | LENGTHS
    kept = [word for word in words if "=" not in word or word.partition("=")[0] not in taken]
    flags = [index for index, word in enumerate(kept) if word.startswith("--")]
    first = min(flags, default=len(kept))
    return [*kept[:first], *mine, *kept[first:]]


def _with_flags(words: list[str], flags: Mapping[str, str], add: bool = False) -> list[str]:
    words = list(words)
    for flag, value in flags.items():
        if flag in words:
            words[words.index(flag) + 1] = value
        elif add:
            words += [flag, value]
    return words


def run_shell(text: str) -> None:
    """Run every command of a block in the working folder.

    What an earlier block made makes way for what is made under the same name.
    """
    earlier = {path for path in (*Path().glob("*"), *Path("runs").glob("*")) if path.is_dir()}
    for words in commands(text):
        made = words[1:2] == ["train"] or words[1:3] == ["data", "make"]
        if made and "--resume" not in words:
            out = Path(words[words.index("--out") + 1])
            if out in earlier:
                shutil.rmtree(out)
                earlier.remove(out)
        if words[0] == "crossimage":
            assert main(tiny(words)[1:]) == 0, " ".join(words)
        else:
            program = [sys.executable] if words[0] == "python" else words[:1]
            subprocess.run([*program, *words[1:]], check=True, capture_output=True, timeout=300)


def run_python(block: Block, text: str, namespace: dict[str, Any]) -> None:
    """Run a block's text in a namespace; a traceback names the page and the line."""
    code = compile("\n" * block.line + text, block.page, "exec")
    exec(code, namespace)
