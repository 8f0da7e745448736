"""Checkpoints of the official pix2pix code."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

import crossimage
from crossimage.interop import import_model
from crossimage.networks.color_spaces import lab_to_rgb, rgb_to_lab
from tests import golden
from tests.interop.junyanz_networks import patch, pixel, resnet, saved, unet

EVAL = {"test_mode": "eval"}


def close(result: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("format", ["junyanz-pix2pix", None])
def test_official_outputs(tmp_path: Path, format: str | None) -> None:
    folder = golden.folder("junyanz_pix2pix")
    files = [folder / f"latest_net_{name}.pth" for name in "GD"]
    import_model(files, tmp_path / "m.safetensors", format, EVAL)
    model, io = crossimage.load(tmp_path / "m.safetensors"), load_file(folder / "io.safetensors")
    close(model.translate(io["image"]), io["translated_eval"])
    (scores,) = model.discriminate(io["target"], domain="b", condition=io["image"])
    close(scores, io["dis_eval"])


@pytest.mark.parametrize(
    "shape",
    [
        {"depth": 7},
        {"depth": 8, "width": 3},
        {"depth": 5, "a": 1, "b": 4},
        {"depth": 6, "norm": "instance"},
        {"depth": 6, "norm": "none"},
    ],
)
@torch.no_grad()
def test_unets(tmp_path: Path, shape: dict) -> None:
    G, a = unet(**shape).eval(), shape.get("a", 3)
    D = patch(a + shape.get("b", 3), norm=shape.get("norm", "batch")).eval()
    files = [saved(G, tmp_path / "G.pth", module=True), saved(D, tmp_path / "D.pth")]
    import_model(files, tmp_path / "m.safetensors", options=EVAL)
    model = crossimage.load(tmp_path / "m.safetensors")
    side = 2 ** shape["depth"]
    x = torch.rand(1, a, side, 2 * side) * 2 - 1
    y = G(x)
    close(model.translate(x), y)
    close(model.discriminate(y, domain="b", condition=x)[0], D(torch.cat([x, y], 1)))


@pytest.mark.parametrize("norm", ["instance", "batch"])
@torch.no_grad()
def test_a_single_generator_of_residual_blocks(tmp_path: Path, norm: str) -> None:
    """What pretrained one-way models are."""
    G = resnet(blocks=9, norm=norm, dropout=norm == "batch").eval()
    file = saved(G, tmp_path / "latest_net_G.pth")
    notes = import_model([file], tmp_path / "m.safetensors", options=EVAL)
    assert notes[0] == "recognised as junyanz-pix2pix"
    x = torch.rand(2, 3, 32, 40) * 2 - 1
    close(crossimage.load(tmp_path / "m.safetensors").translate(x), G(x))


@torch.no_grad()
def test_pixels(tmp_path: Path) -> None:
    D = pixel(6, norm="batch").eval()
    files = [saved(unet(depth=5), tmp_path / "G.pth"), saved(D, tmp_path / "D.pth")]
    import_model(files, tmp_path / "m.safetensors", options=EVAL)
    x, y = torch.rand(2, 1, 3, 64, 64) * 2 - 1
    model = crossimage.load(tmp_path / "m.safetensors")
    close(model.discriminate(y, domain="b", condition=x)[0], D(torch.cat([x, y], 1)))


@torch.no_grad()
def test_the_official_test_mode(tmp_path: Path) -> None:
    """Without ``--eval``: an image's own statistics, and dropout."""
    G = unet(depth=6, norm="batch")
    file = saved(G, tmp_path / "G.pth")
    x = torch.rand(1, 3, 128, 128) * 2 - 1
    for options in ({}, {"test_mode": "train"}, EVAL, {"dropout": "0"}):
        notes = import_model([file], tmp_path / "m.safetensors", None, options)
        model = crossimage.load(tmp_path / "m.safetensors")
        first, second = model.translate(x), model.translate(x)
        assert torch.equal(first, second) == (options in (EVAL, {"dropout": "0"}))
        (note,) = [note for note in notes if note.startswith("test_mode=")]
        assert ("as in the official test script without --eval" in note) == (
            "test_mode" not in options
        )
    close(first, G.train()(x))
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in G.modules())


def test_older_batch_norms_count_no_batches(tmp_path: Path) -> None:
    state = saved(unet(depth=5), tmp_path / "G.pth")
    tensors = torch.load(state, weights_only=True)
    kept = {name: t for name, t in tensors.items() if not name.endswith("num_batches_tracked")}
    torch.save(kept, state)
    import_model([state], tmp_path / "m.safetensors")


def refused(tmp_path: Path, networks: list, *parts: str) -> None:
    files = [saved(network, tmp_path / f"net_{i}.pth") for i, network in enumerate(networks)]
    out = tmp_path / "m.safetensors"
    with pytest.raises(ValueError) as error:
        import_model(files, out, "junyanz-pix2pix")
    for part in parts:
        assert part in str(error.value)
    assert not out.exists()


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    G, D = unet(depth=5), patch(6, norm="batch")
    refused(tmp_path, [D, G], "net_0.pth", "'model.model.0.weight'", "'model.0.weight'")
    refused(tmp_path, [G, G], "net_1.pth", "'model.0.weight'", "'model.model.0.weight'")
    refused(tmp_path, [G, patch(3)], "net_1.pth", "model.0.weight", "6")
    cut = unet(depth=5)
    del cut.model.model[1].model[6]
    refused(tmp_path, [cut], "net_0.pth", "model.model.1.model.6.weight")
    more = unet(depth=5)
    more.model.extra = nn.Conv2d(3, 3, 1)
    refused(tmp_path, [more], "net_0.pth", "model.extra.weight")


def test_broken_files_are_refused(tmp_path: Path) -> None:
    file, out = saved(unet(depth=5), tmp_path / "G.pth"), tmp_path / "m.safetensors"
    torch.save({"G": unet(depth=5)}, tmp_path / "code.pth")
    (tmp_path / "cut.pth").write_bytes(file.read_bytes()[:-1000])
    for name in ("code.pth", "cut.pth"):
        with pytest.raises(ValueError, match=name):
            import_model([tmp_path / name], out, "junyanz-pix2pix")
    with pytest.raises(FileNotFoundError, match="absent"):
        import_model([tmp_path / "absent.pth"], out, "junyanz-pix2pix")
    assert not out.exists()


@pytest.mark.parametrize("build", [partial(unet, depth=6), partial(resnet, blocks=2)])
@torch.no_grad()
def test_the_colorization_mode_gives_colour_photos(tmp_path: Path, build: Any) -> None:
    torch.manual_seed(0)
    G, D = build(a=1, b=2).eval(), patch(3).eval()
    files = [saved(G, tmp_path / "G.pth"), saved(D, tmp_path / "D.pth")]
    import_model(files, tmp_path / "m.safetensors", options=EVAL)
    model = crossimage.load(tmp_path / "m.safetensors", discriminators=True)
    photo = torch.rand(1, 3, 64, 64) * 0.4 - 0.2
    lightness = rgb_to_lab(photo)[:, :1]
    colors = G(lightness / 50 - 1) * 110
    close(model.translate(photo), lab_to_rgb(torch.cat([lightness, colors], 1)))
    gray = Image.new("L", (64, 64), 120)
    assert model.translate(gray).mode == "RGB"
    (scores,) = model.discriminate(photo, domain="b", condition=photo)
    close(scores, D(torch.cat([lightness / 50 - 1, rgb_to_lab(photo)[:, 1:] / 110], 1)))
