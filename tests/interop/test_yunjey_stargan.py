"""Checkpoints of the official StarGAN code."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import crossimage
from crossimage.cli.app import main
from crossimage.interop import import_model
from crossimage.methods.stargan import CELEBA
from tests import golden


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1, bias=False), norm(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1, bias=False), norm(width),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + self.main(x)


def norm(width: int) -> nn.Module:
    layer = nn.InstanceNorm2d(width, affine=True, track_running_stats=True)
    nn.init.normal_(layer.weight, 1, 0.3)
    nn.init.normal_(layer.bias, 0, 0.3)
    return layer


class Generator(nn.Module):
    """The official generator in plain PyTorch, its layers under their official names."""

    def __init__(self, labels: int = 5, width: int = 4, blocks: int = 2, channels: int = 3) -> None:
        super().__init__()
        layers = [nn.Conv2d(channels + labels, width, 7, 1, 3, bias=False), norm(width), nn.ReLU()]
        for n in (width, 2 * width):
            layers += [nn.Conv2d(n, 2 * n, 4, 2, 1, bias=False), norm(2 * n), nn.ReLU()]
        layers += [Block(4 * width) for _ in range(blocks)]
        for n in (4 * width, 2 * width):
            conv = nn.ConvTranspose2d(n, n // 2, 4, 2, 1, bias=False)
            layers += [conv, norm(n // 2), nn.ReLU()]
        layers += [nn.Conv2d(width, channels, 7, 1, 3, bias=False), nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        maps = labels[:, :, None, None].expand(-1, -1, *x.shape[2:])
        return self.main(torch.cat([x, maps], 1))


class Discriminator(nn.Module):
    """The official discriminator, likewise."""

    def __init__(
        self, labels: int = 5, width: int = 4, layers: int = 3, side: int = 32, channels: int = 3
    ) -> None:
        super().__init__()
        sizes = [channels, *(width << i for i in range(layers))]
        self.main = nn.Sequential()
        for a, b in zip(sizes, sizes[1:], strict=False):
            self.main.extend([nn.Conv2d(a, b, 4, 2, 1), nn.LeakyReLU(0.01)])
        self.conv1 = nn.Conv2d(sizes[-1], 1, 3, 1, 1, bias=False)
        self.conv2 = nn.Conv2d(sizes[-1], labels, side >> layers, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.main(x)
        return self.conv1(h), self.conv2(h).flatten(1)


def saved(network: nn.Module, path: Path, *, module: bool = False) -> Path:
    state = network.state_dict()
    torch.save({f"module.{k}": v for k, v in state.items()} if module else state, path)
    return path


def close(result: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("format", ["yunjey-stargan", None])
def test_official_outputs(format: str | None, tmp_path: Path) -> None:
    folder = golden.folder("yunjey_stargan")
    files = [folder / f"200000-{name}.ckpt" for name in "GD"]
    notes = import_model(files, tmp_path / "m.safetensors", format)
    assert format or notes[0] == "recognised as yunjey-stargan"
    assert f"from the published defaults: attributes={','.join(CELEBA)}" in notes
    model = crossimage.load(tmp_path / "m.safetensors", device="cpu", discriminators=True)
    io = load_file(folder / "io.safetensors")
    close(model.translate(io["image"], to=io["label"]), io["translated"])
    source, logits = model.discriminate(io["image"])
    close(source, io["dis_src"])
    close(logits, io["dis_cls"])


@pytest.mark.parametrize(
    ("labels", "width", "blocks", "layers", "side", "channels"),
    [(5, 4, 6, 6, 128, 3), (2, 3, 1, 2, 16, 3), (8, 4, 2, 3, 48, 1), (1, 4, 2, 4, 32, 3)],
)
@pytest.mark.parametrize("module", [False, True])
@torch.no_grad()
def test_variants(
    labels: int, width: int, blocks: int, layers: int, side: int, channels: int, module: bool,
    tmp_path: Path,
) -> None:  # fmt: skip
    """All shapes come from the tensors, also of networks saved from DataParallel."""
    G = Generator(labels, width, blocks, channels)
    D = Discriminator(labels, width, layers, side, channels)
    files = [
        saved(network, tmp_path / f"5-{name}.ckpt", module=module)
        for name, network in (("G", G), ("D", D))
    ]
    names = tuple(f"label{i}" for i in range(labels))
    import_model(files, tmp_path / "m.safetensors", None, {"attributes": ",".join(names)})
    model = crossimage.load(tmp_path / "m.safetensors", device="cpu")
    assert model.domains == names
    assert (model.config.resize, model.config.crop) == (side, (side, side))
    x = torch.rand(2, channels, side, side) * 2 - 1
    to = (torch.rand(2, labels) > 0.5).float()
    # the official test script leaves the norms in training mode, with each image's statistics
    close(model.translate(x, to), G.train()(x, to))
    for result, expected in zip(model.discriminate(x), D(x), strict=True):
        close(result, expected)


@torch.no_grad()
def test_two_data_sets_have_a_mask(tmp_path: Path) -> None:
    G, D = Generator(7), Discriminator(5)
    files = [saved(G, tmp_path / "G.ckpt"), saved(D, tmp_path / "D.ckpt")]
    options = {"attributes": "Male,Young", "attributes2": "happy,sad,angry"}
    for given in (files, files[:1]):
        import_model(given, tmp_path / "m.safetensors", "yunjey-stargan", options)
        model = crossimage.load(tmp_path / "m.safetensors", device="cpu")
        assert model.domains == ("Male", "Young", "happy", "sad", "angry")
        assert (model.config.label_sets, model.config.categorical) == ((2, 3), (False, True))
        x = torch.rand(1, 3, 32, 32) * 2 - 1
        goal = torch.tensor([[0.0, 0, 0, 1, 0, 0, 1]])
        close(model.translate(x, to="sad"), G(x, goal))
        close(model.translate(x, to={"Male": 1}), G(x, torch.tensor([[1.0, 0, 0, 0, 0, 1, 0]])))


@torch.no_grad()
def test_the_generator_alone(tmp_path: Path) -> None:
    G = Generator()
    import_model([saved(G, tmp_path / "G.ckpt")], tmp_path / "m.safetensors")
    model = crossimage.load(tmp_path / "m.safetensors", device="cpu")
    assert (model.domains, model.config.crop) == (CELEBA, (128, 128))
    x = torch.rand(1, 3, 24, 40) * 2 - 1
    close(model.translate(x, to="Male"), G(x, torch.tensor([[0.0, 0, 0, 1, 0]])))
    with pytest.raises(ValueError, match="are mutually exclusive"):
        model.translate(x, to={"Black_Hair": 1, "Blond_Hair": 1})
    with pytest.raises(ValueError, match="discriminator"):
        model.classify(x)


@pytest.mark.parametrize(
    ("labels", "known", "options", "message"),
    [
        (3, 3, {}, "has 3 labels, and no names are given; expected 3 .* as attributes=x,y"),
        (5, 5, {"attributes": "a,b"}, "has 5 labels, and 2 names are given"),
        (5, 5, {"attributes": "a,b,c,d,a"}, "'a' is named twice"),
        (5, None, {"attributes": "a", "attributes2": "b"}, "has 3 labels of two data sets"),
        (5, 3, {"attributes": "a,b,c"}, "has 3 labels of two data sets.* attributes2=z"),
        (5, 5, {"attributes2": "a,b,c,d,e"}, "expected 5 in their order as attributes=x,y"),
        (5, 4, {}, "D.ckpt has 4 labels, and .*G.ckpt takes label vectors of 5"),
        (5, 5, {"attribute": "a"}, "unknown option 'attribute'; did you mean 'attributes'"),
    ],
)
def test_labels_that_do_not_fit(
    labels: int, known: int | None, options: dict[str, str], message: str, tmp_path: Path
) -> None:
    files = [saved(Generator(labels), tmp_path / "G.ckpt")]
    if known:
        files.append(saved(Discriminator(known), tmp_path / "D.ckpt"))
    with pytest.raises(ValueError, match=message):
        import_model(files, tmp_path / "m.safetensors", "yunjey-stargan", options)
    assert not (tmp_path / "m.safetensors").exists()


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    """The first tensor that does not fit is named, and nothing is written."""
    G, D = saved(Generator(), tmp_path / "G.ckpt"), saved(Discriminator(), tmp_path / "D.ckpt")
    out = tmp_path / "m.safetensors"

    def refused(files: list[Path], message: str, format: str | None = "yunjey-stargan") -> None:
        with pytest.raises(ValueError, match=message):
            import_model(files, out, format)
        assert not out.exists()

    refused([D, G], r"'main.0.weight' of .*D.ckpt has the shape \[4, 3, 4, 4\], and \[any, any, 7")
    refused([D, G], "not of a known format", None)
    refused([G, D, D], "from the files G .D.; found 3")
    refused([G, G], r"'main.0.weight' of .*G.ckpt has the shape .* \[any, any, 4, 4\]")
    state = torch.load(G, weights_only=True)
    del state["main.4.bias"]
    torch.save(state, tmp_path / "lacking.ckpt")
    refused([tmp_path / "lacking.ckpt"], r"lacking.ckpt has no tensor 'main.4.bias'")
    state["main.4.bias"] = torch.zeros(8)
    torch.save(state | {"head.weight": torch.zeros(2)}, tmp_path / "more.ckpt")
    refused([tmp_path / "more.ckpt"], r"'head.weight' of .*more.ckpt, of shape \[2\], has no place")


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    G = saved(Generator(2), tmp_path / "200000-G.ckpt")
    out = tmp_path / "model.safetensors"
    assert main(["import", str(G), "attributes=Male,Young", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "recognised as yunjey-stargan" in printed
    assert "from key=value: attributes=Male,Young" in printed
    assert crossimage.load(out, device="cpu").domains == ("Male", "Young")
