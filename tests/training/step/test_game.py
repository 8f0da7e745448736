"""Mistakes of a method's author are told in one sentence, before or where they would do harm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from crossimage import train
from crossimage.config import build
from crossimage.methods import METHODS
from crossimage.methods.base import Batch, Method, Update
from crossimage.training.step.game import check_players
from tests.conftest import RUN, small
from tests.methods.test_base import Toy, ToyConfig


class Coloured(Toy):
    """Holds more than the toy: a module that translation uses."""

    def __init__(self, config: ToyConfig, *, training: bool = True) -> None:
        super().__init__(config, training=training)
        self.colour = nn.Conv2d(3, 3, 1)


def built(base: type[Toy], **attributes: Any) -> Method:
    return type("Mine", (base,), attributes)(build(ToyConfig, RUN))


@pytest.mark.parametrize("name", METHODS)
def test_every_method_keeps_the_rules(name: str) -> None:
    method = METHODS[name](build(METHODS[name].Config, small(name)))
    state = torch.get_rng_state()
    check_players(method)
    assert torch.equal(state, torch.get_rng_state())


def test_a_module_that_is_no_player_is_named_before_it_is_lost(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS, "coloured", Coloured)
    with pytest.raises(ValueError, match="colour has parameters but belongs to no player; add it"):
        train("coloured", str(folders), tmp_path / "run", **RUN)
    assert not (tmp_path / "run").exists()


def test_adding_it_to_the_players_helps() -> None:
    order = (*Toy.player_order, "colour")
    with pytest.raises(ValueError, match="colour .* model files would lack it; add it to inferen"):
        check_players(built(Coloured, player_order=order))
    kept = ("generators", "colour")
    check_players(built(Coloured, player_order=order, inference_players=kept))


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (nn.BatchNorm2d(3, affine=False), "extra has buffers but belongs to no player"),
        (nn.Parameter(torch.ones(1)), "extra belongs to no player; move it into a module"),
        (torch.ones(1), "extra belongs to no player; return it from memory"),
    ],
)
def test_buffers_and_single_parameters_need_an_owner_too(
    extra: nn.Module | Tensor, sentence: str
) -> None:
    method = built(Toy)
    if isinstance(extra, nn.Module | nn.Parameter):
        method.extra = extra
    else:
        method.register_buffer("extra", extra)
    with pytest.raises(ValueError, match=sentence):
        check_players(method)


def test_memory_and_buffers_that_are_not_saved_need_no_owner() -> None:
    method = built(Toy, memory=lambda self: {"past": self.past})
    method.register_buffer("past", torch.ones(1))
    method.register_buffer("grid", torch.ones(1), persistent=False)
    check_players(method)


def test_players_that_are_not_built_are_named() -> None:
    order = (*Toy.player_order, "colour")
    with pytest.raises(ValueError, match="player_order names colour, .* as self.colour, or remove"):
        check_players(built(Toy, player_order=order))
    with pytest.raises(ValueError, match="heads is in inference_players, but is not built with"):
        check_players(built(Toy, inference_players=("generators", "heads")))


def test_a_player_without_parameters_is_named() -> None:
    method = built(Toy)
    method.heads = nn.Identity()
    with pytest.raises(ValueError, match="the player heads has no parameters, so it cannot move"):
        check_players(method)


def moves(*updates: Any) -> Any:
    def training_step(self: Toy, batch: Batch) -> Iterator[Any]:
        loss = self.generators(batch.images["a"]).square()
        for update in updates:
            yield update(loss) if callable(update) else update

    return training_step


@pytest.mark.parametrize(
    ("updates", "sentence"),
    [
        ([lambda x: Update("generators", {"cycle": x.mean()})],
         "Mine: the term 'cycle' of generators has no weight; add cycle to the config's weights"),
        ([lambda x: Update("generator", {"match": x.mean()})],
         "Mine: an Update names the unknown player 'generator'; did you mean 'generators'"),
        ([lambda x: Update(("generators", "head"), {"match": x.mean()})], "unknown player 'head'"),
        ([lambda x: Update("generators", {"match": x})],
         r"Mine: the term 'match' of generators has shape \(4, 3, 16, 16\); expected a scalar"),
        ([lambda _: Update("generators", {"match": 0.5})],  # type: ignore[dict-item]
         r"Mine: the term 'match' of generators has 0\.5; expected a scalar tensor"),
        (
            [lambda x: Update("generators", {"match": x.mean().detach()})],
            "Mine: no term of generators depends on parameters, of match",
        ),
        ([{"match": 1}], "Mine: training_step yielded a dict; expected an Update"),
        ([], "Mine: step 1 made no move; training_step must yield an Update"),
        ([Update("generators", {})], "Mine: step 1 made no move"),
    ],
)  # fmt: skip
def test_malformed_moves_are_named(
    updates: list[Any], sentence: str, folders: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    mine = type("Mine", (Toy,), {"training_step": moves(*updates)})
    monkeypatch.setitem(METHODS, "mine", mine)
    with pytest.raises(ValueError, match=sentence):
        train("mine", str(folders), tmp_path / "run", **RUN)
