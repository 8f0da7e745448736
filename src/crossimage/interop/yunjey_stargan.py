"""Checkpoints of the official PyTorch code of StarGAN.

``200000-G.ckpt`` holds the generator, ``200000-D.ckpt`` the discriminator with its classifier.
Neither names the labels: if there are five, the published attributes of CelebA are assumed. A
generator trained on two data sets takes the labels of the first, those of the second, and a mask
of two numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from crossimage.config import build
from crossimage.interop.mapping import (
    CheckpointFile,
    ConvertedModel,
    Files,
    check_options,
    choose_settings,
    is_unused_statistic,
    load_weights,
    nest,
    networks_of,
    note_shapes,
    split_names,
)
from crossimage.interop.networks import refuse_config, role_notes
from crossimage.methods.stargan import CELEBA, StarGAN, StarGANConfig

FILES = Files(("G",), ("D",))
ROLES = {"G": "translates", "D": "discriminates and classifies"}
PUBLISHED_SIDE = 128


def recognises(states: list[dict[str, Tensor]]) -> bool:
    """Return whether the files hold a generator with affine norms and at most one discriminator."""
    generator, discriminators = states[0], states[1:]
    return (
        len(states) <= 2
        and {"main.0.weight", "main.1.weight", "main.9.main.0.weight"} <= generator.keys()
        and all({"conv1.weight", "conv2.weight"} <= state.keys() for state in discriminators)
    )


def convert(
    sources: list[CheckpointFile], options: dict[str, str], config: dict[str, Any] | None
) -> ConvertedModel:
    """Convert a generator and a discriminator, if present, to a StarGAN."""
    refuse_config(config, "StarGAN", options=False)
    check_options(options, ["attributes", "attributes2"])
    generator = sources[0]
    generator.ignore(is_unused_statistic)
    shapes, inputs, G_names = _generator(generator)
    count, D_names = inputs, dict[str, str]()
    if sources[1:]:
        discriminator_shapes, count, D_names = _discriminator(sources[1])
        shapes |= discriminator_shapes
    sets = _labels(sources, inputs, count, options)
    names = [name for labels in sets for name in labels]
    hair = [name for name in CELEBA if name.endswith("Hair") and name in names]
    data = {
        "domains": names,
        "attributes": names,
        "label_sets": [len(labels) for labels in sets],
        "categorical": [index > 0 for index in range(len(sets))],
        "exclusive": [hair] if len(hair) > 1 else [],
    }
    crop = shapes.get("crop", (PUBLISHED_SIDE, PUBLISHED_SIDE))
    values = {"resize": min(crop), "crop": crop} | nest(shapes) | data
    settings = build(StarGANConfig, values, source="the imported settings")
    method = networks_of(StarGAN, settings, sources, training=bool(D_names))
    load_weights(method.generators, generator, G_names)
    if D_names:
        load_weights(method.discriminators, sources[1], D_names)
    given = {key: ",".join(labels) for key, labels in zip(_KEYS, sets, strict=False)}
    _, notes = choose_settings(given, options)
    shapes["labels"] = len(names)
    notes = [*role_notes(sources, ROLES), note_shapes(shapes), *notes]
    return ConvertedModel(method, bool(D_names), notes)


_KEYS = ("attributes", "attributes2")


def _generator(source: CheckpointFile) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Return the generator's settings, the length of its label vectors and its layers' names."""
    width, inputs = source.take("main.0.weight", (None, None, 7, 7)).shape[:2]
    blocks = source.count("main.#.main.0.weight", 9)
    last = f"main.{15 + blocks}"
    channels = source.take(f"{last}.weight", (None, width, 7, 7)).shape[0]
    names = {"last": last} | _layer("first", "main", 0)
    for i in range(2):
        names |= _layer(f"down.{i}", "main", 3 + 3 * i)
        names |= _layer(f"up.{i}", "main", 9 + blocks + 3 * i)
    for i in range(blocks):
        names |= _layer(f"blocks.{i}.first", f"main.{9 + i}.main", 0)
        names |= _layer(f"blocks.{i}.second", f"main.{9 + i}.main", 3)
    shapes = {"channels": (channels,), "width": width, "residual_blocks": blocks}
    return shapes, inputs - channels, names


def _layer(ours: str, sequence: str, index: int) -> dict[str, str]:
    return {f"{ours}.conv": f"{sequence}.{index}", f"{ours}.norm": f"{sequence}.{index + 1}"}


def _discriminator(source: CheckpointFile) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Return the discriminator's settings, its number of labels and its layers' names."""
    width = source.take("main.0.weight", (None, None, 4, 4)).shape[0]
    layers = 0
    while f"main.{2 * layers}.weight" in source:
        layers += 1
    count, _, *kernel = source.take("conv2.weight", (None, None, None, None)).shape
    shapes = {
        "discriminator.width": width,
        "discriminator.layers": layers,
        "crop": tuple(side << layers for side in kernel),
    }
    return shapes, count, {"features": "main", "source": "conv1", "classes": "conv2"}


def _labels(
    sources: list[CheckpointFile], inputs: int, count: int, options: Mapping[str, str]
) -> list[list[str]]:
    """Return the names of the labels of one or two data sets.

    Args:
        sources: The files.
        inputs: Length of the generator's label vectors.
        count: Number of labels that the discriminator classifies, if there is one.
        options: Names passed as key=value.

    Raises:
        ValueError: The number of names differs from that of the tensors, or a name is repeated.
    """
    path = sources[0].path
    given = [split_names(options[key]) for key in _KEYS if key in options]
    several = len(given) > 1 or count == inputs - 2
    if inputs < 1 or (len(sources) > 1 and count not in {inputs, inputs - 2}):
        raise ValueError(
            f"{sources[-1].path} has {count} labels, and {path} takes label vectors of {inputs} "
            f"numbers; expected the discriminator of that generator, with {inputs} labels, or "
            f"{inputs - 2} of two data sets"
        )
    if not given and inputs == len(CELEBA) and not several:
        return [list(CELEBA)]
    expected = inputs - 2 if several else inputs
    named = sum(map(len, given))
    if "attributes" not in options or named != expected or several != (len(given) > 1):
        example = "attributes=x,y,... attributes2=z,..." if several else "attributes=x,y,..."
        sets = " of two data sets, in addition to the mask" if several else ""
        raise ValueError(
            f"{path} has {expected} labels{sets}, and {named or 'no'} names are given; expected "
            f"{expected} in their order as {example}"
        )
    names = [name for labels in given for name in labels]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise ValueError(f"the label '{repeated[0]}' is named twice; give each another name")
    return given
