"""SketchyGAN's TensorFlow variables: settings by their shapes, and refusals."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from crossimage.checkpoints.model_file import load_model
from crossimage.config import build
from crossimage.interop import import_model
from crossimage.interop.wchen342_sketchygan import _DECODING, _ENCODING, _UNIT
from crossimage.methods.sketchygan import SketchyGAN, SketchyGANConfig

GENERATOR = {
    "first": "Conv",
    "last": "Conv_1",
    "bottom.norm": "mru_conv_unit_last_norm",
    "noise": "fully_connected",
    **{
        f"down.{i}.{ours}": f"{_UNIT.format(i + 1)}/{theirs}"
        for i in range(4)
        for ours, theirs in _ENCODING.items()
    },
    **{
        f"up.{i}.{ours}": f"mru_deconv_unit_t_{2 * i}_layer_0/{theirs}"
        for i in range(5)
        for ours, theirs in _DECODING.items()
    },
}


def variables(method: SketchyGAN) -> dict[str, Tensor]:
    """The generator's weights as TensorFlow's code names and lays them out."""
    found = {}
    for name, value in method.generators.named_parameters():
        start = max((key for key in GENERATOR if f"{name}.".startswith(f"{key}.")), key=len)
        end = name.rsplit(".", 1)[1]
        own = {"weight": "weights", "bias": "biases", "scale": "scale", "shift": "offset"}[end]
        tensor = value.detach()
        if end == "weight":
            tensor = tensor.permute(2, 3, 1, 0) if tensor.dim() == 4 else tensor.T
        elif end == "bias" and start != "noise":
            tensor = tensor[None, :, None, None]
        found[f"generator/{GENERATOR[start]}/{own}"] = tensor.contiguous().clone()
    return found


@pytest.fixture(scope="module")
def method() -> SketchyGAN:
    settings = {
        "channels": 1, "crop": 96, "width": 3, "z_dim": 7, "attributes": "a,b", "label_sets": 2,
        "categorical": True, "test_statistics": "batch", "weights": {"perceptual": 0.0},
    }  # fmt: skip
    torch.manual_seed(0)
    method = SketchyGAN(build(SketchyGANConfig, settings), training=False).eval()
    for parameter in method.parameters():
        torch.nn.init.normal_(parameter, 0.1, 0.3)
    return method


def test_other_widths_sizes_and_channels(method: SketchyGAN, tmp_path: Path) -> None:
    save_file(variables(method), tmp_path / "g.safetensors")
    out = tmp_path / "model.safetensors"
    notes = import_model([tmp_path / "g.safetensors"], out, None, {"attributes": "a,b"})
    assert notes[0] == "recognised as wchen342-sketchygan"
    imported = load_model(out)
    assert imported.labels is not None and imported.labels.names == ("a", "b")
    x, labels, z = torch.rand(3, 1, 96, 96) * 2 - 1, torch.eye(2)[[0, 1, 1]], torch.randn(3, 7)
    with torch.no_grad():
        expected = method.translate(x, labels, z)
        torch.testing.assert_close(imported.translate(x, labels, z), expected)


def test_variables_of_no_network_are_left_out_and_named(method: SketchyGAN, tmp_path: Path) -> None:
    """Such as a second discriminator, with a spectral norm that the first one lacks."""
    name = "generator/Conv/weights"
    own = variables(method)
    beside = {
        "critic/Conv/critic/Conv/u": torch.zeros(1, 3),
        "global_step": torch.zeros(1),
        f"{name}/Adam": torch.zeros_like(own[name]),
        f"{name}/Adam_1": torch.zeros_like(own[name]),
    }
    save_file(own | beside, tmp_path / "all.safetensors")
    notes = import_model([tmp_path / "all.safetensors"], tmp_path / "model.safetensors")
    assert "left out, since they belong to no network: critic, global_step" in notes
    assert "left out: 2 tensors of the optimizers" in notes
    assert any("stabilisation=dragan" in note for note in notes)


def test_files_that_do_not_fit_are_refused(method: SketchyGAN, tmp_path: Path) -> None:
    def convert(options: dict[str, str] | None = None, **changes: Tensor | None) -> None:
        kept = {k: v for k, v in (variables(method) | changes).items() if v is not None}
        save_file(kept, tmp_path / "g.safetensors")
        import_model([tmp_path / "g.safetensors"], tmp_path / "m.safetensors", None, options)

    with pytest.raises(ValueError, match=r"attributes names 3 classes, and .* has 2"):
        convert({"attributes": "a,b,c"})
    with pytest.raises(ValueError, match="has no tensor 'generator/Conv_1/biases'"):
        convert(**{"generator/Conv_1/biases": None})
    with pytest.raises(ValueError, match="'generator/more/weights' of .* has no place"):
        convert(**{"generator/more/weights": torch.zeros(3)})
