"""Checkpoints of the official PyTorch code of pix2pix (pytorch-CycleGAN-and-pix2pix).

``latest_net_G.pth`` translates the input domain a to the output domain b, regardless of their sides
in the data; ``latest_net_D.pth`` discriminates outputs together with their inputs. A single
generator of CycleGAN, which translates one way, is imported as pix2pix too. One of 1 channel in and
2 out is of the official colorization mode: it predicts the colours of Lab from the lightness.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from crossimage.interop.junyanz import (
    count_halvings,
    image_channels,
    is_antialiased,
    is_patch,
    is_resnet,
    is_unet,
    norm_hints,
    patch_discriminator,
    resnet_generator,
    unet,
)
from crossimage.interop.junyanz_options import (
    check_shapes,
    choose_direction,
    choose_test_mode,
)
from crossimage.interop.mapping import (
    CheckpointFile,
    ConvertedModel,
    Files,
    check_options,
    choose_settings,
    networks_of,
    note_shapes,
)
from crossimage.interop.networks import (
    configure,
    discriminator_settings,
    load_network,
    no_dropout,
    published_size,
    refuse_config,
    role_notes,
)
from crossimage.methods.pix2pix import Pix2Pix, Pix2PixConfig

FILES = Files(("G",), ("D",))
ROLES = {"G": "translates {way}", "D": "discriminates a and b together"}


def recognises(states: list[dict[str, Tensor]]) -> bool:
    """Return whether the files hold a U-Net or ResNet generator and at most one discriminator.

    A ResNet with blurs, or with a discriminator of single images, is one of CUT.
    """
    generator, discriminators = states[0], states[1:]
    if len(states) > 2 or not all(map(is_patch, discriminators)):
        return False
    return is_unet(generator) or (
        is_resnet(generator)
        and count_halvings(generator) <= 2
        and not is_antialiased(generator)
        and not any(image_channels(D) == image_channels(generator) for D in discriminators)
    )


def convert(
    sources: list[CheckpointFile], options: dict[str, str], config: dict[str, Any] | None
) -> ConvertedModel:
    """Convert a generator and a discriminator, if present, to a pix2pix."""
    refuse_config(config, "pix2pix")
    residual = is_resnet(sources[0].state)
    known = ["domains", "test_mode", "norm", "direction"]
    check_options(options, known + ["dropout"] * (not residual))
    hints = norm_hints(options, config)
    generator = resnet_generator(sources[0], hints) if residual else unet(sources[0], hints)
    discriminator = patch_discriminator(sources[1], hints) if sources[1:] else None

    shapes = {"generator": "resnet" if residual else "unet", **generator.values}
    channels = shapes.pop("inputs"), shapes.pop("outputs")
    direction, direction_notes = choose_direction(options, config)
    if channels == (1, 2):
        shapes |= {"color_space": "lab", "channels": (3, 3)}
    else:
        shapes["channels"] = channels if direction == "a-to-b" else channels[::-1]
    if discriminator:
        shapes |= discriminator_settings(discriminator)
    if config:
        stated = {key: value for key, value in config.items() if key not in options}
        check_shapes(stated, shapes, channels)
    # Dropout has no tensors, but in residual blocks it shifts the index of the layers after it.
    unseen = {} if residual else {"dropout": 0.5}
    chosen, notes = choose_settings(unseen, options, no_dropout(config))
    dropout = (shapes | chosen)["dropout"]
    chosen["test_mode"], note = choose_test_mode(options, config, shapes["norm"], dropout)
    chosen["direction"] = direction
    notes += [*direction_notes, note]
    side = published_size(generator)
    settings = configure(Pix2PixConfig, shapes | chosen, options, side)
    method = networks_of(Pix2Pix, settings, sources, training=discriminator is not None)
    load_network(method.generators["G"], sources[0], generator)
    if discriminator:
        load_network(method.discriminators["D"], sources[1], discriminator)
    way = "a to b" if direction == "a-to-b" else "b to a"
    roles = {role: text.format(way=way) for role, text in ROLES.items()}
    notes = [*role_notes(sources, roles), note_shapes(shapes), *notes]
    return ConvertedModel(method, discriminator is not None, notes)
