"""Checkpoints of the official FUNIT code: every shape, and files of every content."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import crossimage
from crossimage import train
from crossimage.checkpoints.load import load_networks
from crossimage.checkpoints.model_file import load_model
from crossimage.interop import import_model
from crossimage.methods.funit import FUNIT
from tests.conftest import RUN
from tests.interop.nvlabs_networks import FUNITDiscriminator, FUNITGenerator

CONFIG: dict[str, Any] = {
    "gen": {
        "nf": 4, "n_res_blks": 2, "nf_mlp": 6, "latent_dim": 3, "n_mlp_blks": 3,
        "n_downs_content": 2, "n_downs_class": 3,
    },
    "dis": {"nf": 3, "n_res_blks": 4, "num_classes": 5},
    "max_iter": 70, "weight_decay": 0.001, "lr_gen": 0.0002, "lr_dis": 0.0002, "init": "kaiming",
    "gan_w": 2, "fm_w": 3, "r_w": 0.4, "batch_size": 4, "new_size": 40,
    "crop_image_height": 32, "crop_image_width": 32,
}  # fmt: skip

VARIANTS: dict[str, dict[str, Any]] = {
    "small": {},
    "deep": {"gen": {"n_downs_content": 3, "n_downs_class": 5}, "dis": {"n_res_blks": 8}},
    "shallow": {"gen": {"n_res_blks": 1, "n_downs_class": 2, "n_mlp_blks": 2}},
    "many layers of the MLP": {"gen": {"n_mlp_blks": 5, "latent_dim": 1}},
    "one class": {"dis": {"num_classes": 1, "n_res_blks": 2}},
    "widest": {"dis": {"nf": 600, "n_res_blks": 6}},
}


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    config = copy.deepcopy(CONFIG)
    for key, value in changes.items():
        config[key] = config[key] | value if isinstance(value, dict) else value
    return config


class Official:
    """Networks of random weights, and the files that their trainer would write."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.config = changed(changes)
        gens = [FUNITGenerator(3, self.config["gen"]).eval() for _ in range(2)]
        self.gen, self.average = gens
        self.dis = FUNITDiscriminator(3, self.config["dis"])
        self.files = [folder / "gen_00000070.pt", folder / "dis_00000070.pt"]
        folder.mkdir(parents=True, exist_ok=True)
        states = {"gen": self.gen.state_dict(), "gen_test": self.average.state_dict()}
        torch.save(states, self.files[0])
        torch.save({"dis": self.dis.state_dict()}, self.files[1])
        self.yaml = folder / "funit.yaml"
        self.yaml.write_text(yaml.safe_dump(self.config))


def imported(official: Official, folder: Path, *files: Path, **how: Any) -> tuple[FUNIT, list[str]]:
    notes = import_model(files or official.files, folder / "m.safetensors", **how)
    method = load_model(folder / "m.safetensors")
    assert isinstance(method, FUNIT)
    return method, notes


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
@torch.no_grad()
def test_every_shape_translates_and_scores_as_the_original(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    official = Official(tmp_path, **changes)
    method, notes = imported(official, tmp_path)
    assert notes[0] == "recognised as nvlabs-funit"
    assert any("gen_test, the running average" in note for note in notes)
    x, y = torch.rand(2, 3, 32, 32) * 2 - 1, torch.rand(3, 3, 32, 32) * 2 - 1
    model = crossimage.load(tmp_path / "m.safetensors", device="cpu")
    torch.testing.assert_close(
        model.translate(x, reference=y), official.average(x, y), rtol=1e-4, atol=1e-4
    )
    maps, features = method.discriminators(x)
    expected, their_features = official.dis(x.clone())
    assert maps.shape[1] == len(method.config.names) == official.config["dis"]["num_classes"]
    torch.testing.assert_close(maps, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(features, their_features, rtol=1e-4, atol=1e-4)


def test_the_config_file_sets_up_training(tmp_path: Path) -> None:
    official = Official(tmp_path)
    method, _ = imported(official, tmp_path, config=official.yaml)
    c, w = method.config, method.config.weights
    assert (c.steps, c.weight_decay, c.learning_rate, c.batch_size) == (70, 0.001, 0.0002, 4)
    assert (c.resize, c.crop) == (40, (32, 32))
    assert (w.adversarial, w.features, w.image, w.gradient_penalty) == (2, 3, 0.4, 10)


def test_a_config_file_of_another_model_is_refused(tmp_path: Path) -> None:
    official = Official(tmp_path)
    official.yaml.write_text(yaml.safe_dump(changed({"gen": {"nf": 5}})))
    with pytest.raises(ValueError, match=r"is .*funit.yaml the config file of this model"):
        imported(official, tmp_path, config=official.yaml)
    official.yaml.write_text("gen: {dim: 4}\ndis: {}")
    with pytest.raises(ValueError, match=r"no section 'gen' or no 'r_w'; expected the .yaml file"):
        imported(official, tmp_path, config=official.yaml)


def test_rates_that_differ_are_noted(tmp_path: Path) -> None:
    official = Official(tmp_path, lr_dis=0.0004)
    _, notes = imported(official, tmp_path, config=official.yaml)
    assert any("lr_gen; lr_dis is another one" in note for note in notes)


@pytest.mark.parametrize("kept", ["gen", "gen_test", None])
@torch.no_grad()
def test_a_file_may_hold_one_generator(kept: str | None, tmp_path: Path) -> None:
    official = Official(tmp_path)
    own = official.gen if kept == "gen" else official.average
    alone = tmp_path / "alone.pt"
    torch.save({kept: own.state_dict()} if kept else own.state_dict(), alone)
    for files in ([alone], [alone, official.files[1]]):
        method, _ = imported(official, tmp_path, *files)
        x = torch.rand(1, 3, 32, 32)
        y = method.translate(x, "x", method.encode_style(x, "x"))
        torch.testing.assert_close(y, own(x, x), rtol=1e-4, atol=1e-4)


def test_the_folder_of_a_run_is_read_with_its_config(tmp_path: Path) -> None:
    run = tmp_path / "outputs" / "animals"
    official = Official(run / "checkpoints")
    torch.save({"gen": {}, "dis": {}}, run / "checkpoints" / "optimizer.pt")
    official.yaml.rename(run / "config.yaml")
    method, notes = imported(official, tmp_path, run)
    assert "discriminators" in load_model(tmp_path / "m.safetensors").players()
    assert method.config.steps == 70
    assert any("left out" in note and "optimizer.pt" in note for note in notes)


def test_classes_are_numbered_unless_they_are_named(tmp_path: Path) -> None:
    official = Official(tmp_path)
    method, notes = imported(official, tmp_path)
    assert method.labels.names == ("0", "1", "2", "3", "4")
    assert any("do not name the 5 training classes" in note for note in notes)
    method, _ = imported(official, tmp_path, options={"domains": "a, b, c, d, e"})
    assert method.labels.names == ("a", "b", "c", "d", "e")
    for names in ("a,b", "a,b,c,d,d"):
        with pytest.raises(ValueError, match="was trained with 5 classes, and .* different names"):
            imported(official, tmp_path, options={"domains": names})
    with pytest.raises(ValueError, match="unknown option 'style'"):
        imported(official, tmp_path, options={"style": "1"})


def test_a_missing_and_an_additional_tensor_are_named(tmp_path: Path) -> None:
    official = Official(tmp_path)
    states = torch.load(official.files[0], weights_only=True)
    missing = states["gen_test"].pop("dec.model.4.conv.bias")
    torch.save(states, official.files[0])
    with pytest.raises(ValueError, match=r"has no tensor 'gen_test.dec.model.4.conv.bias'"):
        imported(official, tmp_path)
    states["gen_test"] |= {"dec.model.4.conv.bias": missing, "more.weight": missing}
    torch.save(states, official.files[0])
    with pytest.raises(ValueError, match=r"'gen_test.more.weight' .* has no place"):
        imported(official, tmp_path)


@pytest.mark.parametrize("same", [True, False])
def test_an_imported_model_is_trained_on(same: bool, tmp_path: Path, labelled: Path) -> None:
    official = Official(tmp_path, dis={"num_classes": 3})
    imported(official, tmp_path, options={"domains": "x,y,z"} if same else {})
    settings: dict[str, Any] = RUN | {"steps": 1, "resize": 36, "crop": 32, "learning_rate": 0.0}
    model = tmp_path / "m.safetensors"
    result = train("funit", labelled, tmp_path / "run", init_from=model, **settings)
    assert result.skipped_steps == 0
    trained, before = (
        load_networks(path, discriminators=True) for path in (tmp_path / "run", model)
    )
    assert trained.config.attributes == ("x", "y", "z")
    after = trained.tensors()
    kept = {name for name, tensor in before.tensors().items() if torch.equal(after[name], tensor)}
    assert kept >= before.tensors("generators").keys()
    assert ("discriminators.first.weight" in kept) == same
