"""What is counted in pickles, without building any of it."""

import io
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from crossimage.utils.tensor_files.pickles import PickledTensor, Storage, follow, total
from crossimage.utils.tensor_files.surveys import survey

ONE = PickledTensor(Storage("0", "FloatStorage", 6), 0, (2, 3), (3, 1))


def test_what_is_shared_counts_each_time_and_is_looked_at_once() -> None:
    looked: list[PickledTensor] = []

    def number(tensor: PickledTensor) -> int:
        looked.append(tensor)
        return 6

    shared = {"w": ONE, "b": [1, 2]}
    assert total({"a": shared, "b": [shared, shared], "c": ONE}, number) == 24
    assert len(looked) == 2


def branching(levels: int) -> Any:
    value: Any = ONE
    for _ in range(levels):
        value = [value] * 8
    return value


def ring() -> Any:
    value: dict[str, Any] = {"w": ONE}
    value["again"] = [value] * 8
    return value


def tower() -> Any:
    value: Any = ONE
    for _ in range(200):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("value", "problem"),
    [(branching(20), "more than 1,500,000 values"), (ring(), "nested"), (tower(), "nested")],
)
def test_values_without_end_are_refused(value: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        total(value, lambda tensor: 1)


def test_a_shared_value_may_not_hide_how_deep_it_is() -> None:
    deep: Any = ONE
    for _ in range(20):
        deep = [deep]
    below = deep
    for _ in range(20):
        below = [below]
    with pytest.raises(ValueError, match="nested"):
        total([deep, below], lambda tensor: 1)


def test_plain_values_describe_no_tensors() -> None:
    content = follow(io.BytesIO(pickle.dumps({"a": [1, (2.0, "x")], "b": None}, 2)))
    assert total(content, lambda tensor: 1) == 0


def test_a_file_of_shared_tensors_is_read(tmp_path: Any) -> None:
    weight = torch.zeros(3, 4)
    path = tmp_path / "shared.pth"
    torch.save({"a": {"w": weight}, "b": {"w": weight}}, path)
    with path.open("rb") as file:
        assert survey(file)["a"]["w"].shape == (3, 4)


@pytest.mark.parametrize(
    "step", [b"]", b"}", b"K\1", b"X\1\0\0\0a", b"K\1\x85", b"]0", b"cab\ncd\n", b"cab\ncd\n)R"]
)
def test_pickles_of_more_steps_than_networks_need_are_refused(step: bytes) -> None:
    content = b"\x80\x02](" + 800_000 * step + b"e."
    with pytest.raises(ValueError, match="more steps than the networks of any checkpoint need"):
        follow(io.BytesIO(content))


def test_a_checkpoint_of_thousands_of_tensors_with_their_optimizer_is_read(tmp_path: Path) -> None:
    networks = [torch.nn.Parameter(torch.zeros(1, 1, 1, 1)) for _ in range(1_500)]
    state = {i: {"step": p.sum(), "exp_avg": p.data, "exp_avg_sq": p.data.clone()}
             for i, p in enumerate(networks)}  # fmt: skip
    path = tmp_path / "large.pth"
    torch.save({"net": {f"layer.{i}": p.data for i, p in enumerate(networks)}, "adam": state}, path)
    with path.open("rb") as file:
        assert total(survey(file), lambda tensor: 1) == 4 * 1_500
