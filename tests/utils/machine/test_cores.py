"""The cores that a process may use, and those that others use."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crossimage.utils.machine import cores as module
from crossimage.utils.machine.cores import Load, cores


def limit(group: Path, version: int, quota: str, period: str = "100000") -> None:
    """Give a control group a quota, as the kernel shows it."""
    group.mkdir(parents=True, exist_ok=True)
    if version == 2:
        (group / "cpu.max").write_text(f"{quota} {period}\n")
    else:
        (group / "cpu.cfs_quota_us").write_text(f"{quota}\n")
        (group / "cpu.cfs_period_us").write_text(f"{period}\n")


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("quotas", "expected"),
    [
        ({"": "none", "pod": "none", "pod/job": "none"}, 8),
        ({"": "none", "pod": "none", "pod/job": "300000"}, 3),
        ({"": "none", "pod": "200000", "pod/job": "600000"}, 2),
        ({"": "none", "pod": "none", "pod/job": "1600000"}, 8),
        ({"": "none", "pod": "none", "pod/job": "10000"}, 1),
        ({"": "none", "pod": "none", "pod/job": "170000"}, 2),
    ],
)
def test_quotas_of_containers_limit_the_cores(
    version: int,
    quotas: dict[str, str],
    expected: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = tmp_path if version == 2 else tmp_path / "cpu"
    none = "max" if version == 2 else "-1"
    for name, quota in quotas.items():
        limit(root / name, version, none if quota == "none" else quota)
    membership = tmp_path / "membership"
    membership.write_text("0::/pod/job\n" if version == 2 else "3:cpu,cpuacct:/pod/job\n0::/\n")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "MEMBERSHIP", membership)
    monkeypatch.setattr(module, "_allowed", lambda: set(range(8)))
    assert cores() == expected


def test_without_quotas_all_cores_of_the_affinity_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MEMBERSHIP", tmp_path / "missing")
    monkeypatch.setattr(module, "_allowed", lambda: {1, 5, 6})
    assert cores() == 3


def times(path: Path, *busy: int) -> None:
    """Write the times of cores as the kernel shows them, in hundredths of a second."""
    rows = [f"cpu{i} {b} 0 0 {10**6 - b} 77 0 0 0 0 0" for i, b in enumerate(busy)]
    path.write_text("\n".join([f"cpu  {sum(busy)} 0 0 5 5 0 0 0 0 0", *rows, "intr 5 6"]) + "\n")


def test_what_others_compute_on_our_cores_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, wall, own = (
        tmp_path / "stat",
        iter([0.0, 2.0, 2.0]),
        iter([(0.0,) * 5, (0.5, 0, 0, 0, 0)]),
    )
    monkeypatch.setattr(module, "_TIMES", path)
    monkeypatch.setattr(module, "_allowed", lambda: {0, 2})
    monkeypatch.setattr(os, "sysconf", lambda _: 100)
    monkeypatch.setattr(os, "times", lambda: next(own))
    monkeypatch.setattr(time, "perf_counter", lambda: next(wall))
    times(path, 1000, 1000, 1000)
    load = Load()
    times(path, 1200, 1200, 1050)  # two seconds later: 2.5 s on our cores, 0.5 s of them ours
    monkeypatch.setattr(time, "perf_counter", lambda: 2.0)
    assert load.others(seconds=1.0) == pytest.approx(1.0)


def test_without_times_of_cores_the_load_average_stands_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TIMES", tmp_path / "missing")
    monkeypatch.setattr(os, "getloadavg", lambda: (1.5, 9.0, 9.0), raising=False)
    assert Load().others() == 1.5
    monkeypatch.delattr(os, "getloadavg")
    assert Load().others() == 0.0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/stat")
def test_a_program_that_computes_is_seen() -> None:
    command = "import time\nend = time.time() + 9\nwhile time.time() < end: pass"
    with subprocess.Popen([sys.executable, "-c", command]) as busy:
        try:
            assert Load().others(seconds=0.4) > 0
        finally:
            busy.kill()
