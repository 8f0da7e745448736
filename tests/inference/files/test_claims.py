"""Shards that share inputs do not run at the same time."""

import subprocess
import sys
from math import gcd
from pathlib import Path

import pytest

from crossimage.inference.files.claims import claimed
from crossimage.utils.manifest import list_names

HOLDER = """
import sys
from pathlib import Path
from crossimage.inference.files.claims import claimed
with claimed(Path(sys.argv[1]), "crossimage-2-of-4-aa.jsonl", (2, 4)):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("n", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("other_n", [1, 2, 3, 5, 6])
def test_exactly_shards_with_common_inputs_are_refused(
    tmp_path: Path, n: int, other_n: int
) -> None:
    inputs = range(n * other_n // gcd(n, other_n))
    for k in range(1, n + 1):
        with claimed(tmp_path, f"crossimage-{k}-of-{n}-a.jsonl", (k, n)):
            for other in range(1, other_n + 1):
                name = f"crossimage-{other}-of-{other_n}-b.jsonl"
                if set(inputs[k - 1 :: n]) & set(inputs[other - 1 :: other_n]):
                    with (
                        pytest.raises(ValueError, match=rf"shard {other}/{other_n} .*{k}/{n}"),
                        claimed(tmp_path, name, (other, other_n)),
                    ):
                        pass
                else:
                    with claimed(tmp_path, name, (other, other_n)):
                        pass
    assert not list(tmp_path.iterdir())


def test_a_killed_process_bars_nobody_and_its_empty_list_goes(tmp_path: Path) -> None:
    pytest.importorskip("fcntl", reason="processes are killed otherwise on Windows")
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == b"held\n"
            assert list_names(tmp_path) == []  # nothing is listed yet
            with (
                pytest.raises(ValueError, match="the same part as 2/4.*wait until that one has"),
                claimed(tmp_path, "crossimage-2-of-4-b.jsonl", (2, 4)),
            ):
                pass
            with claimed(tmp_path, "crossimage-1-of-2-b.jsonl", (1, 2)):  # odd inputs
                pass
        finally:
            holder.kill()
    assert [path.name for path in tmp_path.iterdir()] == ["crossimage-2-of-4-aa.jsonl"]
    with claimed(tmp_path, "crossimage-1-of-1-b.jsonl", (1, 1)):
        assert [path.name for path in tmp_path.iterdir()] == ["crossimage-1-of-1-b.jsonl"]


def test_lists_with_lines_stay(tmp_path: Path) -> None:
    earlier = tmp_path / "crossimage-1-of-1-a.jsonl"
    earlier.write_text('{"output":"a.png","run":"1"}\n')
    with claimed(tmp_path, "crossimage-1-of-1-b.jsonl", (1, 1)):
        (tmp_path / "crossimage-1-of-1-b.jsonl").write_text('{"output":"b.png","run":"1"}\n')
    assert len(list_names(tmp_path)) == 2
