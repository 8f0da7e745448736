"""Checkpoints of the official StarGAN v2 code."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import crossimage
from crossimage.cli.app import main
from crossimage.interop import import_model
from crossimage.networks.stargan_v2.landmarks import LandmarkNetwork, official_names
from tests import golden
from tests.interop.stargan_v2_networks import build, saved

close = partial(torch.testing.assert_close, rtol=1e-4, atol=1e-4)
AVERAGED = ("generator", "mapping_network", "style_encoder")


def landmark_state(width: int = 16) -> dict[str, torch.Tensor]:
    """A landmark network under its official names."""
    names = official_names()
    return {
        f"{names[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}": value
        for key, value in LandmarkNetwork(width).state_dict().items()
    }


@pytest.mark.parametrize("case", ["clovaai_starganv2", "clovaai_starganv2_hpf"])
@torch.no_grad()
def test_official_files_together(case: str, tmp_path: Path) -> None:
    """The averaged networks translate, and the discriminator comes from the other file."""
    folder, out = golden.folder(case), tmp_path / "m.safetensors"
    files = [folder / "100000_nets_ema.ckpt", folder / "100000_nets.ckpt"]
    notes = import_model(files, out)
    assert notes[0] == "recognised as clovaai-stargan-v2"
    io = load_file(folder / "io.safetensors")
    model = crossimage.load(out, device="cpu")
    domains = {2: ("female", "male"), 3: ("cat", "dog", "wild")}[io["dis_logits"].shape[1]]
    assert model.domains == domains
    (scores,) = model.discriminate(io["image"])
    close(scores.flatten(1), io["dis_logits"])
    to = torch.nn.functional.one_hot(io["y_trg"], len(domains)).float()
    close(model.encode_style(io["reference"], to), io["style_reference"])
    if "mask_0" not in io:
        translated = model.translate(io["image"], to, reference=io["reference"])
        close(translated, io["translated_reference"])
        close(model.translate(io["image"], to, style=io["style_latent"]), io["translated_latent"])


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"side": 16, "domains": 2, "style": 3},
        {"side": 128, "width": 2, "largest": 16, "latent": 7, "hidden": 9},
        {"side": 64, "faces": True},
    ],
)
@pytest.mark.parametrize("module", [False, True])
@torch.no_grad()
def test_variants(shape: dict[str, Any], module: bool, tmp_path: Path) -> None:
    """All shapes come from the tensors, also of networks saved from DataParallel."""
    networks = build(**shape)
    files = [
        saved(networks, tmp_path / "9_nets_ema.ckpt", *AVERAGED, module=module),
        saved(networks, tmp_path / "9_nets.ckpt", *networks, module=module),
    ]
    options = {"domains": ",".join("abc"[: shape.get("domains", 3)])}
    if shape.get("faces"):
        torch.save({"state_dict": landmark_state()}, tmp_path / "wing.ckpt")
        options |= {"landmarks": str(tmp_path / "wing.ckpt"), "w_hpf": "2"}
    import_model(files, tmp_path / "m.safetensors", None, options)
    model = crossimage.load(tmp_path / "m.safetensors", device="cpu")
    assert model.config.w_hpf == (2.0 if shape.get("faces") else 0.0)
    side = shape.get("side", 32)
    x, z = torch.rand(2, 3, side, side) * 2 - 1, torch.randn(2, shape.get("latent", 3))
    to = torch.eye(shape.get("domains", 3))[[1, 1]]
    style = networks["mapping_network"](z, 1)
    close(model.networks.style_from(z, to), style)
    close(model.encode_style(x, "b"), networks["style_encoder"](x, 1))
    close(model.networks.generators(x, style), networks["generator"](x, style))
    close(model.discriminate(x)[0].flatten(1), networks["discriminator"](x))


def test_a_folder_with_the_checkpoints_of_a_run(tmp_path: Path) -> None:
    """As the official program leaves it: optimizers too, several iterations."""
    folder, names = tmp_path / "run", (*AVERAGED, "discriminator")
    (folder / "checkpoints").mkdir(parents=True)
    for step in (10, 20):
        saved(build(), folder / f"checkpoints/{step:06}_nets_ema.ckpt", *AVERAGED)
        saved(build(), folder / f"checkpoints/{step:06}_nets.ckpt", *names)
        torch.save({"generator": {}}, folder / f"checkpoints/{step:06}_optims.ckpt")
    with pytest.raises(ValueError, match="choose one as in epoch=000020"):
        import_model([folder], tmp_path / "m.safetensors")
    notes = import_model([folder], tmp_path / "m.safetensors", options={"epoch": "20"})
    assert any("000020_optims.ckpt" in note and "left out" in note for note in notes)
    assert any("000020_nets.ckpt: the discriminator" in note for note in notes)
    averaged = folder / "checkpoints/000020_nets_ema.ckpt"
    import_model([averaged], tmp_path / "alone.safetensors")
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    results = [
        crossimage.load(tmp_path / f"{name}.safetensors").translate(x, "dog", seed=0)
        for name in ("m", "alone")
    ]
    close(*results)


def test_files_of_different_iterations_are_refused(tmp_path: Path) -> None:
    files = [
        saved(build(), tmp_path / "000010_nets_ema.ckpt", *AVERAGED),
        saved(build(), tmp_path / "000020_nets.ckpt", *AVERAGED, "discriminator"),
    ]
    with pytest.raises(ValueError, match="different times of training"):
        import_model(files, tmp_path / "m.safetensors")


def test_a_landmark_network_inside_the_file_is_used(tmp_path: Path) -> None:
    networks = build(faces=True)
    file = saved(networks, tmp_path / "nets_ema.ckpt", *AVERAGED)
    content = torch.load(file, weights_only=True)
    out = tmp_path / "m.safetensors"
    with pytest.raises(ValueError, match=r"high-pass skips, .*no landmark network.*landmarks=wing"):
        import_model([file], out, options={"domains": "a,b,c"})
    content["generator"]["hpf.filter"] = torch.full((3, 3), -0.25).index_put(
        (torch.tensor(1), torch.tensor(1)), torch.tensor(2.0)
    )
    landmarks = landmark_state()
    torch.save(content | {"fan": landmarks}, file)
    notes = import_model([file], out, options={"domains": "a,b,c"})
    assert "from the tensors: w_hpf=4" in notes
    model = crossimage.load(out, device="cpu")
    assert model.config.landmark_width == 16
    assert torch.equal(model.networks.landmark_network.heads.bias, landmarks["l0.bias"])
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    assert model.translate(x, "b", seed=0).isfinite().all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"domains": "a,b"}, "has 4 domains, and 2 different names are given; expected their"),
        ({}, "has 4 domains, and no different names are given"),
        ({"domains": "a,b,c,c"}, "and 3 different names"),
        ({"domain": "a,b,c,d"}, "unknown option 'domain'; did you mean 'domains'"),
    ],
)
def test_domains_that_do_not_fit(options: dict[str, str], message: str, tmp_path: Path) -> None:
    file = saved(build(domains=4), tmp_path / "nets_ema.ckpt", *AVERAGED)
    with pytest.raises(ValueError, match=message):
        import_model([file], tmp_path / "m.safetensors", "clovaai-stargan-v2", options)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    networks, out = build(), tmp_path / "m.safetensors"
    averages = saved(networks, tmp_path / "nets_ema.ckpt", *AVERAGED)
    trained = saved(networks, tmp_path / "nets.ckpt", *networks)

    def refused(files: list[Path], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            import_model(files, out, "clovaai-stargan-v2")
        assert not out.exists()

    refused([trained, averages], "give them in the other order")
    content = torch.load(averages, weights_only=True)
    lost = content["generator"].pop("encode.0.norm1.bias")
    torch.save(content, tmp_path / "less.ckpt")
    refused([tmp_path / "less.ckpt"], "has no tensor 'generator.encode.0.norm1.bias'")
    content["generator"] |= {"encode.0.norm1.bias": lost, "head.weight": torch.zeros(2)}
    torch.save(content, tmp_path / "more.ckpt")
    refused([tmp_path / "more.ckpt"], r"'generator.head.weight' .* has no place")
    other = build(side=128)
    mixed = {"generator": networks["generator"], **{n: other[n] for n in AVERAGED[1:]}}
    refused([saved(mixed, tmp_path / "mixed.ckpt", *AVERAGED)], "halves the resolution 1 times")


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = saved(build(), tmp_path / "100000_nets_ema.ckpt", *AVERAGED)
    out = tmp_path / "model.safetensors"
    assert main(["import", str(file), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "recognised as clovaai-stargan-v2" in printed
    assert "from the published defaults: domains=cat,dog,wild" in printed
