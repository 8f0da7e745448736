"""Names of the official CycleGAN and pix2pix code's networks, turned into ours."""

from __future__ import annotations

from torch import Tensor

Names = dict[str, str]


def renamed(official: dict[str, Tensor], names: Names) -> dict[str, Tensor]:
    """Tensors under our names, by the layers' names; every layer must be known."""
    ours = {}
    for key, value in official.items():
        layer, _, kind = key.rpartition(".")
        ours[f"{names[layer]}.{kind}"] = value
    return ours


def resnet_generator(blocks: int, *, dropout: bool = False) -> Names:
    """Layers of an official ResNet generator with two halvings."""
    names = {}
    for place, layer in enumerate((1, 4, 7)):
        names[f"model.{layer}"] = f"{place}.conv"
        names[f"model.{layer + 1}"] = f"{place}.norm"
    second = 6 if dropout else 5
    for i in range(blocks):
        for layer, half in ((1, "first"), (second, "second")):
            names[f"model.{10 + i}.conv_block.{layer}"] = f"{3 + i}.{half}.conv"
            names[f"model.{10 + i}.conv_block.{layer + 1}"] = f"{3 + i}.{half}.norm"
    end = 10 + blocks
    for i in range(2):
        names[f"model.{end + 3 * i}"] = f"{3 + blocks + i}.conv"
        names[f"model.{end + 3 * i + 1}"] = f"{3 + blocks + i}.norm"
    names[f"model.{end + 7}"] = f"{5 + blocks}.conv"
    return names


def patch_discriminator(layers: int = 3) -> Names:
    """Layers of an official PatchGAN with some convolutions of stride 2."""
    names = {"model.0": "scales.0.0.conv"}
    for i in range(layers):
        names[f"model.{2 + 3 * i}"] = f"scales.0.{1 + i}.conv"
        names[f"model.{3 + 3 * i}"] = f"scales.0.{1 + i}.norm"
    names[f"model.{2 + 3 * layers}"] = f"scales.0.{1 + layers}"
    return names
