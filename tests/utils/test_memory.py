import subprocess
import sys
from pathlib import Path

import pytest

from crossimage.utils import memory
from crossimage.utils.memory import free_memory, read_size, resident, show_size

RESIDENT_AFTER_A_LARGE_BLOCK = """
import ctypes, os, sys
if not hasattr(ctypes.CDLL(None), "mallopt"):
    print("no GNU C library")
    raise SystemExit
if sys.argv[1] == "keep":
    from crossimage.utils.memory import keep_memory
    keep_memory()
block = bytearray(b"x") * 2**26
del block
print(int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the GNU C library is Linux's")
def test_freed_memory_stays_with_the_process() -> None:
    resident = {}
    for choice in ("keep", "leave"):
        command = [sys.executable, "-c", RESIDENT_AFTER_A_LARGE_BLOCK, choice]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        if output == "no GNU C library":
            pytest.skip(output)
        resident[choice] = int(output)
    assert resident["keep"] - resident["leave"] == pytest.approx(2**26, rel=0.2)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2GB", 2 * 10**9),
        ("500 MB", 5 * 10**8),
        ("1.5GiB", 3 * 2**29),
        ("64mib", 2**26),
        ("8G", 8 * 10**9),
        ("auto", None),
    ],
)
def test_amounts_have_units(text: str, size: int | None) -> None:
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["2 apples", "2", "0MB", "-1GB", "GB", "nan GB", "", 2, None])
def test_other_texts_are_refused_with_examples(text: object) -> None:
    with pytest.raises(ValueError, match=r"expected an amount with its unit, such as 2GB"):
        read_size(text)


def test_shown_amounts_can_be_read_and_are_no_less() -> None:
    for size in (1, 999_999, 10**6, 123_456_789, 9_999_999_999, 12_345_678_901):
        read = read_size(show_size(size))
        assert read is not None
        assert read >= size


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_in_use_and_free_are_known() -> None:
    free = free_memory()
    assert free is not None
    assert 10**6 < resident() < 10**12
    assert 0 <= free < 10**14


def group(folder: Path, names: tuple[str, str, str], limit: str, used: int, files: int) -> None:
    """A control group as the kernel shows it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {files}\n")


VERSIONS = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    2: ("memory.max", "memory.current", "inactive_file"),
}


@pytest.mark.parametrize("version", [1, 2])
def test_limits_of_containers_count_as_free_memory(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, names = tmp_path / "cgroup", VERSIONS[version]
    base = root / "memory" if version == 1 else root
    group(base, names, "max" if version == 2 else str(2**63 - 4096), 900, 0)
    group(base / "user", names, "1000", 700, 50)  # a limit above the process's own group
    group(base / "user" / "job", names, "9000", 600, 0)
    membership = tmp_path / "membership"
    line = "4:cpu,memory:/user/job" if version == 1 else "0::/user/job"
    membership.write_text(f"7:blkio:/\n{line}\n")
    assert sorted(memory._left_in_groups(root, membership)) == [350, 8400]
    monkeypatch.setattr(memory, "ROOT", root)
    found = memory._left_in_groups
    monkeypatch.setattr(memory, "_left_in_groups", lambda root, _: found(root, membership))
    assert free_memory() == 350


def test_inside_a_container_the_limit_is_that_of_the_mounted_root(tmp_path: Path) -> None:
    group(tmp_path, VERSIONS[2], "4000", 1000, 0)
    membership = tmp_path / "membership"
    membership.write_text("0::/../../elsewhere\n")
    assert memory._left_in_groups(tmp_path, membership) == [3000]


def test_a_system_without_control_groups_has_no_such_limits(tmp_path: Path) -> None:
    assert memory._left_in_groups(tmp_path, tmp_path / "missing") == []


def test_memory_is_returned_at_once_where_use_is_bounded() -> None:
    code = """
import os
from crossimage.utils.memory import keep_memory, resident, returned_memory
keep_memory()
with returned_memory():
    before = resident()
    blocks = [bytearray(b"x") * 2**22 for _ in range(8)]
    del blocks[:7]
    assert resident() - before < 2**23, (before, resident())
"""
    if sys.platform == "linux":
        subprocess.run([sys.executable, "-c", code], check=True)
