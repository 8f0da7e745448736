"""Checkpoints of the official code of CUT."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import crossimage
from crossimage.checkpoints.model_file import load_model
from crossimage.interop import import_model
from crossimage.methods.cut import CUT
from crossimage.methods.cyclegan import CycleGAN
from crossimage.methods.pix2pix import Pix2Pix
from tests.interop import junyanz_networks
from tests.interop.junyanz_networks import saved
from tests.interop.taesungp_networks import Down, heads, maps, patch, resnet

BOTH, NEITHER = {}, {"antialias": False, "antialias_up": False}
BLURS = {"both": BOTH, "down": {"antialias_up": False}, "up": {"antialias": False}, "no": NEITHER}


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def files_of(folder: Path, *networks: torch.nn.Module, module: bool = False) -> list[Path]:
    return [
        saved(network.eval(), folder / f"latest_net_{i}.pth", module=module)
        for i, network in enumerate(networks)
    ]


def model(files: list[Path], folder: Path, *, format: str | None = None, **options: str) -> CUT:
    out = folder / "model.safetensors"
    import_model(files, out, format, options)
    method = load_model(out)
    assert isinstance(method, CUT)
    return method


@pytest.mark.parametrize("blurs", BLURS)
@pytest.mark.parametrize(
    "shape",
    [{}, {"norm": "batch", "c": 1}, {"norm": "none", "width": 3}, {"dropout": True, "blocks": 5}],
)
@pytest.mark.parametrize("module", [False, True])
@torch.no_grad()
def test_variants(tmp_path: Path, blurs: str, shape: dict, module: bool) -> None:
    """All settings come from the tensors; training on the CPU prefixes all names."""
    shape = shape | BLURS[blurs]
    D_shape = {key: shape[key] for key in ("c", "norm", "antialias") if key in shape}
    G, D = resnet(**shape), patch(**D_shape)
    width, layers = shape.get("width", 4), [0, 3, 8, 11]
    F = heads([shape.get("c", 3), width, 4 * width, 4 * width])
    method = model(
        files_of(tmp_path, G, F, D, module=module),
        tmp_path,
        nce_layers="0,3,8,11",
        test_mode="eval",
    )
    x = torch.rand(2, shape.get("c", 3), 32, 40) * 2 - 1
    close(method.translate(x, "b"), G(x))
    for found, expected in zip(method.generators(x, layers), maps(G, x, layers), strict=True):
        close(found, expected)
    close(method.discriminate(x, "b")[0], D(x))
    for i, head in enumerate(method.heads.heads):
        y = torch.randn(5, head[0].in_features)
        close(head(y), F.get_submodule(f"mlp_{i}")(y))


@pytest.mark.parametrize("layers", [1, 2, 5])
@pytest.mark.parametrize("antialias", [False, True])
@torch.no_grad()
def test_patches_of_any_depth(tmp_path: Path, layers: int, antialias: bool) -> None:
    G = resnet(antialias=antialias)
    D = patch(layers=layers, width=2, antialias=antialias)
    method = model(files_of(tmp_path, G, D), tmp_path)
    x = torch.rand(1, 3, 128, 96) * 2 - 1
    close(method.discriminate(x, "b")[0], D(x))


@torch.no_grad()
def test_a_pixel_discriminator_has_no_blurs(tmp_path: Path) -> None:
    G, D = resnet(), junyanz_networks.pixel()
    method = model(files_of(tmp_path, G, D), tmp_path)
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    close(method.discriminate(x, "b")[0], D(x))


@pytest.mark.parametrize("order", ["GFD", "GDF"])
def test_heads_and_discriminator_come_in_any_order(tmp_path: Path, order: str) -> None:
    networks = {"G": resnet(), "F": heads([3, 8, 16]), "D": patch()}
    files = files_of(tmp_path, *(networks[name] for name in order))
    method = model(files, tmp_path, nce_layers="0,4,8")
    assert {"generators", "heads", "discriminators"} == method.players().keys()


@pytest.mark.parametrize("given", ["GD", "GDF"])
def test_files_and_folders_of_official_names_may_lack_the_heads(tmp_path: Path, given: str) -> None:
    networks = {"G": resnet(), "F": heads([3, 8, 16, 16, 16]), "D": patch()}
    files = [saved(networks[name], tmp_path / f"latest_net_{name}.pth") for name in given]
    for paths in (files, [tmp_path]):
        method = model(paths, tmp_path, nce_layers="0,4,8,12,13")
        assert "discriminators" in method.players()


def test_names_that_tell_another_network_are_refused(tmp_path: Path) -> None:
    files = [
        saved(resnet(), tmp_path / "latest_net_D.pth"),
        saved(patch(), tmp_path / "latest_net_G.pth"),
    ]
    with pytest.raises(ValueError, match="given as G, but its name says D"):
        import_model(files, tmp_path / "m.safetensors")


def test_a_generator_with_blurs_is_enough(tmp_path: Path) -> None:
    notes = import_model(files_of(tmp_path, resnet()), tmp_path / "m.safetensors")
    assert notes[0] == "recognised as taesungp-cut"
    assert crossimage.load(tmp_path / "m.safetensors").domains == ("a", "b")


def test_a_generator_without_blurs_could_be_of_any_code_and_is_told_by_the_format(
    tmp_path: Path,
) -> None:
    files = files_of(tmp_path, resnet(**NEITHER))
    import_model(files, tmp_path / "m.safetensors")
    assert isinstance(load_model(tmp_path / "m.safetensors"), Pix2Pix)
    assert not model(files, tmp_path, format="taesungp-cut").config.antialias


def test_what_a_model_file_lacks_is_said(tmp_path: Path) -> None:
    G, F, D = resnet(), heads([3, 8, 16, 16, 16]), patch()
    out = tmp_path / "m.safetensors"
    *_, note = import_model(files_of(tmp_path, G, D), out)
    assert "the heads start from random weights" in note
    *_, note = import_model(files_of(tmp_path, G, F), out)
    assert "latest_net_1.pth: left out" in note


@torch.no_grad()
def test_cyclegan_with_blurs_is_a_cyclegan(tmp_path: Path) -> None:
    networks = [resnet(), resnet(), patch(), patch()]
    files = files_of(tmp_path, *networks)
    import_model(files, tmp_path / "m.safetensors")
    method = load_model(tmp_path / "m.safetensors")
    assert isinstance(method, CycleGAN)
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    for to, i in (("b", 0), ("a", 1)):
        close(method.translate(x, to), networks[i](x))
        close(method.discriminate(x, to)[0], networks[2 + i](x))


def other_filter() -> torch.nn.Module:
    network = resnet()
    network.model[7] = Down(8)
    network.model[7].filt += 0.01
    return network


@pytest.mark.parametrize(
    ("networks", "options", "parts"),
    [
        ([resnet(antialias=False), patch()], {}, ["latest_net_1.pth", "only this discriminator"]),
        ([resnet(), patch(antialias=False)], {}, ["latest_net_1.pth", "only the generator"]),
        ([other_filter()], {}, ["'model.7.filt'", "another filter"]),
        ([resnet(), heads([3, 8, 16, 16]), patch()], {}, ["latest_net_1.pth", "'mlp_4.0.weight'"]),
        ([resnet(), heads([3, 8, 8, 16, 16]), patch()], {}, ["'mlp_2.0.weight'", "[6, 16]"]),
        ([resnet(), heads([3, 8]), patch()], {"nce_layers": "0,99"}, ["99", "nce_layers"]),
        ([resnet(), heads([3, 8]), patch()], {"layers": "0,4"}, ["unknown option 'layers'"]),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, networks: list, options: dict, parts: list[str]
) -> None:
    files, out = files_of(tmp_path, *networks), tmp_path / "m.safetensors"
    with pytest.raises(ValueError) as error:
        import_model(files, out, None, options)
    for part in parts:
        assert part in str(error.value)
    assert not out.exists()


OPTIONS = """
----------------- Options ---------------
               CUT_mode: FastCUT                       [default: CUT]
              direction: BtoA                          [default: AtoB]
      flip_equivariance: True
             lambda_NCE: {weight}
                  model: cut
                nce_idt: {identity}
             nce_layers: 0,4,8
                   netG: resnet_2blocks
                  normD: instance
                  normG: instance
             no_dropout: True
            num_patches: 64                            [default: 256]
                  nce_T: 0.1
----------------- End -------------------
"""


def run_folder(tmp_path: Path, *networks: torch.nn.Module, **values: object) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    for name, network in zip("GFD", networks, strict=True):
        saved(network, folder / f"latest_net_{name}.pth")
    (folder / "train_opt.txt").write_text(OPTIONS.format(**values))
    return folder


@pytest.mark.parametrize(
    ("weight", "identity", "weights"), [(10.0, False, (10, 0)), (1.0, True, (0.5, 0.5))]
)
def test_the_options_of_a_run_say_how_it_was_trained(
    tmp_path: Path, weight: float, identity: bool, weights: tuple[float, float]
) -> None:
    networks = resnet(), heads([3, 8, 16]), patch()
    folder = run_folder(tmp_path, *networks, weight=weight, identity=identity)
    config = model([folder], tmp_path, domains="day,night").config
    assert (config.weights.nce, config.weights.nce_identity) == weights
    assert (config.nce_layers, config.patches, config.temperature) == ((0, 4, 8), 64, 0.1)
    assert config.flip_equivariance
    assert config.domains == ("night", "day")  # the second one of the data is translated


def test_options_that_the_tensors_contradict_are_refused(tmp_path: Path) -> None:
    networks = resnet(blocks=3), heads([3, 8, 16]), patch()
    folder = run_folder(tmp_path, *networks, weight=1.0, identity=True)
    with pytest.raises(ValueError, match="residual_blocks=2, and the tensors residual_blocks=3"):
        import_model([folder], tmp_path / "m.safetensors")
