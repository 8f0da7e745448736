"""CycleGAN and pix2pix of mmagic and mmgeneration, whose channels are BGR."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import crossimage
from crossimage.interop import import_model
from tests import golden
from tests.interop.junyanz_networks import randomise
from tests.interop.mmagic_networks import patch, resnet, unet


def close(result: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4)


def swapped(network: nn.Module, x: Tensor) -> Tensor:
    """What a network of BGR images makes of RGB images; images of one channel have no order."""
    return network(x.flip(1)).flip(1)


def write(path: Path, **networks: nn.Module) -> Path:
    """Write networks as mmagic does; ``generators__summer`` stands for a dot and a domain."""
    state = {
        f"{name.replace('__', '.')}.{key}": value
        for name, network in networks.items()
        for key, value in randomise(network).eval().state_dict().items()
    }
    torch.save({"meta": {"iter": 7, "time": "today"}, "state_dict": state}, path)
    return path


def test_official_outputs_of_cyclegan(tmp_path: Path) -> None:
    folder = golden.folder("mmagic_cyclegan")
    notes = import_model([folder / "cyclegan.pth"], tmp_path / "m.safetensors")
    assert notes[0] == "recognised as mmagic-cyclegan"
    assert "generators.winter: translates summer to winter" in notes
    model, io = crossimage.load(tmp_path / "m.safetensors"), load_file(folder / "io.safetensors")
    assert model.domains == ("summer", "winter")
    for source, to in (model.domains, model.domains[::-1]):
        close(model.translate(io[f"image_{source}"], to=to), io[f"translated_{source}_to_{to}"])
        (scores,) = model.discriminate(io[f"image_{to}"], domain=to)
        close(scores, io[f"dis_{to}"])


def test_official_outputs_of_pix2pix(tmp_path: Path) -> None:
    folder = golden.folder("mmagic_pix2pix")
    options = {"test_mode": "eval", "domains": "mask,photo"}
    out = tmp_path / "m.safetensors"
    notes = import_model([folder / "pix2pix.pth"], out, None, options)
    assert notes[0] == "recognised as mmagic-pix2pix"
    model, io = crossimage.load(out), load_file(folder / "io.safetensors")
    assert model.domains == ("mask", "photo")
    close(model.translate(io["image"], to="photo"), io["translated_eval"])
    (scores,) = model.discriminate(io["target"], domain="photo", condition=io["image"])
    close(scores, io["dis_eval"])


@pytest.mark.parametrize(
    "shape",
    [
        {"blocks": 0},
        {"blocks": 6, "width": 3},
        {"norm": "batch"},
        {"norm": "batch", "dropout": True},
        {"a": 1},
        {"a": 4},
    ],
)
@torch.no_grad()
def test_variants_of_cyclegan(tmp_path: Path, shape: dict) -> None:
    c = shape.get("a", 3)
    to_zebra, to_horse = resnet(**shape), resnet(**shape | {"a": 3, "b": c})
    critics = {"discriminators__zebra": patch(3), "discriminators__horse": patch(c)}
    path = write(
        tmp_path / "iter_7.pth", generators__zebra=to_zebra, generators__horse=to_horse,
        **(critics if c == 3 else {}),
    )  # fmt: skip
    options = {"test_mode": "eval", "domains": "horse,zebra"}
    import_model([path], tmp_path / "m.safetensors", None, options)
    model = crossimage.load(tmp_path / "m.safetensors", discriminators=c == 3)
    x, y = torch.rand(2, c, 32, 40) * 2 - 1, torch.rand(2, 3, 32, 40) * 2 - 1
    flips = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[c]
    close(model.translate(x, to="zebra"), to_zebra(x[:, flips]).flip(1))
    close(model.translate(y, to="horse"), to_horse(y.flip(1))[:, flips])
    if c == 3:
        (scores,) = model.discriminate(y, domain="horse")
        close(scores, critics["discriminators__horse"](y.flip(1)))


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (unet, {}),
        (unet, {"depth": 5, "width": 3}),
        (unet, {"norm": "instance"}),
        (unet, {"a": 1}),
        (resnet, {"norm": "batch"}),
    ],
)
@pytest.mark.parametrize("layers", [0, 1, 3])
@torch.no_grad()
def test_variants_of_pix2pix(tmp_path: Path, make, shape: dict, layers: int) -> None:
    inputs = shape.get("a", 3)
    networks = {"generators__photo": make(**shape)}
    if layers:
        norm = shape.get("norm", "batch")
        networks["discriminators__photo"] = patch(inputs + 3, layers=layers, norm=norm)
    path = write(tmp_path / "iter_7.pth", **networks)
    import_model([path], tmp_path / "m.safetensors", None, {"test_mode": "eval"})
    model = crossimage.load(tmp_path / "m.safetensors")
    x, y = torch.rand(2, inputs, 128, 128) * 2 - 1, torch.rand(2, 3, 128, 128) * 2 - 1
    close(model.translate(x, to="photo"), swapped(networks["generators__photo"], x))
    if layers:
        (scores,) = model.discriminate(y, domain="photo", condition=x)
        pair = torch.cat([x.flip(1), y.flip(1)], 1)
        close(scores, networks["discriminators__photo"](pair))


@torch.no_grad()
def test_the_order_of_the_channels_can_be_given(tmp_path: Path) -> None:
    network = resnet()
    path = write(tmp_path / "iter_7.pth", generators__photo=network)
    notes = import_model([path], tmp_path / "m.safetensors", None, {"channel_order": "rgb"})
    assert any("from key=value: channel_order=rgb" in note for note in notes)
    x = torch.rand(1, 3, 16, 16) * 2 - 1
    close(crossimage.load(tmp_path / "m.safetensors").translate(x), network(x))
    with pytest.raises(ValueError, match="channel_order must be bgr or rgb, found 'gbr'"):
        import_model([path], tmp_path / "n.safetensors", None, {"channel_order": "gbr"})


@torch.no_grad()
def test_running_averages_take_precedence_and_the_rest_is_named(tmp_path: Path) -> None:
    average = {f"generators_ema__{name}": resnet() for name in ("x", "y")}
    others = {f"generators__{name}": resnet() for name in ("x", "y")}
    path = write(tmp_path / "iter_7.pth", **others, **average)
    notes = import_model([path], tmp_path / "m.safetensors")
    assert any("generators_ema" in note and "left out" in note for note in notes)
    x = torch.rand(1, 3, 16, 16) * 2 - 1
    model = crossimage.load(tmp_path / "m.safetensors")
    close(model.translate(x, to="y"), swapped(average["generators_ema__y"], x))


def test_the_official_test_mode_is_the_default_of_pix2pix(tmp_path: Path) -> None:
    """The official test script leaves dropout and batch statistics on."""
    path = write(tmp_path / "iter_7.pth", generators__photo=unet())
    import_model([path], tmp_path / "m.safetensors")
    model = crossimage.load(tmp_path / "m.safetensors")
    assert model.config.test_mode == "train" and model.multimodal


@torch.no_grad()
def test_names_of_domains_choose_the_order_and_never_swap_the_generators(tmp_path: Path) -> None:
    to_a, to_b = resnet(), resnet()
    path = write(tmp_path / "iter_7.pth", generators__summer=to_a, generators__winter=to_b)
    x = torch.rand(1, 3, 16, 16) * 2 - 1
    for text in ("summer,winter", "winter,summer", "warm,cold"):
        import_model([path], tmp_path / "m.safetensors", None, {"domains": text})
        model = crossimage.load(tmp_path / "m.safetensors")
        assert model.domains == tuple(text.split(","))
        to = "cold" if "cold" in text else "winter"
        close(model.translate(x, to=to), swapped(to_b, x))
    with pytest.raises(ValueError, match="names winter of the domains summer and winter"):
        import_model([path], tmp_path / "n.safetensors", None, {"domains": "winter,autumn"})


def test_a_target_named_as_the_source_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "iter_7.pth", generators__photo=resnet())
    with pytest.raises(ValueError, match="makes images of photo; give the domain of its inputs"):
        import_model([path], tmp_path / "m.safetensors", None, {"domains": "photo,mask"})


def test_networks_that_no_method_has_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "iter_7.pth", generators__x=unet(), generators__y=unet())
    with pytest.raises(ValueError, match=r"iter_7\.pth holds U-Nets of two domains"):
        import_model([path], tmp_path / "m.safetensors")
    networks = {f"generators__{name}": resnet() for name in "xyz"}
    path = write(tmp_path / "iter_8.pth", **networks)
    with pytest.raises(ValueError, match="domains x, y, z; expected those of two domains"):
        import_model([path], tmp_path / "m.safetensors", "mmagic-cyclegan")
    assert not (tmp_path / "m.safetensors").exists()
