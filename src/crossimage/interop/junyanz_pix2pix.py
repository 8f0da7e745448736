"""Checkpoints of the official PyTorch code of pix2pix (pytorch-CycleGAN-and-pix2pix).

``latest_net_G.pth`` translates the input domain a to the output domain b, regardless of their sides
in the data; ``latest_net_D.pth`` discriminates outputs together with their inputs. A single
generator of CycleGAN, which translates one way, is imported as pix2pix too.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from crossimage.interop.junyanz import (
    configure,
    count_halvings,
    discriminator_settings,
    is_patch,
    is_resnet,
    is_unet,
    load_network,
    patch_discriminator,
    published_size,
    refuse_config,
    resnet_generator,
    role_notes,
    unet,
)
from crossimage.interop.mapping import (
    CheckpointFile,
    ConvertedModel,
    Files,
    check_options,
    choose_settings,
    note_shapes,
)
from crossimage.methods.pix2pix import Pix2Pix, Pix2PixConfig

FILES = Files(("G",), ("D",))
ROLES = {"G": "translates a to b", "D": "discriminates a and b together"}


def recognises(states: list[dict[str, Tensor]]) -> bool:
    """Return whether the files hold a U-Net or ResNet generator and at most one discriminator."""
    generator, discriminators = states[0], states[1:]
    return (
        len(states) <= 2
        and (is_unet(generator) or (is_resnet(generator) and count_halvings(generator) <= 2))
        and all(map(is_patch, discriminators))
    )


def convert(
    sources: list[CheckpointFile], options: dict[str, str], config: dict[str, Any] | None
) -> ConvertedModel:
    """Convert a generator and a discriminator, if present, to a pix2pix."""
    refuse_config(config, "pix2pix")
    residual = is_resnet(sources[0].state)
    check_options(options, ["domains", "test_mode"] + ["dropout"] * (not residual))
    generator = resnet_generator(sources[0]) if residual else unet(sources[0])
    discriminator = patch_discriminator(sources[1]) if sources[1:] else None

    shapes = {"generator": "resnet" if residual else "unet", **generator.values}
    shapes["channels"] = shapes.pop("inputs"), shapes.pop("outputs")
    if discriminator:
        shapes |= discriminator_settings(discriminator)
    # Dropout has no tensors, but in residual blocks it shifts the index of the layers after it.
    unseen = {"test_mode": "eval"} if residual else {"test_mode": "eval", "dropout": 0.5}
    chosen, notes = choose_settings(unseen, options)
    side = published_size(generator)
    settings = configure(Pix2PixConfig, shapes | chosen, options, side)
    method = Pix2Pix(settings, training=discriminator is not None)
    load_network(method.generators["G"], sources[0], generator)
    if discriminator:
        load_network(method.discriminators["D"], sources[1], discriminator)
    notes = [*role_notes(sources, ROLES), note_shapes(shapes), *notes]
    return ConvertedModel(method, discriminator is not None, notes)
