"""Variables of the official TensorFlow code of SketchyGAN, by their names, in a file of tensors.

One file holds the variables below ``generator/`` and, if present, below ``discriminator/``, in
TensorFlow's layouts. It does not name the classes.
"""

from __future__ import annotations

import math
import re
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrize import is_parametrized

from crossimage.config import build
from crossimage.interop.mapping import (
    CheckpointFile,
    ConvertedModel,
    Files,
    MismatchError,
    check_options,
    choose_settings,
    nest,
    networks_of,
    note_shapes,
    split_names,
)
from crossimage.interop.networks import refuse_config
from crossimage.methods.sketchygan import SketchyGAN, SketchyGANConfig
from crossimage.networks.layers.blocks import raw_weight
from crossimage.networks.masked_residual import HALVINGS, ClassBatchNorm, NoiseLayer

FILES = Files(("model",))
_UNIT = "mru_conv_unit_t_{}_layer_0"
_ENCODING = {
    "first": "norm_activation_in",
    "gate.conv": "update_gate",
    "image": "Conv",
    "merged": "norm_activation_merge_1",
    "conv_1": "Conv_1",
    "middle": "Conv_1",
    "conv_2": "Conv_2",
    "shortcut": "Conv_3",
}
"""Layers of an encoding unit by the scopes of their variables."""
_DECODING = {
    "reset.conv": "Conv",
    "update.conv": "Conv_1",
    "conv_1": "Conv_2",
    "act_1": "Conv_2",
    "conv_2": "Conv_3",
    "act_2": "Conv_3",
    "shortcut": "Conv_4",
    "act_shortcut": "Conv_4",
}
_LAST_NORM = "mru_conv_unit_last_norm"


def recognises(states: list[dict[str, Tensor]]) -> bool:
    """Return whether a single file holds the variables of a generator."""
    return len(states) == 1 and f"generator/{_UNIT.format(1)}/update_gate/weights" in states[0]


def convert(
    sources: list[CheckpointFile], options: dict[str, str], config: dict[str, Any] | None
) -> ConvertedModel:
    """Convert a generator and a discriminator, if present, to a SketchyGAN."""
    refuse_config(config, "SketchyGAN", options=False)
    check_options(options, ["attributes"])
    (source,) = sources
    others = sorted({name.split("/")[0] for name in source.state} - {"generator", "discriminator"})
    source.ignore(lambda name: name.split("/")[0] in others or _is_moment(name))
    discriminator = any(name.startswith("discriminator/") for name in source.state)
    shapes = _shapes(source)
    classes = shapes.pop("classes")
    given, notes = choose_settings(
        {"attributes": ",".join(f"class_{index}" for index in range(classes))}, options
    )
    names = split_names(given["attributes"])
    if len(names) != classes:
        raise ValueError(f"attributes names {len(names)} classes, and {source.path} has {classes}")
    values = nest(shapes) | {
        "resize": min(shapes["crop"]),
        "domains": names,
        "attributes": names,
        "label_sets": [classes],
        "categorical": [True],
        "test_statistics": "batch",
    }
    if shapes["channels"] != (3,):
        values["weights"] = {"perceptual": 0.0}  # Inception-v4 reads colour images
    settings = build(SketchyGANConfig, values, source="the imported settings")
    method = networks_of(SketchyGAN, settings, sources, training=discriminator)
    _load_generator(method, source)
    if discriminator:
        _load_discriminator(method, source)
    notes = [
        note_shapes(shapes | {"classes": classes}),
        *notes,
        "test_statistics=batch, since the file holds no running statistics: outputs depend on the "
        "images that are translated together",
    ]
    if others:
        notes.append(f"left out, since they belong to no network: {', '.join(others)}")
    if moments := sum(map(_is_moment, source.state)):
        notes.append(f"left out: {moments} tensors of the optimizers")
    return ConvertedModel(method, discriminator, notes)


def _is_moment(name: str) -> bool:
    """Return whether a variable is one of Adam's, which lie below the weight that they are of."""
    return name.endswith(("/Adam", "/Adam_1"))


def _shapes(source: CheckpointFile) -> dict[str, Any]:
    """Return the settings that the tensors determine, and the number of classes."""
    _, _, channels, _ = source.take("generator/Conv/weights", (7, 7, None, None)).shape
    width = source.take(f"generator/{_UNIT.format(1)}/Conv_2/weights", (3, 3, None, None)).shape[3]
    z_dim, length = source.take("generator/fully_connected/weights", (None, None)).shape
    classes = source.take("generator/fully_connected/scale", (None, length)).shape[0]
    side = math.isqrt(length // width)
    if side * side * width != length:
        raise MismatchError(
            f"the noise of {source.path} has {length} values, which do not make {width} square maps"
        )
    crop = (side << HALVINGS - 1,) * 2
    spectral = any(re.fullmatch("discriminator/.*/u", name) for name in source.state)
    return {
        "channels": (channels,), "width": width, "z_dim": z_dim, "crop": crop, "classes": classes,
        "stabilisation": "spectral" if spectral else "dragan",
    }  # fmt: skip


def _load_generator(method: SketchyGAN, source: CheckpointFile) -> None:
    G = method.generators
    _load(G.first, source, "generator/Conv")
    _load(G.last, source, "generator/Conv_1")
    for number, unit in enumerate(G.down, 1):
        _load_unit(unit, source, f"generator/{_UNIT.format(number)}", _ENCODING)
    _load(G.bottom, source, f"generator/{_LAST_NORM}")
    _load(G.noise, source, "generator/fully_connected")
    for number, unit in enumerate(G.up):
        scope = f"generator/mru_deconv_unit_t_{2 * number}_layer_0"
        _load_unit(unit, source, scope, _DECODING)


def _load_discriminator(method: SketchyGAN, source: CheckpointFile) -> None:
    D = method.discriminators
    _load(D.first, source, "discriminator/Conv")
    _load(D.act, source, "discriminator/Conv")
    for number, unit in enumerate(D.units, 1):
        _load_unit(unit, source, f"discriminator/{_UNIT.format(number)}", _ENCODING)
    _load(D.last, source, f"discriminator/{_LAST_NORM}")
    _load(D.source, source, "discriminator/Conv_1")
    _load(D.classes, source, "discriminator/fully_connected")


def _load_unit(unit: nn.Module, source: CheckpointFile, scope: str, names: dict[str, str]) -> None:
    for ours, theirs in names.items():
        try:
            layer = unit.get_submodule(ours)
        except AttributeError:  # without a shortcut of its own
            continue
        _load(layer, source, f"{scope}/{theirs}")


@torch.no_grad()
def _load(network: nn.Module, source: CheckpointFile, scope: str) -> None:
    """Load the layers of a network whose variables are directly in a scope."""
    for layer in network.modules():
        match layer:
            case nn.Conv2d() | nn.Linear():
                _load_linear(layer, source, scope)
            case ClassBatchNorm() | NoiseLayer():
                layer.scale.copy_(source.take(f"{scope}/scale", layer.scale.shape))
                layer.shift.copy_(source.take(f"{scope}/offset", layer.shift.shape))
            case nn.PReLU():
                layer.weight.copy_(source.take(f"{scope}/prelu/param", (1,)))


def _load_linear(layer: nn.Conv2d | nn.Linear, source: CheckpointFile, scope: str) -> None:
    """Load weight, bias and the vector of spectral normalisation of a layer.

    The official code updates the vectors before it uses them, in the order right, left; ours are
    stored as they are used.
    """
    weight = raw_weight(layer)
    order = (3, 2, 0, 1) if weight.dim() == 4 else (1, 0)
    shape = [weight.shape[order.index(axis)] for axis in range(weight.dim())]
    theirs = source.take(f"{scope}/weights", shape).permute(order)
    weight.copy_(theirs)
    bias = layer.bias
    assert bias is not None
    ours = (1, len(bias), 1, 1) if weight.dim() == 4 else (len(bias),)
    bias.copy_(source.take(f"{scope}/biases", ours).flatten())
    if is_parametrized(layer, "weight"):
        matrix = theirs.flatten(1)
        u = source.take(f"{scope}/{scope}/u", (1, len(matrix)))[0]
        right = F.normalize(matrix.T @ u, dim=0, eps=1e-12)
        vectors = layer.get_submodule("parametrizations.weight.0")
        vectors.get_buffer("_v").copy_(right)
        vectors.get_buffer("_u").copy_(F.normalize(matrix @ right, dim=0, eps=1e-12))
