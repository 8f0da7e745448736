"""Models put on a hub on this machine."""

import json
import os
import shlex
import time
from pathlib import Path

import pytest
import yaml

import crossimage
from crossimage.checkpoints.model_file import model_hash, save_model
from crossimage.hub.card import shortened
from crossimage.hub.push import prepare, push_model
from crossimage.inference.predictor import Predictor
from tests.hub.mock import Hub
from tests.inference.strips.test_engine import predictor
from tests.runs.folders import report, run_folder


@pytest.fixture
def run(tmp_path: Path, munit: Predictor) -> Path:
    command = "/opt/bin/crossimage train munit/outlines --data a=/home/jane/edges,b=shoes --out r"
    environment = {"command": command, "data": "a=/home/jane/edges,b=shoes"}
    run = run_folder(tmp_path / "run", "munit", environment=environment)
    save_model(run / "model.safetensors", munit.networks)
    return run


def card_of(files: dict[str, bytes]) -> tuple[dict[str, object], str]:
    _, front, text = files["README.md"].decode().split("---\n", 2)
    return yaml.safe_load(front), text


def test_a_run_is_pushed_and_loaded_again(hub: Hub, run: Path, munit: Predictor) -> None:
    report(run / "evaluation" / "report.json", {"run": str(run)}, {"fid": 12.5, "lpips": 0.25})
    pushed = push_model(run, "jane/shoes", "cc-by-4.0")
    assert pushed.url == f"{hub.url}/jane/shoes" and not hub.repos["jane/shoes"].private
    model = crossimage.load(pushed.address, "cpu")
    assert model_hash(model.networks) == model_hash(munit.networks)
    repo = hub.repos["jane/shoes"]
    front, text = card_of(repo.commits[repo.revisions["main"]])
    assert front == {
        "license": "cc-by-4.0", "library_name": "crossimage", "pipeline_tag": "image-to-image",
        "tags": ["crossimage", "munit"],
    }  # fmt: skip
    assert "Huang, Liu, Belongie, Kautz" in text and "https://arxiv.org/abs/1804.04732" in text
    assert "| fid | 12.5 | 50 | 0 | of 50 images |" in text and "| lpips | 0.25 |" in text
    assert "crossimage train munit/outlines --data a=edges,b=shoes --out r" in text
    assert "Data: a=edges,b=shoes." in text and "/home/jane" not in text
    assert "![Samples" in text and b"JFIF" in repo.commits[repo.revisions["main"]]["samples.jpg"]
    assert model_hash(munit.networks) in text
    assert pushed.notes == []


def test_the_card_is_one_that_the_hubs_package_reads(hub: Hub, run: Path, tmp_path: Path) -> None:
    from huggingface_hub import ModelCard

    prepared = prepare(run, "jane/shoes", "apache-2.0", tmp_path / "out")
    data = ModelCard.load(prepared.folder / "README.md").data
    assert (data.license, data.library_name) == ("apache-2.0", "crossimage")
    assert data.pipeline_tag == "image-to-image" and data.tags == ["crossimage", "munit"]
    assert not hub.requests


def test_what_the_card_lacks_is_said(model_file: Path, tmp_path: Path) -> None:
    prepared = prepare(model_file, "jane/shoes", "mit", tmp_path / "out")
    assert sorted(path.name for path in prepared.folder.iterdir()) == [
        "README.md", "model.safetensors",
    ]  # fmt: skip
    text = " ".join(prepared.notes)
    for lacking in ("no figures", "no images", "does not say how the model was trained"):
        assert lacking in text
    assert "No figure says how good it is." in (prepared.folder / "README.md").read_text()


def test_figures_of_another_model_or_of_earlier_weights_are_left_out(
    run: Path, tmp_path: Path
) -> None:
    best = run / "best.safetensors"
    save_model(best, predictor("munit").networks)
    path = run / "evaluation" / "report.json"
    report(path, {"run": str(run)}, {"fid": 12.5})
    assert "12.5" in _card(run, tmp_path / "a") and "12.5" not in _card(best, tmp_path / "b")
    later = time.time() + 100
    os.utime(run / "model.safetensors", (later, later))
    assert "12.5" not in _card(run, tmp_path / "c")
    report(path, {"one": "one", "two": "two"}, {"fid": 12.5})
    with pytest.raises(ValueError, match="has no figures of .*; give the report.json"):
        prepare(run, "jane/shoes", "mit", tmp_path / "d", path)
    report(path, {"one": "moved"}, {"fid": 12.5})
    assert "12.5" in prepare(run, "jane/shoes", "mit", tmp_path / "e", path).folder.joinpath(
        "README.md"
    ).read_text(encoding="utf-8")
    path.write_text(json.dumps([]))
    with pytest.raises(ValueError, match="has no figures of"):
        prepare(run, "jane/shoes", "mit", tmp_path / "f", path)


def test_figures_of_random_styles_and_of_references_are_told_apart(
    run: Path, tmp_path: Path
) -> None:
    path = tmp_path / "evaluation" / "report.json"
    report(path, {"run (latent)": str(run), "run (reference)": str(run)}, {"fid": 11.0})
    card = prepare(run, "jane/shoes", "mit", tmp_path / "a", path).folder / "README.md"
    for name in ("fid (latent)", "fid (reference)"):
        assert f"| {name} | 11 | 50 | 0 |" in card.read_text("utf-8")
    moved = run.rename(tmp_path / "moved")
    card = prepare(moved, "jane/shoes", "mit", tmp_path / "b", path).folder / "README.md"
    assert "| fid (latent) | 11 |" in card.read_text("utf-8")


def test_the_card_names_directions_and_data_of_figures(run: Path, tmp_path: Path) -> None:
    there, back = "edges to shoes", "shoes to edges"
    forth = {"direction": there}
    home = {"direction": back, "data": "a=/home/jane/edges,b=shoes"}
    moving = {"target": "shoes", "data": "", "video": "/home/jane/walk.mp4"}
    report(run / "report.json", {"run": str(run)}, {"fid": 10.0, "lpips": 0.4}, facts=forth)
    report(run / "report-2.json", {"run": str(run)}, {"fid": 90.0}, facts=home)
    report(run / "report-3.json", {"run": str(run)}, {"flicker": 0.1}, facts=moving)
    text = _card(run, tmp_path / "out")
    assert f"| fid | 10 | 50 | 0 | of 50 images | {there} | photos |" in text
    assert f"| lpips | 0.4 | 50 | 0 | of 50 images | {there} | photos |" in text
    assert f"| fid | 90 | 50 | 0 | of 50 images | {back} | a=edges,b=shoes |" in text
    assert "| flicker | 0.1 | 50 | 0 | of 50 images | to shoes | walk.mp4 |" in text
    assert "/home/jane" not in text


@pytest.mark.parametrize(
    ("word", "told"),
    [
        (r"C:\Users\jane\secret\cats", "cats"),
        (r"a=C:\Users\jane\cats,b=D:/pets/dogs", "a=cats,b=dogs"),
        (r"\\server\jane\photos\cats", "cats"),
        (r"~\secret\cats", "cats"),
        ("a=/home/jane/1, /home/jane/2", "a=1,2"),
        ("~/secret/cats", "cats"),
        (r"photos\cats", r"photos\cats"),
        ("munit/outlines", "munit/outlines"),
        ("value_range=0,4095", "value_range=0,4095"),
        ("s3://bucket/cats", "s3://bucket/cats"),
    ],
)
def test_absolute_paths_of_every_system_are_cut_to_their_last_part(word: str, told: str) -> None:
    assert shortened(word) == told


@pytest.mark.parametrize(
    "program",
    [r"C:\Python\Scripts\crossimage.exe", "/opt/bin/crossimage", "/lib/crossimage/__main__.py"],
)
def test_the_command_of_a_training_is_told_on_every_system(
    program: str, run: Path, tmp_path: Path
) -> None:
    words = [program, "train", "munit/outlines", "--data", r"C:\Users\jane\shoes"]
    facts = {"command": shlex.join(words), "data": words[-1]}
    (run / "environment.json").write_text(json.dumps(facts))
    text = _card(run, tmp_path / "out")
    assert "\ncrossimage train munit/outlines --data shoes\n" in text
    assert "Data: shoes." in text and "Users" not in text


def _card(model: Path, out: Path) -> str:
    return (prepare(model, "jane/shoes", "mit", out).folder / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("repo", "licence", "sentence"),
    [
        ("jane/shoes", None, "--license is missing: the licence under which"),
        ("jane/shoes", "Apache License 2.0", "by identifiers in lower case"),
        ("shoes", "mit", "'shoes' does not name a repository"),
        ("hf://jane/shoes", "mit", "does not name a repository"),
        ("jane/shoes/2", "mit", "does not name a repository"),
    ],
)
def test_words_that_the_hub_would_refuse_are_refused_first(
    hub: Hub, tmp_path: Path, repo: str, licence: str | None, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        push_model(tmp_path / "missing", repo, licence)
    assert not hub.requests


def test_what_is_not_a_model_is_not_uploaded(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "notes.safetensors").write_text("no model")
    for path in (tmp_path / "notes.safetensors", tmp_path):
        with pytest.raises((ValueError, FileNotFoundError)):
            push_model(path, "jane/shoes", "mit")
    assert not hub.requests
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").touch()
    with pytest.raises(ValueError, match="out exists already"):
        prepare(tmp_path, "jane/shoes", "mit", tmp_path / "out")


def test_a_private_model_never_lands_in_a_public_repository(hub: Hub, model_file: Path) -> None:
    push_model(model_file, "jane/secret", "mit", private=True)
    assert hub.repos["jane/secret"].private
    hub.repo("jane/public", {})
    with pytest.raises(ValueError, match="exists on the hub and is public, so nothing was upl"):
        push_model(model_file, "jane/public", "mit", private=True)
    assert len(hub.repos["jane/public"].commits) == 1


def test_a_push_leaves_nothing_of_an_earlier_model(hub: Hub, model_file: Path) -> None:
    old = {"model.onnx": b"1", "model.style.onnx": b"2", "model.mapping.onnx": b"3"}
    hub.repo("jane/shoes", old | {"samples.png": b"4", "notes.md": b"5", "samples.md": b"6"})
    push_model(model_file, "jane/shoes", "mit")
    repo = hub.repos["jane/shoes"]
    assert sorted(repo.commits[repo.revisions["main"]]) == [
        "README.md", "model.safetensors", "notes.md", "samples.md",
    ]  # fmt: skip


def test_the_name_that_a_refusal_shows_is_one_that_is_taken(hub: Hub, model_file: Path) -> None:
    with pytest.raises(ValueError, match="such as jane/shoes$"):
        push_model(model_file, "hf://jane/shoes", "mit")
    push_model(model_file, "jane/shoes", "mit")


def test_tokens_and_rights_are_told_apart(
    hub: Hub, model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PermissionError, match=r"other/shoes: the hub refuses your token \(403\)"):
        push_model(model_file, "other/shoes", "mit")
    hub.down = True
    with pytest.raises(ConnectionError, match=r"the hub cannot be reached \(it .* 503\); try ag"):
        push_model(model_file, "jane/shoes", "mit")
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", "/nonexistent")
    with pytest.raises(PermissionError, match="you are not logged in"):
        push_model(model_file, "jane/shoes", "mit")


@pytest.mark.parametrize("name", ["gan", "stargan", "funit", "cut", "srgan", "sketch_to_photo"])
def test_every_kind_of_method_has_a_card(name: str, tmp_path: Path) -> None:
    save_model(tmp_path / "m.safetensors", predictor(name).networks)
    text = _card(tmp_path / "m.safetensors", tmp_path / "out")
    assert "https://arxiv.org/abs/" in text and f"`{name}`" in text
    call = {
        "gan": "model.sample(4, seed=0)", "funit": "reference=[", "stargan": "to=",
        "cut": 'model.translate("image.png", seed=0)',
    }  # fmt: skip
    assert call.get(name, "model.translate(") in text
