"""pix2pix models of mmagic and mmgeneration: one file with the networks of the target domain."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from crossimage.interop.mapping import (
    CheckpointFile,
    ConvertedModel,
    Files,
    check_options,
    choose_settings,
    networks_of,
    note_shapes,
    split_names,
)
from crossimage.interop.mmagic import (
    choose_averages,
    domains_of,
    find_order,
    is_resnet,
    is_unet,
    order_note,
    patch,
    resnet,
    shapes_of,
    to_rgb,
    unet,
)
from crossimage.interop.networks import (
    configure,
    discriminator_settings,
    load_network,
    published_size,
)
from crossimage.methods.pix2pix import Pix2Pix, Pix2PixConfig

FILES = Files(("checkpoint",))


def recognises(states: list[dict[str, Tensor]]) -> bool:
    """Return whether a file holds a generator of one domain."""
    if len(states) != 1:
        return False
    prefixes = [f"generators.{domain}" for domain in domains_of(states[0])]
    return len(prefixes) == 1 and any(kind(states[0], prefixes[0]) for kind in (is_resnet, is_unet))


def convert(
    sources: list[CheckpointFile], options: dict[str, str], config: dict[str, Any] | None
) -> ConvertedModel:
    """Convert a generator and a discriminator, if present, to a pix2pix."""
    (source,) = sources
    if config is not None:
        raise ValueError("config files of mmagic are Python code, which is not read; leave it out")
    start, notes = choose_averages(source)
    domains = domains_of(source.state, start)
    if len(domains) != 1:
        raise ValueError(
            f"{source.path} holds generators of the domains {', '.join(domains) or 'none'}; "
            "expected that of one domain"
        )
    target = domains[0]
    names = _name_domains(target, options)
    order = find_order(options)
    residual = is_resnet(source.state, f"{start}.{target}")
    known = ["domains", "test_mode", "channel_order"]
    check_options(options, known if residual else [*known, "dropout"])
    generator = (resnet if residual else unet)(source, f"{start}.{target}")
    has_discriminator = bool(domains_of(source.state, "discriminators"))
    critic = patch(source, f"discriminators.{target}") if has_discriminator else None

    shapes = {"generator": "resnet" if residual else "unet", **shapes_of(generator)}
    if critic:
        shapes |= discriminator_settings(critic)
    unseen = {"test_mode": "train"} if residual else {"test_mode": "train", "dropout": 0.5}
    chosen, chosen_notes = choose_settings(unseen, options)
    side = published_size(generator)
    given = {"domains": ",".join(names)}
    settings = configure(Pix2PixConfig, shapes | chosen, given, side)
    method = networks_of(Pix2Pix, settings, sources, training=critic is not None)
    to_rgb(source, generator, order)
    load_network(method.generators["G"], source, generator)
    if critic:
        to_rgb(source, critic, order, *shapes["channels"])
        load_network(method.discriminators["D"], source, critic)
    role = f"{start}.{target}: translates {names[0]} to {names[1]}"
    notes = [role, *notes, note_shapes(shapes), *chosen_notes, order_note(order, options)]
    return ConvertedModel(method, critic is not None, notes)


def _name_domains(target: str, options: dict[str, str]) -> list[str]:
    """Return the names of the domains; the file knows only that of the target.

    Raises:
        ValueError: The target is named as the source.
    """
    if "domains" not in options:
        return ["b" if target == "a" else "a", target]
    names = split_names(options["domains"])
    if target in names[:1]:
        raise ValueError(
            f"domains={options['domains']} names {target} first, but the generator in the file "
            f"makes images of {target}; give the domain of its inputs first"
        )
    return names
