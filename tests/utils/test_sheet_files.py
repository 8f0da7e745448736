"""Sample sheets on disk."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crossimage.utils.sheet_files import save_sheet, sheet_files

DOT = Image.new("RGB", (2, 2))


def steps_after(run: Path, every: int, last: int) -> list[int]:
    for step in range(every, last + 1, every):
        save_sheet(DOT, run, step)
    return [step for step, _ in sheet_files(run)]


def test_sheets_look_like_what_was_drawn(tmp_path: Path) -> None:
    x, y = np.meshgrid(np.arange(64), np.arange(64))
    drawn = np.stack([4 * x, 4 * y, 255 - 2 * x - 2 * y], -1).astype(np.uint8)
    with Image.open(save_sheet(Image.fromarray(drawn), tmp_path, 7)) as saved:
        difference = np.asarray(saved.convert("RGB")).astype(float) - drawn
    assert np.abs(difference).mean() < 2


def test_the_newest_sheets_stay_and_older_ones_are_spaced_a_tenth_apart(tmp_path: Path) -> None:
    steps = steps_after(tmp_path, 100, 30_000)
    assert steps[-20:] == list(range(28_100, 30_001, 100))
    older = steps[:-20]
    assert older[:10] == list(range(100, 1001, 100))
    ratios = [b / a for a, b in zip(older, older[1:], strict=False)]
    assert min(ratios) >= 1.1 and max(ratios[10:]) < 1.2 and len(older) < 60


def test_thinning_does_not_depend_on_where_a_run_was_continued(tmp_path: Path) -> None:
    whole = steps_after(tmp_path / "whole", 10, 600)
    for last in (370, 600):
        continued = steps_after(tmp_path / "continued", 10, last)
    assert continued == whole


def test_sheets_of_earlier_versions_and_other_files_stay(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    for step in range(1, 60):
        (tmp_path / "samples" / f"step-{step:08d}.png").touch()
    (tmp_path / "samples" / "mine.jpg").touch()
    for step in (59, 60):
        save_sheet(DOT, tmp_path, step)
    names = [path.name for _, path in sheet_files(tmp_path)]
    assert names[:58] == [f"step-{step:08d}.png" for step in range(1, 59)]
    assert names[58:] == ["step-00000059.jpg", "step-00000060.jpg"]
    assert (tmp_path / "samples" / "mine.jpg").exists()


def test_sheets_too_large_for_a_jpeg_are_reduced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Image.open(save_sheet(Image.new("RGB", (10, 70_000)), tmp_path, 1)) as saved:
        assert saved.height == 65_000
