"""What tensors leave open is settled by the official options, by evidence, or by a question."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import crossimage
from crossimage.interop import import_model
from crossimage.interop.junyanz_options import read_options
from tests.interop.junyanz_networks import (
    Encoder,
    code_unet,
    patch,
    pixel,
    resnet,
    saved,
    unet,
)


def written(path: Path, **options: Any) -> Path:
    """Write options as the official code does, with what differs from the defaults marked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["----------------- Options ---------------"]
    for key, value in options.items():
        mark = "\t[default: resnet_9blocks]" if key == "netG" else ""
        lines.append(f"{key:>25}: {value!s:<30}{mark}")
    path.write_text("\n".join([*lines, "----------------- End -------------------"]) + "\n")
    return path


def with_norms(network: nn.Module, make: Callable[[int], nn.Module]) -> nn.Module:
    """Replace all norms by those made for their number of channels."""
    for module in list(network.modules()):
        for name, layer in list(module.named_children()):
            if isinstance(layer, nn.InstanceNorm2d | nn.BatchNorm2d):
                setattr(module, name, make(layer.num_features))
    return network


def with_affine_norms(network: nn.Module) -> nn.Module:
    """Replace all norms by instance norms with weights and running statistics."""

    def make(channels: int) -> nn.Module:
        norm = nn.InstanceNorm2d(channels, affine=True, track_running_stats=True)
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, 0, 0.3)
        norm.running_mean.normal_(0, 0.5)
        norm.running_var.uniform_(0.5, 2)
        return norm

    return with_norms(network, make)


def counted(network: nn.Module) -> nn.Module:
    for name, buffer in network.named_buffers():
        if name.endswith("num_batches_tracked"):
            buffer.fill_(100)
    return network


def imported(files: list[Path], out: Path, options: dict[str, str] | None = None) -> Any:
    """Return the model and the notes of its import."""
    notes = import_model(files, out, None, options)
    return crossimage.load(out, device="cpu"), notes


def close(result: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4)


def test_options_are_read_as_written(tmp_path: Path) -> None:
    path = written(
        tmp_path / "train_opt.txt",
        netG="unet_256",
        no_dropout=False,
        ngf=64,
        name="a: b",
    )
    assert read_options(path) == {
        "netG": "unet_256", "no_dropout": False, "ngf": 64, "name": "a: b"
    }  # fmt: skip
    path.write_text("nothing\n")
    with pytest.raises(ValueError, match="holds no options"):
        read_options(path)


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("make", [lambda: resnet(blocks=2), lambda: unet(depth=5, norm="instance")])
@torch.no_grad()
def test_affine_instance_norms_are_told_by_biases(make: Any, mode: str, tmp_path: Path) -> None:
    """They use the statistics of each image in either mode."""
    G = with_affine_norms(make())
    file = saved(G, tmp_path / "G.pth")
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    model, notes = imported([file], tmp_path / "m.safetensors", {"test_mode": mode})
    assert any("norm=affine_instance" in note for note in notes)
    for layer in G.modules():
        if isinstance(layer, nn.InstanceNorm2d):
            layer.track_running_stats = False
            layer.running_mean = layer.running_var = None
    close(model.translate(x), G.eval()(x))


@torch.no_grad()
def test_affine_instance_norms_in_all_networks(tmp_path: Path) -> None:
    networks = [
        with_affine_norms(n) for n in (resnet(blocks=1), resnet(blocks=1), patch(), patch())
    ]
    files = [saved(network.train(), tmp_path / f"{i}.pth") for i, network in enumerate(networks)]
    x = torch.rand(1, 3, 64, 64) * 2 - 1
    model, _ = imported(files, tmp_path / "m.safetensors")
    close(model.translate(x, to="b"), networks[0](x))
    close(model.discriminate(x, domain="a")[0], networks[3](x))
    assert model.config.discriminator.norm == "affine_instance"


@torch.no_grad()
def test_norms_without_running_statistics_are_instance_norms(tmp_path: Path) -> None:
    G = with_affine_norms(resnet(blocks=1))
    state = torch.load(saved(G, tmp_path / "G.pth"), weights_only=True)
    kept = {name: t for name, t in state.items() if "running" not in name and "num_b" not in name}
    torch.save(kept, tmp_path / "G.pth")
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    options = {"test_mode": "eval"}
    model, _ = imported([tmp_path / "G.pth"], tmp_path / "m.safetensors", options)
    close(model.translate(x), G.train()(x))


@torch.no_grad()
def test_contradicting_evidence_is_a_question(tmp_path: Path) -> None:
    # a variant of the official code whose convolutions always have biases
    G = counted(with_norms(resnet(blocks=1), nn.BatchNorm2d)).eval()
    file, out = saved(G, tmp_path / "G.pth"), tmp_path / "m.safetensors"
    with pytest.raises(ValueError, match="choose with norm=batch or norm=instance"):
        import_model([file], out)
    assert not out.exists()
    x = torch.rand(2, 3, 32, 32) * 2 - 1
    model, _ = imported([file], out, {"norm": "batch", "test_mode": "eval"})
    close(model.translate(x), G(x))
    model, _ = imported([file], out, {"norm": "instance", "test_mode": "eval"})
    assert model.config.norm == "affine_instance"
    with pytest.raises(ValueError, match="norm must be instance or batch, found 'layer'"):
        import_model([file], out, options={"norm": "layer"})


@pytest.mark.parametrize("norm", ["batch", "instance"])
@torch.no_grad()
def test_the_official_options_tell_the_norm(norm: str, tmp_path: Path) -> None:
    """Norms with weights and statistics, without biases or counts, may be either."""
    G = unet(depth=5).eval()
    (tmp_path / "run").mkdir()
    saved(G, tmp_path / "run" / "latest_net_G.pth")
    written(tmp_path / "run" / "train_opt.txt", netG="unet_32", norm=norm)
    options = {"test_mode": "eval"}
    model, notes = imported([tmp_path / "run"], tmp_path / "m.safetensors", options)
    assert model.config.norm == {"batch": "batch", "instance": "affine_instance"}[norm]
    assert f"options from {tmp_path / 'run' / 'train_opt.txt'}" in notes
    saved(counted(G), tmp_path / "run" / "latest_net_G.pth")
    if norm == "instance":
        with pytest.raises(ValueError, match="counted batches, .* since the options say so"):
            import_model([tmp_path / "run"], tmp_path / "m.safetensors")
        for choice, found in (("batch", "batch"), ("instance", "affine_instance")):
            model, _ = imported([tmp_path / "run"], tmp_path / "m.safetensors", {"norm": choice})
            assert model.config.norm == found


def test_an_option_against_the_tensors_is_refused(tmp_path: Path) -> None:
    for network, norm in ((resnet(blocks=1), "batch"), (resnet(blocks=1, norm="none"), "instance")):
        file = saved(network, tmp_path / "G.pth")
        with pytest.raises(ValueError, match=f"and norm={norm} is given"):
            import_model([file], tmp_path / "m.safetensors", options={"norm": norm})


CONTRADICTIONS = [
    ({"netG": "resnet_6blocks"}, "residual_blocks=6"),
    ({"netG": "unet_256"}, "generator=unet"),
    ({"norm": "batch"}, "norm=batch, and the tensors norm=instance"),
    ({"norm": "none"}, "norm=none"),
    ({"ngf": 64}, "width=64, and the tensors width=4"),
    ({"ndf": 64}, "discriminator.width=64"),
    ({"netD": "n_layers", "n_layers_D": 4}, "discriminator.layers=4"),
    ({"netD": "pixel"}, "discriminator.layers=0"),
    ({"input_nc": 1}, "input_nc=1"),
    ({"output_nc": 4}, "output_nc=4"),
    ({"no_dropout": False}, "no_dropout=False"),
]


@pytest.mark.parametrize(("options", "message"), CONTRADICTIONS)
@pytest.mark.parametrize("method", ["cyclegan", "pix2pix"])
def test_options_of_another_model_are_refused(
    options: dict[str, Any], message: str, method: str, tmp_path: Path
) -> None:
    G = resnet(blocks=2)
    if method == "cyclegan":
        roles = {"G_A": G, "G_B": G, "D_A": patch(), "D_B": patch()}
    else:
        roles = {"G": G, "D": patch(6)}
    run = tmp_path / "run"
    run.mkdir()
    for role, network in roles.items():
        saved(network, run / f"latest_net_{role}.pth")
    fitting = {
        "netG": "resnet_2blocks", "norm": "instance", "ngf": 4, "ndf": 4, "netD": "basic",
        "input_nc": 3, "output_nc": 3, "no_dropout": True,
    }  # fmt: skip
    path = written(run / "train_opt.txt", **fitting)
    import_model([run], tmp_path / "m.safetensors")
    (tmp_path / "m.safetensors").unlink()
    written(path, **fitting | options)
    for given in ([run], [run / f"latest_net_{role}.pth" for role in roles]):
        with pytest.raises(ValueError, match=f"{message}.*is .*train_opt.txt the config file"):
            import_model(given, tmp_path / "m.safetensors")
    assert not (tmp_path / "m.safetensors").exists()


def test_options_beside_files_of_other_names_are_not_theirs(tmp_path: Path) -> None:
    file = saved(unet(depth=5), tmp_path / "mine.pth")
    path = written(tmp_path / "train_opt.txt", netG="unet_256", norm="batch")
    import_model([file], tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match="downsamples=8, and the tensors downsamples=5"):
        import_model([file], tmp_path / "m.safetensors", config=path)


@pytest.mark.parametrize("drops", [True, False])
def test_options_tell_dropout_and_test_mode(drops: bool, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    saved(unet(depth=6), tmp_path / "run" / "latest_net_G.pth")
    written(tmp_path / "run" / "train_opt.txt", netG="unet_64", norm="batch", no_dropout=not drops)
    notes = import_model([tmp_path / "run"], tmp_path / "m.safetensors")
    config = crossimage.load(tmp_path / "m.safetensors", device="cpu").config
    assert (config.dropout, config.test_mode) == (0.5 if drops else 0.0, "train")
    (note,) = [n for n in notes if n.startswith("test_mode=train, as in the official test script")]
    assert "statistics in batch norms" in note and ("dropout" in note) == drops
    written(tmp_path / "run" / "test_opt.txt", model="pix2pix", eval=True)
    notes = import_model([tmp_path / "run"], tmp_path / "m.safetensors")
    assert crossimage.load(tmp_path / "m.safetensors").config.test_mode == "eval"
    assert any("since the test options of the run say eval: True" in note for note in notes)


@torch.no_grad()
def test_direction_of_cyclegan(tmp_path: Path) -> None:
    """With ``BtoA``, G_A makes images of the data's A from those of B."""
    run = tmp_path / "run"
    run.mkdir()
    roles = {"G_A": resnet(3, 1), "G_B": resnet(1, 3), "D_A": patch(1), "D_B": patch(3)}
    for role, network in roles.items():
        saved(network.eval(), run / f"latest_net_{role}.pth")
    written(run / "train_opt.txt", netG="resnet_6blocks", direction="BtoA", input_nc=3, output_nc=1)
    model, notes = imported([run], tmp_path / "m.safetensors")
    assert "from the config file: direction=BtoA" in notes
    assert "latest_net_G_A.pth: G_A, translates b to a" in notes
    assert model.config.channels == (1, 3)
    gray, colour = (torch.rand(1, channels, 64, 64) * 2 - 1 for channels in (1, 3))
    close(model.translate(colour, to="a"), roles["G_A"](colour))
    close(model.translate(gray, to="b"), roles["G_B"](gray))
    close(model.discriminate(gray, domain="a")[0], roles["D_A"](gray))
    close(model.discriminate(colour, domain="b")[0], roles["D_B"](colour))
    model, _ = imported([run], tmp_path / "m.safetensors", {"direction": "AtoB"})
    close(model.translate(colour, to="b"), roles["G_A"](colour))


@pytest.mark.parametrize("name", ["BtoA", "b-to-a"])
@torch.no_grad()
def test_direction_of_pix2pix(name: str, tmp_path: Path) -> None:
    G, D = unet(3, 1, depth=5).eval(), pixel(4, norm="batch").eval()
    files = [saved(G, tmp_path / "G.pth"), saved(D, tmp_path / "D.pth")]
    options = {"direction": name, "test_mode": "eval", "domains": "photo,labels"}
    x = torch.rand(1, 3, 64, 64) * 2 - 1
    model, notes = imported(files, tmp_path / "m.safetensors", options)
    assert "G.pth: G, translates b to a" in notes
    assert (model.config.direction, model.config.channels) == ("b-to-a", (1, 3))
    y = model.translate(x, to="photo")
    close(y, G(x))
    close(model.discriminate(y, domain="photo", condition=x)[0], D(torch.cat([x, y], 1)))
    with pytest.raises(ValueError, match="direction must be AtoB or BtoA, found 'back'"):
        import_model(files, tmp_path / "m.safetensors", options={"direction": "back"})


@torch.no_grad()
def test_options_of_bicyclegan(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    G, E = code_unet().eval(), Encoder().eval()
    for role, network in (("G", G), ("E", E)):
        saved(network, run / f"latest_net_{role}.pth")
    fitting = {"netG": "unet_128", "nz": 8, "nef": 2, "nl": "relu", "where_add": "all"}
    written(run / "opt.txt", **fitting, direction="BtoA", use_dropout=False)
    x, z = torch.rand(1, 3, 128, 128) * 2 - 1, torch.randn(1, 8)
    model, notes = imported([run], tmp_path / "m.safetensors")
    assert "latest_net_E.pth: E, encodes a" in notes
    assert (model.config.direction, model.config.dropout) == ("b-to-a", 0.0)
    close(model.translate(x, to="a", style=z), G(x, z))
    for options, message in (
        ({"nl": "lrelu"}, "nl=lrelu, and only decoders with nl=relu"),
        ({"where_add": "input"}, "where_add=input, and the tensors all"),
        ({"nz": 16}, "style_dim=16, and the tensors style_dim=8"),
    ):
        written(run / "opt.txt", **fitting | options)
        with pytest.raises(ValueError, match=message):
            import_model([run], tmp_path / "m.safetensors")
