"""Edges of outputs are compared with those of their inputs, as counted by hand."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from crossimage.evaluation.galleries.base import GalleryItem
from crossimage.evaluation.metrics.base import Amounts, Setup
from crossimage.evaluation.metrics.edges import Edges, edges_of


def square(side: int = 64, low: int = 16, high: int = 48, level: int = 0) -> Tensor:
    """A square on white (3, side, side), uint8."""
    image = torch.full((3, side, side), 255, dtype=torch.uint8)
    image[:, low:high, low:high] = level
    return image


def metric() -> Edges:
    gallery = SimpleNamespace(has_inputs=True, title="gallery")
    return Edges(Setup(gallery, SimpleNamespace(), Amounts()))  # type: ignore[arg-type]


def scores(x: Tensor, *outputs: Tensor) -> dict[str, float]:
    own = metric()
    own.update(GalleryItem("input", torch.stack(outputs), x, None, Path("input.png")))
    return {figure.name: figure.value for figure in own.figures()}


def test_edges_are_thin_and_where_levels_change() -> None:
    edges = edges_of(square()[None])[0, 0]
    rows, columns = edges.nonzero().T
    for line in (rows, columns):
        assert int(line.min()) in {15, 16} and int(line.max()) in {47, 48}
    assert edges[20:44, 20:44].sum() == 0
    assert 4 * 28 <= edges.sum() <= 4 * 34  # one pixel wide


def test_a_plain_or_faintly_noisy_image_has_no_edges() -> None:
    plain = torch.full((1, 3, 32, 32), 120, dtype=torch.uint8)
    noise = torch.randint(-3, 4, plain.shape, generator=torch.Generator().manual_seed(0))
    assert not edges_of(plain).any()
    assert not edges_of((plain + noise).byte()).any()


def test_the_same_image_in_another_colour_keeps_all_lines() -> None:
    found = scores(square(), square(level=120))
    assert found == dict.fromkeys(found, pytest.approx(1.0))


def test_lost_lines_lower_recall_and_new_ones_precision() -> None:
    both = square()
    both[:, 24:40, 24:40] = 255  # a square within the square: 1.5 times the edges
    lost, new = scores(both, square()), scores(square(), both)
    assert lost["edges_recall"] == pytest.approx(2 / 3, abs=0.03)
    assert lost["edges_precision"] == pytest.approx(1, abs=0.01)
    assert new["edges_precision"] == pytest.approx(2 / 3, abs=0.03)
    assert new["edges_recall"] == pytest.approx(1, abs=0.01)
    assert lost["edges"] == pytest.approx(0.8, abs=0.03) == new["edges"]


@pytest.mark.parametrize("shift, kept", [(1, True), (4, False)])
def test_lines_may_be_off_by_the_tolerance(shift: int, kept: bool) -> None:
    found = scores(square(), square(low=16 + shift, high=48 + shift))
    assert (found["edges"] > 0.95) if kept else (found["edges"] < 0.3)


def test_the_tolerance_grows_with_the_image() -> None:
    large = square(512, 128, 384), square(512, 131, 387)
    assert scores(*large)["edges"] > 0.95
    assert scores(square(), torch.full_like(square(), 255))["edges"] == 0


def test_outputs_of_another_size_are_compared_with_the_resized_input() -> None:
    assert scores(square(), square(128, 32, 96))["edges"] > 0.95


def test_inputs_without_edges_do_not_count_and_are_stated() -> None:
    own, plain = metric(), torch.full((3, 64, 64), 200, dtype=torch.uint8)
    own.update(GalleryItem("plain", plain[None], plain, None, Path("a.png")))
    with pytest.raises(ValueError, match="no input has an edge"):
        own.figures()
    own.update(GalleryItem("square", square()[None], square(), None, Path("b.png")))
    figure, *_ = own.figures()
    assert figure.count == 1 and "1 inputs without edges do not count" in figure.note
    assert "within 1 pixels" in figure.protocol


def test_without_inputs_it_does_not_apply() -> None:
    gallery = SimpleNamespace(has_inputs=False)
    setup = Setup(gallery, SimpleNamespace(), Amounts())  # type: ignore[arg-type]
    assert "inputs of these images are not known" in (Edges.refusal(setup) or "")
