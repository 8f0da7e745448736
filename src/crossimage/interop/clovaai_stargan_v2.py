"""Checkpoints of the official PyTorch code of StarGAN v2.

``100000_nets_ema.ckpt`` holds the averaged networks that translate, and the landmark network of
models of faces; ``100000_nets.ckpt`` holds those that were trained, and the discriminator. Neither
names the domains: three are taken for those of AFHQ, and two for those of CelebA-HQ.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from crossimage.config import build
from crossimage.interop.mapping import (
    CheckpointFile,
    ConvertedModel,
    Files,
    MismatchError,
    check_options,
    choose_settings,
    load_weights,
    networks_of,
    note_shapes,
    split_names,
)
from crossimage.interop.networks import refuse_config
from crossimage.methods.stargan_v2 import AFHQ, StarGANv2, StarGANv2Config
from crossimage.networks.stargan_v2.generator import halvings
from crossimage.networks.stargan_v2.landmarks import (
    landmark_width,
    official_names,
    read_landmark_weights,
)

FILES = Files(("nets_ema",), ("nets",))
CELEBA_HQ = ("female", "male")
_PUBLISHED = {len(names): names for names in (AFHQ, CELEBA_HQ)}


def recognises(states: list[dict[str, Tensor]]) -> bool:
    """Return whether the files hold a generator, mapping network and style encoder each."""
    return all(
        {
            "generator.from_rgb.weight",
            "mapping_network.shared.0.weight",
            "style_encoder.unshared.0.weight",
        }
        <= state.keys()
        for state in states
    )


def convert(
    sources: list[CheckpointFile], options: dict[str, str], config: dict[str, Any] | None
) -> ConvertedModel:
    """Convert the networks that translate, and a discriminator and landmark network if present."""
    refuse_config(config, "StarGAN v2")
    check_options(options, ["domains", "w_hpf", "landmarks"])
    source, last = sources[0], sources[-1]
    if len(sources) > 1 and _D in source and _D not in last:
        raise ValueError(
            f"{source.path} holds the networks as they were trained, and {last.path} their "
            "averages, which translate; give them in the other order"
        )
    shapes, depth, domains = _shapes(source)
    names, notes = _domains(source, domains, options)
    side, with_D = shapes["crop"][0], _D in last
    is_high_pass = depth == halvings(side, True) != halvings(side, False)
    faces, face_notes = _faces(sources, options) if is_high_pass else ({"w_hpf": 0.0}, [])
    data = {"domains": names, "attributes": names, "label_sets": [domains], "categorical": [True]}
    settings = build(
        StarGANv2Config, {"resize": side} | shapes | faces | data, source="the imported settings"
    )
    if len(halved := {halvings(side, False), halvings(side, True)} - {depth}) == 2:
        raise MismatchError(
            f"the generator of {source.path} halves the resolution {depth} times, and for images "
            f"of {side} px, as its style encoder takes, {' or '.join(map(str, sorted(halved)))} "
            "halvings were expected"
        )
    method = networks_of(StarGANv2, settings, sources, training=with_D)
    heads = range(1, side.bit_length() - 2)
    G, F, E, D = "generator", "mapping_network", "style_encoder", "discriminator"
    load_weights(method.generators, source, _generator(depth))
    load_weights(
        method.mapping_network, source, {"shared": f"{F}.shared", "heads": f"{F}.unshared"}
    )
    trunk = {"trunk": f"{E}.shared", "heads": f"{E}.unshared"}
    load_weights(method.style_encoder, source, trunk | _blocks("trunk", f"{E}.shared", heads))
    if is_high_pass:
        source.ignore(_is_unused_shortcut)
        _load_landmarks(method, sources, options)
    if with_D:
        trunk = {"trunk": f"{D}.main", "heads": f"{D}.main.{len(heads) + 4}"}
        load_weights(method.discriminators, last, trunk | _blocks("trunk", f"{D}.main", heads))
    if last is not source:
        last.ignore(lambda name: name.split(".")[0] in {G, F, E, "fan"})
        notes.append(f"from {last.path}: the discriminator; its other networks are not averaged")
    return ConvertedModel(method, with_D, [note_shapes(shapes), *notes, *face_notes])


_D = "discriminator.main.0.weight"
_LANDMARKS = "fan.l0.weight"
_FILTER = "generator.hpf.filter"


def _is_unused_shortcut(name: str) -> bool:
    """Return whether a tensor is a shortcut of the decoder, which high-pass skips replace."""
    return bool(re.fullmatch(r"generator\.decode\.\d+\.conv1x1\.weight", name))


def _shapes(source: CheckpointFile) -> tuple[dict[str, Any], int, int]:
    """Return the settings that the tensors determine, the generator's halvings and the domains."""
    width, channels = source.take("generator.from_rgb.weight", (None, None, 3, 3)).shape[:2]
    depth = source.count("generator.encode.#.conv1.weight") - 2
    style_dim = source.take("generator.decode.0.norm1.fc.weight", (None, None)).shape[1]
    mapping_width, latent_dim = source.take("mapping_network.shared.0.weight", (None, None)).shape
    domains = source.count("mapping_network.unshared.#.0.weight")
    halved = source.count("style_encoder.shared.#.conv1.weight", 1)
    largest = source.take("style_encoder.unshared.0.weight", (style_dim, None)).shape[1]
    side = 4 << halved
    return {
        "channels": (channels,), "crop": (side, side), "width": width, "max_width": largest,
        "style_dim": style_dim, "latent_dim": latent_dim, "mapping_width": mapping_width,
    }, depth, domains  # fmt: skip


def _domains(
    source: CheckpointFile, count: int, options: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """Return the names of the domains, and a note of where they come from."""
    published = ",".join(_PUBLISHED.get(count, ()))
    text = options.get("domains", published)
    names = split_names(text)
    if len(set(names)) != count:
        raise ValueError(
            f"{source.path} has {count} domains, and {len(set(names)) or 'no'} different names "
            "are given; expected their names as domains=A,B,..., in the order of the class folders"
        )
    _, notes = choose_settings({"domains": ",".join(names)}, options)
    return names, notes


def _faces(
    sources: list[CheckpointFile], options: Mapping[str, str]
) -> tuple[dict[str, Any], list[str]]:
    """Return the settings of a model with high-pass skips, and notes of where they come from."""
    values, notes = choose_settings({"w_hpf": 1.0}, options)
    if _FILTER in sources[0]:
        values = {"w_hpf": 8 / float(sources[0].take(_FILTER, (3, 3))[1, 1])}
        notes = [f"from the tensors: w_hpf={values['w_hpf']:g}"]
        for source in sources[1:]:
            source.ignore(lambda name: name == _FILTER)
    holder = next((source for source in sources if _LANDMARKS in source), None)
    if holder is None and "landmarks" not in options:
        raise ValueError(
            f"the generator of {sources[0].path} has high-pass skips, and the file holds no "
            "landmark network (fan), without which it cannot translate; name its file with "
            "landmarks=wing.ckpt"
        )
    if "landmarks" in options:
        values["landmark_width"] = landmark_width(Path(options["landmarks"]))
    elif holder is not None:
        values["landmark_width"] = holder.take(_LANDMARKS, (None, None, 1, 1)).shape[1]
    return values, notes


def _load_landmarks(
    method: StarGANv2, sources: list[CheckpointFile], options: Mapping[str, str]
) -> None:
    if "landmarks" in options:
        file = Path(options["landmarks"])
        read_landmark_weights(method.landmark_network, file, "landmark_width")
        for source in sources:
            source.ignore(lambda name: name.startswith("fan."))
        return
    holder = next(source for source in sources if _LANDMARKS in source)
    names = {ours: f"fan.{theirs}" for ours, theirs in official_names().items()}
    load_weights(method.landmark_network, holder, names)


def _generator(depth: int) -> dict[str, str]:
    """Return the names of the generator's layers in the file by ours."""
    blocks = range(depth + 2)
    names = {"first": "generator.from_rgb", "norm": "generator.to_rgb.0"}
    names["last"] = "generator.to_rgb.2"
    for i in blocks:
        for norm in ("first_norm", "second_norm"):
            theirs = "norm1" if norm == "first_norm" else "norm2"
            names[f"decoder.{i}.{norm}.affine"] = f"generator.decode.{i}.{theirs}.fc"
    return (
        names
        | _blocks("encoder", "generator.encode", blocks)
        | _blocks("decoder", "generator.decode", blocks)
    ) | {key: value for key, value in names.items() if key.endswith("affine")}


def _blocks(ours: str, theirs: str, numbers: range) -> dict[str, str]:
    """Return the names of residual blocks' layers in the file by ours."""
    layers = {
        "first": "conv1", "second": "conv2", "first_norm": "norm1", "second_norm": "norm2",
        "shortcut": "conv1x1",
    }  # fmt: skip
    return {f"{ours}.{i}.{a}": f"{theirs}.{i}.{b}" for i in numbers for a, b in layers.items()}
