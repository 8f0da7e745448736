"""Checkpoints of the official code of BicycleGAN.

``latest_net_G.pth`` translates the input domain a to the output domain b with a style code,
``latest_net_E.pth`` encodes images of b, and ``latest_net_D.pth`` and ``latest_net_D2.pth``
discriminate images of b. If training used one discriminator for both objectives, there is no D2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from crossimage.interop import junyanz
from crossimage.interop.junyanz import (
    NormHints,
    conv_channels,
    is_patch,
    is_unet,
    patch_discriminator,
)
from crossimage.interop.junyanz_options import check_shapes, choose_direction
from crossimage.interop.mapping import (
    CheckpointFile,
    ConvertedModel,
    Files,
    MismatchError,
    check_options,
    choose_settings,
    networks_of,
    note_shapes,
)
from crossimage.interop.networks import (
    Network,
    configure,
    discriminator_settings,
    load_network,
    no_dropout,
    refuse_config,
    role_notes,
)
from crossimage.methods.bicyclegan import BicycleGAN, BicycleGANConfig
from crossimage.networks.layers.blocks import NormName

FILES = Files(("G", "E"), ("D", "D2"))
ROLES = {
    "G": "translates {way}",
    "E": "encodes {target}",
    "D": "discriminates {target} from encoded codes",
    "D2": "discriminates {target} from random codes",
}


def recognises(states: list[dict[str, Tensor]]) -> bool:
    """Return whether the files hold a U-Net, an encoder and up to two patch discriminators."""
    generator, rest, discriminators = states[0], states[1:2], states[2:]
    return (
        len(states) <= 4
        and ("model.down.0.weight" in generator or is_unet(generator))
        and any("fcVar.0.weight" in state for state in rest)
        and all("model_0.0.weight" in state or is_patch(state) for state in discriminators)
    )


def convert(
    sources: list[CheckpointFile], options: dict[str, str], config: dict[str, Any] | None
) -> ConvertedModel:
    """Convert a generator, an encoder and the discriminators, if present, to a BicycleGAN."""
    refuse_config(config, "BicycleGAN")
    check_options(options, ["domains", "dropout", "direction"])
    encoder = _encoder(sources[1])
    norm, code = encoder.values["norm"], encoder.values["style_dim"]
    inject = "all" if "model.down.0.weight" in sources[0] else "input"
    generator = (
        _unet_with_code(sources[0], norm)
        if inject == "all"
        else junyanz.unet(sources[0], norm=norm)
    )
    # the official test script calls eval(), where norms with running statistics use them
    hints = NormHints(config="batch")
    discriminator = patch_discriminator(sources[2], hints, several=True) if sources[2:] else None

    shapes = {**generator.values, **encoder.values, "inject": inject}
    inputs = shapes.pop("inputs")
    if inputs <= code:
        raise MismatchError(
            f"the first convolution of {sources[0].path} has {inputs} input channels; expected "
            f"those of an image and of the {code} numbers of a code of {sources[1].path}"
        )
    channels = inputs - code, shapes.pop("outputs")
    direction, direction_notes = choose_direction(options, config)
    shapes["channels"] = channels if direction == "a-to-b" else channels[::-1]
    if discriminator:
        shapes |= discriminator_settings(discriminator)
    if config:
        check_shapes(config, {**shapes, "generator": "unet"}, channels)
        _check_config(config, inject)
    chosen, notes = choose_settings({"dropout": 0.5}, options, _dropout(config))
    chosen["direction"] = direction
    notes += direction_notes
    if not config or "nl" not in config:
        notes.append("the decoder's activation is assumed to be relu, as published")
    notes.append("translates with running statistics and no dropout, as the official test script")
    # The official encoder ends by averaging 8x8 pixels.
    side = max(2 ** shapes["downsamples"], 8 * 2 ** shapes["encoder_downsamples"])
    settings = configure(BicycleGANConfig, shapes | chosen, options, side)
    method = networks_of(BicycleGAN, settings, sources, training=discriminator is not None)
    load_network(method.generators["G"], sources[0], generator)
    _swap_skips(method.generators["G"])
    load_network(method.generators["E"], sources[1], encoder)
    if discriminator:
        for source, name in zip(sources[2:], ("D", "D_2"), strict=False):
            load_network(method.discriminators[name], source, discriminator)
    if len(sources) == 3:
        method.discriminators["D_2"].load_state_dict(method.discriminators["D"].state_dict())
        notes.append("only one discriminator is given: both become copies of it")
    way = "a to b" if direction == "a-to-b" else "b to a"
    roles = {role: text.format(way=way, target=way[-1]) for role, text in ROLES.items()}
    notes = [*role_notes(sources, roles), note_shapes(shapes), *notes]
    return ConvertedModel(method, discriminator is not None, notes)


def _check_config(config: Mapping[str, Any], inject: str) -> None:
    """Refuse official options that the tensors contradict, or that no network here has.

    Raises:
        MismatchError: The code enters elsewhere.
        ValueError: The activation is another.
    """
    where = config.get("where_add", inject)
    if where != inject:
        raise MismatchError(f"the options say where_add={where}, and the tensors {inject}")
    if config.get("nl", "relu") != "relu":
        raise ValueError(
            f"the options say nl={config['nl']}, and only decoders with nl=relu are supported"
        )


def _dropout(config: Mapping[str, Any] | None) -> dict[str, float]:
    """Return the dropout rate in training that official options say."""
    if not config or "use_dropout" not in config:
        return no_dropout(config)
    return {"dropout": 0.5 if config["use_dropout"] else 0.0}


@torch.no_grad()
def _swap_skips(generator: nn.Module) -> None:
    """Reorder channels: the official decoder puts its own maps first, ours the encoder's."""
    _, *ups = [layer for layer in generator.modules() if isinstance(layer, nn.ConvTranspose2d)]
    for up in ups:
        up.weight.copy_(torch.cat(up.weight.chunk(2)[::-1]))


def _unet_with_code(source: CheckpointFile, norm: NormName) -> Network:
    """Read the U-Net that takes the code at every level (``add_all``)."""
    width, inputs = conv_channels(source, "model.down.0", 4)
    levels = ["model"]
    while f"{levels[-1]}.submodule.down.1.weight" in source:
        levels.append(f"{levels[-1]}.submodule")
    last = len(levels) - 1
    names = {"downs.0": "model.down.0", f"ups.{last}.1": "model.up.1"}
    for i, level in enumerate(levels[1:], 1):
        names |= {f"downs.{i}.conv": f"{level}.down.1", f"downs.{i}.norm": f"{level}.down.2"}
        up = f"ups.{last - i}"
        names |= {f"{up}.conv": f"{level}.up.1", f"{up}.norm": f"{level}.up.2"}
    values = {
        "inputs": inputs,
        "outputs": conv_channels(source, "model.up.1", 4)[1],
        "width": width,
        "downsamples": len(levels),
        "norm": norm,
    }
    return Network(values, names, [])


def _encoder(source: CheckpointFile) -> Network:
    """Read the encoder, made of residual blocks or of plain convolutions."""
    width, _ = conv_channels(source, "conv.0", 4)
    residual = "conv.1.shortcut.1.weight" in source
    network = _residual_encoder(source) if residual else _plain_encoder(source)
    network.names |= {"features.0": "conv.0", "mean": "fc.0", "log_variance": "fcVar.0"}
    network.values |= {
        "encoder": "resnet" if residual else "conv",
        "encoder_width": width,
        "style_dim": len(source.take("fc.0.weight")),
    }
    return network


def _residual_encoder(source: CheckpointFile) -> Network:
    """Read blocks of norm, activation, convolution, norm, activation, convolution."""
    norm: NormName = "instance" if "conv.1.conv.2.weight" in source else "none"
    if "conv.1.conv.0.weight" in source:
        norm = "batch"
    first, second = ("2", "5.0") if norm != "none" else ("1", "3.0")
    names: dict[str, str] = {}
    blocks = 0
    while f"conv.{blocks + 1}.shortcut.1.weight" in source:
        blocks += 1
        ours, theirs = f"features.{blocks}", f"conv.{blocks}"
        names |= {
            f"{ours}.path.0": f"{theirs}.conv.0",
            f"{ours}.path.2": f"{theirs}.conv.{first}",
            f"{ours}.path.3": f"{theirs}.conv.3",
            f"{ours}.path.5": f"{theirs}.conv.{second}",
            f"{ours}.shortcut.1": f"{theirs}.shortcut.1",
        }
    return Network({"norm": norm, "encoder_downsamples": 1 + blocks}, names, [])


def _plain_encoder(source: CheckpointFile) -> Network:
    """Read halvings of convolution, norm if any, and activation."""
    norm: NormName = "batch" if "conv.3.weight" in source else "instance"
    if "conv.4.weight" in source:
        norm = "none"
    step = 2 if norm == "none" else 3
    names: dict[str, str] = {}
    halvings = 0
    while f"conv.{2 + step * halvings}.weight" in source:
        theirs = 2 + step * halvings
        halvings += 1
        names |= {
            f"features.{halvings}.conv": f"conv.{theirs}",
            f"features.{halvings}.norm": f"conv.{theirs + 1}",
        }
    return Network({"norm": norm, "encoder_downsamples": 1 + halvings}, names, [])
