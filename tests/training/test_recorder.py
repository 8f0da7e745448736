"""What a run writes for its reader while it trains."""

import csv
import shutil
import time
from pathlib import Path

import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from crossimage import train
from crossimage.config import Config
from crossimage.training.listener import Listener
from crossimage.training.loss_table import read_rows
from crossimage.training.recorder import Recorder
from crossimage.training.result import TrainingResult
from crossimage.utils.contact_sheet import Panel, sheet
from tests.conftest import small

TERMS = ["adversarial", "image", "style", "content", "cycle"]


@pytest.fixture(scope="module")
def run(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was continued once."""
    out = tmp_path_factory.mktemp("run")
    for steps in (4, 6):
        time.sleep(1.01)  # TensorBoard sorts its files by the second they were opened in
        train("munit", folders, out, **small(steps=steps, sample_every=4))
    return out


def recorder(run: Path) -> Recorder:
    return Recorder(run, Listener(), 9, 9, {}, {}, True, lambda: None)


def test_the_page_of_a_stopped_run_names_the_step_that_was_saved(tmp_path: Path) -> None:
    stopped = TrainingResult(
        run=tmp_path, method="gan", config=Config(), step=7, first_step=0, targets=(),
        accuracies={}, stopped_by="SIGINT", warnings=(),
    )  # fmt: skip
    recorder(tmp_path).ended(stopped)
    page = (tmp_path / "index.html").read_text()
    assert "<dd>7 of 9</dd>" in page and "<dd>stopped</dd>" in page and "time left" not in page


def test_metrics_have_a_column_a_term_and_a_row_an_interval(run: Path) -> None:
    with open(run / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = ["discriminators/adversarial", *(f"generators/{term}" for term in TERMS)]
    assert list(rows[0]) == ["step", "seconds", "learning_rate", *expected]
    assert [int(row["step"]) for row in rows] == [2, 4, 6]
    seconds = [float(row["seconds"]) for row in rows]
    assert seconds == sorted(seconds) and seconds[0] > 0


def test_sheets_are_pictures_at_the_start_at_their_intervals_and_at_the_end(run: Path) -> None:
    sheets = sorted(path.name for path in (run / "samples").iterdir())
    assert sheets == ["step-00000000.jpg", "step-00000004.jpg", "step-00000006.jpg"]
    with Image.open(run / "samples" / sheets[0]) as sheet:
        assert min(sheet.size) > 4 * 16 and len(set(sheet.convert("L").tobytes())) > 20


@pytest.mark.parametrize("method", ["pix2pix", "bicyclegan"])
def test_test_inputs_without_targets_are_shown(
    method: str, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Panel] = []
    monkeypatch.setattr(
        "crossimage.training.recorder.sheet", lambda panels: shown.extend(panels) or sheet(panels)
    )
    data = shutil.copytree(pairs, tmp_path / "data")
    shutil.rmtree(data / "testB")
    train(method, data, tmp_path / "run", **small(method, steps=1))
    first, second = ([name for name, _ in panel.columns] for panel in shown[:2])
    assert "ground truth" in first and "test images" in shown[1].title
    assert second[0] == "input" and "ground truth" not in second
    assert [images.shape[0] for _, images in shown[1].columns] == [2] * len(second)


def test_the_sheet_shows_test_images_only_where_all_domains_have_some(
    folders: Path, labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles: list[str] = []

    def spy(panels: list[Panel]) -> Image.Image:
        titles.extend(panel.title for panel in panels)
        return sheet(panels)

    monkeypatch.setattr("crossimage.training.recorder.sheet", spy)
    for method, data, without in (
        ("munit", folders, []),
        ("munit", folders, ["testA"]),
        ("munit", folders, ["testA", "testB"]),
        ("stargan", labelled, []),
        ("stargan", labelled, ["test"]),
    ):
        titles.clear()
        out = tmp_path / f"{method}-{len(without)}"
        copy = shutil.copytree(data, out / "data")
        for name in without:
            shutil.rmtree(copy / name)
        train(method, copy, out / "run", **small(method, steps=1))
        assert any("training images" in title for title in titles)
        assert any("test images" in title for title in titles) == (not without)


def test_the_page_shows_the_newest_sheet_and_the_losses(run: Path) -> None:
    page = (run / "index.html").read_text()
    assert "samples/step-00000006.jpg" in page and "samples/step-00000004.jpg" in page
    assert "7 images of a and 5 images of b" in page and "6 of 6" in page
    for term in TERMS:
        assert term in page


def test_tensorboard_has_scalars_and_pictures(run: Path) -> None:
    board = EventAccumulator(str(run / "logs")).Reload()
    assert [event.step for event in board.Scalars("generators/cycle")] == [2, 4, 6]
    assert "learning_rate" in board.Tags()["scalars"]
    assert [event.step for event in board.Images("samples")] == [0, 4, 6]


def test_a_row_is_the_mean_since_the_last_one_also_across_a_restart(tmp_path: Path) -> None:
    first = recorder(tmp_path)
    with first.recording(0, 0.0):
        first.add({"g/x": torch.tensor(1.0)})
        first.add({"g/x": torch.tensor(2.0)})
        state = first.state()
    second = recorder(tmp_path)
    second.restore(state)
    with second.recording(2, 1.0):
        second.add({"g/x": torch.tensor(6.0)})
        second.log(3, 2.0, 0.1)
        second.add({"g/x": torch.tensor(8.0)})
        second.log(4, 3.0, 0.1)
    assert (tmp_path / "metrics.csv").read_text().splitlines() == [
        "step,seconds,learning_rate,g/x", "3,2.00,0.1,3", "4,3.00,0.1,8",
    ]  # fmt: skip


def test_rows_of_steps_that_are_made_again_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,seconds,learning_rate,g/x\n2,1,0.1,5\n4,2,0.1,6\n6,3,0.")
    again = recorder(tmp_path)
    with again.recording(2, 1.0):
        assert path.read_text() == "step,seconds,learning_rate,g/x\n2,1,0.1,5\n"
        again.add({"g/x": torch.tensor(7.0)})
        again.log(4, 2.0, 0.1)
    assert path.read_text().splitlines()[1:] == ["2,1,0.1,5", "4,2.00,0.1,7"]


def test_a_row_that_a_kill_has_torn_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,seconds,learning_rate,g/x\n1,1,0.1,5\n2,2,0.")
    with recorder(tmp_path).recording(2, 2.0):
        pass
    assert path.read_text().splitlines() == ["step,seconds,learning_rate,g/x", "1,1,0.1,5"]


def test_sums_from_a_checkpoint_go_to_the_losses_device(tmp_path: Path) -> None:
    watch = Recorder(tmp_path, Listener(), 9, 9, {}, {}, False, lambda: None)
    with watch.recording(0, 0.0):
        watch.restore({"losses": [(["g/x"], torch.ones(1), 1)]})
        watch.add({"g/x": torch.ones((), device="meta")})
    assert watch.state()["losses"][0][1].device.type == "meta"


def test_a_row_holds_the_mean_of_every_term_over_the_steps_that_have_it(tmp_path: Path) -> None:
    watch = recorder(tmp_path)
    with watch.recording(0, 0.0):
        watch.add({"g/x": torch.tensor(1.0)})
        watch.log(1, 1.0, 0.1)
        watch.add({"g/x": torch.tensor(2.0)})
        watch.add({"d/y": torch.tensor(4.0), "g/x": torch.tensor(6.0)})
        watch.log(3, 3.0, 0.1)
    with open(tmp_path / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["g/x"], row["d/y"]) for row in rows] == [("1", ""), ("4", "4")]


def test_values_that_are_not_finite_stay_out_of_the_table_and_tensorboard(tmp_path: Path) -> None:
    watch = recorder(tmp_path)
    with watch.recording(0, 0.0):
        for x, y in ((1.0, float("nan")), (float("inf"), float("nan")), (3.0, float("nan"))):
            watch.add({"g/x": torch.tensor(x), "d/y": torch.tensor(y)})
        watch.log(3, 1.0, 0.1)
        watch.add({})
        watch.log(4, 2.0, 0.1)
    assert [row.losses for row in read_rows(tmp_path / "metrics.csv")] == [{"g/x": 2.0}, {}]
    board = EventAccumulator(str(tmp_path / "logs")).Reload()
    assert [event.value for event in board.Scalars("g/x")] == [2.0]
    assert "d/y" not in board.Tags()["scalars"]


def test_sums_of_a_run_begun_before_skipping_are_continued(tmp_path: Path) -> None:
    watch = recorder(tmp_path)
    watch.restore({"losses": [(["g/x", "g/y"], torch.tensor([3.0, 4.0]), 2)]})
    with watch.recording(2, 0.0):
        watch.add({"g/x": torch.tensor(6.0), "g/y": torch.tensor(float("nan"))})
        watch.log(3, 1.0, 0.1)
    (row,) = read_rows(tmp_path / "metrics.csv")
    assert row.losses == {"g/x": 3.0, "g/y": 2.0}


def test_an_explosion_of_the_losses_is_told_while_the_run_goes_on(tmp_path: Path) -> None:
    watch = recorder(tmp_path)
    with watch.recording(0, 0.0):
        for step in range(1, 31):
            watch.add({"generators/l1": torch.tensor(0.1 if step < 30 else 400.0)})
            watch.log(step, float(step), 1e-4)
    (sentence,) = watch.listener.warnings
    assert sentence.startswith("step 30: ") and "generators/l1 is 400" in sentence


def test_only_the_first_process_writes(tmp_path: Path) -> None:
    watch = Recorder(tmp_path, Listener(), 9, 9, {}, {}, False, lambda: None)
    with watch.recording(0, 0.0):
        watch.add({"d/x": torch.tensor(1.0)})
        watch.log(1, 1.0, 0.1)
    assert not list(tmp_path.iterdir())
