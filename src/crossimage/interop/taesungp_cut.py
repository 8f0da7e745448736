"""Checkpoints of the official code of CUT and FastCUT (contrastive-unpaired-translation).

``latest_net_G.pth`` translates a to b, ``latest_net_F.pth`` holds the heads that describe patches,
which training alone needs, and ``latest_net_D.pth`` discriminates images of b.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from crossimage.interop.junyanz import (
    image_channels,
    is_antialiased,
    is_patch,
    is_resnet,
    norm_hints,
    patch_discriminator,
    resnet_generator,
)
from crossimage.interop.junyanz_options import check_shapes, choose_direction, choose_test_mode
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
from crossimage.interop.networks import (
    Network,
    check_same_blurs,
    configure,
    discriminator_settings,
    load_network,
    refuse_config,
    role_notes,
)
from crossimage.methods.cut import CUT, CUTConfig
from crossimage.methods.sincut import SinCUT

FILES = Files(("G",), ("F", "D"), told_apart=True)
ROLES = {"G": "translates a to b", "F": "describes patches", "D": "discriminates b"}
SIDE = 256
"""Height and width of the published training images."""


def recognises(states: list[dict[str, Tensor]]) -> bool:
    """Return whether the files hold a ResNet generator with blurs, heads, or a discriminator.

    A ResNet generator without blurs, by itself, could be one of CycleGAN or pix2pix as well.
    """
    generator, others = states[0], states[1:]
    heads = [state for state in others if is_heads(state)]
    discriminators = [state for state in others if is_patch(state)]
    return (
        is_resnet(generator)
        and len(heads) <= 1
        and len(discriminators) <= 1
        and len(heads) + len(discriminators) == len(others)
        and all(image_channels(D) == image_channels(generator) for D in discriminators)
        and (bool(others) or is_antialiased(generator))
    )


def is_heads(state: Mapping[str, Tensor]) -> bool:
    """Return whether the tensors are those of the heads that describe patches."""
    return "mlp_0.0.weight" in state


def convert(
    sources: list[CheckpointFile], options: dict[str, str], config: dict[str, Any] | None
) -> ConvertedModel:
    """Convert a generator and, if present, heads and a discriminator to a CUT."""
    refuse_config(config, "CUT")
    check_options(options, ["domains", "test_mode", "norm", "direction", "nce_layers"])
    files = {"G": sources[0]}
    for source in sources[1:]:
        files["F" if is_heads(source.state) else "D"] = source
    generator = _read_generator(files["G"], options, config)
    discriminator = _read_discriminator(files, options, config)

    shapes = dict(generator.values)
    channels = shapes.pop("inputs"), shapes.pop("outputs")
    shapes["channels"] = channels
    if discriminator:
        check_same_blurs(generator, discriminator, files["D"])
        shapes |= discriminator_settings(discriminator)
    if config:
        check_shapes(config | _of_generator(config), {**shapes, "generator": "resnet"}, channels)
    if "F" in files:
        shapes["head_width"] = files["F"].take("mlp_0.0.weight", (None, None)).shape[0]
    official = training_settings(config)
    chosen, notes = choose_settings({"nce_layers": "0,4,8,12,16"} | official, options, official)
    chosen["test_mode"], note = choose_test_mode(options, config, shapes["norm"], shapes["dropout"])
    named, direction_notes = name_domains(options, config)
    settings = configure(CUTConfig, shapes | chosen, named, SIDE)
    method = networks_of(CUT, settings, sources, training=discriminator is not None)
    load_network(method.generators, files["G"], generator)
    if discriminator:
        load_network(method.discriminators["b"], files["D"], discriminator)
    roles = role_notes(list(files.values()), {role: ROLES[role] for role in files})
    notes = [*roles, note_shapes(shapes), *notes, *direction_notes, note]
    notes += load_heads(method, files)
    return ConvertedModel(method, discriminator is not None, notes)


def _read_generator(
    source: CheckpointFile, options: Mapping[str, str], config: Mapping[str, Any] | None
) -> Network:
    network = resnet_generator(source, norm_hints(options, _of_generator(config)))
    if network.values.pop("residual_downsamples") != 2:
        raise MismatchError(f"{source.path} does not halve the resolution twice, as CUT does")
    network.values = {"antialias": False, "upsampling": "transposed"} | network.values
    return network


def _read_discriminator(
    files: Mapping[str, CheckpointFile],
    options: Mapping[str, str],
    config: Mapping[str, Any] | None,
) -> Network | None:
    if "D" not in files:
        return None
    norm = {"norm": config["normD"]} if config and "normD" in config else {}
    return patch_discriminator(files["D"], norm_hints(options, norm))


def _of_generator(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the norm of official options under the name that it has in CycleGAN's."""
    return {"norm": config["normG"]} if config and "normG" in config else {}


def training_settings(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what official options say about the losses, in our terms."""
    names = {
        "nce_layers": "nce_layers",
        "num_patches": "patches",
        "nce_T": "temperature",
        "flip_equivariance": "flip_equivariance",
        "lambda_GAN": "weights.adversarial",
    }
    config = config or {}
    values = {ours: config[theirs] for theirs, ours in names.items() if theirs in config}
    if "lambda_NCE" in config and "nce_idt" in config:
        share = 0.5 if config["nce_idt"] else 1.0
        values["weights.nce"] = share * config["lambda_NCE"]
        values["weights.nce_identity"] = values["weights.nce"] if config["nce_idt"] else 0.0
    return values


def name_domains(
    options: Mapping[str, str], config: Mapping[str, Any] | None
) -> tuple[dict[str, str], list[str]]:
    """Return the option that names the domains, the translated one first, and a note on it."""
    direction, notes = choose_direction(options, config)
    names = split_names(options.get("domains", "a,b"))
    return {"domains": ",".join(names if direction == "a-to-b" else names[::-1])}, notes


def load_heads(method: CUT | SinCUT, files: Mapping[str, CheckpointFile]) -> list[str]:
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
