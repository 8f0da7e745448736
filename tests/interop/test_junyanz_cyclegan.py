"""Checkpoints of the official CycleGAN code."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import crossimage
from crossimage.interop import import_model
from tests import golden
from tests.interop.junyanz_networks import patch, pixel, resnet, saved

OFFICIAL = ("G_A", "G_B", "D_A", "D_B")


def close(result: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4)


@pytest.fixture(params=["junyanz-cyclegan", None])
def case(request, tmp_path):
    folder = golden.folder("junyanz_cyclegan")
    files = [folder / f"latest_net_{name}.pth" for name in OFFICIAL]
    notes = import_model(files, tmp_path / "m.safetensors", request.param)
    assert request.param or notes[0] == "recognised as junyanz-cyclegan"
    return crossimage.load(tmp_path / "m.safetensors"), load_file(folder / "io.safetensors")


def test_official_outputs(case) -> None:
    model, io = case
    assert model.domains == ("a", "b")
    for theirs, to in (("A", "b"), ("B", "a")):
        close(model.translate(io[f"image_{theirs}"], to=to), io[f"translated_{theirs}"])
        (scores,) = model.discriminate(io[f"dis_in_{theirs}"], domain=to)
        close(scores, io[f"dis_{theirs}"])


@pytest.mark.parametrize(
    "shape",
    [
        {"blocks": 6},
        {"blocks": 9, "width": 3},
        {"blocks": 2, "norm": "batch"},
        {"blocks": 2, "norm": "batch", "dropout": True},
        {"blocks": 2, "norm": "none"},
        {"blocks": 2, "dropout": True},
        {"blocks": 2, "leftovers": True},
        {"blocks": 2, "a": 1},
        {"blocks": 2, "halvings": 3},
        {"blocks": 0, "halvings": 1},
    ],
)
@pytest.mark.parametrize("module", [False, True])
@torch.no_grad()
def test_variants(tmp_path: Path, shape: dict, module: bool) -> None:
    """All settings come from the tensors, also of networks saved from DataParallel."""
    back = shape | {"a": 3, "b": shape.get("a", 3)}
    networks = [resnet(**shape).eval(), resnet(**back).eval()]
    files = [
        saved(network, tmp_path / f"20_net_{name}.pth", module=module)
        for network, name in zip(networks, OFFICIAL, strict=False)
    ]
    import_model(files, tmp_path / "m.safetensors", options={"test_mode": "eval"})
    model = crossimage.load(tmp_path / "m.safetensors")
    x, y = torch.rand(2, shape.get("a", 3), 32, 40) * 2 - 1, torch.rand(2, 3, 32, 40) * 2 - 1
    for image, network, to in ((x, networks[0], "b"), (y, networks[1], "a")):
        if shape.get("leftovers"):  # as the official code does when it loads them
            for layer in network.modules():
                if isinstance(layer, torch.nn.InstanceNorm2d):
                    layer.track_running_stats = False
                    layer.running_mean = layer.running_var = None
        close(model.translate(image, to=to), network(image))


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (patch, {"layers": 1}),
        (patch, {"layers": 5, "width": 2}),
        (patch, {"norm": "batch"}),
        (patch, {"norm": "none", "layers": 2}),
        (pixel, {}),
        (pixel, {"norm": "batch"}),
        (pixel, {"norm": "none"}),
    ],
)
@torch.no_grad()
def test_discriminators(tmp_path: Path, network, shape: dict) -> None:
    networks = [resnet(blocks=1), resnet(blocks=1), network(**shape).eval(), network(**shape)]
    files = [
        saved(network, tmp_path / f"{name}.pth")
        for network, name in zip(networks, OFFICIAL, strict=True)
    ]
    import_model(files, tmp_path / "m.safetensors")
    model = crossimage.load(tmp_path / "m.safetensors")
    x = torch.rand(2, 3, 128, 96) * 2 - 1
    (scores,) = model.discriminate(x, domain="b")
    close(scores, networks[2](x))


def test_options_and_notes(tmp_path: Path) -> None:
    files = [saved(resnet(blocks=2), tmp_path / f"5_net_{name}.pth") for name in ("G_A", "G_B")]
    options = {"domains": "horses,zebras"}
    notes = import_model(files, tmp_path / "m.safetensors", "junyanz-cyclegan", options)
    assert "5_net_G_A.pth: G_A, translates a to b" in notes
    assert any("from the tensors" in note and "residual_blocks=2" in note for note in notes)
    model = crossimage.load(tmp_path / "m.safetensors")
    assert model.domains == ("horses", "zebras")
    with pytest.raises(ValueError, match="unknown option 'domain'; did you mean 'domains'"):
        import_model(files, tmp_path / "n.safetensors", "junyanz-cyclegan", {"domain": "x,y"})
    with pytest.raises(ValueError, match="two different names"):
        import_model(files, tmp_path / "n.safetensors", "junyanz-cyclegan", {"domains": "x"})


def refused(tmp_path: Path, networks: list, *parts: str, format: str = "junyanz-cyclegan") -> None:
    files = [saved(network, tmp_path / f"net_{i}.pth") for i, network in enumerate(networks)]
    out = tmp_path / "m.safetensors"
    with pytest.raises(ValueError) as error:
        import_model(files, out, format)
    for part in parts:
        assert part in str(error.value)
    assert not out.exists()


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    """The first tensor that does not fit is named, and nothing is written."""
    G, D = resnet(blocks=2), patch()
    refused(tmp_path, [D, D, G, G], "net_0.pth", "'model.1.weight'", "'model.0.weight'")
    refused(tmp_path, [G, G, D, G], "net_3.pth", "model.0.weight")
    refused(tmp_path, [G, G, D], "expected both")
    refused(tmp_path, [G, resnet(blocks=3)], "net_1.pth", "model.12.", "expected")
    refused(tmp_path, [G, resnet(blocks=2, width=6)], "net_1.pth", "model.1.weight", "expected")
    refused(tmp_path, [G, resnet(a=1, blocks=2)], "net_1.pth", "model.1.weight", "expected")
    refused(tmp_path, [G, G, patch(1), patch()], "net_2.pth", "model.0.weight", "expected")
    refused(tmp_path, [G], "G_A G_B")
    lacking = resnet(blocks=2)
    lacking.model[11].conv_block[1].bias = None
    refused(tmp_path, [lacking, G], "net_0.pth", "model.11.conv_block.1.bias")


def test_a_config_file_is_refused(tmp_path: Path) -> None:
    files = [saved(resnet(blocks=2), tmp_path / f"5_net_{name}.pth") for name in ("G_A", "G_B")]
    (tmp_path / "config.yaml").write_text("gen: {dim: 64}\n")
    with pytest.raises(ValueError, match="without a config file"):
        import_model(files, tmp_path / "m.safetensors", None, {}, tmp_path / "config.yaml")
