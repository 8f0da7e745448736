"""The global generator of pix2pixHD."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import crossimage
from crossimage.interop import import_model
from tests.interop.junyanz_networks import Model, patch, patch_layers, resnet, saved


@pytest.mark.parametrize(
    "shape",
    [
        {"halvings": 3, "blocks": 9},
        {"halvings": 4, "blocks": 1, "width": 3},
        {"halvings": 3, "blocks": 0},
        {"halvings": 3, "blocks": 2, "norm": "batch"},
        {"halvings": 3, "blocks": 2, "a": 36},
        {"halvings": 2, "blocks": 2, "a": 35},
    ],
)
@torch.no_grad()
def test_generators_translate_as_before(tmp_path: Path, shape: dict) -> None:
    network = resnet(always_bias=True, **shape)
    path = saved(network.eval(), tmp_path / "latest_net_G.pth")
    options, out = {"test_mode": "eval"}, tmp_path / "m.safetensors"
    notes = import_model([path], out, None, options)
    # two halvings are those of pix2pix, whose generator is the same
    assert notes[0].endswith("nvidia-pix2pixhd" if shape["halvings"] > 2 else "junyanz-pix2pix")
    channels = shape.get("a", 3)
    x = torch.rand(2, channels, 32, 64) * 2 - 1
    if channels > 3:  # one-hot
        x = (x == x.amax(1, keepdim=True)).float()
    result = crossimage.load(out).translate(x, to="b")
    torch.testing.assert_close(result, network(x), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_batch_norms_use_the_statistics_of_each_image_unless_asked(tmp_path: Path) -> None:
    """The official test script never switches to evaluation mode."""
    network = resnet(halvings=3, blocks=1, norm="batch", always_bias=True)
    path = saved(network, tmp_path / "latest_net_G.pth")
    import_model([path], tmp_path / "m.safetensors")
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    result = crossimage.load(tmp_path / "m.safetensors").translate(x, to="b")
    torch.testing.assert_close(result, network.train()(x), rtol=1e-4, atol=1e-4)


def test_images_of_any_size_keep_it(tmp_path: Path) -> None:
    path = saved(resnet(halvings=4, blocks=1), tmp_path / "latest_net_G.pth")
    import_model([path], tmp_path / "m.safetensors")
    model = crossimage.load(tmp_path / "m.safetensors")
    for shape in ((5, 7), (33, 50)):
        assert model.translate(torch.zeros(1, 3, *shape), to="b").shape == (1, 3, *shape)


def test_discriminators_are_left_out_by_name(tmp_path: Path) -> None:
    G = saved(resnet(halvings=3, blocks=1), tmp_path / "latest_net_G.pth")
    layers = patch_layers(6, 4, 3, "instance", always_bias=True)
    D = saved(Model(*layers, name="layer0"), tmp_path / "latest_net_D.pth")
    notes = import_model([G, D], tmp_path / "m.safetensors")
    assert any(note.startswith("latest_net_D.pth: left out") for note in notes)
    E = saved(resnet(b=3, halvings=4, blocks=0), tmp_path / "latest_net_E.pth")
    for other in (E, saved(patch(6), tmp_path / "D.pth")):
        with pytest.raises(ValueError, match=f"{other.name} is not a discriminator of pix2pixHD"):
            import_model([G, other], tmp_path / "n.safetensors", "nvidia-pix2pixhd")


def test_local_enhancers_are_refused_by_name(tmp_path: Path) -> None:
    network = nn.Module()
    network.model = resnet(halvings=3, blocks=1).model[:-3]
    network.model1_1 = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(3, 2, 7))
    path = saved(network, tmp_path / "latest_net_G.pth")
    with pytest.raises(ValueError, match=r"latest_net_G\.pth is a local enhancer of pix2pixHD"):
        import_model([path], tmp_path / "m.safetensors")
