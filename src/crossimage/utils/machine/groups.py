"""Control groups of Linux, by which containers and job schedulers limit a process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT, MEMBERSHIP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def groups_of(controller: str, root: Path, membership: Path) -> Iterator[tuple[int, Path]]:
    """Yield the groups of this process that can limit something, and all groups above them.

    Args:
        controller: What they limit, such as ``memory`` or ``cpu``.
        root: Where groups are mounted.
        membership: The file that names the groups of this process; without it there are none.

    Yields:
        The version of control groups, 1 or 2, and the folder of a group. Inside a container, whose
        own group has no folder, the root stands for it.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            yield from ((2, group) for group in _upwards(root, path))
        elif controller in controllers.split(","):
            yield from ((1, group) for group in _upwards(root / controller, path))


def _upwards(root: Path, path: str) -> list[Path]:
    folder = root / path.lstrip("/")
    folders = [folder, *folder.parents] if folder.is_dir() else [root]
    return [group for group in folders if group.is_relative_to(root)]
