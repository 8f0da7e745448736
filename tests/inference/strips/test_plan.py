"""Plans stay within the memory, and prefer what is fast."""

from __future__ import annotations

import torch

from crossimage.inference.strips.maps import Input
from crossimage.inference.strips.plan import Survey
from crossimage.inference.strips.sources import TensorRows
from crossimage.inference.strips.trace import trace
from tests.inference.strips.test_engine import predictor

CPU = torch.device("cpu")


def survey(name: str, height: int, columns: int, **settings: object) -> Survey:
    model = predictor(name, **settings)
    style = torch.zeros(1, model.networks.style_dim) if model.networks.style_dim else None
    size = (1, 3, height, columns)
    traced = trace(model.networks, size, "b", style, device=CPU, bf16=False)
    like = torch.empty(size, device="meta")
    image = Input(TensorRows(like), (0, 0, 0, 0), "reflect", CPU, like)
    return Survey(traced, image, CPU)


def test_maps_are_kept_in_memory_where_they_fit_and_else_in_files() -> None:
    found = survey("cyclegan", 4096, 1024)
    roomy, tight, least = (found.plan(n) for n in (10**9, found.least * 4, found.least))
    assert roomy is not None and not roomy.in_file
    assert tight is not None and tight.in_file and tight.peak <= found.least * 4
    assert least is not None and least.in_file and min(least.rows) == 1
    assert found.plan(found.least - 1) is None
    assert max(roomy.rows) <= 256


def test_the_least_memory_does_not_depend_on_the_height() -> None:
    assert survey("cyclegan", 1024, 512).least == survey("cyclegan", 8192, 512).least


def test_kept_maps_follow_the_law() -> None:
    """Three stashes of 16 values per pixel at the published widths; MUNIT and UNIT four."""
    side = 512
    published = {"width": 64, "residual_blocks": 4}
    for name, stashes in (("cyclegan", 3), ("munit", 4), ("unit", 4)):
        kept = max(p.kept for p in survey(name, side, side, **published).passes)
        assert kept <= stashes * 16 * 4 * side**2, name
        assert kept > (stashes - 1) * 16 * 4 * side**2, name


def test_strips_of_a_pass_cover_all_its_work() -> None:
    found = survey("munit", 512, 256)
    plan = found.plan(10**9)
    assert plan is not None
    assert len(plan.rows) == len(plan.work) == len(found.passes)
    assert min(plan.work) > 0
