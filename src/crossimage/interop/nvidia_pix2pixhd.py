"""Checkpoints of pix2pixHD's global generator (NVIDIA).

``latest_net_G.pth`` translates images, or label maps whose classes are one channel each, followed
by a channel that marks the borders between instances. The generator is that of residual blocks,
with three or four halvings of the resolution instead of two.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from crossimage.interop.junyanz import NormHints, count_halvings, is_resnet, resnet_generator
from crossimage.interop.mapping import (
    CheckpointFile,
    ConvertedModel,
    Files,
    check_options,
    choose_settings,
    networks_of,
    note_foreign_discriminator,
    note_shapes,
)
from crossimage.interop.networks import configure, load_network, refuse_config, role_notes
from crossimage.methods.pix2pix import Pix2Pix, Pix2PixConfig

FILES = Files(("G",), ("D",))
ROLES = {"G": "translates a to b"}
_CITYSCAPES = 35
_SIDE = 512  # pixels; height of the published images of 1024 x 512


def recognises(states: list[dict[str, Tensor]]) -> bool:
    """Return whether the files hold a generator that halves its input three times or more.

    With two halvings, it is the generator of pix2pix.
    """
    if len(states) > 2:
        return False
    is_global = is_resnet(states[0]) and count_halvings(states[0]) > 2
    return (is_global or _is_local(states[0])) and all(map(_is_discriminator, states[1:]))


def convert(
    sources: list[CheckpointFile], options: dict[str, str], config: dict[str, Any] | None
) -> ConvertedModel:
    """Convert a generator to a pix2pix; its discriminators are of another shape than ours."""
    refuse_config(config, "pix2pixHD")
    check_options(options, ["domains", "test_mode", "classes"])
    source = sources[0]
    if _is_local(source.state):
        raise ValueError(
            f"{source.path} is a local enhancer of pix2pixHD (--netG local), and only its global "
            "generator is imported (--netG global, as in the models of 512 pixels)"
        )
    # all convolutions have biases, and instance norms no weights
    network = resnet_generator(source, NormHints(config="batch"))
    shapes = {"generator": "resnet", **network.values}
    shapes["channels"] = shapes.pop("inputs"), shapes.pop("outputs")
    # labels of Cityscapes, with or without borders between instances
    classes = _CITYSCAPES if network.values["inputs"] in (_CITYSCAPES, _CITYSCAPES + 1) else 0
    chosen, notes = choose_settings({"test_mode": "train", "classes": classes}, options)
    method = networks_of(
        Pix2Pix, configure(Pix2PixConfig, shapes | chosen, options, _SIDE), sources, training=False
    )
    load_network(method.generators["G"], source, network)
    notes = [*role_notes([source], ROLES), note_shapes(shapes), *notes]
    for other in sources[1:]:
        if not _is_discriminator(other.state):
            raise ValueError(
                f"{other.path} is not a discriminator of pix2pixHD; models with an encoder of "
                "features (latest_net_E.pth) are not imported, and others have only "
                "latest_net_G.pth and latest_net_D.pth"
            )
        notes.append(note_foreign_discriminator(other))
    return ConvertedModel(method, False, notes)


def _is_local(state: dict[str, Tensor]) -> bool:
    return "model1_1.1.weight" in state


def _is_discriminator(state: dict[str, Tensor]) -> bool:
    return "scale0_layer0.0.weight" in state or "layer0.0.weight" in state
