"""Checkpoints of the official code of BicycleGAN.

``latest_net_G.pth`` translates the input domain a to the output domain b with a code,
``latest_net_E.pth`` finds codes of images of b, and ``latest_net_D.pth`` and ``latest_net_D2.pth``
judge images of b; where training used the same for both, there is only the first of them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from crossimage.interop import junyanz
from crossimage.interop.junyanz import (
    Network,
    channels,
    configure,
    is_patch,
    is_unet,
    patch_discriminator,
    place,
    refuse_config,
    roles,
    shape_of_discriminator,
)
from crossimage.interop.mapping import Converted, Files, Misfit, Source, decide, described, settings
from crossimage.methods.bicyclegan import BicycleGAN, BicycleGANConfig
from crossimage.networks.blocks import NormName

FILES = Files(("G", "E"), ("D", "D2"))
ROLES = {
    "G": "a to b",
    "E": "codes of b",
    "D": "judges b from encoded codes",
    "D2": "judges b from random codes",
}


def recognises(states: list[dict[str, Tensor]]) -> bool:
    """A U-Net, an encoder, and perhaps patch discriminators of one scale or several."""
    generator, rest, discriminators = states[0], states[1:2], states[2:]
    return (
        len(states) <= 4
        and ("model.down.0.weight" in generator or is_unet(generator))
        and any("fcVar.0.weight" in state for state in rest)
        and all("model_0.0.weight" in state or is_patch(state) for state in discriminators)
    )


def convert(
    sources: list[Source], options: dict[str, str], config: dict[str, Any] | None
) -> Converted:
    """A BicycleGAN with the weights of generator, encoder and, where given, discriminators."""
    refuse_config(config, "BicycleGAN")
    settings(options, ["domains", "dropout"])
    encoder = _encoder(sources[1])
    norm, code = encoder.values["norm"], encoder.values["style_dim"]
    inject = "all" if "model.down.0.weight" in sources[0] else "input"
    generator = (
        _unet_with_code(sources[0], norm)
        if inject == "all"
        else junyanz.unet(sources[0], norm=norm)
    )
    judge = patch_discriminator(sources[2], several=True) if sources[2:] else None

    told = {**generator.values, **encoder.values, "inject": inject}
    inputs = told.pop("inputs")
    if inputs <= code:
        raise Misfit(
            f"the first convolution of {sources[0].path} has {inputs} input channels; expected "
            f"those of an image and of the {code} numbers of the code that {sources[1].path} finds"
        )
    told["channels"] = inputs - code, told.pop("outputs")
    if judge:
        told |= shape_of_discriminator(judge)
    chosen, where = decide({"dropout": 0.5}, options)
    where.append("the decoder's activation is taken to be relu, as published")
    # the official encoder ends with an average of 8x8 pixels
    side = max(2 ** told["downsamples"], 8 * 2 ** told["encoder_downsamples"])
    method = BicycleGAN(
        configure(BicycleGANConfig, told | chosen, options, side), training=judge is not None
    )
    place(method.generators["G"], sources[0], generator)
    _swap_skips(method.generators["G"])
    place(method.generators["E"], sources[1], encoder)
    if judge:
        for source, name in zip(sources[2:], ("D", "D_2"), strict=False):
            place(method.discriminators[name], source, judge)
    if len(sources) == 3:
        method.discriminators["D_2"].load_state_dict(method.discriminators["D"].state_dict())
        where.append("one discriminator is given: it is taken for both")
    notes = [*roles(sources, ROLES), described(told), *where]
    return Converted(method, judge is not None, notes)


@torch.no_grad()
def _swap_skips(generator: nn.Module) -> None:
    """In the official decoder its own maps come before those of the encoder, in ours after them."""
    _, *ups = [layer for layer in generator.modules() if isinstance(layer, nn.ConvTranspose2d)]
    for up in ups:
        up.weight.copy_(torch.cat(up.weight.chunk(2)[::-1]))


def _unet_with_code(source: Source, norm: NormName) -> Network:
    """The U-Net whose every level takes the code (``add_all``)."""
    width, inputs = channels(source, "model.down.0", 4)
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
        "outputs": channels(source, "model.up.1", 4)[1],
        "width": width,
        "downsamples": len(levels),
        "norm": norm,
    }
    return Network(values, names, [])


def _encoder(source: Source) -> Network:
    """The encoder of residual blocks or of plain convolutions."""
    width, _ = channels(source, "conv.0", 4)
    residual = "conv.1.shortcut.1.weight" in source
    network = _residual_encoder(source) if residual else _plain_encoder(source)
    network.names |= {"features.0": "conv.0", "mean": "fc.0", "log_variance": "fcVar.0"}
    network.values |= {
        "encoder": "resnet" if residual else "conv",
        "encoder_width": width,
        "style_dim": len(source.take("fc.0.weight")),
    }
    return network


def _residual_encoder(source: Source) -> Network:
    """A block's layers are norm, activation, convolution, norm, activation, convolution."""
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


def _plain_encoder(source: Source) -> Network:
    """Halvings are convolution, norm if there is one, activation."""
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
