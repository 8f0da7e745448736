"""Checkpoints of the official code of CUT and FastCUT (contrastive-unpaired-translation).

``latest_net_G.pth`` translates a to b, ``latest_net_F.pth`` holds the heads that describe patches,
which training alone needs, and ``latest_net_D.pth`` discriminates images of b.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from crossimage.interop.junyanz import (
    check_same_blurs,
    configure,
    discriminator_settings,
    image_channels,
    is_antialiased,
    is_patch,
    is_resnet,
    load_network,
    patch_discriminator,
    refuse_config,
    resnet_generator,
    role_notes,
)
from crossimage.interop.mapping import (
    CheckpointFile,
    ConvertedModel,
    Files,
    MismatchError,
    check_options,
    choose_settings,
    load_weights,
    note_shapes,
)
from crossimage.methods.cut import CUT, CUTConfig

FILES = Files(("G",), ("F", "D"))
ROLES = {"G": "translates a to b", "F": "describes patches", "D": "discriminates b"}


def recognises(states: list[dict[str, Tensor]]) -> bool:
    """Return whether the files hold a ResNet generator with blurs, heads, or a discriminator.

    A generator without blurs, by itself, could be one of CycleGAN or pix2pix as well.
    """
    generator, others = states[0], states[1:]
    heads = [state for state in others if _is_heads(state)]
    discriminators = [state for state in others if is_patch(state)]
    return (
        is_resnet(generator)
        and len(heads) <= 1
        and len(discriminators) <= 1
        and len(heads) + len(discriminators) == len(others)
        and all(image_channels(D) == image_channels(generator) for D in discriminators)
        and (bool(others) or is_antialiased(generator))
    )


def _is_heads(state: Mapping[str, Tensor]) -> bool:
    return "mlp_0.0.weight" in state


def convert(
    sources: list[CheckpointFile], options: dict[str, str], config: dict[str, Any] | None
) -> ConvertedModel:
    """Convert a generator and, if present, heads and a discriminator to a CUT."""
    refuse_config(config, "CUT")
    check_options(options, ["domains", "test_mode", "nce_layers"])
    files = {"G": sources[0]}
    for source in sources[1:]:
        files["F" if _is_heads(source.state) else "D"] = source
    generator = resnet_generator(files["G"])
    discriminator = patch_discriminator(files["D"]) if "D" in files else None

    shapes = dict(generator.values)
    if shapes.pop("residual_downsamples") != 2:
        raise MismatchError(f"{files['G'].path} does not halve the resolution twice, as CUT does")
    shapes["channels"] = shapes.pop("inputs"), shapes.pop("outputs")
    shapes = {"antialias": False, "upsampling": "transposed"} | shapes
    if discriminator:
        check_same_blurs(generator, discriminator, files["D"])
        shapes |= discriminator_settings(discriminator)
    if "F" in files:
        shapes["head_width"] = files["F"].take("mlp_0.0.weight", (None, None)).shape[0]
    chosen, notes = choose_settings({"test_mode": "eval", "nce_layers": "0,4,8,12,16"}, options)
    settings = configure(CUTConfig, shapes | chosen, options, side=256)
    method = CUT(settings, training=discriminator is not None)
    load_network(method.generators, files["G"], generator)
    if discriminator:
        load_network(method.discriminators["b"], files["D"], discriminator)
    notes = [
        *role_notes(list(files.values()), {f: ROLES[f] for f in files}),
        note_shapes(shapes),
    ] + notes
    notes += _load_heads(method, files)
    return ConvertedModel(method, discriminator is not None, notes)


def _load_heads(method: CUT, files: Mapping[str, CheckpointFile]) -> list[str]:
    """Load the heads that a model with a discriminator has; return a note if it cannot be."""
    if "F" not in files:
        missing = "the heads start from random weights, since there is no file of them"
        return [missing] if "D" in files else []
    if "D" not in files:
        files["F"].ignore(lambda _: True)
        return [
            f"{files['F'].path.name}: left out, because only training needs the heads, and a model "
            "file has them together with the discriminator"
        ]
    count = len(method.config.nce_layers)
    load_weights(method.heads, files["F"], {f"heads.{i}": f"mlp_{i}" for i in range(count)})
    return []
