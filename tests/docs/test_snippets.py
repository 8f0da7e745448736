"""Every command and Python snippet of README.md and the docs runs."""

from pathlib import Path

import pytest
import torch

from tests.docs.snippets import (
    NO_COMMANDS,
    PAGES,
    ROOT,
    Block,
    blocks,
    check,
    commands,
    run_python,
    run_shell,
)
from tests.docs.stand_ins import STAND_INS, StandIns, prepare

FAST = ("README.md", "docs/gan.md")
RUN_PAGES = [page for page in PAGES if any(block.runs for block in blocks(page))]
LANGUAGES = {"", "python", "bash", "{include}", "{toctree}", *NO_COMMANDS}


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_is_run_or_says_why_not(page: Path) -> None:
    for block in blocks(page):
        assert block.language in LANGUAGES, f"{page}:{block.line}"
        if block.runs and block.language != "python":
            for words in commands(block.text):
                runs = words[0] == "crossimage" or words[:1] in (["cp"], ["python"])
                assert runs, f"{page}:{block.line}: {' '.join(words)}: run it, or say why not"


@pytest.mark.parametrize("page", RUN_PAGES, ids=name)
def test_settings_in_commands_are_those_of_their_methods(page: Path) -> None:
    for block in blocks(page):
        if block.runs and block.language != "python":
            for words in commands(block.text):
                check(words)


def test_a_wrong_setting_in_a_command_is_noticed() -> None:
    with pytest.raises(ValueError, match="widht"):
        check(["crossimage", "train", "munit", "--data", "DIR", "--out", "RUN", "widht=4"])


def test_stand_ins_belong_to_pages() -> None:
    assert STAND_INS.keys() <= {name(page) for page in RUN_PAGES}


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=() if name(page) in FAST else pytest.mark.slow)
        for page in RUN_PAGES
    ],
    ids=name,
)
def test_snippets_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for folder in ("docs", "benchmarks"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    namespace = prepare(name(page))
    for block in filter(lambda block: block.runs, blocks(page)):
        run(block, namespace)


def run(block: Block, namespace: dict[str, object]) -> None:
    torch.manual_seed(0)
    text = block.text
    for written, instead in STAND_INS.get(block.page, StandIns()).replace.items():
        text = text.replace(written, instead)
    if block.language == "python":
        run_python(block, text, namespace)
    else:
        run_shell(text)
