"""StarGAN v2 beside the official code: every tensor, loss term and gradient norm."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from crossimage.methods.base import Batch, Noise
from crossimage.methods.stargan_v2 import StarGANv2
from tests import golden

CASES = ("clovaai_starganv2", "clovaai_starganv2_hpf")
close = partial(torch.testing.assert_close, rtol=1e-4, atol=1e-4)
TERMS = {"adversarial": "adv", "style": "sty", "diversity": "ds", "cycle": "cyc"}


def load(case: str, kind: str) -> tuple[StarGANv2, dict[str, Tensor]]:
    folder = golden.folder(case)
    files = [folder / "100000_nets_ema.ckpt"]
    if kind == "nets":
        files = [folder / "100000_nets.ckpt"]
    method = golden.imported("clovaai-stargan-v2", *files)
    assert isinstance(method, StarGANv2)
    io = load_file(folder / "io.safetensors")
    for name in ("y_org", "y_trg"):
        io[name] = F.one_hot(io[name], len(method.labels.names)).float()
    return method, io


def masks(io: dict[str, Tensor], name: str = "mask") -> tuple[Tensor, Tensor] | None:
    return (io[f"{name}_0"], io[f"{name}_1"]) if f"{name}_0" in io else None


@pytest.mark.parametrize("case", CASES)
def test_styles_and_translations(case: str) -> None:
    method, io = load(case, "nets_ema")
    with torch.no_grad():
        latent = method.style_from(io["z"], io["y_trg"])
        reference = method.encode_style(io["reference"], io["y_trg"])
        close(latent, io["style_latent"])
        close(reference, io["style_reference"])
        G = method.generators
        close(G(io["image"], latent, masks(io)), io["translated_latent"])
        close(G(io["image"], reference, masks(io)), io["translated_reference"])
        if "translated_latent_nomask" in io:
            close(G(io["image"], latent), io["translated_latent_nomask"])
        both = G(io["image"], torch.stack([latent, reference], 1).flatten(0, 1), masks(io))
        close(both[1::2], io["translated_reference"])


def test_masks_of_faces() -> None:
    method, io = load(CASES[1], "nets_ema")
    found = method.landmark_network.masks(io["image"][:1])
    for mask, name in zip(found, ("heatmap_0", "heatmap_1"), strict=True):
        difference = (mask - io[name]).abs()
        assert (difference > 1e-4).float().mean() < 1e-4  # values about the threshold may fall


@pytest.mark.parametrize("case", CASES)
def test_terms_and_gradients_of_all_moves(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The four moves of a step, of which none is made, so that all see the stored weights."""
    method, io = load(case, "nets")
    method.train()
    with torch.no_grad():
        close(method.discriminators(io["image"]), io["dis_logits"])
        close(method.style_from(io["z"], io["y_trg"]), io["train_style_latent"])
        close(method.encode_style(io["reference"], io["y_trg"]), io["train_style_reference"])
    if given := masks(io):
        fake = masks(io, "mask_fake")
        monkeypatch.setattr(method, "_masks", lambda x: given if x is batch.images["x"] else fake)
    names = ("image", "reference", "reference2")
    images = dict(zip(("x", "reference", "reference_2"), map(io.get, names), strict=True))
    noise = Noise(0, len(io["z"]), slice(None), "cpu")
    codes = iter((io["z"], io["z2"]))
    monkeypatch.setattr(Noise, "__call__", lambda self, *shape: next(codes))
    batch = Batch(images, noise, {"x": io["y_org"], "target": io["y_trg"]})  # type: ignore[arg-type]
    expected = [
        ("d_latent", ("discriminator",)),
        ("d_reference", ("discriminator",)),
        ("g_latent", ("generator", "mapping_network", "style_encoder")),
        ("g_reference", ("generator",)),
    ]
    players = dict(
        discriminator=method.discriminators, generator=method.generators,
        mapping_network=method.mapping_network, style_encoder=method.style_encoder,
    )  # fmt: skip
    for update, (move, moved) in zip(method.training_step(batch), expected, strict=True):
        weights = method.loss_weights(0)
        total = sum(getattr(weights, name) * loss for name, loss in update.losses.items())
        close(total, io[f"{move}_total"][0])
        if move.startswith("d_"):
            close(update.losses["adversarial"], (io[f"{move}_real"] + io[f"{move}_fake"])[0])
            close(update.losses["r1"], io[f"{move}_reg"][0])
        else:
            for ours, theirs in TERMS.items():
                sign = -1 if ours == "diversity" else 1
                close(sign * update.losses[ours], io[f"{move}_{theirs}"][0])
        assert len(update.players) == len(moved)
        for name in moved:
            gradients = torch.autograd.grad(
                total, list(players[name].parameters()), retain_graph=True, allow_unused=True
            )
            norm = torch.stack([g.norm() for g in gradients if g is not None]).norm()
            close(norm, io[f"{move}_grad_{name}"][0])


def test_the_official_size() -> None:
    """Millions of parameters at 256 px, of two domains."""
    config = StarGANv2.Config(domains=("a", "b"), w_hpf=0.0)
    with torch.device("meta"):
        method = StarGANv2(config)
    counts = {
        name: sum(p.numel() for p in network.parameters()) / 1e6
        for name, network in method.players().items()
    }
    assert counts["generators"] == pytest.approx(33.9, abs=0.05)
    assert counts["mapping_network"] == pytest.approx(2.4, abs=0.05)
    assert counts["style_encoder"] == pytest.approx(20.9, abs=0.1)
    assert counts["discriminators"] == pytest.approx(20.9, abs=0.1)
