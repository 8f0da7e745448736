import re
from collections.abc import Callable
from pathlib import Path

import pytest

from crossimage.checkpoints import addresses
from crossimage.checkpoints.addresses import check_model, model_path, scheme_of


def test_a_path_stays_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("runs/shoes", "shoes", "builtin:shoes"):
        Path(name).mkdir(parents=True)
    assert model_path("runs/shoes") == model_path(Path("runs/shoes")) == Path("runs/shoes")
    assert model_path("~/shoes") == tmp_path / "shoes"
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


@pytest.mark.parametrize(
    ("page", "address"),
    [
        ("https://huggingface.co/jane/shoes", "hf://jane/shoes"),
        ("http://hf.co/jane/shoes/", "hf://jane/shoes"),
        ("https://huggingface.co/jane/shoes/tree/main", "hf://jane/shoes"),
        ("https://huggingface.co/jane/shoes/blob/v2/model.safetensors", "hf://jane/shoes@v2"),
        ("https://huggingface.co/jane/shoes?library=crossimage", "hf://jane/shoes"),
    ],
)
def test_a_page_of_the_hub_is_refused_with_the_address_of_its_model(
    page: str, address: str
) -> None:
    for check in (model_path, check_model):
        with pytest.raises(ValueError, match=f"is a page of the hub; .*, {address}$"):
            check(page)


@pytest.mark.parametrize("check", [model_path, check_model])
@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("runs/outlinse", "runs/outlines"),
        ("run/outlines", "runs/outlines"),
        ("outlines", "runs/outlines"),
        ("outlinse", "runs/outlines"),
        ("runs/outlines/model.safetensor", "runs/outlines/model.safetensors"),
        ("small.onx", "small.onnx"),
    ],
)
def test_the_nearest_model_is_suggested(
    check: Callable[[str], object], given: str, near: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "outlines").mkdir(parents=True)
    (tmp_path / "runs" / "outlinse2").mkdir()  # which holds no model
    for file in ("runs/outlines/model.safetensors", "small.onnx", "outlinse.txt"):
        (tmp_path / file).touch()
    with pytest.raises(FileNotFoundError, match=f"; did you mean '{re.escape(near)}'.$"):
        check(given)


@pytest.mark.parametrize("check", [model_path, check_model])
def test_models_of_other_frameworks_are_told_before_near_names(
    check: Callable[[str], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("model.ckpt.index", "model.ckpt.data-00000-of-00001", "model.safetensors"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=r"model\.ckpt is not a model .* a TensorFlow model; "):
        check("model.ckpt")


@pytest.mark.parametrize("text", ["jane/shoes", "hf:jane/shoes", "HF://jane/shoes"])
def test_what_looks_like_a_repository_gets_its_address(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="a model on the hub would be hf://jane/shoes$"):
        check_model(text)
    (tmp_path / "jane").mkdir()
    if text == "jane/shoes":
        with pytest.raises(FileNotFoundError, match="or a run folder$"):
            check_model(text)
