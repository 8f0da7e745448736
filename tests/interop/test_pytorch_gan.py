"""CycleGAN of PyTorch-GAN, which doubles the resolution by nearest-neighbour upsampling."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import crossimage
from crossimage.interop import import_model
from tests.interop.junyanz_networks import Model, patch, saved


class Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for last in (False, True):
            conv = nn.Conv2d(channels, channels, 3)
            layers += [nn.ReflectionPad2d(1), conv, nn.InstanceNorm2d(channels)]
            layers += [] if last else [nn.ReLU()]
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x)


def generator(blocks: int = 2, width: int = 4, c: int = 3, padding: int = 3) -> nn.Module:
    def normed(conv: nn.Conv2d) -> list[nn.Module]:
        return [conv, nn.InstanceNorm2d(conv.out_channels), nn.ReLU()]

    layers = [nn.ReflectionPad2d(padding), *normed(nn.Conv2d(c, width, 7))]
    for size in (width, 2 * width):
        layers += normed(nn.Conv2d(size, 2 * size, 3, 2, 1))
    layers += [Block(4 * width) for _ in range(blocks)]
    for size in (2 * width, width):
        layers += [nn.Upsample(scale_factor=2), *normed(nn.Conv2d(2 * size, size, 3, 1, 1))]
    return Model(*layers, nn.ReflectionPad2d(padding), nn.Conv2d(width, c, 7), nn.Tanh())


def discriminator(width: int = 4) -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    for size in (width, 2 * width, 4 * width):
        norm = nn.InstanceNorm2d(2 * size)
        layers += [nn.Conv2d(size, 2 * size, 4, 2, 1), norm, nn.LeakyReLU(0.2)]
    return Model(*layers, nn.ZeroPad2d((1, 0, 1, 0)), nn.Conv2d(8 * width, 1, 4, padding=1))


def files_of(folder: Path, networks: list[nn.Module]) -> list[Path]:
    names = ("G_AB", "G_BA", "D_A", "D_B")
    return [
        saved(network, folder / f"{name}_199.pth")
        for network, name in zip(networks, names, strict=False)
    ]


@pytest.mark.parametrize("shape", [{"blocks": 0}, {"blocks": 9}, {"width": 6}])
@torch.no_grad()
def test_generators_translate_as_before(tmp_path: Path, shape: dict) -> None:
    networks = [generator(**shape), generator(**shape)]
    notes = import_model(files_of(tmp_path, networks), tmp_path / "m.safetensors")
    assert notes[0] == "recognised as pytorch-gan-cyclegan"
    model = crossimage.load(tmp_path / "m.safetensors")
    for network, to in zip(networks, "ba", strict=True):
        x = torch.rand(2, 3, 32, 40) * 2 - 1
        torch.testing.assert_close(model.translate(x, to=to), network(x), rtol=1e-4, atol=1e-4)


def test_discriminators_are_left_out_by_name(tmp_path: Path) -> None:
    networks = [generator(), generator(), discriminator(), discriminator()]
    notes = import_model(files_of(tmp_path, networks), tmp_path / "m.safetensors")
    assert [note.split(",")[0] for note in notes if "left out" in note] == [
        "D_A_199.pth: left out", "D_B_199.pth: left out",
    ]  # fmt: skip
    files = files_of(tmp_path, [generator(), generator(), patch(), patch()])
    with pytest.raises(ValueError, match=r"D_A_199\.pth is not a discriminator of PyTorch-GAN"):
        import_model(files, tmp_path / "n.safetensors", "pytorch-gan-cyclegan")


@torch.no_grad()
def test_a_padding_that_changes_the_size_is_a_question(tmp_path: Path) -> None:
    networks = [generator(c=1), generator(c=1)]
    files, out = files_of(tmp_path, networks), tmp_path / "m.safetensors"
    with pytest.raises(ValueError, match=r"G_AB_199\.pth .* 1 channels.* pass padding=3"):
        import_model(files, out)
    with pytest.raises(ValueError, match="padding=1 changes the size"):
        import_model(files, out, None, {"padding": "1"})
    assert not out.exists()
    assert "from key=value: padding=3" in import_model(files, out, None, {"padding": "3"})
    x = torch.rand(1, 1, 32, 32) * 2 - 1
    result = crossimage.load(out).translate(x, to="b")
    torch.testing.assert_close(result, networks[0](x), rtol=1e-4, atol=1e-4)
