"""A hub on this machine, and small models to put there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crossimage.checkpoints.model_file import save_model
from crossimage.inference.predictor import Predictor
from tests.hub.mock import Hub, running
from tests.inference.strips.test_engine import predictor


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub, which the hub's package asks as if HF_ENDPOINT named it; somebody is logged in."""
    pytest.importorskip("huggingface_hub", reason="the extra `hub` is not installed")
    hub = Hub()
    with running(hub) as url:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", url)
        files = url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", files)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_PROGRESS_BARS", True)
        monkeypatch.setenv("HF_TOKEN", "hf_writer")
        yield hub


@pytest.fixture(scope="session")
def munit() -> Predictor:
    return predictor("munit", domains=("edges", "shoes"))


@pytest.fixture(scope="session")
def model_file(munit: Predictor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "munit.safetensors"
    save_model(path, munit.networks)
    return path


@pytest.fixture(scope="session")
def content(model_file: Path) -> bytes:
    return model_file.read_bytes()
