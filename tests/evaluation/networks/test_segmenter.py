"""Segmenters keep the size of their images, and their files are complete or refused."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from crossimage.evaluation.networks.segmenter import (
    SEGMENTERS,
    SegmenterArchitecture,
    SegmenterNetwork,
    load_segmenter,
    save_segmenter,
)
from tests.evaluation.scenes import (
    LIGHT,
    PALETTE,
    SEGMENTER,
    TinySegmenter,
)

CPU = torch.device("cpu")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fits are of a tiny network."""
    monkeypatch.setitem(
        SEGMENTERS, LIGHT, SegmenterArchitecture("tiny network", TinySegmenter, None)
    )


@pytest.mark.usefixtures("tiny")
def test_a_file_that_is_no_segmenter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.safetensors does not exist; .*fit-segm"):
        load_segmenter(tmp_path / "none.safetensors", CPU)
    with pytest.raises(ValueError, match="is a folder"):
        load_segmenter(tmp_path, CPU)
    path = tmp_path / "s.safetensors"
    path.write_bytes(b"noise")
    with pytest.raises(ValueError, match="truncated or not a safetensors file"):
        load_segmenter(path, CPU)
    save_segmenter(path, replace(SEGMENTER, network=SegmenterNetwork(LIGHT, 3)))
    assert load_segmenter(path, CPU).palette == PALETTE
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="truncated"):
        load_segmenter(path, CPU)
    save_segmenter(path, SEGMENTER)
    with pytest.raises(ValueError, match=r"s\.safetensors is damaged .*fit-segmenter"):
        load_segmenter(path, CPU)
