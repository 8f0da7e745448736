"""Checkpoints of SinCUT in the official code of CUT."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from crossimage.checkpoints.model_file import load_model
from crossimage.interop import import_model
from crossimage.methods.sincut import SinCUT
from tests.interop.taesungp_networks import heads, resnet
from tests.interop.taesungp_sincut_networks import Discriminator, Generator


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def files_of(folder: Path, module: bool = False, **networks: nn.Module) -> list[Path]:
    paths = []
    for name, network in networks.items():
        state = network.state_dict()
        if module:
            state = {f"module.{key}": value for key, value in state.items()}
        paths.append(folder / f"latest_net_{name}.pth")
        torch.save(state, paths[-1])
    return paths


def model(files: list[Path], folder: Path, **options: str) -> SinCUT:
    import_model(files, folder / "m.safetensors", None, options)
    method = load_model(folder / "m.safetensors")
    assert isinstance(method, SinCUT)
    return method


@pytest.mark.parametrize(
    ("generator", "discriminator"),
    [
        ({}, {}),
        ({"c": 1, "widths": (3, 4, 5), "blocks": 1}, {"c": 1, "widths": (3, 2, 2)}),
        ({"widths": (5,), "blocks": 2}, {"widths": (2, 3, 4, 5, 4)}),
        ({"widths": (4, 4), "noisy": False}, {}),
    ],
)
@pytest.mark.parametrize("module", [False, True])
@torch.no_grad()
def test_variants(tmp_path: Path, generator: dict, discriminator: dict, module: bool) -> None:
    """All settings come from the tensors; training on the CPU prefixes all names."""
    G, D = Generator(**generator), Discriminator(**discriminator)
    c = generator.get("c", 3)
    F = heads([c, *[x.shape[1] for x in G.maps(torch.zeros(1, c, 16, 16))[2:3]]])
    method = model(files_of(tmp_path, module, G=G, F=F, D=D), tmp_path, nce_layers="0,2")
    x = torch.rand(2, c, 24, 40) * 2 - 1
    noise = [torch.randn(2, *shape) for shape in method.generators.noise_shapes(x)]
    close(method.generators(x, noise), G(x, noise))
    layers = range(len(method.generators.widths()))
    maps = method.generators(x, layers=layers)
    for found, expected, width in zip(maps, G.maps(x), method.generators.widths(), strict=True):
        close(found, expected)
        assert found.shape[1] == width
    x = torch.rand(2, c, *method.config.crop) * 2 - 1
    close(method.discriminate(x, "b")[0][:, :, 0, 0], D(x))
    for i, head in enumerate(method.heads.heads):
        y = torch.randn(5, head[0].in_features)
        close(head(y), F.get_submodule(f"mlp_{i}")(y))


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    G, F, D = Generator(), heads([3, 6, 6]), Discriminator()
    out = tmp_path / "m.safetensors"
    notes = import_model(files_of(tmp_path, G=G), out)
    assert notes[0] == "recognised as taesungp-sincut"
    *_, note = import_model(files_of(tmp_path, G=G, D=D), out)
    assert "the heads start from random weights" in note
    *_, note = import_model(files_of(tmp_path, G=G, F=F), out)
    assert "latest_net_F.pth: left out" in note


@pytest.mark.parametrize("given", ["G", "GD", "GDF", "GFD"])
def test_files_of_official_names_and_folders_may_lack_any_of_the_others(
    tmp_path: Path, given: str
) -> None:
    networks = {"G": Generator(), "F": heads([3, 6, 6]), "D": Discriminator()}
    files = files_of(tmp_path, **{name: networks[name] for name in given})
    assert model(files, tmp_path).players().keys() >= {"generators"}
    assert model([tmp_path], tmp_path).config.nce_layers == (0, 2, 4)


def with_another_filter() -> Generator:
    network = Generator()
    network.encoder.convs[2].conv2[0].kernel += 0.01
    return network


def lopsided() -> Generator:
    network = Generator(blocks=2)
    del network.encoder.convs[-1]
    return network


@pytest.mark.parametrize(
    ("networks", "options", "parts"),
    [
        ({"G": with_another_filter()}, {}, ["'encoder.convs.2.conv2.0.kernel'", "[1, 3, 3, 1]"]),
        ({"G": lopsided()}, {}, ["1 residual blocks in its encoder and 2 in its decoder"]),
        (
            {"G": Generator(), "F": heads([3, 6]), "D": Discriminator()},
            {"nce_layers": "0,99"},
            ["nce_layers", "at most 5"],
        ),
        ({"G": Generator(), "D": Discriminator(c=1)}, {}, ["convs.0.0.weight", "[any, 3, 1, 1]"]),
        ({"G": Generator()}, {"norm": "batch"}, ["unknown option 'norm'"]),
        ({"G": resnet(), "D": Discriminator()}, {}, ["are not of a known format"]),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, networks: dict[str, nn.Module], options: dict[str, str], parts: list[str]
) -> None:
    with pytest.raises(ValueError) as error:
        import_model(files_of(tmp_path, **networks), tmp_path / "m.safetensors", None, options)
    for part in parts:
        assert part in str(error.value)


OPTIONS = """
----------------- Options ---------------
             batch_size: 8                             [default: 1]
              crop_size: {crop}                        [default: 256]
              direction: BtoA                          [default: AtoB]
              lambda_R1: 0.5
             lambda_NCE: 4.0
        lambda_identity: 2.0
                  model: sincut
                nce_idt: True
             nce_layers: 0,2,3
                   netG: smallstylegan2
            num_patches: 2
       random_scale_max: 4.0
----------------- End -------------------
"""


def run_folder(tmp_path: Path, crop: int = 32) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    G = Generator(noisy=False, blocks=1)
    files_of(folder, G=G, F=heads([3, 6, 6]), D=Discriminator())
    (folder / "train_opt.txt").write_text(OPTIONS.format(crop=crop))
    return folder


def test_the_options_of_a_run_say_how_it_was_trained(tmp_path: Path) -> None:
    config = model([run_folder(tmp_path)], tmp_path, domains="photo,monet").config
    w = config.weights
    assert (w.nce, w.nce_identity, w.r1, w.identity) == (2, 2, 0.5, 2)
    assert (config.nce_layers, config.patches, config.contrasted_crops) == ((0, 2, 3), 2, 8)
    assert (config.smallest_zoom, config.noise) == (0.25, False)
    assert config.domains == ("monet", "photo")


def test_options_that_the_tensors_contradict_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="crop_size=64, and the tensors 32"):
        import_model([run_folder(tmp_path, crop=64)], tmp_path / "m.safetensors")
