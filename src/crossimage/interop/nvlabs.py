"""Layers and settings shared by both formats of https://github.com/NVlabs/MUNIT.

A file ``gen_*.pt`` or ``dis_*.pt`` holds one state dict per domain, under ``a`` and ``b``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.functional import normalize
from torch.nn.utils import parametrize

from crossimage.config import C, build
from crossimage.interop.mapping import (
    CheckpointFile,
    check_options,
    choose_settings,
    load_weights,
    nest,
    note_shapes,
)

LayerNames = dict[str, str]

LAYER_NORM = {"norm.weight": "norm.gamma", "norm.bias": "norm.beta"}
PADDINGS = {"zero": "zeros"}
NORMS = {"bn": "batch", "in": "instance", "ln": "layer", "sn": "none"}

DEFAULTS = {"activation": "relu", "padding": "reflect"}
DISCRIMINATOR_DEFAULTS = {
    "discriminator.activation": "lrelu",
    "discriminator.padding": "reflect",
    "discriminator.norm": "none",
}
OPTIONS = ("domains", *DEFAULTS, *DISCRIMINATOR_DEFAULTS)

# Keys of the official config file, and ours.
SHAPES = {
    "gen.dim": "width",
    "gen.n_downsample": "downsamples",
    "gen.n_res": "residual_blocks",
    "dis.dim": "discriminator.width",
    "dis.n_layer": "discriminator.layers",
    "dis.num_scales": "discriminator.scales",
}
LAYERS = {
    "gen.activ": "activation",
    "gen.pad_type": "padding",
    "dis.activ": "discriminator.activation",
    "dis.pad_type": "discriminator.padding",
    "dis.norm": "discriminator.norm",
}
TRAINING = {
    "dis.gan_type": "adversarial",
    "gan_w": "weights.adversarial",
    "recon_x_w": "weights.image",
    "recon_x_cyc_w": "weights.cycle",
    "vgg_w": "weights.perceptual",
    "new_size": "resize",
    "batch_size": "batch_size",
    "max_iter": "steps",
    "lr": "learning_rate",
    "weight_decay": "weight_decay",
    "step_size": "decay_every",
    "gamma": "decay_factor",
}


def encoder_names(ours: str, theirs: str, halvings: int, blocks: int) -> LayerNames:
    """Name the layers of an encoder: convolutions and one group of residual blocks."""
    names = {f"{ours}.{i}": f"{theirs}.model.{i}" for i in range(1 + halvings)}
    for i in range(blocks):
        block = f"{theirs}.model.{1 + halvings}.model.{i}"
        names[f"{ours}.{1 + halvings + i}.first"] = f"{block}.model.0"
        names[f"{ours}.{1 + halvings + i}.second"] = f"{block}.model.1"
    return names


def upsampler_names(ours: str, theirs: str, doublings: int) -> LayerNames:
    """Name the layers of a decoder after its residual blocks; the file counts upsampling too."""
    names = {f"{ours}.{i}": f"{theirs}.model.{2 * i + 2}" for i in range(doublings)}
    names[f"{ours}.{doublings}"] = f"{theirs}.model.{2 * doublings + 1}"
    return names


def encoder_shapes(gen: CheckpointFile, theirs: str) -> dict[str, Any]:
    """Return the settings that the tensors of a content encoder determine."""
    first = [gen.take(f"{d}.{theirs}.model.0.conv.weight", (None, None, 7, 7)) for d in "ab"]
    halvings = gen.count(f"a.{theirs}.model.#.conv.weight", 1)
    shapes = {
        "channels": [weight.shape[1] for weight in first],
        "width": len(first[0]),
        "downsamples": halvings,
        "residual_blocks": gen.count(
            f"a.{theirs}.model.{1 + halvings}.model.#.model.0.conv.weight"
        ),
    }
    if f"a.{theirs}.model.0.activation.weight" in gen:
        shapes["activation"] = "prelu"
    return shapes


def discriminator_shapes(dis: CheckpointFile) -> dict[str, Any]:
    """Return the settings that the tensors of the discriminators determine.

    Instance norms leave no trace in the tensors, unless an old version left running statistics.
    """
    first = dis.take("a.cnns.0.0.conv.weight", (None, None, 4, 4))
    spectral = "a.cnns.0.1.conv.module.weight_bar" in dis
    further = "conv.module.weight_bar" if spectral else "conv.weight"
    shapes: dict[str, Any] = {
        "discriminator.width": len(first),
        "discriminator.layers": 1 + dis.count(f"a.cnns.0.#.{further}", 1),
        "discriminator.scales": dis.count("a.cnns.#.0.conv.weight"),
        "discriminator.spectral": spectral,
    }
    traces = {"gamma": "layer", "weight": "batch", "running_mean": "instance"}
    norm = next((n for trace, n in traces.items() if f"a.cnns.0.1.norm.{trace}" in dis), "")
    if norm or spectral:
        shapes["discriminator.norm"] = norm or "none"
    if "a.cnns.0.0.activation.weight" in dis:
        shapes["discriminator.activation"] = "prelu"
    return shapes


@torch.no_grad()
def load_discriminator(network: nn.Module, dis: CheckpointFile, domain: str) -> None:
    """Load the weights of a discriminator.

    The official spectral norm updates its vectors before it uses them in every pass, in evaluation
    too; the vectors loaded here are those of its first pass.
    """
    names = {"scales": f"{domain}.cnns"}
    spectral = [
        (name, layer)
        for name, layer in network.named_modules()
        if parametrize.is_parametrized(layer, "weight")
    ]
    for ours, _ in spectral:
        theirs = f"{ours.replace('scales', f'{domain}.cnns')}.module"
        names |= {
            f"{ours}.bias": f"{theirs}.bias",
            f"{ours}.parametrizations.weight.original": f"{theirs}.weight_bar",
            f"{ours}.parametrizations.weight.0._u": f"{theirs}.weight_u",
            f"{ours}.parametrizations.weight.0._v": f"{theirs}.weight_v",
        }
    has_gamma = any(name.endswith("norm.gamma") for name in dis.state)
    load_weights(network, dis, names, LAYER_NORM if has_gamma else None)
    for name, _ in spectral:
        weight = network.get_parameter(f"{name}.parametrizations.weight.original").flatten(1)
        u, v = (network.get_buffer(f"{name}.parametrizations.weight.0._{x}") for x in "uv")
        v.copy_(normalize(weight.T @ u, dim=0))
        u.copy_(normalize(weight @ v, dim=0))


def configure(
    cls: type[C],
    shapes: Mapping[str, Any],
    gen: CheckpointFile,
    dis: CheckpointFile | None,
    options: Mapping[str, str],
    file: Mapping[str, Any] | None,
    names: LayerNames,
) -> tuple[C, list[str]]:
    """Build the config of a method.

    Args:
        cls: The method's config class.
        shapes: Settings that the tensors of the generators determine.
        gen: The tensors of the generators.
        dis: The tensors of the discriminators, if present.
        options: Values passed as key=value.
        file: The official config file, if present; if it contradicts the tensors, loading them
            fails.
        names: Further keys of the config file, with ours.

    Returns:
        The config, and notes that say where its values come from.
    """
    check_options(options, OPTIONS)
    if file is not None and not (isinstance(file.get("gen"), dict) and "dis" in file):
        raise ValueError(
            "the config file has no sections 'gen' and 'dis'; expected the config.yaml that "
            f"{gen.path} was trained with"
        )
    determined = dict(shapes) | (discriminator_shapes(dis) if dis else {})
    layers = _from_file(file or {}, SHAPES | LAYERS | names)
    defaults = DEFAULTS | (DISCRIMINATOR_DEFAULTS if dis else {})
    chosen, notes = choose_settings(
        {key: value for key, value in defaults.items() if key not in determined}, options, layers
    )
    values = {"domains": "a,b"} | determined | chosen | layers
    values |= {key: _translate_value(key, value) for key, value in options.items()}
    if file is not None:
        values |= _training(file)
        values["channels"] = [
            file.get(f"input_dim_{d}", n) for d, n in zip("ab", determined["channels"], strict=True)
        ]
    values["crop"] = _crop(file or {}, values)
    return build(cls, nest(values), source="crossimage import"), [note_shapes(determined), *notes]


def _translate_value(key: str, value: Any) -> Any:
    """Return a value of the official code in our terms."""
    other = {"padding": PADDINGS, "norm": NORMS}.get(key.rpartition(".")[2], {})
    return other.get(value, value) if isinstance(value, str) else value


def _from_file(file: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return values of the official config file by our names."""
    flat = flat_values(file)
    values = {ours: _translate_value(ours, flat[key]) for key, ours in names.items() if key in flat}
    if flat.get("dis.norm") == "sn":
        values["discriminator.spectral"] = True
    return values


def _training(file: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the official config file that only training needs."""
    values = _from_file(file, TRAINING)
    if "new_size_a" in file:
        values.setdefault("resize", file["new_size_a"])
    if file.get("lr_policy") == "constant":
        values["decay_every"] = 0
    if {"beta1", "beta2"} <= file.keys():
        values["betas"] = [file["beta1"], file["beta2"]]
    return values


def _crop(file: Mapping[str, Any], values: Mapping[str, Any]) -> list[int]:
    """Return height and width of the training crop, rounded up to what the networks accept."""
    multiple = 2 ** values["downsamples"]
    layers = values.get("discriminator.layers", 4) + values.get("discriminator.scales", 3) - 1
    halvings = max(layers, values.get("style_downsamples", 0), values["downsamples"] + 1, 2)
    sides = [file.get(f"crop_image_{side}", 256) for side in ("height", "width")]
    return [max(-(-side // multiple) * multiple, 2**halvings) for side in sides]


def flat_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a mapping and of its sections by dotted name."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        section = isinstance(value, dict)
        flat |= {f"{key}.{part}": v for part, v in value.items()} if section else {key: value}
    return flat
