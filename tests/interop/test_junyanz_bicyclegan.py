"""Checkpoints of the official BicycleGAN code."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import crossimage
from crossimage.interop import import_model
from tests import golden
from tests.interop.junyanz_networks import (
    Encoder,
    Scales,
    code_unet,
    patch,
    saved,
    unet,
    with_maps,
)


def close(result: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("format", ["junyanz-bicyclegan", None])
def test_official_outputs(tmp_path: Path, format: str | None) -> None:
    folder = golden.folder("junyanz_bicyclegan")
    files = [folder / f"latest_net_{name}.pth" for name in "GED"]
    notes = import_model(files, tmp_path / "m.safetensors", format)
    assert "only one discriminator is given: both become copies of it" in notes
    model, io = crossimage.load(tmp_path / "m.safetensors"), load_file(folder / "io.safetensors")
    close(model.translate(io["image"], style=io["z"]), io["translated"])
    close(model.encode_style(io["target"], domain="b"), io["mu"])
    close(model.translate(io["image"], reference=io["target"]), io["guided"])
    close(model.networks.generators["E"](io["target"])[1], io["logvar"])
    scores = model.discriminate(io["target"], domain="b")
    for i, score in enumerate(scores):
        close(score, io[f"dis_scale{i}"])
    assert len(scores) == 2


@pytest.mark.parametrize(
    ("inject", "a", "depth", "residual", "halvings", "norm", "nz"),
    [
        ("all", 3, 8, True, 5, "instance", 8),
        ("all", 1, 7, True, 4, "instance", 8),
        ("all", 3, 7, False, 4, "instance", 5),
        ("all", 3, 7, True, 4, "batch", 8),
        ("all", 3, 7, False, 4, "batch", 8),
        ("all", 3, 7, True, 4, "none", 8),
        ("input", 3, 8, False, 5, "instance", 8),
        ("input", 1, 7, True, 4, "instance", 2),
        ("input", 3, 7, True, 4, "batch", 8),
        ("input", 3, 7, False, 4, "none", 8),
    ],
)
@torch.no_grad()
def test_variants(
    tmp_path: Path, inject: str, a: int, depth: int, residual: bool, halvings: int, norm: str,
    nz: int,
) -> None:  # fmt: skip
    """Where the code enters, depths, norms, encoders and channels come from the tensors."""
    if inject == "all":
        G = code_unet(a, depth=depth, norm=norm, nz=nz)
    else:
        G = unet(a + nz, depth=depth, norm=norm, bicycle=True)
    E = Encoder(halvings=halvings, norm=norm, nz=nz, residual=residual).eval()
    files = [saved(G.eval(), tmp_path / "G.pth"), saved(E, tmp_path / "E.pth", module=True)]
    import_model(files, tmp_path / "m.safetensors")
    model = crossimage.load(tmp_path / "m.safetensors")
    assert model.config.inject == inject
    side = 8 * 2**halvings
    x, y, z = (
        torch.rand(2, a, side, side) * 2 - 1,
        torch.rand(2, 3, side, side) * 2 - 1,
        torch.randn(2, nz),
    )
    theirs = G(x, z) if inject == "all" else G(with_maps(x, z))
    close(model.translate(x, style=z), theirs)
    close(model.encode_style(y, domain="b"), E(y))


@pytest.mark.parametrize("norm", ["instance", "batch"])
@pytest.mark.parametrize(
    ("network", "shape"), [(Scales, {"layers": 3}), (Scales, {"scales": 3}), (patch, {"layers": 3})]
)
@torch.no_grad()
def test_two_discriminators(tmp_path: Path, network, shape: dict, norm: str) -> None:
    discriminators = [network(norm=norm, **shape).eval() for _ in range(2)]
    encoder = Encoder(norm=norm)
    files = [saved(code_unet(norm=norm), tmp_path / "G.pth"), saved(encoder, tmp_path / "E.pth")]
    files += [saved(D, tmp_path / f"D{i}.pth") for i, D in enumerate(discriminators)]
    import_model(files, tmp_path / "m.safetensors")
    model = crossimage.load(tmp_path / "m.safetensors")
    y = torch.rand(2, 3, 128, 128) * 2 - 1
    for name, discriminator in zip(("D", "D_2"), discriminators, strict=True):
        scores = discriminator(y)
        for result, expected in zip(
            model.networks.discriminators[name](y),
            scores if isinstance(scores, list) else [scores],
            strict=True,
        ):
            close(result, expected)


def refused(tmp_path: Path, networks: list, *parts: str) -> None:
    files = [saved(network, tmp_path / f"net_{i}.pth") for i, network in enumerate(networks)]
    out = tmp_path / "m.safetensors"
    with pytest.raises(ValueError) as error:
        import_model(files, out, "junyanz-bicyclegan")
    for part in parts:
        assert part in str(error.value)
    assert not out.exists()


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    G, E, D = code_unet(), Encoder(), Scales()
    refused(tmp_path, [G], "G E [D] [D2]")
    refused(tmp_path, [E, G], "net_1.pth", "'conv.0.weight'", "model.down.0.weight")
    refused(tmp_path, [D, E], "net_0.pth", "model_0.0.weight")
    refused(tmp_path, [G, E, G], "net_2.pth", "model.down.0.weight")
    refused(tmp_path, [G, Encoder(nz=9)], "net_0.pth", "submodule.down.1.weight", "expected")
    refused(tmp_path, [code_unet(a=1, nz=2), E], "net_0.pth", "3 input channels")
    refused(tmp_path, [G, E, Scales(6)], "net_2.pth", "model_0.0.weight", "expected")
    refused(tmp_path, [G, E, D, Scales(width=6)], "net_3.pth", "model_0.0.weight", "expected")
    refused(tmp_path, [code_unet(norm="batch"), E], "net_0.pth", "submodule.down.2.")
