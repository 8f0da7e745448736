import numpy as np
import pytest

from crossimage.data.make.shapes import KINDS


@pytest.mark.parametrize("number", range(len(KINDS)))
def test_shapes_are_curves_around_the_origin_about_two_units_wide(number: int) -> None:
    kind, _ = KINDS[number]
    for seed in range(10):
        shape = kind(np.random.default_rng(seed))
        curves = [*shape.parts, *shape.lines, *([] if shape.hole is None else [shape.hole])]
        assert shape.parts
        assert all(curve.ndim == 2 and curve.shape[1] == 2 and len(curve) > 1 for curve in curves)
        points = np.concatenate(curves)
        assert np.isfinite(points).all()
        assert (points.min(0) < 0).all() and (points.max(0) > 0).all()
        assert 1 < np.ptp(points, 0).max() < 3.5


@pytest.mark.parametrize("number", range(len(KINDS)))
def test_the_same_seed_gives_the_same_shape_and_another_seed_another(number: int) -> None:
    kind, _ = KINDS[number]
    one, same, other = (kind(np.random.default_rng(seed)).parts for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert len(one) != len(other) or any(
        a.shape != b.shape or not np.array_equal(a, b) for a, b in zip(one, other, strict=True)
    )


def test_only_things_without_a_top_may_be_turned_around() -> None:
    turns = {kind.__name__: turn for kind, turn in KINDS}
    assert turns["_house"] < 0.5 and turns["_mug"] < 0.5
    assert turns["_star"] == turns["_blob"] == pytest.approx(np.pi)
