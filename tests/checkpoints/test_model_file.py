"""A model file comes back as it was, and anything else is refused with one clear sentence."""

import json
import os
import pickle
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from pathlib import Path

import pytest
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

import crossimage.methods
from crossimage.checkpoints.model_file import load_model, model_hash, save_model
from crossimage.config import Config, settings
from crossimage.methods.base import Batch, Method, Noise, Update
from crossimage.utils.contact_sheet import Panel


@settings
class Weights:
    adversarial: float = 1.0


@settings
class TinyConfig(Config):
    width: int = 4
    weights: Weights = field(default_factory=Weights)


class Tiny(Method):
    Config = TinyConfig
    config: TinyConfig

    def __init__(self, config: TinyConfig, *, training: bool = True) -> None:
        super().__init__(config)
        self.generators = nn.Sequential(nn.Conv2d(3, config.width, 3), nn.BatchNorm2d(config.width))
        self.tied = self.generators[0]  # the same weights under a second name
        if training:
            self.discriminators = nn.Conv2d(3, 1, 1)
            self.features = nn.Conv2d(3, 2, 1)  # belongs to no player

    def players(self) -> dict[str, nn.Module]:
        names = ("discriminators", "generators")
        return {name: getattr(self, name) for name in names if hasattr(self, name)}

    def training_step(self, batch: Batch) -> Iterator[Update]:
        yield from ()

    def translate(self, x: Tensor, to: str, style: Tensor | None = None) -> Tensor:
        return self.generators(x)

    def preview(self, images: Mapping[str, Tensor], fixed: Noise, fresh: Noise) -> list[Panel]:
        return []


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(crossimage.methods.METHODS, "tiny", Tiny)


@pytest.fixture
def method() -> Tiny:
    return Tiny(TinyConfig(domains=("edges", "shoes"), crop=(32, 64)))


@pytest.fixture
def model(tmp_path: Path, method: Tiny) -> Path:
    path = tmp_path / "model.safetensors"
    save_model(path, method)
    return path


def _metadata(path: Path) -> dict[str, str]:
    with safetensors.safe_open(path, "pt") as file:
        return dict(file.metadata())


def _rewrite(
    path: Path,
    metadata: Mapping[str, str] | None = None,
    change: Callable[[dict[str, Tensor]], object] = lambda tensors: None,
    *,
    sealed: bool = True,
) -> None:
    """Write the file again with other metadata or tensors, with its seal or as before seals."""
    values = _metadata(path) | dict(metadata or {})
    if not sealed:
        values.pop("seal")
    tensors = safetensors.torch.load_file(path)
    change(tensors)
    path.write_bytes(safetensors.torch.save(dict(tensors), values))


def test_a_model_comes_back(model: Path, method: Tiny) -> None:
    loaded = load_model(model)
    assert type(loaded) is Tiny and loaded.config == method.config and not loaded.training
    assert not hasattr(loaded, "discriminators")
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, method.state_dict()[name])


def test_a_model_that_states_no_rules_for_its_files_has_those_of_its_time(model: Path) -> None:
    config = json.loads(_metadata(model)["config"])
    assert config.pop("data_rules") == 3
    assert config.pop("holdout") > 0
    _rewrite(model, {"config": json.dumps(config)}, sealed=False)
    with pytest.warns(UserWarning, match="written by an earlier version, and no checksum covers"):
        loaded = load_model(model)
    assert (loaded.config.data_rules, loaded.config.holdout) == (1, 0)
    save_model(model, loaded)  # has a seal again, and no warning
    assert load_model(model).config.data_rules == 1


def test_the_metadata_says_what_the_file_is(model: Path) -> None:
    metadata = _metadata(model)
    assert metadata["format"] == "crossimage" and metadata["format_version"] == "1"
    assert metadata["method"] == "tiny" and metadata["contents"] == "translation"
    assert json.loads(metadata["domains"]) == ["edges", "shoes"]
    assert json.loads(metadata["config"])["crop"] == [32, 64]


def test_saving_twice_gives_the_same_bytes(tmp_path: Path, method: Tiny) -> None:
    paths = [tmp_path / f"{i}.safetensors" for i in range(4)]
    for path in paths:
        save_model(path, method)
    assert len({path.read_bytes() for path in paths}) == 1


def test_a_model_of_an_unknown_method_needs_the_package_that_defines_it(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(crossimage.methods.METHODS, "tiny")
    with pytest.raises(ValueError, match="unknown method 'tiny'.* import or install the package"):
        load_model(model)


def test_discriminators_are_held_on_request(tmp_path: Path, method: Tiny) -> None:
    path = tmp_path / "all.safetensors"
    save_model(path, method, discriminators=True)
    assert not any("features" in name for name in safetensors.torch.load_file(path))
    loaded = load_model(path)
    assert isinstance(loaded, Tiny)
    assert torch.equal(loaded.discriminators.weight, method.discriminators.weight)


def test_channels_last_and_half_precision_are_handled(tmp_path: Path, method: Tiny) -> None:
    path = tmp_path / "m.safetensors"
    save_model(path, method.to(memory_format=torch.channels_last).bfloat16())
    weight = load_model(path).state_dict()["generators.0.weight"]
    assert torch.equal(weight, method.state_dict()["generators.0.weight"].float())


def test_a_file_of_bfloat16_has_half_the_size_and_the_hash_of_what_it_loads(
    tmp_path: Path, method: Tiny
) -> None:
    path, again = tmp_path / "half.safetensors", tmp_path / "again.safetensors"
    save_model(path, method, bf16=True)
    loaded = load_model(path)
    save_model(again, loaded)
    kept = {name: value.dtype for name, value in safetensors.torch.load_file(path).items()}
    assert torch.bfloat16 in kept.values() and torch.float32 not in kept.values()
    weight = loaded.state_dict()["generators.0.weight"]
    assert torch.equal(weight, method.state_dict()["generators.0.weight"].bfloat16().float())
    hashes = []
    for file in (path, again):
        with safetensors.safe_open(file, "pt") as opened:
            hashes.append(opened.metadata()["checksum"])
    assert hashes == [model_hash(loaded)] * 2


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing.safetensors does not exist"):
        load_model(tmp_path / "nothing.safetensors")
    with pytest.raises(ValueError, match="is a folder"):
        load_model(tmp_path)


@pytest.mark.parametrize("kind", ["archive", "legacy", "pickle"])
def test_pickles_are_refused_unread(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model.safetensors"
    bomb = _Bomb(tmp_path / "ran")
    if kind == "pickle":
        path.write_bytes(pickle.dumps(bomb))
    else:
        torch.save({"w": bomb}, path, _use_new_zipfile_serialization=kind == "archive")
    with pytest.raises(ValueError, match="is a PyTorch pickle.*`crossimage import`"):
        load_model(path)
    assert not (tmp_path / "ran").exists()


class _Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("content", [b"<!DOCTYPE html><html></html>", b"\xff" * 50, b"12345678{x}"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "page.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"page.safetensors is (not a safetensors file|truncated)"):
        load_model(path)


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_a_truncated_file_is_named_so(model: Path, keep: int) -> None:
    model.write_bytes(model.read_bytes()[:keep])
    with pytest.raises(ValueError, match="model.safetensors is truncated"):
        load_model(model)


def test_someone_else_s_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(safetensors.torch.save({"w": torch.ones(2)}))
    with pytest.raises(ValueError, match="not a model written by crossimage"):
        load_model(path)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"format_version": "2", "version": "9.9"}, "version '2'.*9.9.*upgrade crossimage"),
        ({"method": "tinny"}, "unknown method 'tinny'; did you mean 'tiny'.*munit, .*tiny"),
        ({"config": '{"widht": 4}'}, "unknown key 'widht'; did you mean 'width'"),
        ({"config": '{"width": "x"}'}, "model.safetensors: width: .*found 'x'"),
        ({"config": "{"}, "incomplete metadata"),
        ({"config": "[3]"}, "incomplete metadata"),
        ({"contents": "half"}, "incomplete metadata"),
        (
            {"config": '{"width": 5}'},
            r"of another shape, .*\[4, 3, 3, 3\], expected \[5,",
        ),
    ],
)
def test_metadata_that_does_not_fit(model: Path, changes: dict[str, str], sentence: str) -> None:
    _rewrite(model, changes)
    with pytest.raises(ValueError, match=sentence):
        load_model(model)


def test_missing_and_unexpected_weights_are_counted_and_named(model: Path) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        tensors["generators.9.bias"] = tensors.pop("generators.0.bias")

    _rewrite(model, change=change)
    with pytest.raises(ValueError, match=r"1 missing.*\.0\.bias.*1 unexpected.*\.9\.bias"):
        load_model(model)


def test_one_changed_bit_is_found(model: Path) -> None:
    content = bytearray(model.read_bytes())
    content[-1] ^= 1
    model.write_bytes(content)
    with pytest.raises(ValueError, match="model.safetensors is damaged.*checksum"):
        load_model(model)


def test_a_failed_write_leaves_the_old_file(
    model: Path, method: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    before = model.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_model(model, method, discriminators=True)
    assert model.read_bytes() == before and os.listdir(model.parent) == [model.name]
