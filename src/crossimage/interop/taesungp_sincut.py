"""Checkpoints of SinCUT in the official code of CUT (contrastive-unpaired-translation).

The files are those of CUT: ``latest_net_G.pth``, ``latest_net_F.pth``, ``latest_net_D.pth``. The
networks consist of StyleGAN2's layers, and an activated convolution is a sequence of a fixed blur,
if it halves the resolution, a convolution, and a bias.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from crossimage.config import build
from crossimage.interop.mapping import (
    CheckpointFile,
    ConvertedModel,
    MismatchError,
    check_options,
    choose_settings,
    load_weights,
    nest,
    networks_of,
    note_shapes,
)
from crossimage.interop.networks import refuse_config, role_notes
from crossimage.interop.taesungp_cut import (
    FILES,
    ROLES,
    is_heads,
    load_heads,
    name_domains,
    training_settings,
)
from crossimage.methods.sincut import SinCUT, SinCUTConfig
from crossimage.networks.stylegan2.blocks import ActivatedConv, Blur4, ScaledResidualBlock
from crossimage.networks.stylegan2.networks import StyleGAN2Discriminator, StyleGAN2Translator

__all__ = ["FILES", "convert", "recognises"]

NCE_LAYERS = "0,2,4"


def recognises(states: list[dict[str, Tensor]]) -> bool:
    """Return whether the files hold a generator of StyleGAN2's layers, and its other networks."""
    generator, *others = states
    heads = sum(is_heads(state) for state in others)
    discriminators = sum(_is_discriminator(state) for state in others)
    return (
        {"encoder.convs.1.0.weight", "decoder.convs.0.conv1.0.weight"} <= generator.keys()
        and heads <= 1
        and discriminators <= 1
        and heads + discriminators == len(others)
    )


def _is_discriminator(state: Mapping[str, Tensor]) -> bool:
    return {"convs.0.0.weight", "final_linear.1.weight"} <= state.keys()


def convert(
    sources: list[CheckpointFile], options: dict[str, str], config: dict[str, Any] | None
) -> ConvertedModel:
    """Convert a generator and, if present, heads and a discriminator to a SinCUT."""
    refuse_config(config, "SinCUT")
    check_options(options, ["domains", "direction", "nce_layers"])
    files = {"G": sources[0]}
    for source in sources[1:]:
        files["F" if is_heads(source.state) else "D"] = source
    channels, shapes = _read_generator(files["G"])
    if "D" in files:
        shapes["discriminator_widths"] = _read_discriminator(files["D"], channels)
        shapes["crop"] = 2 ** (len(shapes["discriminator_widths"]) + 1)
    if "F" in files:
        shapes["head_width"] = files["F"].take("mlp_0.0.weight", (None, None)).shape[0]
    _check(config or {}, shapes, channels)
    official = _training_settings(config)
    chosen, notes = choose_settings({"nce_layers": NCE_LAYERS} | official, options, official)
    named, direction_notes = name_domains(options, config)
    settings = build(
        SinCUTConfig, {"channels": channels}, nest(shapes | chosen), named,
        source="the imported settings",
    )  # fmt: skip

    method = networks_of(SinCUT, settings, sources, training="D" in files)
    _load_generator(method.generators, files["G"])
    if "D" in files:
        _load_discriminator(method.discriminators["b"], files["D"])
    roles = role_notes(list(files.values()), {role: ROLES[role] for role in files})
    notes = [*roles, note_shapes(shapes), *notes, *direction_notes]
    return ConvertedModel(method, "D" in files, [*notes, *load_heads(method, files)])


def _read_generator(source: CheckpointFile) -> tuple[tuple[int, int], dict[str, Any]]:
    """Return the channels of its images, and the settings that its tensors determine."""
    width, inputs = source.take("encoder.convs.1.0.weight", (None, None, 1, 1)).shape[:2]
    halvings = source.count("encoder.convs.#.skip.1.weight", 2)
    widths = [
        source.take(f"encoder.convs.{i}.skip.1.weight", (None, None, 1, 1)).shape[0]
        for i in range(2, halvings + 2)
    ]
    encoder = source.count("encoder.convs.#.conv1.0.weight", 2) - halvings
    decoder = source.count("decoder.convs.#.conv1.0.weight")
    if encoder != decoder:
        raise MismatchError(
            f"{source.path} has {encoder} residual blocks in its encoder and {decoder} in its "
            "decoder; expected as many"
        )
    return (inputs, inputs), {"widths": [width, *widths], "residual_blocks": encoder}


def _read_discriminator(source: CheckpointFile, channels: tuple[int, int]) -> list[int]:
    """Return the channels of its resolutions."""
    first = source.take("convs.0.0.weight", (None, channels[1], 1, 1)).shape[0]
    halvings = source.count("convs.#.skip.1.weight", 1)
    widths = [
        source.take(f"convs.{i}.skip.1.weight", (None, None, 1, 1)).shape[0]
        for i in range(1, halvings + 1)
    ]
    return [first, *widths]


def _check(config: Mapping[str, Any], shapes: Mapping[str, Any], channels: tuple[int, int]) -> None:
    """Refuse options that the tensors contradict."""
    found = {
        "input_nc": channels[0],
        "output_nc": channels[1],
        "stylegan2_G_num_downsampling": len(shapes["widths"]) - 1,
        "crop_size": shapes.get("crop"),
        "netF_nc": shapes.get("head_width"),
    }
    for key, value in found.items():
        if value is not None and config.get(key, value) != value:
            raise MismatchError(f"the options say {key}={config[key]}, and the tensors {value}")


def _training_settings(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what official options say about the training, in our terms."""
    values = training_settings(config)
    values.pop("flip_equivariance", None)
    config = config or {}
    names = {"lambda_R1": "weights.r1", "lambda_identity": "weights.identity"}
    values |= {ours: config[theirs] for theirs, ours in names.items() if theirs in config}
    if "random_scale_max" in config:
        values["smallest_zoom"] = 1 / config["random_scale_max"]
    if "batch_size" in config:
        values["batch_size"] = values["contrasted_crops"] = config["batch_size"]
    if "netG" in config:
        values["noise"] = "small" not in str(config["netG"])
    return values


def _load_generator(generator: StyleGAN2Translator, source: CheckpointFile) -> None:
    layers: dict[str, str] = {}
    for number, layer in enumerate(generator.encoder):
        layers |= _names(f"encoder.{number}", layer, f"encoder.convs.{number + 1}")
    for number, layer in enumerate(generator.decoder):
        layers |= _names(f"decoder.{number}", layer, f"decoder.convs.{number}")
    first = len(generator.decoder)
    for number in range(len(generator.doublings)):
        ours, theirs = f"doublings.{number}", f"decoder.convs.{first + number}"
        weight = f"{theirs}.conv.weight"
        source.state[weight] = source.take(weight, (1, None, None, 3, 3))[0]
        layers |= {
            f"{ours}.weight": weight,
            f"{ours}.noise_strength": f"{theirs}.noise.weight",
            f"{ours}.activation": f"{theirs}.activate",
        }
    layers |= _names("last", generator.last, f"decoder.convs.{first + len(generator.doublings)}")
    load_weights(generator, source, layers)
    _check_blurs(source)


def _load_discriminator(discriminator: nn.Module, source: CheckpointFile) -> None:
    assert isinstance(discriminator, StyleGAN2Discriminator)
    *blocks, final = discriminator.layers
    names = {"hidden": "final_linear.0", "score": "final_linear.1"}
    for number, layer in enumerate(blocks):
        names |= _names(f"layers.{number}", layer, f"convs.{number}")
    names |= _names(f"layers.{len(blocks)}", final, "final_conv")
    load_weights(discriminator, source, names)
    _check_blurs(source)


def _names(ours: str, layer: nn.Module, theirs: str) -> dict[str, str]:
    """Return the names of an activated convolution or of a residual block of these."""
    if isinstance(layer, ScaledResidualBlock):
        names = {f"{ours}.shortcut": f"{theirs}.skip.1"}
        names |= _names(f"{ours}.first", layer.first, f"{theirs}.conv1")
        return names | _names(f"{ours}.second", layer.second, f"{theirs}.conv2")
    assert isinstance(layer, ActivatedConv)
    place = 1 if layer.conv.halves else 0
    return {f"{ours}.conv": f"{theirs}.{place}", f"{ours}.activation": f"{theirs}.{place + 1}"}


def _check_blurs(source: CheckpointFile) -> None:
    """Refuse fixed filters other than that of our layers."""
    for name in [name for name in source.unused if name.endswith(".kernel")]:
        gain = 4.0 if name.endswith("conv.blur.kernel") else 1.0
        if not torch.allclose(source.take(name, (4, 4)).float(), Blur4(0, gain=gain).kernel):
            raise MismatchError(
                f"the tensor '{name}' of {source.path} is another filter than [1, 3, 3, 1], which "
                "is the only one that is supported"
            )
