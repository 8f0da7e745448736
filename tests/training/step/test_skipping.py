"""Moves that are not finite: what is restored, counted and said."""

import torch
from torch import nn

from crossimage.training.step.skipping import (
    SkippedMove,
    SkippedSteps,
    Snapshot,
    all_finite,
    count_of,
)


def test_a_snapshot_restores_the_buffers_in_place() -> None:
    norm = nn.BatchNorm2d(2)
    snapshot, buffers = Snapshot(norm), list(norm.buffers())
    before = [buffer.clone() for buffer in buffers]
    norm(torch.randn(4, 2, 3, 3))
    assert not torch.equal(buffers[0], before[0])
    snapshot.restore()
    assert all(torch.equal(*pair) for pair in zip(norm.buffers(), before, strict=True))
    norm(torch.randn(4, 2, 3, 3))
    later = buffers[0].clone()
    snapshot.take()
    norm(torch.randn(4, 2, 3, 3))
    snapshot.restore()
    assert torch.equal(buffers[0], later)


def test_values_whose_squares_overflow_are_not_finite() -> None:
    assert all_finite([torch.ones(3), torch.zeros(2)])
    for value in (float("nan"), float("inf"), 1e30):
        assert not all_finite([torch.ones(3), torch.tensor([value])])


def test_skipped_steps_are_counted_in_all_and_in_a_row() -> None:
    steps = SkippedSteps()
    assert steps.summary(0) is None
    for skipped in (True, True, False, True):
        steps.add(skipped)
    assert (steps.total, steps.in_a_row) == (3, 1)
    assert str(steps.summary(4)).startswith("3 of 4 steps skipped a move")
    assert count_of({"skipped": steps.state()}) == steps
    assert count_of({}) == SkippedSteps()


def test_the_images_of_the_process_with_the_bad_term_are_named() -> None:
    seen = [([], ["a.png"]), (["cycle"], ["b.png", "c.png"])]
    move = SkippedMove.combine(7, ("generators",), seen)
    assert str(move) == ("generators/cycle is not finite at step 7, whose images are b.png, c.png")
    everywhere = SkippedMove.combine(7, ("D", "G"), [([], ["a.png"]), ([], ["b.png"])])
    assert str(everywhere).startswith("the gradients of the D and G are not finite at step 7")
    assert everywhere.files == ("a.png", "b.png")


def test_a_long_list_of_images_is_cut() -> None:
    move = SkippedMove(1, ("G",), ("x", "y"), tuple(f"{n}.png" for n in range(42)))
    assert str(move).startswith("G/x and G/y are not finite")
    assert str(move).endswith("39.png and 2 more")
