"""Checkpoints of the official code of sketch-to-photo (Unsupervised-Sketch-to-Photo-Synthesis).

Both steps of that code name their files alike, so networks are told apart by their tensors. Of the
first step, ``480_net_G_A.pth`` translates sketches to gray photos, ``G_B`` back, ``D_A``
discriminates gray photos and ``D_B`` sketches. Of the second, ``290_net_G_A.pth`` colours gray
photos and holds VGG-19, and ``D_A`` discriminates colour photos. Either step alone is a model, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from crossimage.config import build
from crossimage.interop.file_names import read_name
from crossimage.interop.junyanz import (
    conv_channels,
    image_channels,
    is_patch,
    is_resnet,
    patch_discriminator,
    resnet_generator,
)
from crossimage.interop.mapping import (
    CheckpointFile,
    ConvertedModel,
    Files,
    MismatchError,
    check_options,
    choose_settings,
    load_weights,
    nest,
    networks_of,
    note_shapes,
)
from crossimage.interop.networks import Network, discriminator_settings, load_network, refuse_config
from crossimage.methods.sketch_to_photo import SketchToPhoto, SketchToPhotoConfig
from crossimage.networks.pretrained import StyleFeatures

FILES = Files(("G_A",), ("G_B", "D_A", "D_B", "G_A", "D_A"), any_order=True)
_NAMES = {
    "shape": "G_A of step 1, translates sketches to gray photos",
    "redrawing": "G_B of step 1, translates gray photos to sketches",
    "gray": "D_A of step 1, discriminates gray photos",
    "a": "D_B of step 1, discriminates sketches",
    "color": "G_A of step 2, colours gray photos",
    "b": "D_A of step 2, discriminates colour photos",
}
_OF_TRAINING = {"shape": ("redrawing", "gray", "a"), "color": ("b",)}
"""What only training needs, by the network that it trains."""

_ENCODER = (("enc_1", (0, 2)), ("enc_2", (1, 5)), ("enc_3", (1, 5)), ("enc_4", (1, 4, 7)))
"""Parts of VGG-19 and the numbers of their convolutions."""

_CHANNELS = {"shape": 1, "redrawing": 1, "gray": 1, "a": 1, "b": 3}


def recognises(states: list[dict[str, Tensor]]) -> bool:
    """Return whether the files hold a generator with attention or with VGG-19, and no others."""
    own = [_has_attention(state) or _colors(state) for state in states]
    return any(own) and all(
        known or is_resnet(state) or is_patch(state)
        for known, state in zip(own, states, strict=True)
    )


def _has_attention(state: Mapping[str, Tensor]) -> bool:
    return "sp_att.weight" in state and "model.1.weight" in state


def _colors(state: Mapping[str, Tensor]) -> bool:
    return "enc_1.0.weight" in state and any(name.startswith("decoder.") for name in state)


def convert(
    sources: list[CheckpointFile], options: dict[str, str], config: dict[str, Any] | None
) -> ConvertedModel:
    """Convert the networks of one step or of both to a sketch-to-photo model."""
    refuse_config(config, "sketch-to-photo")
    check_options(options, ["domains", "attention"])
    files = _by_part(sources)
    networks = {name: _read(name, files[name]) for name in files}
    shapes = _settings(files, networks)
    chosen, notes = choose_settings({"attention": "rows"}, options)
    if "shape" in files and not _has_attention(files["shape"].state):
        chosen, notes = {"attention": "none"}, ["attention=none, since there are no weights of it"]
    settings = build(
        SketchToPhotoConfig,
        {"epochs": 0, "shape_epochs": 0, "decay_epochs": 0},
        nest(shapes | chosen),
        {"domains": options.get("domains", "a,b")},
        source="the imported settings",
    )
    training = all(
        name in files for stage, names in _OF_TRAINING.items() if stage in files for name in names
    )
    method = networks_of(SketchToPhoto, settings, sources, training=training)
    places: dict[str, nn.Module] = {"shape": method.shape.network}
    if training:
        places |= {"redrawing": method.redrawing.network, **method.discriminators}
    for name, module in places.items():
        if name in files:
            load_network(module, files[name], networks[name])
    if "shape" in files:
        method.shape.begun.fill_(True)
        if settings.attention != "none":
            load_weights(
                method.shape.attention,
                files["shape"],
                {"weight": "sp_att.weight", "bias": "sp_att.bias"},
            )
    if "color" in files:
        method.color.begun.fill_(True)
        _load_colors(method, files["color"], networks["color"])
    notes = [
        *(f"{source.path.name}: {_NAMES[name]}" for name, source in files.items()),
        note_shapes(shapes), *notes, *_missing(files, training),
    ]  # fmt: skip
    return ConvertedModel(method, training, notes)


def _by_part(sources: list[CheckpointFile]) -> dict[str, CheckpointFile]:
    """Return the networks by their part in the method.

    Raises:
        MismatchError: Two files have the same part, or one has none.
    """
    files: dict[str, CheckpointFile] = {}
    attends = any(_has_attention(source.state) for source in sources)
    for source in sources:
        said = name.role if (name := read_name(source.path)) else None
        state = source.state
        if _colors(state):
            part = "color"
        elif _has_attention(state):
            part = "shape"
        elif is_resnet(state):
            second = said == "G_B" if said else attends or "shape" in files
            part = "redrawing" if second else "shape"
        elif is_patch(state) and image_channels(state) == 3:
            part = "b"
        elif is_patch(state):
            second = said == "D_B" if said else "gray" in files
            part = "a" if second else "gray"
        else:
            raise MismatchError(
                f"{source.path} holds no network of sketch-to-photo; expected some of "
                f"{'; '.join(_NAMES.values())}"
            )
        if part in files:
            raise MismatchError(
                f"{files[part].path} and {source.path} are both {_NAMES[part]}; give one of them"
            )
        files[part] = source
    if not files.keys() & _OF_TRAINING.keys():
        raise MismatchError(
            f"{sources[0].path} translates nothing; expected {_NAMES['shape']}, or "
            f"{_NAMES['color']}"
        )
    return {name: files[name] for name in _NAMES if name in files}


def _read(name: str, source: CheckpointFile) -> Network:
    """Read a network of a part.

    Raises:
        MismatchError: It is another one than the method has.
    """
    if name == "color":
        return _read_decoder(source)
    network = (
        resnet_generator(source) if name in ("shape", "redrawing") else patch_discriminator(source)
    )
    channels = network.values["inputs"], network.values.get("outputs", _CHANNELS[name])
    if set(channels) != {_CHANNELS[name]}:
        raise MismatchError(
            f"{source.path} has {' and '.join(map(str, channels))} channels; expected "
            f"{_CHANNELS[name]}, as {_NAMES[name]} has"
        )
    if name in ("shape", "redrawing") and (
        network.values["norm"] != "instance" or network.values["residual_downsamples"] != 2
    ):
        raise MismatchError(
            f"{source.path} has norm={network.values['norm']} and halves the resolution "
            f"{network.values['residual_downsamples']} times; expected instance norms and 2"
        )
    return network


def _read_decoder(source: CheckpointFile) -> Network:
    """Read the decoder of colours, which has the layers of a ResNet generator's second half."""
    blocks = source.count("decoder.#.conv_block.1.weight")
    names = {
        f"{i}.{ours}.conv": f"decoder.{i}.conv_block.{theirs}"
        for i in range(blocks)
        for ours, theirs in (("first", 1), ("second", 5))
    }
    for i in range(2):
        names[f"{blocks + i}.conv"] = f"decoder.{blocks + 3 * i}"
    names[f"{blocks + 2}.conv"] = f"decoder.{blocks + 7}"
    width = conv_channels(source, f"decoder.{blocks + 7}", 7)[1]
    return Network({"width": width, "residual_blocks": blocks, "norm": "instance"}, names, [])


def _settings(
    files: Mapping[str, CheckpointFile], networks: Mapping[str, Network]
) -> dict[str, Any]:
    """Return the settings that the tensors determine.

    Raises:
        MismatchError: Networks differ that must be alike.
    """
    shapes: dict[str, Any] = {}
    for name, network in networks.items():
        own = network.values
        if name in ("shape", "redrawing"):
            found = {"width": own["width"], "residual_blocks": own["residual_blocks"]}
        elif name == "color":
            found = {"color_width": own["width"], "color_blocks": own["residual_blocks"]}
        else:
            found = discriminator_settings(network)
        for key, value in found.items():
            if shapes.setdefault(key, value) != value:
                raise MismatchError(
                    f"{files[name].path} has {key}={value}, and another file {shapes[key]}; "
                    "expected networks of the same shape"
                )
    return shapes


@torch.no_grad()
def _load_colors(method: SketchToPhoto, source: CheckpointFile, network: Network) -> None:
    load_weights(nn.Sequential(*method.color), source, network.names)
    _load_encoder(method.encoder, source)


def _load_encoder(encoder: StyleFeatures, source: CheckpointFile) -> None:
    names = [f"{part}.{number}" for part, numbers in _ENCODER for number in numbers]
    for name, layer in zip(names, encoder.convolutions(), strict=True):
        load_weights(layer, source, {"weight": f"{name}.weight", "bias": f"{name}.bias"})
    encoder.known.fill_(True)


def _missing(files: Mapping[str, CheckpointFile], training: bool) -> list[str]:
    """Return notes on what the files do not give, and on what is left out."""
    notes = []
    if "color" not in files:
        notes.append("no network of step 2 is given, so the results are gray photos")
    if "shape" not in files:
        notes.append("no network of step 1 is given, so the model colours gray photos")
    others = [name for names in _OF_TRAINING.values() for name in names]
    if not training:
        for name in others:
            if name in files:
                files[name].ignore(lambda _: True)
                notes.append(
                    f"{files[name].path.name}: left out, because only training needs it, and not "
                    "all that training needs is given"
                )
    elif random := [_NAMES[name].partition(",")[0] for name in others if name not in files]:
        notes.append(f"random weights, since there is no file: {', '.join(random)}")
    return notes
