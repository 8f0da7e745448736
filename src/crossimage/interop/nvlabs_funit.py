"""Checkpoints of FUNIT from https://github.com/NVlabs/FUNIT.

``gen_*.pt`` holds the generator twice: ``gen`` as it was trained, and ``gen_test``, the running
average of its weights, which translates. ``dis_*.pt`` holds the discriminator. Neither names the
classes.
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
    is_unused_statistic,
    load_weights,
    nest,
    networks_of,
    note_shapes,
    split_names,
)
from crossimage.interop.nvlabs import LayerNames, encoder_names, flat_values, upsampler_names
from crossimage.methods.funit import FUNIT, FUNITConfig

FILES = Files(("gen",), ("dis",), ("gen_test",))

SETTINGS = {
    "gen.nf": "width",
    "gen.n_res_blks": "residual_blocks",
    "gen.nf_mlp": "mlp_width",
    "gen.latent_dim": "style_dim",
    "gen.n_mlp_blks": "mlp_layers",
    "gen.n_downs_content": "downsamples",
    "gen.n_downs_class": "style_downsamples",
    "dis.nf": "discriminator_width",
    "dis.n_res_blks": "discriminator_blocks",
    "max_iter": "steps",
    "weight_decay": "weight_decay",
    "lr_gen": "learning_rate",
    "gan_w": "weights.adversarial",
    "fm_w": "weights.features",
    "r_w": "weights.image",
    "batch_size": "batch_size",
    "new_size": "resize",
}
"""Keys of the official config file, and ours."""

_AVERAGE = "gen_test."
_CLASS_ENCODER = "enc_class_model.model"


def recognises(states: list[dict[str, Tensor]]) -> bool:
    """Return whether the files hold a class encoder, and at most a residual discriminator."""
    generator, discriminators = states[0], states[1:]
    first = f"{_CLASS_ENCODER}.0.conv.weight"
    return bool({first, f"{_AVERAGE}{first}"} & generator.keys()) and all(
        "cnn_f.1.conv_0.conv.weight" in state for state in discriminators
    )


def convert(
    sources: list[CheckpointFile], options: dict[str, str], config: dict[str, Any] | None
) -> ConvertedModel:
    """Convert ``gen_*.pt`` and ``dis_*.pt``, if present, to a FUNIT."""
    check_options(options, ["domains"])
    gen, dis = sources[0], sources[1] if len(sources) > 1 else None
    if config is not None and not (isinstance(config.get("gen"), dict) and "r_w" in config):
        raise ValueError(
            "the config file has no section 'gen' or no 'r_w'; expected the .yaml file that "
            f"{gen.path} was trained with"
        )
    start, notes = _generator_in(gen)
    shapes, classes = _generator_shapes(gen, start), None
    if dis is not None:
        own, classes = _discriminator_shapes(dis)
        shapes |= own
    elif config is not None and isinstance(config.get("dis"), dict):
        classes = config["dis"].get("num_classes")
    names = _classes(gen, classes, options)
    values = {"channels": [3]} | shapes | _from_file(config or {})
    if names:
        values |= {"domains": names, "attributes": names}
        values |= {"label_sets": [len(names)], "categorical": [True]}
    settings = build(FUNITConfig, nest(values), source="crossimage import")
    method = networks_of(FUNIT, settings, sources, training=dis is not None)
    load_weights(method.generators, gen, _generator_names(settings, start))
    if dis is not None:
        load_weights(method.discriminators, dis, _discriminator_names(settings))
    for source in sources:
        source.ignore(is_unused_statistic)
    notes = [note_shapes(shapes), *notes]
    if names and "domains" not in options:
        notes.append(
            f"the files do not name the {len(names)} training classes, which are numbered from 0 "
            "on; domains=A,B,... names them"
        )
    rates = {(config or {}).get(key) for key in ("lr_gen", "lr_dis")} - {None}
    if len(rates) > 1:
        notes.append(f"learning_rate={settings.learning_rate:g} is lr_gen; lr_dis is another one")
    return ConvertedModel(method, dis is not None, notes)


def _generator_in(gen: CheckpointFile) -> tuple[str, list[str]]:
    """Return what the names of the generator's tensors begin with, and notes of which it is."""
    if f"{_AVERAGE}{_CLASS_ENCODER}.0.conv.weight" not in gen:
        return "", ["the file holds one generator, trained or averaged, which translates"]
    gen.ignore(lambda name: name.startswith("gen."))
    return _AVERAGE, ["from gen_test, the running average of the weights; not gen"]


def _generator_shapes(gen: CheckpointFile, start: str) -> dict[str, Any]:
    """Return the settings that the tensors of the generator determine."""
    content, style = f"{start}enc_content.model", f"{start}{_CLASS_ENCODER}"
    width, channels = gen.take(f"{content}.0.conv.weight", (None, None, 7, 7)).shape[:2]
    halvings = gen.count(f"{content}.#.conv.weight", 1)
    style_halvings = gen.count(f"{style}.#.conv.weight", 1)
    mlp_width = gen.take(f"{start}mlp.model.0.fc.weight", (None, None)).shape[0]
    last = gen.take(f"{style}.{style_halvings + 2}.weight", (None, None, 1, 1))
    return {
        "channels": [channels],
        "width": width,
        "downsamples": halvings,
        "residual_blocks": gen.count(f"{content}.{1 + halvings}.model.#.model.0.conv.weight"),
        "style_dim": len(last),
        "style_downsamples": style_halvings,
        "mlp_width": mlp_width,
        "mlp_layers": gen.count(f"{start}mlp.model.#.fc.weight"),
    }


def _discriminator_shapes(dis: CheckpointFile) -> tuple[dict[str, Any], int]:
    """Return the settings that the discriminator determines, and the number of its classes."""
    width = len(dis.take("cnn_f.0.conv.weight", (None, None, 7, 7)))
    pairs = 0
    while f"cnn_f.{1 + 4 * pairs}.conv_0.conv.weight" in dis:
        pairs += 1
    classes = len(dis.take("cnn_c.0.conv.weight", (None, None, 1, 1)))
    return {"discriminator_width": width, "discriminator_blocks": 2 * pairs}, classes


def _classes(gen: CheckpointFile, count: int | None, options: Mapping[str, str]) -> list[str]:
    """Return the names of the training classes; none if not even their number is known.

    Raises:
        ValueError: Other names are given than there are classes.
    """
    if "domains" not in options:
        return [] if count is None else [str(number) for number in range(count)]
    names = split_names(options["domains"])
    if len(set(names)) != len(names) or count not in (None, len(names)):
        raise ValueError(
            f"{gen.path} was trained with {count or 'some'} classes, and {len(set(names))} "
            "different names are given; expected one of each class as domains=A,B,..., in the "
            "order of the numbers in its list of training images"
        )
    return names


def _from_file(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the official config file by our names."""
    flat = flat_values(config)
    values = {ours: flat[key] for key, ours in SETTINGS.items() if key in flat}
    sides = [config.get(f"crop_image_{side}") for side in ("height", "width")]
    return values | ({"crop": sides} if all(sides) else {})


def _generator_names(config: FUNITConfig, start: str) -> LayerNames:
    """Name the layers of the encoders, the network of AdaIN parameters and the decoder."""
    names = encoder_names(
        "content", f"{start}enc_content", config.downsamples, config.residual_blocks
    )
    names |= {"style": f"{start}{_CLASS_ENCODER}"}
    for i in range(config.residual_blocks):
        block = f"{start}dec.model.0.model.{i}.model"
        names[f"decode.blocks.{i}.first"] = f"{block}.0.conv"
        names[f"decode.blocks.{i}.second"] = f"{block}.1.conv"
    for i in range(config.mlp_layers):
        names[f"decode.mlp.{2 * i}"] = f"{start}mlp.model.{i}.fc"
    return names | upsampler_names("decode.upsampler", f"{start}dec", config.downsamples)


def _discriminator_names(config: FUNITConfig) -> LayerNames:
    """Name the layers of the discriminator; the file counts padding and pooling too."""
    names = {"first": "cnn_f.0.conv", "last": "cnn_c.0.conv"}
    for i in range(config.discriminator_blocks // 2):
        for j in range(2):
            block = f"cnn_f.{1 + 4 * i + j}"
            layers = {"first": "conv_0", "second": "conv_1", "shortcut": "conv_s"}
            names |= {f"pairs.{i}.{j}.{a}": f"{block}.{b}.conv" for a, b in layers.items()}
    return names
