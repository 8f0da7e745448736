"""Checkpoints of UNIT from https://github.com/NVlabs/MUNIT, the form of 2018."""

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
from crossimage.methods.unit import UNIT, UNITConfig

FILES = Files(("gen",), ("dis",))

SETTINGS = {"recon_kl_w": "weights.kl", "recon_kl_cyc_w": "weights.kl_cycle"}
"""Keys that only UNIT's config file has, and ours."""


def recognises(states: list[dict[str, Tensor]]) -> bool:
    """Return whether one of the files holds UNIT's encoders."""
    return any("a.enc.model.0.conv.weight" in state for state in states)


def convert(
    sources: list[CheckpointFile], options: dict[str, str], config: dict[str, Any] | None
) -> ConvertedModel:
    """Convert ``gen_*.pt`` and ``dis_*.pt``, if present, to a UNIT."""
    gen, dis = sources[0], sources[1] if len(sources) > 1 else None
    shapes = encoder_shapes(gen, "enc")
    if config is not None and "mlp_dim" in config.get("gen", {}):
        # This is a config file of MUNIT, whose styles UNIT does not have.
        gen.take("a.mlp.model.0.fc.weight", (config["gen"]["mlp_dim"], None))
    settings, notes = configure(UNITConfig, shapes, gen, dis, options, config, SETTINGS)
    unit = networks_of(UNIT, settings, sources, training=dis is not None)
    for d in "ab":
        load_weights(unit.generators[d], gen, generator_names(settings, d), LAYER_NORM)
        if dis is not None:
            load_discriminator(unit.discriminators[d], dis, d)
    for source in sources:
        source.ignore(is_unused_statistic)
    return ConvertedModel(unit, dis is not None, [*notes, "translations decode the latent mean"])


def generator_names(config: UNITConfig, domain: str) -> LayerNames:
    """Name the layers of one domain's generator: encoder and decoder, none of them shared."""
    halvings, blocks = config.downsamples, config.residual_blocks
    names = encoder_names("encode", f"{domain}.enc", halvings, blocks)
    for i in range(blocks):
        names[f"decode.{i}.first"] = f"{domain}.dec.model.0.model.{i}.model.0"
        names[f"decode.{i}.second"] = f"{domain}.dec.model.0.model.{i}.model.1"
    return names | upsampler_names(f"decode.{blocks}", f"{domain}.dec", halvings)
