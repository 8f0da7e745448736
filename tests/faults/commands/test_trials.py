"""Commands that are killed, stopped, doubled, or whose disk fails: the suite tries a few."""

import os
import random
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.commands.bench import Bench
from tests.faults.commands.disks import CALLS, Fault, library
from tests.faults.commands.trials import KINDS, try_some
from tests.faults.harness import PATIENCE

QUICK = ("import", "translate", "data make outlines", "study make")

READING = ("import", "translate", "data make combine", "study make")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Inputs of all commands, made once."""
    return tmp_path_factory.mktemp("world") / "world"


def test_the_same_seed_gives_the_same_faults(tmp_path: Path) -> None:
    counts = Counter({call: 9 for call in CALLS})

    def draw(seed: int) -> list[Fault]:
        chance = random.Random(seed)
        return [Fault.draw(chance, tmp_path, counts, CALLS) for _ in range(20)]

    assert draw(3) == draw(3) != draw(4)
    assert all(fault.first < 9 for fault in draw(3))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_disturbed_commands_leave_nothing_behind_and_end_alike_when_run_again(
    kind: str, tmp_path: Path, world: Path
) -> None:
    if kind in ("disks", "reads") and library(tmp_path) is None:
        pytest.skip("there is no C compiler, or another system than Linux")
    names = READING if kind == "reads" else QUICK
    outcome = try_some(kind, 4, seed=8, names=names, most=40, world=world)
    assert outcome.errors == [] and outcome.tried >= 2


def _leave() -> None:
    """Leave files where Python and other programs make temporary ones."""
    Path(tempfile.gettempdir(), "by-python").touch()
    Path(os.environ["TMPDIR"], "by-others").touch()
    Path(tempfile.mkdtemp(), "below").touch()


@pytest.mark.slow
def test_what_a_command_leaves_in_its_temporary_folder_is_found(
    tmp_path: Path, world: Path
) -> None:
    bench = Bench(tmp_path, 0, world=world)
    place = bench.place("data make outlines")
    process = bench.start("data make outlines", place, _leave)
    process.join(PATIENCE)
    assert process.exitcode == 0
    assert len({*(place / "temporary").iterdir()}) == 3
    left = bench.leftovers(place)
    assert "temporary/by-python" in left and "temporary/by-others" in left
