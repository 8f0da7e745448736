"""Checkpoints of the CycleGAN in PyTorch-GAN (eriklindernoren).

``G_AB_199.pth`` translates a to b and ``G_BA_199.pth`` b to a. The generators double the resolution
by nearest-neighbour upsampling before a convolution. The first and last convolutions are padded by
as many pixels as the images have channels: 3 of RGB images keep the size, as 3 do in the published
CycleGAN, and any other number changes it.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from crossimage.interop.junyanz import conv_channels, count_halvings, norm_of
from crossimage.interop.mapping import (
    CheckpointFile,
    ConvertedModel,
    Files,
    check_options,
    networks_of,
    note_foreign_discriminator,
    note_shapes,
)
from crossimage.interop.networks import (
    Network,
    configure,
    load_network,
    published_size,
    refuse_config,
    role_notes,
)
from crossimage.methods.cyclegan import CycleGAN, CycleGANConfig

FILES = Files(("G_AB", "G_BA"), ("D_A", "D_B"))
ROLES = {"G_AB": "translates a to b", "G_BA": "translates b to a"}


def recognises(states: list[dict[str, Tensor]]) -> bool:
    """Return whether the files hold two generators and two or no discriminators."""
    return (
        len(states) in (2, 4)
        and all(map(_is_generator, states[:2]))
        and all(map(_is_discriminator, states[2:]))
    )


def convert(
    sources: list[CheckpointFile], options: dict[str, str], config: dict[str, Any] | None
) -> ConvertedModel:
    """Convert two generators to a CycleGAN; its discriminators are of another shape than ours."""
    refuse_config(config, "PyTorch-GAN", options=False)
    check_options(options, ["domains", "padding"])
    generators, discriminators = sources[:2], sources[2:]
    network = _generator(generators[0])
    shapes = dict(network.values)
    channels = shapes.pop("inputs"), shapes.pop("outputs")
    shapes["channels"] = channels
    notes = [*role_notes(generators, ROLES), note_shapes(shapes)]
    notes += [_padding_note(generators[0], channels, options)]
    for source in discriminators:
        if not _is_discriminator(source.state):
            raise ValueError(
                f"{source.path} is not a discriminator of PyTorch-GAN's CycleGAN; expected "
                f"{' '.join(FILES.required)} and, if wanted, {' '.join(FILES.optional)}"
            )
        notes.append(note_foreign_discriminator(source))
    settings = configure(
        CycleGANConfig, shapes | {"upsampling": "nearest"}, options, published_size(network)
    )
    method = networks_of(CycleGAN, settings, sources, training=False)
    for way, source in zip(("ab", "ba"), generators, strict=True):
        load_network(method.generators[way], source, network)
    return ConvertedModel(method, False, notes)


def _is_generator(state: dict[str, Tensor]) -> bool:
    first = 4 + 3 * count_halvings(state)
    weight = state.get("model.1.weight")
    return (
        weight is not None
        and tuple(weight.shape[2:]) == (7, 7)
        and f"model.{first}.conv_block.1.weight" not in state  # the official code's name
        and (f"model.{first}.block.1.weight" in state or f"model.{first + 1}.weight" in state)
    )


def _is_discriminator(state: dict[str, Tensor]) -> bool:
    """Return whether convolutions of 4x4 pixels follow one another as in the discriminators."""
    layers = [state.get(f"model.{i}.weight") for i in (0, 2, 5, 8, 12)]
    return all(layer is not None and tuple(layer.shape[2:]) == (4, 4) for layer in layers)


def _generator(source: CheckpointFile) -> Network:
    width, inputs = conv_channels(source, "model.1", 7)
    halvings = count_halvings(source.state)
    first = 4 + 3 * halvings
    blocks = source.count("model.#.block.1.weight", first)
    pairs = {str(i): (1 + 3 * i, "") for i in range(1 + halvings)}
    for i in range(blocks):
        pairs[f"{1 + halvings + i}.first"] = (1, f"{first + i}.block.")
        pairs[f"{1 + halvings + i}.second"] = (5, f"{first + i}.block.")
    for i in range(halvings):  # an upsampling layer comes before each convolution
        pairs[str(1 + halvings + blocks + i)] = (first + blocks + 4 * i + 1, "")
    names: dict[str, str] = {}
    for ours, (index, within) in pairs.items():
        names[f"{ours}.conv"] = f"model.{within}{index}"
        names[f"{ours}.norm"] = f"model.{within}{index + 1}"
    end = f"model.{first + blocks + 4 * halvings + 1}"
    names[f"{1 + 2 * halvings + blocks}.conv"] = end
    values = {
        "inputs": inputs,
        "outputs": conv_channels(source, end, 7)[0],
        "width": width,
        "residual_downsamples": halvings,
        "residual_blocks": blocks,
        "norm": norm_of(source, "model.1", "model.2"),
    }
    return Network(values, names, [])


def _padding_note(
    source: CheckpointFile, channels: tuple[int, int], options: dict[str, str]
) -> str:
    """Return a note on the padding, which is that of the published CycleGAN.

    Raises:
        ValueError: It is any other.
    """
    padding = options.get("padding", str(channels[0]))
    if padding == "3":
        origin = "key=value" if "padding" in options else "the published defaults"
        return f"from {origin}: padding=3"
    if "padding" in options:
        raise ValueError(f"padding={padding} changes the size of images; expected padding=3")
    raise ValueError(
        f"{source.path} translates images of {channels[0]} channels, and PyTorch-GAN pads them by "
        f"{channels[0]} instead of 3 pixels, which changes their size; if the code was changed to "
        "pad by 3 pixels, pass padding=3"
    )
