"""Runs that start from a trained model: its networks and weights, not its schedule."""

from pathlib import Path

import pytest
from safetensors.torch import load_file

import crossimage
from crossimage.methods import METHODS
from crossimage.methods.munit import MUNIT
from crossimage.training.run import train
from tests.conftest import small
from tests.faults.harness import digest


@pytest.fixture(scope="module")
def finished(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; tests that continue it take a copy."""
    out = tmp_path_factory.mktemp("finished") / "run"
    assert train("munit", folders, out, **small()).stopped_by is None
    return out


def test_a_start_from_a_model(finished: Path, folders: Path, tmp_path: Path) -> None:
    model = finished / "model.safetensors"
    still = small(steps=1, learning_rate=0.0)
    train("munit", folders, tmp_path / "run", **still, init_from=model)
    expected, actual = (
        load_file(run / "model.safetensors") for run in (finished, tmp_path / "run")
    )
    assert digest(expected) == digest(actual)
    train("munit", folders, tmp_path / "other", **still)
    assert digest(load_file(tmp_path / "other" / "model.safetensors")) != digest(expected)


def test_a_start_from_another_models_weights_is_refused(
    finished: Path, folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, out = finished / "model.safetensors", tmp_path / "run"
    with pytest.raises(ValueError, match="has shape .* expected .*leave out the settings"):
        train("munit", folders, out, **small(width=6), init_from=model)
    assert not out.exists()

    class Other(MUNIT):
        pass

    monkeypatch.setitem(METHODS, "other", Other)
    with pytest.raises(ValueError, match="holds MUNIT, not Other"):
        train("other", folders, out, **small(), init_from=model)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        train("munit", folders, out, **small(), init_from=tmp_path / "nowhere.safetensors")
    assert not out.exists()


def test_a_run_from_a_model_takes_its_networks_but_not_its_schedule(
    folders: Path, tmp_path: Path
) -> None:
    train("munit", folders, tmp_path / "first", **small(steps=2, learning_rate=0.01))
    plain = {k: v for k, v in small().items() if k in ("resize", "crop", "workers", "precision")}
    few = plain | {"steps": 1, "discriminator": {"width": 6}}
    train(
        "munit", folders, tmp_path / "second", **few,
        init_from=tmp_path / "first" / "model.safetensors",
    )  # fmt: skip
    first, second = (crossimage.load(tmp_path / run).config for run in ("first", "second"))
    assert isinstance(first, MUNIT.Config) and isinstance(second, MUNIT.Config)
    assert second.width == first.width and second.weights == first.weights
    assert second.discriminator.width == 6 and second.discriminator.layers == 2
    assert second.learning_rate == 1e-4 and second.batch_size == 1
