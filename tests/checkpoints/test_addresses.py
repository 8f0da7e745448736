from pathlib import Path

import pytest

from crossimage.checkpoints import addresses
from crossimage.checkpoints.addresses import model_path, scheme_of


def test_a_path_stays_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/jane")
    assert model_path("runs/shoes") == model_path(Path("runs/shoes")) == Path("runs/shoes")
    assert model_path("~/shoes") == Path("/home/jane/shoes")
    assert model_path("./builtin:shoes") == Path("builtin:shoes")
    with pytest.raises(ValueError, match="MODEL is empty"):
        model_path("", "MODEL")


def test_builtin_models_are_files_of_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "BUILTIN", tmp_path)
    (tmp_path / "shoes.safetensors").touch()
    (tmp_path / "cats.safetensors").touch()
    assert model_path("builtin:shoes") == tmp_path / "shoes.safetensors"
    with pytest.raises(FileNotFoundError, match="no built-in model 'shoe'; did you mean 'shoes'"):
        model_path("builtin:shoe")
    with pytest.raises(FileNotFoundError, match="expected one of builtin:cats, builtin:shoes"):
        model_path("builtin:")
    with pytest.raises(FileNotFoundError, match="no built-in model '../x'"):
        model_path("builtin:../x")


@pytest.mark.parametrize("model", ["hf://jane/shoes@v1", Path("hf://jane/shoes@v1")])
def test_addresses_of_the_hub_are_known_also_as_paths(model: str | Path) -> None:
    assert scheme_of(model) == ("hf", "jane/shoes@v1")


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("hf://", "does not name a repository"),
        ("hf://shoes", "does not name a repository"),
        ("hf://jane/shoes/model.safetensors", "does not name a repository"),
        ("hf://jane/sho es", "does not name a repository"),
        ("hf://jane/../shoes", "does not name a repository"),
        ("hf://jane/sho..es", "does not name a repository"),
        ("hf://jane/shoes@", "has no revision after the @"),
        ("hf://jane/shoes@../../x", "has no revision after the @"),
    ],
)
def test_malformed_addresses_are_refused_before_anything_is_asked(
    address: str, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        model_path(address)
