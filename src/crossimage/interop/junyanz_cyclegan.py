"""Checkpoints of the official PyTorch code of CycleGAN (pytorch-CycleGAN-and-pix2pix).

``latest_net_G_A.pth`` translates a to b and ``latest_net_G_B.pth`` b to a. ``latest_net_D_A.pth``
discriminates images of b, which G_A generates, and ``latest_net_D_B.pth`` images of a.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from crossimage.interop.junyanz import (
    is_patch,
    is_resnet,
    norm_hints,
    patch_discriminator,
    resnet_generator,
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
    networks_of,
    note_shapes,
)
from crossimage.interop.networks import (
    check_same_blurs,
    configure,
    discriminator_settings,
    load_network,
    published_size,
    refuse_config,
    role_notes,
)
from crossimage.methods.cyclegan import CycleGAN, CycleGANConfig

FILES = Files(("G_A", "G_B"), ("D_A", "D_B"))
ROLES = {
    "G_A": "translates a to b",
    "G_B": "translates b to a",
    "D_A": "discriminates b",
    "D_B": "discriminates a",
}
REVERSED = {
    "G_A": "translates b to a",
    "G_B": "translates a to b",
    "D_A": "discriminates a",
    "D_B": "discriminates b",
}
"""With ``--direction BtoA``."""


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
    check_options(options, ["domains", "test_mode", "norm", "direction"])
    if len(sources) == 3:
        raise ValueError(
            f"{sources[2].path} is a single discriminator; expected both, D_A and D_B, or none"
        )
    direction, direction_notes = choose_direction(options, config)
    ways = ("ab", "ba", "b", "a") if direction == "a-to-b" else ("ba", "ab", "a", "b")
    files = dict(zip(ways, sources, strict=False))
    hints = norm_hints(options, config)
    # Both generators have the same shape, and both discriminators; load_network() checks that.
    generator = resnet_generator(sources[0], hints)
    discriminator = patch_discriminator(sources[2], hints) if sources[2:] else None

    shapes = dict(generator.values)
    channels = shapes.pop("inputs"), shapes.pop("outputs")
    shapes["channels"] = channels if direction == "a-to-b" else channels[::-1]
    if discriminator:
        check_same_blurs(generator, discriminator, sources[2])
        shapes |= discriminator_settings(discriminator)
    if config:
        stated = {key: value for key, value in config.items() if key not in options}
        check_shapes(stated, {**shapes, "generator": "resnet"}, channels)
    chosen: dict[str, Any] = {}
    chosen["test_mode"], note = choose_test_mode(options, config, shapes["norm"], shapes["dropout"])
    notes = [*direction_notes, note]
    if channels[0] != channels[1]:
        chosen["weights.identity"] = 0.0
        notes.append("weights.identity=0, since the domains differ in their numbers of channels")
    side = published_size(generator)
    settings = configure(CycleGANConfig, shapes | chosen, options, side)
    method = networks_of(CycleGAN, settings, sources, training=discriminator is not None)
    for way in ways[:2]:
        load_network(method.generators[way], files[way], generator)
    if discriminator:
        for domain in ways[2:]:
            load_network(method.discriminators[domain], files[domain], discriminator)
    roles = ROLES if direction == "a-to-b" else REVERSED
    notes = [*role_notes(sources, roles), note_shapes(shapes), *notes]
    return ConvertedModel(method, discriminator is not None, notes)
