"""Checkpoints of the official PyTorch code of CycleGAN (pytorch-CycleGAN-and-pix2pix).

``latest_net_G_A.pth`` translates a to b and ``latest_net_G_B.pth`` b to a; ``latest_net_D_A.pth``
judges images of b, those that G_A has to make, and ``latest_net_D_B.pth`` images of a.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from crossimage.interop.junyanz import (
    configure,
    is_patch,
    is_resnet,
    patch_discriminator,
    place,
    published_side,
    refuse_config,
    resnet_generator,
    roles,
    shape_of_discriminator,
)
from crossimage.interop.mapping import Converted, Files, Source, decide, described, settings
from crossimage.methods.cyclegan import CycleGAN, CycleGANConfig

FILES = Files(("G_A", "G_B"), ("D_A", "D_B"))
ROLES = {"G_A": "a to b", "G_B": "b to a", "D_A": "judges b", "D_B": "judges a"}


def recognises(states: list[dict[str, Tensor]]) -> bool:
    """Two ResNet generators, and perhaps two patch discriminators."""
    generators, discriminators = states[:2], states[2:]
    return (
        len(states) in (2, 4)
        and all(map(is_resnet, generators))
        and all(map(is_patch, discriminators))
    )


def convert(
    sources: list[Source], options: dict[str, str], config: dict[str, Any] | None
) -> Converted:
    """A CycleGAN with the weights of two generators and, where given, of two discriminators."""
    refuse_config(config, "CycleGAN")
    settings(options, ["domains", "test_mode"])
    if len(sources) == 3:
        raise ValueError(
            f"{sources[2].path} is one discriminator; expected both, D_A and D_B, or none"
        )
    files = dict(zip(("ab", "ba", "b", "a"), sources, strict=False))
    # both ways and both judges have one shape, which place() finds out
    generator = resnet_generator(files["ab"])
    judge = patch_discriminator(files["b"]) if "b" in files else None

    shape = generator.values
    channels = shape["inputs"], shape["outputs"]
    told = {key: shape[key] for key in ("width", "residual_blocks", "norm", "dropout")}
    told["channels"] = channels
    if judge:
        told |= shape_of_discriminator(judge)
    chosen, where = decide({"test_mode": "eval"}, options)
    if channels[0] != channels[1]:
        chosen["weights.identity"] = 0.0
        where.append("weights.identity=0, which needs domains of equally many channels")
    side = published_side(generator)
    method = CycleGAN(
        configure(CycleGANConfig, told | chosen, options, side), training=judge is not None
    )
    for way in ("ab", "ba"):
        place(method.generators[way], files[way], generator)
    if judge:
        for domain in "ba":
            place(method.discriminators[domain], files[domain], judge)
    notes = [*roles(sources, ROLES), described(told), *where]
    return Converted(method, judge is not None, notes)
