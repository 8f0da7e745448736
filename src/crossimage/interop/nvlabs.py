"""What the two formats of https://github.com/NVlabs/MUNIT have in common.

A file ``gen_*.pt`` or ``dis_*.pt`` holds a state dict for each domain, under ``a`` and ``b``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.functional import normalize
from torch.nn.utils import parametrize

from crossimage.config import C, build
from crossimage.interop.mapping import Source, decide, described, load, nested, settings

Names = dict[str, str]

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

# Keys of the official config file and ours.
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


def encoder_names(ours: str, theirs: str, halvings: int, blocks: int) -> Names:
    """Layers of an encoder: convolutions and one group of residual blocks."""
    names = {f"{ours}.{i}": f"{theirs}.model.{i}" for i in range(1 + halvings)}
    for i in range(blocks):
        block = f"{theirs}.model.{1 + halvings}.model.{i}"
        names[f"{ours}.{1 + halvings + i}.first"] = f"{block}.model.0"
        names[f"{ours}.{1 + halvings + i}.second"] = f"{block}.model.1"
    return names


def upsampler_names(ours: str, theirs: str, doublings: int) -> Names:
    """Layers of a decoder after its residual blocks; every second one there doubles pixels."""
    names = {f"{ours}.{i}": f"{theirs}.model.{2 * i + 2}" for i in range(doublings)}
    names[f"{ours}.{doublings}"] = f"{theirs}.model.{2 * doublings + 1}"
    return names


def encoder_shapes(gen: Source, theirs: str) -> dict[str, Any]:
    """What the tensors of a content encoder tell, by our names of the settings."""
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


def discriminator_shapes(dis: Source) -> dict[str, Any]:
    """What the tensors of the discriminators tell, by our names of the settings.

    That there is no norm and an instance norm look alike, unless an old one left its statistics.
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
def load_discriminator(network: nn.Module, dis: Source, domain: str) -> None:
    """Give a discriminator its tensors.

    The official spectral norm renews its vectors in every pass, evaluation or not, before it uses
    them; so the vectors here are those of its first pass.
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
    load(network, dis, names, LAYER_NORM if has_gamma else None)
    for name, _ in spectral:
        weight = network.get_parameter(f"{name}.parametrizations.weight.original").flatten(1)
        u, v = (network.get_buffer(f"{name}.parametrizations.weight.0._{x}") for x in "uv")
        v.copy_(normalize(weight.T @ u, dim=0))
        u.copy_(normalize(weight @ v, dim=0))


def configure(
    cls: type[C],
    shapes: Mapping[str, Any],
    gen: Source,
    dis: Source | None,
    options: Mapping[str, str],
    file: Mapping[str, Any] | None,
    names: Names,
) -> tuple[C, list[str]]:
    """The config of a method, and notes that tell where its values come from.

    Args:
        cls: The method's config class.
        shapes: What the tensors of the generators tell.
        gen: Those tensors.
        dis: The tensors of the discriminators, if given.
        options: Values given as key=value.
        file: The official config file, if given; where it contradicts the tensors, these will not
            fit.
        names: Further keys of the config file and ours.
    """
    settings(options, OPTIONS)
    if file is not None and not (isinstance(file.get("gen"), dict) and "dis" in file):
        raise ValueError(
            "the config file has no sections 'gen' and 'dis'; expected the config.yaml that "
            f"{gen.path} was trained with"
        )
    told = dict(shapes) | (discriminator_shapes(dis) if dis else {})
    layers = _from_file(file or {}, SHAPES | LAYERS | names)
    asked = DEFAULTS | (DISCRIMINATOR_DEFAULTS if dis else {})
    decided, notes = decide(
        {key: value for key, value in asked.items() if key not in told}, options, layers
    )
    values = {"domains": "a,b"} | told | decided | layers
    values |= {key: _words(key, value) for key, value in options.items()}
    if file is not None:
        values |= _training(file)
        values["channels"] = [
            file.get(f"input_dim_{d}", n) for d, n in zip("ab", told["channels"], strict=True)
        ]
    values["crop"] = _crop(file or {}, values)
    return build(cls, nested(values), source="crossimage import"), [described(told), *notes]


def _words(key: str, value: Any) -> Any:
    """A value of the official code in our words."""
    other = {"padding": PADDINGS, "norm": NORMS}.get(key.rpartition(".")[2], {})
    return other.get(value, value) if isinstance(value, str) else value


def _from_file(file: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Values of the official config file by our names."""
    flat = _flat(file)
    values = {ours: _words(ours, flat[key]) for key, ours in names.items() if key in flat}
    if flat.get("dis.norm") == "sn":
        values["discriminator.spectral"] = True
    return values


def _training(file: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the official config file that only training needs."""
    values = _from_file(file, TRAINING)
    if "new_size_a" in file:
        values.setdefault("resize", file["new_size_a"])
    if file.get("lr_policy") == "constant":
        values["decay_every"] = 0
    if {"beta1", "beta2"} <= file.keys():
        values["betas"] = [file["beta1"], file["beta2"]]
    return values


def _crop(file: Mapping[str, Any], values: Mapping[str, Any]) -> list[int]:
    """Height and width of the training crop, rounded up to what the networks can work on."""
    multiple = 2 ** values["downsamples"]
    judged = values.get("discriminator.layers", 4) + values.get("discriminator.scales", 3) - 1
    halvings = max(judged, values.get("style_downsamples", 0), values["downsamples"] + 1, 2)
    sides = [file.get(f"crop_image_{side}", 256) for side in ("height", "width")]
    return [max(-(-side // multiple) * multiple, 2**halvings) for side in sides]


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a mapping and of its sections by dotted name."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        section = isinstance(value, dict)
        flat |= {f"{key}.{part}": v for part, v in value.items()} if section else {key: value}
    return flat
