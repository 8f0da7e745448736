"""Two processes equal one big batch, and are killed and continued like one process."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from crossimage.data.loader import Sample
from crossimage.data.samples.datasets import ImageDataset
from tests.conftest import slow, small
from tests.faults.harness import (
    PATIENCE,
    Hold,
    compare,
    digest,
    finish,
    outcome,
    start,
    start_two,
    train_command,
    without_sheets,
)
from tests.test_invariants import assert_one_big_batch

FEW = small(steps=3, log_every=1, save_every=1)
MORE_STEPS = {"steps": 16, "log_every": 3, "ema_decay": 0.9}
MORE = small("pix2pix", **MORE_STEPS)


@pytest.fixture(scope="module")
def single(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one process."""
    out = tmp_path_factory.mktemp("single")
    finish(start(train_command(folders, out, FEW), prepare=without_sheets))
    return out


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"accumulate": 2}, {"workers": 2}])
def test_two_processes_are_one_big_batch(
    changes: dict[str, Any], folders: Path, tmp_path: Path, single: Path
) -> None:
    command = train_command(folders, tmp_path / "two", FEW | changes)
    finish(*start_two(command, tmp_path / "said.txt"))
    assert_one_big_batch(single, tmp_path / "two")


@pytest.mark.parametrize(
    ("method", "augment"),
    [
        ("munit", "adaptive"),
        ("stargan", "none"),
        slow("munit", "none"),
        slow("munit", "color,translation,cutout"),
        slow("stargan", "color,translation,cutout"),
        slow("stargan", "adaptive"),
    ],
)
def test_two_processes_are_two_micro_batches_bit_for_bit(
    method: str, augment: str, folders: Path, labelled: Path, tmp_path: Path
) -> None:
    micro, two = tmp_path / "micro", tmp_path / "two"
    data = labelled if method == "stargan" else folders
    few = small(method, steps=3, augment=augment)
    command = train_command(data, micro, few | {"accumulate": 2}, method)
    finish(start(command, prepare=without_sheets))
    command = train_command(data, two, few, method)
    finish(*start_two(command, tmp_path / "said.txt", without_sheets))
    one, other = outcome(micro), outcome(two)
    for key in ("method", "optimizers", "augmentation", "model.safetensors"):
        assert one[key] == other[key], key


def poison_three_samples() -> None:
    """Put pixels that are not finite into samples that only the second process sees."""
    real = ImageDataset.__getitem__

    def poisoned(self: ImageDataset, number: int) -> Sample:
        sample = real(self, number)
        if number in (3, 6, 15):
            for image in sample.images.values():
                image[:] = float("nan")
        return sample

    ImageDataset.__getitem__ = poisoned  # type: ignore[method-assign]


@pytest.mark.parametrize("method", ["pix2pix", slow("munit"), slow("cyclegan")])
def test_both_processes_skip_what_one_of_them_cannot_use(
    method: str, pairs: Path, tmp_path: Path
) -> None:
    micro, two, said = tmp_path / "micro", tmp_path / "two", tmp_path / "said.txt"
    few = small(method, steps=5, save_every=1, ema_decay=0.9)
    command = train_command(pairs, micro, few | {"accumulate": 2}, method)
    finish(start(command, prepare=poison_three_samples))
    command = train_command(pairs, two, few, method)
    finish(*start_two(command, said, poison_three_samples))
    one, other = outcome(micro), outcome(two)
    for key in ("method", "average", "optimizers", "model.safetensors"):
        if method != "cyclegan":  # each process has a history of generated images of its own
            assert one[key] == other[key], key
    assert one["skipped"] == other["skipped"] == digest({"total": 3, "in_a_row": 0})
    text = said.read_text()
    assert "3 of 5 steps skipped a move" in text and text.count("is not finite at step 2") >= 1
    # continued across a skipped step
    for step in (4, 5):
        (two / "checkpoints" / f"step-{step:08}.pt").unlink()
    finish(*start_two(command, said, poison_three_samples))
    assert outcome(two) == other


def test_devices_starts_the_processes(folders: Path, tmp_path: Path, single: Path) -> None:
    command = [*train_command(folders, tmp_path / "two", FEW), "--devices", "2"]
    program = [sys.executable, "-m", "crossimage"]
    done = subprocess.run(
        [*program, *command], check=True, timeout=PATIENCE, stdout=subprocess.PIPE
    )
    assert done.stdout.count(b"training munit") == 1, "only the first process speaks"
    assert_one_big_batch(single, tmp_path / "two")
    environment = (tmp_path / "two" / "environment.json").read_text()
    assert '"processes": 2' in environment


@pytest.fixture(scope="module")
def whole(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run of two processes."""
    out = tmp_path_factory.mktemp("whole")
    finish(*start_two(train_command(pairs, out, MORE, "pix2pix"), out / "said.txt"))
    return out


@pytest.mark.slow
@pytest.mark.parametrize("victims", [(0, 1), (0,), (1,)])
def test_two_killed_processes_continue_to_the_same_end(
    victims: tuple[int, ...], pairs: Path, tmp_path: Path, whole: Path
) -> None:
    said = tmp_path / "said.txt"
    command = train_command(pairs, tmp_path / "killed", MORE, "pix2pix")
    hold = Hold(tmp_path, 2)
    both = start_two(command, said, hold)
    hold.wait(both[0])
    for rank in victims:
        both[rank].kill()
    hold.let_go()
    for process in both:  # the survivor ends of its own accord
        process.join(PATIENCE)
        assert process.exitcode not in (None, 0)
    finish(*start_two(command, said))
    compare(whole, tmp_path / "killed")


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("cyclegan", {"history": 3}),
        slow("pix2pix", {"norm": "batch", "dropout": 0.5, "test_mode": "eval", "decay_steps": 8}),
    ],
)
def test_two_killed_processes_keep_their_memories_and_statistics(
    method: str, changes: dict[str, Any], folders: Path, pairs: Path, tmp_path: Path
) -> None:
    """Each has its own history of generated images; batch norms hold the mean of both."""
    said, data = tmp_path / "said.txt", pairs if method == "pix2pix" else folders
    settings = small(method, **MORE_STEPS | changes)
    whole, killed = (train_command(data, tmp_path / o, settings, method) for o in ("whole", "kill"))
    finish(*start_two(whole, said))
    hold = Hold(tmp_path, 4)
    both = start_two(killed, said, hold)
    hold.wait(both[0])
    for process in both:
        process.kill()
        process.join()
    finish(*start_two(killed, said))
    compare(tmp_path / "whole", tmp_path / "kill")
    newest = max((tmp_path / "whole" / "checkpoints").glob("*.pt"))
    memories = torch.load(newest, weights_only=True)["memories"]
    assert len(memories) == 2
    if method == "cyclegan":
        first, second = memories
        assert first.keys() == second.keys() != set()
        assert not torch.equal(first["history.a.images"], second["history.a.images"])


def test_batch_norms_hold_the_mean_over_both_processes(pairs: Path, tmp_path: Path) -> None:
    """For the first norm, whose input no other norm has changed, it is the whole batch's mean."""
    settings = small("pix2pix", norm="batch", steps=1, decay_steps=0)
    finish(start(train_command(pairs, tmp_path / "one", settings, "pix2pix")))
    command = train_command(pairs, tmp_path / "two", settings, "pix2pix")
    finish(*start_two(command, tmp_path / "said.txt"))
    one, two = (load_file(tmp_path / run / "model.safetensors") for run in ("one", "two"))
    first = next(key for key in one if key.endswith("running_mean"))
    assert one[first].abs().max() > 1e-4
    torch.testing.assert_close(two[first], one[first])


def test_a_problem_of_one_process_is_reported_once_and_ends_both(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for domain in "AB":
        for i in range(8):
            path = data / f"train{domain}" / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (24, 24), (30 * i, 99, 0)).save(path)
    for i in range(2, 8):
        (data / "trainA" / f"{i}.png").write_bytes(b"not an image")
    said = tmp_path / "said.txt"
    both = start_two(train_command(data, tmp_path / "run", small()), said)
    for process, code in zip(both, (2, 0), strict=True):
        process.join(PATIENCE)
        assert process.exitcode == code
    sentences = [line for line in said.read_text().splitlines() if "crossimage: " in line]
    assert len(sentences) == 1 and "of 8 images of domain a can't be read" in sentences[0]
