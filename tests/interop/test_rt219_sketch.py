"""Checkpoints of the official code of sketch-to-photo."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, pad

from crossimage.checkpoints.model_file import load_model
from crossimage.interop import import_model
from crossimage.methods.sketch_to_photo import SketchToPhoto
from tests.interop.junyanz_networks import patch, resnet, saved

NUMBERS = {"enc_1": (0, 2), "enc_2": (1, 5), "enc_3": (1, 5), "enc_4": (1, 4, 7)}


class Colors(nn.Module):
    """The generator of the second step, in plain PyTorch and with the official names."""

    def __init__(self, width: int = 4, blocks: int = 2) -> None:
        super().__init__()
        w = width
        sizes = [(3, 3), (3, w), (w, w), (w, 2 * w), (2 * w, 2 * w), (2 * w, 4 * w)]
        sizes += [(4 * w, 4 * w)] * 3
        numbers = [(part, n) for part, own in NUMBERS.items() for n in own]
        for (part, n), (i, o) in zip(numbers, sizes, strict=True):
            if part not in dict(self.named_children()):
                self.add_module(part, nn.Module())
            kernel = 1 if (part, n) == ("enc_1", 0) else 3
            self.get_submodule(part).add_module(str(n), nn.Conv2d(i, o, kernel))
        self.decoder = nn.Sequential(*list(resnet(3, 3, width=w, blocks=blocks).model)[10:])

    def features(self, x: Tensor) -> Tensor:
        for part, numbers in NUMBERS.items():
            for n in numbers:
                conv = self.get_submodule(f"{part}.{n}")
                if (part, n) in (("enc_2", 5), ("enc_3", 5)):
                    x = max_pool2d(x, 2, ceil_mode=True)
                if conv.kernel_size == (1, 1):
                    x = conv(x)
                else:
                    x = conv(pad(x, (1, 1, 1, 1), mode="reflect")).relu()
        return x

    def forward(self, x: Tensor, reference: Tensor | None = None) -> Tensor:
        f = self.features(x)
        if reference is not None:
            r = self.features(reference)
            own, other = ((y.var((2, 3), keepdim=True) + 1e-5).sqrt() for y in (f, r))
            f = (f - f.mean((2, 3), keepdim=True)) / own * other + r.mean((2, 3), keepdim=True)
        return self.decoder(f)


def sketches(width: int = 4, blocks: int = 2, attention: bool = True) -> nn.Module:
    network = resnet(1, 1, width=width, blocks=blocks)
    if attention:
        network.sp_att = nn.Conv2d(4 * width, 2, 1)
    return network


def attended(network: nn.Module, x: Tensor, dim: int = 2) -> Tensor:
    y = network.model[:10](x)
    y = y * (1 - network.sp_att(y).softmax(dim)[:, :1])
    return network.model[10:](y)


def model(files: list[Path], folder: Path, **options: str) -> tuple[SketchToPhoto, str]:
    out = folder / "model.safetensors"
    notes = import_model(files, out, "rt219-sketch", options)
    method = load_model(out)
    assert isinstance(method, SketchToPhoto)
    return method, "\n".join(notes)


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def images(channels: int = 1) -> Tensor:
    return torch.rand(2, channels, 32, 40) * 2 - 1


@pytest.mark.parametrize("module", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@torch.no_grad()
def test_both_steps_in_any_order(tmp_path: Path, module: bool, reverse: bool) -> None:
    """Widths and depths of both steps may differ, and the numbers of their epochs do."""
    T, back, C = sketches(), sketches(attention=False), Colors(width=3, blocks=3)
    networks = {
        "480_net_G_A": T, "480_net_G_B": back, "480_net_D_A": patch(1), "480_net_D_B": patch(1),
        "290_net_G_A": C, "290_net_D_A": patch(3),
    }  # fmt: skip
    files = [
        saved(network.eval(), tmp_path / f"{name}.pth", module=module)
        for name, network in networks.items()
    ]
    method, notes = model(files[::-1] if reverse else files, tmp_path)
    c = method.config
    assert (c.width, c.residual_blocks, c.color_width, c.color_blocks) == (4, 2, 3, 3)
    x, y = images(), images(3)
    gray = attended(T, x)
    close(method.translate(x, "b"), C(gray.expand(-1, 3, -1, -1)))
    style = method.encode_style(y, "b")
    close(method.translate(x, "b", style), C(gray.expand(-1, 3, -1, -1), y))
    close(method.redrawing(x), back(x))
    places = {"gray": "480_net_D_A", "a": "480_net_D_B", "b": "290_net_D_A"}
    for place, name in places.items():
        z = y if place == "b" else x
        close(method.discriminators[place](z)[0], networks[name](z))
    assert "290_net_G_A.pth: G_A of step 2" in notes and "random" not in notes


@torch.no_grad()
def test_shapes_alone_give_gray_photos(tmp_path: Path) -> None:
    T = sketches()
    method, notes = model([saved(T.eval(), tmp_path / "480_net_G_A.pth")], tmp_path)
    x = images()
    close(method.translate(x, "b"), attended(T, x).expand(-1, 3, -1, -1))
    assert "the results are gray photos" in notes and not method.encoder.known


@torch.no_grad()
def test_colours_alone_colour_gray_photos(tmp_path: Path) -> None:
    C = Colors()
    method, notes = model([saved(C.eval(), tmp_path / "290_net_G_A.pth")], tmp_path)
    x = images()
    close(method.translate(x, "b"), C(x.expand(-1, 3, -1, -1)))
    assert "the model colours gray photos" in notes


@torch.no_grad()
def test_attention_may_be_that_of_the_paper_or_none(tmp_path: Path) -> None:
    T = sketches()
    file, x = saved(T.eval(), tmp_path / "480_net_G_A.pth"), images()
    method, _ = model([file], tmp_path, attention="channels")
    close(method.translate(x, "b")[:, :1], attended(T, x, dim=1))
    plain = sketches(attention=False)
    method, notes = model([saved(plain.eval(), tmp_path / "480_net_G_A.pth")], tmp_path)
    close(method.translate(x, "b")[:, :1], plain(x))
    assert "attention=none" in notes


def test_a_folder_of_one_step_is_recognised(tmp_path: Path) -> None:
    run = tmp_path / "shoes"
    run.mkdir()
    for name, network in {"G_A": sketches(), "G_B": sketches(attention=False)}.items():
        saved(network, run / f"latest_net_{name}.pth")
    for name in ("D_A", "D_B"):
        saved(patch(1), run / f"latest_net_{name}.pth")
    notes = import_model([run], tmp_path / "model.safetensors")
    assert "recognised as rt219-sketch" in notes
    assert any("random weights" in note and "D_A of step 2" in note for note in notes)


def test_what_only_training_needs_is_left_out_unless_it_is_complete(tmp_path: Path) -> None:
    files = [saved(sketches(), tmp_path / "480_net_G_A.pth")]
    files.append(saved(patch(1), tmp_path / "480_net_D_A.pth"))
    method, notes = model(files, tmp_path)
    assert "480_net_D_A.pth: left out" in notes
    assert not hasattr(method, "discriminators")


def test_networks_that_do_not_belong_together_are_named(tmp_path: Path) -> None:
    T, D = saved(sketches(), tmp_path / "T.pth"), saved(patch(1), tmp_path / "D.pth")
    other = saved(sketches(), tmp_path / "other.pth")
    three = saved(resnet(3), tmp_path / "three.pth")
    batch = saved(resnet(1, 1, norm="batch"), tmp_path / "batch.pth")
    deeper = saved(sketches(blocks=3, attention=False), tmp_path / "deeper.pth")
    for files, message in (
        ([T, other], "are both G_A of step 1"),
        ([D], "translates nothing"),
        ([three], "three.pth has 3 and 3 channels; expected 1"),
        ([batch], "norm=batch"),
        ([T, deeper], "residual_blocks=3, and another file 2"),
    ):
        with pytest.raises(ValueError, match=message):
            model(files, tmp_path)


def test_a_tensor_too_many_is_named(tmp_path: Path) -> None:
    C = Colors()
    C.decoder.add_module("99", nn.Conv2d(1, 1, 1))
    with pytest.raises(ValueError, match=r"decoder\.99"):
        model([saved(C, tmp_path / "290_net_G_A.pth")], tmp_path)
