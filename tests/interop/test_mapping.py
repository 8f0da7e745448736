"""Tensors and settings of other codebases find their place, or are refused by name."""

from pathlib import Path

import pytest
import torch
from torch import nn

from crossimage.interop.mapping import (
    CheckpointFile,
    check_options,
    choose_settings,
    load_weights,
    nest,
)


def test_every_tensor_must_find_its_place() -> None:
    source = CheckpointFile(Path("file.pt"), {"x": torch.zeros(2, 3), "y": torch.zeros(1)})
    source.take("x", (2, None))
    with pytest.raises(ValueError, match="'y' of file.pt, of shape .1., has no place"):
        source.check_all_used()
    with pytest.raises(ValueError, match=r"'x' of file.pt has the shape \[2, 3\], and \[any, 4\]"):
        source.take("x", (None, 4))
    with pytest.raises(ValueError, match="file.pt has no tensor 'z'.*first tensor is 'x'"):
        source.take("z")
    source.ignore(lambda name: name == "y")
    source.check_all_used()


def test_consecutive_numbers_are_counted() -> None:
    names = ("model.1.w", "model.2.w", "model.4.w")
    file = CheckpointFile(Path("file.pt"), {name: torch.zeros(1) for name in names})
    assert (file.count("model.#.w", 1), file.count("model.#.w")) == (2, 0)


def test_weights_are_loaded_by_the_longest_prefix_and_by_suffixes() -> None:
    network = nn.Sequential(nn.Linear(2, 1), nn.Sequential(nn.Linear(1, 1)))
    state = {"a.weight": torch.ones(1, 2), "a.beta": torch.ones(1)}
    state |= {"b.weight": torch.ones(1, 1) * 2, "b.beta": torch.ones(1) * 2}
    file = CheckpointFile(Path("file.pt"), state)
    load_weights(network, file, {"0": "a", "1": "c", "1.0": "b"}, {"bias": "beta"})
    file.check_all_used()
    assert [tensor.flatten()[0].item() for tensor in network.state_dict().values()] == [1, 1, 2, 2]


def test_options_come_before_the_config_file_and_that_before_published_values() -> None:
    values, notes = choose_settings(
        {"a": 1, "b": 2, "c": 3}, {"a": "9"}, {"a": 8, "b": 7, "other": 6}
    )
    assert values == {"a": "9", "b": 7, "c": 3}
    assert notes == [
        "from key=value: a=9", "from the config file: b=7", "from the published defaults: c=3"
    ]  # fmt: skip


def test_unknown_options_name_the_nearest() -> None:
    check_options({"padding": "zeros"}, ["padding", "norm"])
    with pytest.raises(ValueError, match="unknown option 'paddin'; did you mean 'padding'"):
        check_options({"paddin": "zeros"}, ["padding", "norm"])


def test_dotted_names_become_sections() -> None:
    assert nest({"width": 1, "d.width": 2, "d.layers": 3}) == {
        "width": 1, "d": {"width": 2, "layers": 3}
    }  # fmt: skip
