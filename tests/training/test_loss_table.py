"""The table of losses: what is written is read back, torn rows included."""

from pathlib import Path

from crossimage.training.loss_table import LossRow, append_row, drop_rows_after, read_rows


def test_rows_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    rows = [
        LossRow(2, 0.5, 1e-3, {"g/x": 1.25}),
        LossRow(4, 1.0, 5e-4, {"g/x": float("inf"), "d/y": 3.0}),
    ]
    assert read_rows(path) == []
    for row in rows:
        append_row(path, row)
    assert path.read_text().splitlines()[0] == "step,seconds,learning_rate,g/x,d/y"
    assert read_rows(path) == rows


def test_torn_and_unreadable_rows_are_skipped_and_the_later_of_two_counts(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(
        "step,seconds,learning_rate,g/x\n2,1,0.1,5\n2,1,0.1,6\noops,1,0.1,6\n4,2,0.1\n3,2,0.1,7"
    )
    assert [(row.step, row.losses["g/x"]) for row in read_rows(path)] == [(2, 6.0), (3, 7.0)]
    path.write_text("no table of losses\n1\n")
    assert read_rows(path) == []


def test_rows_after_a_step_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    drop_rows_after(path, 2)
    assert not path.exists()
    for step in (2, 4):
        append_row(path, LossRow(step, 1.0, 0.1, {"g/x": 1.0}))
    drop_rows_after(path, 2)
    assert [row.step for row in read_rows(path)] == [2]
