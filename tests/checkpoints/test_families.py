"""Models that are not imported are named by the names of their tensors."""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch

import crossimage
from crossimage.checkpoints.families import family_of
from crossimage.interop import import_model
from tests import golden

KNOWN = {
    "model.diffusion_model.input_blocks.0.0.weight": "a diffusion model, such as Stable Diffusion",
    "down_blocks.0.attentions.0.norm.weight": "a diffusion model, such as Stable Diffusion",
    "lora_unet_down_blocks_0_attn1.lora_down.weight": "a LoRA",
    "unet.mid_block.attn.to_q.lora_A.weight": "a LoRA",
    "control_model.zero_convs.0.0.weight": "a ControlNet",
    "controlnet_cond_embedding.conv_in.weight": "a ControlNet",
    "decoder.up_blocks.0.resnets.0.conv1.weight": "the autoencoder of a diffusion model",
    "text_model.encoder.layers.0.mlp.fc1.weight": "a language or text model",
    "synthesis.b4.conv1.weight": "StyleGAN",
    "body.0.rdb1.conv1.weight": "ESRGAN or Real-ESRGAN; .*train srgan",
    "UpBlock1_1.conv1.weight": "U-GAT-IT",
    "features.0.weight": "a VGG-like network",
    "layer1.0.conv1.weight": "a ResNet for recognition",
    "net_G.module.averaged_model.autoencoder_a.content_encoder.model.0.weight": "imaginaire",
}


@pytest.mark.parametrize("name", KNOWN)
def test_families_are_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors.torch.save({name: torch.zeros(1), "x.bias": torch.zeros(1)}))
    for take in (
        lambda: import_model([path], tmp_path / "new.safetensors"),
        lambda: import_model([path], tmp_path / "new.safetensors", "junyanz-pix2pix"),
        lambda: crossimage.load(path),
    ):
        with pytest.raises(ValueError, match=f"this looks like .*{KNOWN[name]}"):
            take()


@pytest.mark.parametrize(
    "name",
    [
        "model.1.weight",
        "model.model.1.model.0.conv.weight",
        "a.enc_style.model.0.conv.weight",
        "generators.photo.model.0.conv.weight",
        "main.0.weight",
        "scale0_layer0.0.weight",
    ],
)
def test_names_of_formats_that_are_imported_are_no_family(name: str) -> None:
    assert family_of([name]) is None


def test_the_official_checkpoint_of_imaginaire_is_named(tmp_path: Path) -> None:
    (path,) = golden.folder("imaginaire_munit").glob("*.pt")
    with pytest.raises(ValueError, match="looks like a model of NVIDIA's imaginaire"):
        import_model([path], tmp_path / "new.safetensors")


def test_models_of_crossimage_need_no_import(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors.torch.save({"x": torch.zeros(1)}, {"format": "crossimage"}))
    with pytest.raises(ValueError, match="is a model of crossimage already; use it as it is"):
        import_model([path], tmp_path / "new.safetensors")
    run = {"method": {}, "config": {"method": "munit"}, "average": None, "step": 1}
    torch.save(run, tmp_path / "step-00000001.pt")
    with pytest.raises(ValueError, match="is a model of crossimage already"):
        import_model([tmp_path / "step-00000001.pt"], tmp_path / "new.safetensors")


def test_the_format_of_a_file_is_told_by_its_content_not_its_name(tmp_path: Path) -> None:
    state = {"backbone.weight": torch.zeros(1)}
    torch.save(state, tmp_path / "pickle.safetensors")
    (tmp_path / "tensors.pth").write_bytes(safetensors.torch.save(state))
    for name in ("pickle.safetensors", "tensors.pth"):
        with pytest.raises(ValueError, match=r"'backbone\.weight'\) are not of a known format"):
            import_model([tmp_path / name], tmp_path / "new.safetensors")
    with pytest.raises(ValueError, match="not a model written by crossimage"):
        crossimage.load(tmp_path / "tensors.pth")
