"""Models of the hub, against a hub on this machine."""

import pytest

import crossimage
from crossimage.checkpoints.addresses import model_path
from crossimage.checkpoints.model_file import model_hash
from crossimage.inference.predictor import Predictor
from crossimage.runs.info import describe
from tests.hub.mock import Hub


def test_a_model_of_the_hub_is_loaded_like_a_file(
    hub: Hub, munit: Predictor, content: bytes
) -> None:
    hub.repo("jane/shoes", {"model.safetensors": content})
    model = crossimage.load("hf://jane/shoes", "cpu")
    assert model_hash(model.networks) == model_hash(munit.networks)
    facts = dict(describe("hf://jane/shoes"))
    assert facts["model"] == "hf://jane/shoes" and "hf://jane/shoes" in facts["use"]


def test_a_commit_in_the_cache_is_used_without_asking(hub: Hub, content: bytes) -> None:
    commit = hub.repo("jane/shoes", {"model.safetensors": content})
    path = model_path(f"hf://jane/shoes@{commit}")
    hub.requests.clear()
    assert model_path(f"hf://jane/shoes@{commit}") == path and not hub.requests


def test_the_newest_of_a_branch_is_fetched(hub: Hub, content: bytes) -> None:
    hub.repo("jane/shoes", {"model.safetensors": b"old"})
    assert model_path("hf://jane/shoes").read_bytes() == b"old"
    hub.repos["jane/shoes"].commit({"model.safetensors": content})
    assert model_path("hf://jane/shoes").read_bytes() == content
    hub.repos["jane/shoes"].commit({"model.safetensors": b"v1"}, "refs/pr/1")
    assert model_path("hf://jane/shoes@refs/pr/1").read_bytes() == b"v1"


def test_the_cache_serves_when_the_hub_is_down_and_says_so(hub: Hub, content: bytes) -> None:
    commit = hub.repo("jane/shoes", {"model.safetensors": content})
    path = model_path("hf://jane/shoes")
    hub.down = True
    with pytest.warns(UserWarning, match=f"cannot be reached .* commit {commit[:12]}"):
        assert model_path("hf://jane/shoes") == path
    with pytest.raises(ConnectionError, match="jane/cats: the hub cannot be reached .* not in"):
        model_path("hf://jane/cats")


def test_offline_mode_uses_the_cache(
    hub: Hub, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repo("jane/shoes", {"model.safetensors": content})
    path = model_path("hf://jane/shoes")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.warns(UserWarning, match="HF_HUB_OFFLINE is set"):
        assert model_path("hf://jane/shoes") == path


def test_no_network_at_all_is_told_apart(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ConnectionError, match="the hub cannot be reached"):
        model_path("hf://jane/shoes")


def test_what_is_missing_is_named(
    hub: Hub, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repo("jane/bert", {"config.json": b"{}", "pytorch_model.bin": b""})
    with pytest.raises(FileNotFoundError, match="jane/nothing is not on the hub, or it is private"):
        model_path("hf://jane/nothing")
    with pytest.raises(FileNotFoundError, match="not a model of crossimage: it holds config.json"):
        model_path("hf://jane/bert")
    with pytest.raises(FileNotFoundError, match="no such branch, tag or commit"):
        model_path("hf://jane/bert@v9")
    with pytest.raises(FileNotFoundError, match="no such branch, tag or commit"):
        model_path("hf://jane/bert@" + "0" * 40)


def test_private_and_gated_models_and_bad_tokens_have_sentences_of_their_own(
    hub: Hub, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repo("jane/shoes", {"model.safetensors": content})
    hub.repos["jane/shoes"].gated = True
    with pytest.raises(PermissionError, match="jane/shoes is gated"):
        model_path("hf://jane/shoes")
    hub.repos["jane/shoes"].gated, hub.repos["jane/shoes"].private = False, True
    assert model_path("hf://jane/shoes").is_file()
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", "/nonexistent")
    with pytest.raises(FileNotFoundError, match="or it is private and you have no access"):
        model_path("hf://jane/shoes")
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    with pytest.raises(PermissionError, match=r"refuses your token \(401\)"):
        model_path("hf://jane/shoes")


def test_files_of_the_hub_are_checked_like_others(hub: Hub, content: bytes) -> None:
    altered = content[:-8] + bytes(8)
    hub.repo("jane/altered", {"model.safetensors": altered})
    with pytest.raises(ValueError, match="model.safetensors"):
        crossimage.load("hf://jane/altered", "cpu")
    hub.repo("jane/pickle", {"model.safetensors": b"\x80\x02cos\nsystem\n."})
    with pytest.raises(ValueError, match="model.safetensors"):
        crossimage.load("hf://jane/pickle", "cpu")


def test_a_full_disk_is_not_taken_for_an_error_of_the_hub(
    hub: Hub, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repo("jane/shoes", {"model.safetensors": content})

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("huggingface_hub.HfApi.hf_hub_download", full)
    with pytest.raises(OSError) as caught:
        model_path("hf://jane/shoes")
    assert caught.value.errno == 28


def test_without_the_package_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(ValueError, match=r"pip install 'crossimage\[hub\]'"):
        model_path("hf://jane/shoes")


def test_an_exported_model_comes_with_its_other_graphs(hub: Hub) -> None:
    files = {"model.onnx": b"a", "model.style.onnx": b"b", "README.md": b""}
    hub.repo("jane/shoes", files)
    path = model_path("hf://jane/shoes")
    assert path.read_bytes() == b"a"
    assert path.with_name("model.style.onnx").read_bytes() == b"b"
    assert not path.with_name("README.md").exists()


def test_files_of_an_exported_model_are_those_of_one_commit(hub: Hub) -> None:
    hub.repo("jane/shoes", {"model.onnx": b"a", "model.style.onnx": b"b"})

    def push() -> None:
        if any("/resolve/" in each for each in hub.requests):
            hub.meanwhile = lambda: None
            hub.repos["jane/shoes"].commit({"model.onnx": b"c", "model.style.onnx": b"d"})

    hub.meanwhile = push
    path = model_path("hf://jane/shoes")
    pair = path.read_bytes(), path.with_name("model.style.onnx").read_bytes()
    assert pair in {(b"a", b"b"), (b"c", b"d")}


def test_an_exported_model_that_arrived_in_part_is_not_taken_for_whole(hub: Hub) -> None:
    files = {"model.onnx": b"a", "model.style.onnx": b"b", "model.mapping.onnx": b"c"}
    commit = hub.repo("jane/shoes", files)

    def fail() -> None:
        hub.down = sum("GET" in each and "/resolve/" in each for each in hub.requests) > 1

    hub.meanwhile = fail
    with pytest.raises(ConnectionError, match="not in the cache; try again later"):
        model_path(f"hf://jane/shoes@{commit}")
    hub.down, hub.meanwhile = False, lambda: None
    path = model_path(f"hf://jane/shoes@{commit}")
    assert {each: path.with_name(each).read_bytes() for each in files} == files
