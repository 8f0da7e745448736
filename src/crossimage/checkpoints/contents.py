"""Required contents of a checkpoint, beyond bytes that match their checksum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from torch import Tensor
from typing_extensions import TypedDict

from crossimage.utils.tensor_files.outline import check_shapes, shapes_of
from crossimage.utils.texts.shown import cut, shown

_Count = Annotated[int, Field(ge=0, le=10**18)]
_Tensors = dict[str, Tensor]
_RULES = ConfigDict(arbitrary_types_allowed=True, extra="allow", strict=True)


@with_config(_RULES)
class _Skipped(TypedDict):
    total: _Count
    in_a_row: _Count


@with_config(_RULES)
class _Optimizer(TypedDict):
    state: dict[int, dict[str, Any]]
    param_groups: list[dict[str, Any]]


@with_config(_RULES)
class _Recorder(TypedDict):
    losses: list[tuple[list[str], Tensor, Tensor | float]]


@with_config(_RULES)
class _Planned(TypedDict):
    finish: bool
    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    step: _Count
    before: dict[str, _Count]


_Evaluated = tuple[_Count, float]


@with_config(_RULES)
class _Standing(TypedDict):
    figure: str
    better: Literal["higher", "lower"]
    best: _Evaluated | None
    last: _Evaluated | None
    stale: _Count
    figures: dict[str, float]


@with_config(_RULES)
class _State(TypedDict, total=False):
    step: _Count
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    method: _Tensors
    average: _Tensors | None
    memories: list[_Tensors]
    optimizers: dict[str, _Optimizer]
    scaler: dict[str, Any] | None
    unreadable: dict[str, dict[str, str]]
    skipped: _Skipped
    recorder: _Recorder
    config: dict[str, Any]
    data: dict[str, str]
    data_changes: list[str]
    plan: list[_Planned]
    validation: _Standing
    arithmetic: str
    threads: Annotated[int, Field(ge=1, le=1024)]


_ADAPTER = TypeAdapter(_State)

NEEDED = ("step", "seconds", "method", "average", "memories", "optimizers", "scaler", "unreadable",
           "recorder", "config", "data", "arithmetic")  # fmt: skip
"""What a run continues from."""


def problem_of(state: object, step: int | None = None) -> str | None:
    """Return what is wrong with the values of a state, as far as it has them, or None.

    Args:
        state: What a checkpoint holds.
        step: The step that its file's name states.
    """
    try:
        values = _ADAPTER.validate_python(state)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"])) or "its content"
        message = first["msg"][0].lower() + first["msg"][1:]
        return f"holds a wrong value: {cut(key)}: {cut(message)}, found {shown(first['input'])}"
    found = values.get("step", step)
    if step is not None and found != step:
        return f"holds the state of step {found}, and its name says {step}"
    return None


def check_entries(state: Mapping[str, Any], path: Path, needed: Sequence[str] = NEEDED) -> None:
    """Check that a state has all that is needed.

    Args:
        state: The state.
        path: Its file.
        needed: Names of its values; by default all that a run continues from.

    Raises:
        ValueError: Something is missing.
    """
    missing = [key for key in needed if key not in state]
    if "config" in state and not isinstance(state["config"].get("method"), str):
        missing.append("config.method")
    if missing:
        raise ValueError(
            f"{path} is not a complete checkpoint of a run: {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing; restore it, or remove it to use the "
            "checkpoint before it"
        )


def check_weights(state: Mapping[str, Any], expected: Mapping[str, Tensor], path: Path) -> None:
    """Check that a state's weights are those of some networks, and finite.

    Args:
        state: The state.
        expected: Tensors of the networks by name.
        path: Its file.

    Raises:
        ValueError: A tensor is missing, superfluous, of another shape, or not finite.
    """
    weights: dict[str, Tensor] = state["method"]
    check_shapes(path, "the run with its config", shapes_of(weights), shapes_of(expected))
    for name, value in (weights | (state.get("average") or {})).items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise ValueError(
                f"{path} holds values that are not finite in '{cut(name)}'; remove it to use the "
                "checkpoint before it"
            )
