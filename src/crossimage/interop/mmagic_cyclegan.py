"""CycleGANs of mmagic and mmgeneration: one file with the networks of both domains."""

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
)
from crossimage.interop.networks import (
    configure,
    discriminator_settings,
    load_network,
    published_size,
)
from crossimage.methods.cyclegan import CycleGAN, CycleGANConfig

FILES = Files(("checkpoint",))


def recognises(states: list[dict[str, Tensor]]) -> bool:
    """Return whether a file holds generators of two domains."""
    if len(states) != 1:
        return False
    domains = domains_of(states[0])
    prefixes = [f"generators.{domain}" for domain in domains]
    known = all(is_resnet(states[0], p) or is_unet(states[0], p) for p in prefixes)
    return len(domains) == 2 and known


def convert(
    sources: list[CheckpointFile], options: dict[str, str], config: dict[str, Any] | None
) -> ConvertedModel:
    """Convert two generators and two discriminators, if present, to a CycleGAN."""
    (source,) = sources
    check_options(options, ["domains", "test_mode", "channel_order"])
    if config is not None:
        raise ValueError("config files of mmagic are Python code, which is not read; leave it out")
    start, notes = choose_averages(source)
    domains = domains_of(source.state, start)
    if len(domains) != 2:
        raise ValueError(
            f"{source.path} holds generators of the domains {', '.join(domains) or 'none'}; "
            "expected those of two domains"
        )
    if any(is_unet(source.state, f"{start}.{domain}") for domain in domains):
        raise ValueError(
            f"{source.path} holds U-Nets of two domains, and CycleGANs are imported only with "
            "generators of residual blocks"
        )
    names, domains = _order_domains(domains, options)
    order = find_order(options)
    a, b = domains
    networks = {way: resnet(source, f"{start}.{to}") for way, to in (("ab", b), ("ba", a))}
    prefixes = {d: f"discriminators.{name}" for d, name in (("a", a), ("b", b))}
    has_discriminators = bool(domains_of(source.state, "discriminators"))
    critics = {d: patch(source, p) for d, p in prefixes.items()} if has_discriminators else {}

    shapes = shapes_of(networks["ab"])
    if critics:
        shapes |= discriminator_settings(critics["a"])
    chosen, chosen_notes = choose_settings({"test_mode": "train"}, options)
    channels = shapes["channels"]
    if channels[0] != channels[1]:
        chosen["weights.identity"] = 0.0
        chosen_notes.append(
            "weights.identity=0, since the domains differ in their numbers of channels"
        )
    given = {"domains": ",".join(names)}
    side = published_size(networks["ab"])
    settings = configure(CycleGANConfig, shapes | chosen, given, side)
    method = networks_of(CycleGAN, settings, sources, training=bool(critics))
    for way, network in networks.items():
        to_rgb(source, network, order)
        load_network(method.generators[way], source, network)
    for domain, network in critics.items():
        to_rgb(source, network, order, network.values["inputs"])
        load_network(method.discriminators[domain], source, network)
    roles = [f"{start}.{b}: translates {names[0]} to {names[1]}"]
    roles.append(f"{start}.{a}: translates {names[1]} to {names[0]}")
    notes = [*roles, *notes, note_shapes(shapes), *chosen_notes, order_note(order, options)]
    return ConvertedModel(method, bool(critics), notes)


def _order_domains(domains: list[str], options: dict[str, str]) -> tuple[list[str], list[str]]:
    """Return the names of the domains a and b in the model, and in the file.

    Raises:
        ValueError: One name of the file is given with one that it does not have.
    """
    if "domains" not in options:
        return domains, domains
    names = split_names(options["domains"])
    shared = set(names) & set(domains)
    if len(names) == 2 and shared == set(domains):
        return names, names
    if shared:
        raise ValueError(
            f"domains={options['domains']} names {' and '.join(sorted(shared))} of the domains "
            f"{' and '.join(domains)} in the file; give both, in either order, or two other names"
        )
    return names, domains
