"""Files of networks hold weights and facts, and say why they can't be read."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from crossimage.evaluation.networks.network_file import check_out, read_network, write_network


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "new" / "s.safetensors"
    write_network(path, "segmenter", nn.Linear(2, 3), {"size": 8, "names": ["a", "b"]})
    return path


def build(facts: dict[str, Any]) -> nn.Module:
    return nn.Linear(2, 3)


def rewrite(path: Path, **changes: str) -> None:
    metadata = {"format": "crossimage segmenter", "format_version": "1", "facts": "{}"}
    save_file(load_file(path), path, metadata | changes)


def test_facts_and_weights_are_read_as_they_were_written(file: Path) -> None:
    torch.manual_seed(0)
    facts, network, _ = read_network(file, "segmenter", build)
    assert facts == {"size": 8, "names": ["a", "b"]}
    torch.manual_seed(0)
    for name, value in nn.Linear(2, 3).state_dict().items():
        assert torch.equal(network.state_dict()[name], value)


@pytest.mark.parametrize(
    ("kind", "changes", "sentence"),
    [
        ("classifier", {}, "holds crossimage segmenter, expected a classifier as .fit-classifier"),
        ("segmenter", {"format": "crossimage"}, "holds a translation model, expected a segmenter"),
        ("segmenter", {"format_version": "2"}, "has format version '2'.*reads version 1"),
        (
            "segmenter",
            {"facts": "none"},
            "has incomplete metadata .*fit-segmenter",
        ),
    ],
)
def test_other_files_are_refused(
    kind: str, changes: dict[str, str], sentence: str, file: Path
) -> None:
    rewrite(file, **changes)
    pattern = sentence.replace(" as .fit", " as `crossimage evaluate fit")
    with pytest.raises(ValueError, match=f"{re.escape(str(file))} .*{pattern}"):
        read_network(file, kind, build)


def test_only_names_of_safetensors_are_written(tmp_path: Path) -> None:
    check_out(tmp_path / "s.safetensors", "segmenter")
    with pytest.raises(ValueError, match=r"s\.pth is not a file name for a segmenter"):
        write_network(tmp_path / "s.pth", "segmenter", nn.Linear(1, 1), {})
    assert not (tmp_path / "s.pth").exists()
