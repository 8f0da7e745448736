"""Checkpoints of the official PyTorch code of CycleGAN (pytorch-CycleGAN-and-pix2pix).

``latest_net_G_A.pth`` translates a to b and ``latest_net_G_B.pth`` b to a. ``latest_net_D_A.pth``
discriminates images of b, which G_A generates, and ``latest_net_D_B.pth`` images of a.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from crossimage.interop.junyanz import (
    configure,
    discriminator_settings,
    is_patch,
    is_resnet,
    load_network,
    patch_discriminator,
    published_size,
    refuse_config,
    resnet_generator,
    role_notes,
)
from crossimage.interop.mapping import (
    CheckpointFile,
    ConvertedModel,
    Files,
    check_options,
    choose_settings,
    note_shapes,
)
from crossimage.methods.cyclegan import CycleGAN, CycleGANConfig

FILES = Files(("G_A", "G_B"), ("D_A", "D_B"))
ROLES = {
    "G_A": "translates a to b",
    "G_B": "translates b to a",
    "D_A": "discriminates b",
    "D_B": "discriminates a",
}


def recognises(states: list[dict[str, Tensor]]) -> bool:
    """Return whether the files hold two ResNet generators and two or no patch discriminators."""
    generators, discriminators = states[:2], states[2:]
    return (
        len(states) in (2, 4)
        and all(map(is_resnet, generators))
        and all(map(is_patch, discriminators))
    )


def convert(
    sources: list[CheckpointFile], options: dict[str, str], config: dict[str, Any] | None
) -> ConvertedModel:
    """Convert two generators and two discriminators, if present, to a CycleGAN."""
    refuse_config(config, "CycleGAN")
    check_options(options, ["domains", "test_mode"])
    if len(sources) == 3:
        raise ValueError(
            f"{sources[2].path} is a single discriminator; expected both, D_A and D_B, or none"
        )
    files = dict(zip(("ab", "ba", "b", "a"), sources, strict=False))
    # Both generators have the same shape, and both discriminators; load_network() checks that.
    generator = resnet_generator(files["ab"])
    discriminator = patch_discriminator(files["b"]) if "b" in files else None

    shapes = dict(generator.values)
    channels = shapes.pop("inputs"), shapes.pop("outputs")
    shapes["channels"] = channels
    if discriminator:
        shapes |= discriminator_settings(discriminator)
    chosen, notes = choose_settings({"test_mode": "eval"}, options)
    if channels[0] != channels[1]:
        chosen["weights.identity"] = 0.0
        notes.append("weights.identity=0, since the domains differ in their numbers of channels")
    side = published_size(generator)
    settings = configure(CycleGANConfig, shapes | chosen, options, side)
    method = CycleGAN(settings, training=discriminator is not None)
    for way in ("ab", "ba"):
        load_network(method.generators[way], files[way], generator)
    if discriminator:
        for domain in "ba":
            load_network(method.discriminators[domain], files[domain], discriminator)
    notes = [*role_notes(sources, ROLES), note_shapes(shapes), *notes]
    return ConvertedModel(method, discriminator is not None, notes)
