"""Checkpoints, published weights and safetensors: what is read, and what is refused and why."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor
from torchvision.models import VGG16_Weights, vgg16

from crossimage.interop.checkpoint_files import read_checkpoint
from crossimage.networks.pretrained import VGG16Features
from crossimage.utils.tensor_files.published import Weights, read_weights
from crossimage.utils.tensor_files.safetensors_files import read_safetensors

VGG16 = VGG16_Weights.IMAGENET1K_V1
STATE = {"features.0.weight": torch.arange(6.0).reshape(2, 3), "features.0.bias": torch.ones(2)}


def read(path: Path) -> Weights:
    return read_weights(VGG16, path, "the perceptual loss of MUNIT", "name a file")


def prefixed(prefix: str) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in STATE.items()}


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        prefixed("module."),
        prefixed("model."),
        prefixed("module.model."),
        {"state_dict": STATE},
        {"state_dict": prefixed("module."), "epoch": 3, "arch": "vgg16"},
        {"model": prefixed("module."), "optimizer": {"lr": 0.1}},
        {"model_state_dict": STATE, "step": 7},
    ],
)
def test_weights_are_read_from_every_usual_form(content: Any, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "vgg.pth")
    weights = read(tmp_path / "vgg.pth")
    assert weights.state.keys() == STATE.keys()
    for name, value in STATE.items():
        assert torch.equal(weights.state[name], value)
    assert weights.path == tmp_path / "vgg.pth" and not weights.published


def test_all_readers_accept_a_network_saved_from_data_parallel(tmp_path: Path) -> None:
    torch.manual_seed(0)
    layers = vgg16().features
    state = {f"module.features.{name}": value for name, value in layers.state_dict().items()}
    torch.save(state, tmp_path / "vgg16.pth")
    features = VGG16Features(tmp_path / "vgg16.pth", "a test", "weights")
    assert torch.equal(features.layers[0].weight, layers[0].weight)
    assert (
        read(tmp_path / "vgg16.pth").state.keys()
        == read_checkpoint(tmp_path / "vgg16.pth").state.keys()
    )


def test_tensors_of_other_shapes_and_missing_ones_are_named(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save(STATE, path)
    with pytest.raises(ValueError, match=r"other\.pth .* VGG16 \(size mismatch for features\.0\."):
        VGG16Features(path, "the perceptual loss of MUNIT", "perceptual_weights")
    torch.save({"weight": torch.ones(3)}, path)
    problem = r"\(features\.0\.weight is missing\), which the perceptual loss of MUNIT needs"
    with pytest.raises(ValueError, match=problem):
        VGG16Features(path, "the perceptual loss of MUNIT", "perceptual_weights")


def test_a_published_file_is_recognised_by_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    torch.save(STATE, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    for name, published in ((f"net-{digest[:8]}.pth", True), ("net-01234567.pth", False)):
        weights = read_weights(f"https://host/{name}", path, "a test", "give up")
        assert weights.digest == digest and weights.published == published


def test_weights_come_from_the_cache_and_are_downloaded_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(url: str, path: str, prefix: str, progress: bool) -> None:
        assert (url, prefix) == (VGG16.url, "397923af")
        torch.save(STATE, path)

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with monkeypatch.context() as online:
        online.setattr("torch.hub.download_url_to_file", download)
        first = read_weights(VGG16, None, "a test", "give up")
    again = read_weights(VGG16, None, "a test", "give up")
    assert first.path == again.path == tmp_path / "hub/checkpoints/vgg16-397923af.pth"


def test_missing_weights_say_who_needs_them_and_where_they_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("offline")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", offline)
    with pytest.raises(FileNotFoundError) as caught:
        read_weights(VGG16, None, "the perceptual loss of MUNIT", "name a file")
    text = str(caught.value)
    assert text.startswith("the perceptual loss of MUNIT needs the weights vgg16-397923af.pth")
    assert f"at {tmp_path / 'hub/checkpoints/vgg16-397923af.pth'}, or name a file" in text
    with pytest.raises(FileNotFoundError, match=r"x\.pth does not exist; the perceptual loss of"):
        read(tmp_path / "x.pth")


@pytest.mark.parametrize("reader", [read, read_checkpoint])
def test_files_that_are_not_checkpoints_are_refused(reader: Any, tmp_path: Path) -> None:
    path = tmp_path / "file.pth"

    def expect(sentence: str) -> None:
        with pytest.raises(ValueError, match=rf"file\.pth {sentence}"):
            reader(path)

    torch.save(STATE, path)
    path.write_bytes(path.read_bytes()[:-100])
    expect("is truncated, damaged or not a PyTorch checkpoint")
    path.write_bytes(b"\n<!DOCTYPE html><html><title>404</title></html>")
    expect("is not a PyTorch checkpoint: this looks like a web page; download the checkpoint")
    path.write_bytes(b"")
    expect("is truncated, damaged or not a PyTorch checkpoint: it is empty; copy or download it")
    torch.save([torch.ones(1)], path)
    expect("holds a list; expected a checkpoint of named tensors")
    torch.save({}, path)
    expect("holds no tensors")
    with pytest.raises(ValueError, match="is a folder"):
        reader(tmp_path)


def test_safetensors_are_read_with_their_metadata(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(safetensors.torch.save(STATE, {"format": "mine"}))
    metadata, tensors = read_safetensors(path, "a model file")
    assert metadata == {"format": "mine"} and tensors.keys() == STATE.keys()
    path.write_bytes(safetensors.torch.save(STATE))
    assert read_safetensors(path, "a model file")[0] == {}


def test_other_files_than_safetensors_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    with pytest.raises(FileNotFoundError, match="does not exist; expected a model file"):
        read_safetensors(path, "a model file")
    content = safetensors.torch.save(STATE)
    torch.save(STATE, path)
    pickle = path.read_bytes()
    for data, sentence in (
        (content[:-1], "is truncated"),
        (content[:30], "is truncated"),
        (content[:4], "is truncated"),
        (b"", "is truncated or not a safetensors file: it is empty"),
        (
            b"<!DOCTYPE html><html></html>",
            "is not a safetensors file; expected a model file; this looks like a web page",
        ),
        (pickle, "is a PyTorch pickle, which could run code .* expected a model file"),
    ):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=rf"a\.safetensors {sentence}"):
            read_safetensors(path, "a model file")
    with pytest.raises(ValueError, match="is a folder; expected a model file"):
        read_safetensors(tmp_path, "a model file")
