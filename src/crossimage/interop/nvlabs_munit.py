"""Checkpoints of MUNIT from https://github.com/NVlabs/MUNIT."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from crossimage.interop.mapping import (
    CheckpointFile,
    ConvertedModel,
    Files,
    is_unused_statistic,
    load_weights,
    networks_of,
)
from crossimage.interop.nvlabs import (
    LAYER_NORM,
    LayerNames,
    configure,
    encoder_names,
    encoder_shapes,
    load_discriminator,
    upsampler_names,
)
from crossimage.methods.munit import MUNIT, MUNITConfig

FILES = Files(("gen",), ("dis",))

SETTINGS = {
    "gen.style_dim": "style_dim",
    "gen.mlp_dim": "mlp_width",
    "recon_s_w": "weights.style",
    "recon_c_w": "weights.content",
}
"""Keys that only MUNIT's config file has, and ours."""


def recognises(states: list[dict[str, Tensor]]) -> bool:
    """Return whether one of the files holds MUNIT's content encoders."""
    return any("a.enc_content.model.0.conv.weight" in state for state in states)


def convert(
    sources: list[CheckpointFile], options: dict[str, str], config: dict[str, Any] | None
) -> ConvertedModel:
    """Convert ``gen_*.pt`` and ``dis_*.pt``, if present, to a MUNIT."""
    gen, dis = sources[0], sources[1] if len(sources) > 1 else None
    shapes = encoder_shapes(gen, "enc_content")
    mlp_width, style_dim = gen.take("a.mlp.model.0.fc.weight", (None, None)).shape
    shapes |= {
        "style_dim": style_dim,
        "style_downsamples": gen.count("a.enc_style.model.#.conv.weight", 1),
        "mlp_width": mlp_width,
    }
    if config is not None and "style_dim" not in config.get("gen", {}):
        raise ValueError(
            "the config file has no gen.style_dim, so it does not describe a MUNIT, and "
            f"'a.mlp.model.0.fc.weight' of {gen.path} does not fit; expected MUNIT's config.yaml"
        )
    settings, notes = configure(MUNITConfig, shapes, gen, dis, options, config, SETTINGS)
    munit = networks_of(MUNIT, settings, sources, training=dis is not None)
    for d in "ab":
        load_weights(munit.generators[d], gen, generator_names(settings, d), LAYER_NORM)
        if dis is not None:
            load_discriminator(munit.discriminators[d], dis, d)
    for source in sources:
        source.ignore(is_unused_statistic)
    return ConvertedModel(munit, dis is not None, notes)


def generator_names(config: MUNITConfig, domain: str) -> LayerNames:
    """Name the layers of one domain's generator: content and style encoder, MLP and decoder."""
    halvings, blocks = config.downsamples, config.residual_blocks

    names = encoder_names("content", f"{domain}.enc_content", halvings, blocks)
    names |= {"style": f"{domain}.enc_style.model"}
    for i in range(blocks):
        block = f"{domain}.dec.model.0.model.{i}.model"
        names[f"decode.blocks.{i}.first"] = f"{block}.0.conv"
        names[f"decode.blocks.{i}.second"] = f"{block}.1.conv"
        names[f"decode.blocks.{i}.activation"] = f"{block}.0.activation"
    for i in range(3):
        names[f"decode.mlp.{2 * i}"] = f"{domain}.mlp.model.{i}.fc"
        names[f"decode.mlp.{2 * i + 1}"] = f"{domain}.mlp.model.{i}.activation"
    return names | upsampler_names("decode.upsampler", f"{domain}.dec", halvings)
