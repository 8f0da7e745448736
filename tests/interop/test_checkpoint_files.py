"""Checkpoints of training programs hold networks under many names, and much besides."""

from __future__ import annotations

import argparse
from collections import OrderedDict
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import crossimage
from crossimage.interop import import_model
from crossimage.interop.checkpoint_files import canonical, read_checkpoint
from tests.interop.junyanz_networks import patch, resnet, saved, unet
from tests.interop.nvlabs_networks import UNITGenerator

GEN = {"dim": 2, "activ": "relu", "n_downsample": 1, "n_res": 1, "pad_type": "reflect"}


class Options:
    """A class of the program that wrote the file."""

    def __init__(self) -> None:
        self.name, self.where = "run", PurePosixPath("/data")


def prefixed(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {f"{prefix}{name}": value for name, value in state.items()}


def random(network: nn.Module, folder: Path) -> dict[str, Tensor]:
    return torch.load(saved(network, folder / "network.pth"), weights_only=True)


def optimizer(network: nn.Module) -> dict[str, Any]:
    adam = torch.optim.Adam(network.parameters())
    sum(p.sum() for p in network.parameters()).backward()
    adam.step()
    return adam.state_dict()


@pytest.fixture
def generator() -> nn.Module:
    return resnet(blocks=2).eval()


PREFIXES = [
    "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "netG.", "netG.module.",
    "generator.", "model.", "self.net.", "model.generator._orig_mod.", "gen.module.",
]  # fmt: skip


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model", "params"])
@torch.no_grad()
def test_wrappers_of_a_network_are_removed(
    prefix: str, wrapper: str | None, generator: nn.Module, tmp_path: Path
) -> None:
    state = prefixed(random(generator, tmp_path), prefix)
    file = tmp_path / "wrapped.pt"
    torch.save({wrapper: state, "epoch": 3} if wrapper else state, file)
    import_model([file], tmp_path / "m.safetensors")
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    model = crossimage.load(tmp_path / "m.safetensors", device="cpu")
    torch.testing.assert_close(model.translate(x), generator(x), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_a_compiled_part_of_a_network(generator: nn.Module, tmp_path: Path) -> None:
    state = random(generator, tmp_path)
    names = {name: name.replace("conv_block", "_orig_mod.conv_block") for name in state}
    torch.save({names[name]: value for name, value in state.items()}, tmp_path / "part.pt")
    assert read_checkpoint(tmp_path / "part.pt").state.keys() == state.keys()


def test_names_that_are_part_of_a_network_stay(tmp_path: Path) -> None:
    state = {"a.module.weight_bar": torch.ones(1), "a.bias": torch.ones(1)}
    torch.save(state, tmp_path / "file.pt")
    assert read_checkpoint(tmp_path / "file.pt").state.keys() == state.keys()


def test_wrappers_of_single_parts_are_removed(tmp_path: Path) -> None:
    names = ["a", "a.module.x", "a.module.module.y", "b.module.x", "b.y", "c.module"]
    torch.save({name: torch.ones(1) for name in names}, tmp_path / "file.pt")
    left = ["a", "a.x", "a.module.y", "b.module.x", "b.y", "c.module"]
    assert list(read_checkpoint(tmp_path / "file.pt").state) == left


def test_what_stands_beside_a_network_is_left_out_by_name(
    generator: nn.Module, tmp_path: Path
) -> None:
    file = tmp_path / "netG.pt"
    content = {
        "netG": random(generator, tmp_path),
        "optimizer_G": optimizer(generator),
        "epoch": 3,
        "loss": np.float64(0.5),
        "opt": argparse.Namespace(lr=1e-4),
        "options": Options(),
        "best": torch.tensor(3.0),
    }
    torch.save(content, file)
    notes = "; ".join(import_model([file], tmp_path / "m.safetensors"))
    assert "left out of netG.pt" in notes
    assert "optimizer_G (the state of an optimizer)" in notes
    assert "epoch (a int)" in notes
    assert "opt (a Python object (argparse.Namespace))" in notes
    assert "test_checkpoint_files.Options" in notes
    assert "best (1 tensors of no network of this format)" in notes


NAMES = [
    ("G_A", "G_B", "D_A", "D_B"),
    ("netD_B", "netG_B", "netG_A", "netD_A"),
    ("generator_B", "generator_A"),
    ("net_G_A", "net_G_B", "net_D_A", "net_D_B", "criterionVGG"),
]


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("flat", [False, True])
@torch.no_grad()
def test_networks_in_one_file_are_told_apart_by_name(
    names: tuple[str, ...], flat: bool, tmp_path: Path
) -> None:
    """Nested, or flat as in a Lightning checkpoint, in any order."""
    networks = {
        name: {"g": lambda: resnet(blocks=1), "d": patch}.get(canonical(name)[0], lambda: unet())()
        for name in names
    }
    states = {name: random(network.eval(), tmp_path) for name, network in networks.items()}
    content: dict[str, Any] = OrderedDict(states)
    if flat:
        tensors = {
            f"{name}.{key}": value for name, state in states.items() for key, value in state.items()
        }
        content = {"state_dict": tensors, "epoch": 1, "hyper_parameters": {"lr": 1.0}}
    torch.save(content, tmp_path / "both.ckpt")
    notes = import_model([tmp_path / "both.ckpt"], tmp_path / "m.safetensors")
    assert notes[0] == "recognised as junyanz-cyclegan"
    assert any("criterionVGG" in note for note in notes) == ("criterionVGG" in names)
    model = crossimage.load(tmp_path / "m.safetensors", device="cpu")
    x = torch.rand(1, 3, 64, 64) * 2 - 1
    for name, network in networks.items():
        to = {"a": "b", "b": "a"}.get(canonical(name)[1:])
        if canonical(name)[0] == "g":
            torch.testing.assert_close(model.translate(x, to=to), network(x))
        elif to:
            torch.testing.assert_close(model.discriminate(x, domain=to)[0], network(x))


def test_generator_and_discriminator_of_other_codebases_in_one_file(tmp_path: Path) -> None:
    for keys in (("G", "D"), ("generator", "discriminator")):
        torch.save(
            {keys[1]: patch(6).state_dict(), keys[0]: unet().state_dict()}, tmp_path / "f.pt"
        )
        notes = import_model([tmp_path / "f.pt"], tmp_path / "m.safetensors")
        assert notes[0] == "recognised as junyanz-pix2pix"
        assert crossimage.load(tmp_path / "m.safetensors").networks.players()
    unit = {d: UNITGenerator(3, GEN).state_dict() for d in "ab"}
    for content in ({"gen": unit, "opt": {"lr": 1}}, {"state_dict": {"gen": unit}}):
        torch.save(content, tmp_path / "f.pt")
        notes = import_model([tmp_path / "f.pt"], tmp_path / "m.safetensors")
        assert notes[0] == "recognised as nvlabs-unit"


def test_one_network_of_a_pair_is_not_left_out(tmp_path: Path) -> None:
    torch.save(
        {"G_A": resnet(blocks=1).state_dict(), "D_A": patch().state_dict()}, tmp_path / "f.pt"
    )
    with pytest.raises(ValueError, match="G_A, D_A"):
        import_model([tmp_path / "f.pt"], tmp_path / "m.safetensors", "junyanz-cyclegan")
    with pytest.raises(ValueError, match="not of a known format"):
        import_model([tmp_path / "f.pt"], tmp_path / "m.safetensors")


def test_a_whole_pickled_network_is_refused(tmp_path: Path) -> None:
    torch.save(nn.Conv2d(1, 1, 1), tmp_path / "whole.pt")
    with pytest.raises(ValueError, match=r"Conv2d.*save the network's state_dict\(\)"):
        read_checkpoint(tmp_path / "whole.pt")
    torch.save({"G": nn.Conv2d(1, 1, 1), "epoch": 1}, tmp_path / "whole.pt")
    with pytest.raises(ValueError, match="'G', a Python object.*save the network's state_dict"):
        read_checkpoint(tmp_path / "whole.pt")


@torch.no_grad()
def test_safetensors_are_read(generator: nn.Module, tmp_path: Path) -> None:
    file = tmp_path / "generator.safetensors"
    save_file(prefixed(random(generator, tmp_path), "netG."), file)
    import_model([file], tmp_path / "m.safetensors")
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    model = crossimage.load(tmp_path / "m.safetensors", device="cpu")
    torch.testing.assert_close(model.translate(x), generator(x))


def one_name_many_times(tensor: torch.Tensor) -> object:
    value: object = tensor
    for _ in range(5):
        value = {str(i): value for i in range(12)}
    return value


@pytest.mark.parametrize("kind", ["long", "deep", "shared", "many"])
def test_names_that_would_take_more_memory_than_the_file_are_refused(
    kind: str, tmp_path: Path
) -> None:
    one = torch.zeros(1)
    states: dict[str, object] = {
        "long": {"x" * 100_000: {str(i): one for i in range(1_000)}},
        "deep": {"x" * 300: {"y" * 400: {"z" * 400: one}}},
        "shared": one_name_many_times(one),
        "many": {str(i): one for i in range(6_000)},
    }
    path = tmp_path / "names.pth"
    torch.save(states[kind], path)
    with pytest.raises(ValueError, match="names.pth holds (a name|more than)") as refusal:
        read_checkpoint(path)
    assert len(str(refusal.value)) < 1_000


def test_an_object_in_the_place_of_biases_does_not_make_another_layer(tmp_path: Path) -> None:
    layer = {"model.1.weight": torch.ones(4, 3, 7, 7), "model.1.bias": nn.Conv2d(1, 1, 1)}
    torch.save(layer, tmp_path / "G.pth")
    with pytest.raises(ValueError, match=r"'model\.1\.bias' as a Python object .*Conv2d.*expected"):
        read_checkpoint(tmp_path / "G.pth")
    torch.save(layer | {"model.1.bias": [0.0] * 4}, tmp_path / "G.pth")
    with pytest.raises(ValueError, match=r"'model\.1\.bias' as a list; expected a tensor"):
        read_checkpoint(tmp_path / "G.pth")
    torch.save({"model.1.weight": torch.ones(4), "model.1._extra_state": []}, tmp_path / "G.pth")
    assert list(read_checkpoint(tmp_path / "G.pth").state) == ["model.1.weight"]
