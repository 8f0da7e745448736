"""Checkpoints of the official PyTorch code of pix2pix (pytorch-CycleGAN-and-pix2pix).

``latest_net_G.pth`` translates the input domain a to the output domain b, whichever of the data's
sides they were; ``latest_net_D.pth`` judges outputs together with their inputs. A single generator
of CycleGAN comes in here too: it translates one way.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from crossimage.interop.junyanz import (
    configure,
    is_patch,
    is_resnet,
    is_unet,
    patch_discriminator,
    place,
    published_side,
    refuse_config,
    resnet_generator,
    roles,
    shape_of_discriminator,
    unet,
)
from crossimage.interop.mapping import Converted, Files, Source, decide, described, settings
from crossimage.methods.pix2pix import Pix2Pix, Pix2PixConfig

FILES = Files(("G",), ("D",))
ROLES = {"G": "a to b", "D": "judges a and b together"}


def recognises(states: list[dict[str, Tensor]]) -> bool:
    """A U-Net or a ResNet generator, and perhaps a patch discriminator."""
    generator, discriminators = states[0], states[1:]
    return (
        len(states) <= 2
        and (is_unet(generator) or is_resnet(generator))
        and all(map(is_patch, discriminators))
    )


def convert(
    sources: list[Source], options: dict[str, str], config: dict[str, Any] | None
) -> Converted:
    """A pix2pix with the weights of a generator and, where given, of a discriminator."""
    refuse_config(config, "pix2pix")
    residual = is_resnet(sources[0].state)
    settings(options, ["domains", "test_mode"] + ["dropout"] * (not residual))
    generator = resnet_generator(sources[0]) if residual else unet(sources[0])
    judge = patch_discriminator(sources[1]) if sources[1:] else None

    told = {"generator": "resnet" if residual else "unet", **generator.values}
    told["channels"] = told.pop("inputs"), told.pop("outputs")
    if judge:
        told |= shape_of_discriminator(judge)
    # dropout has no tensors; in residual blocks it moves the place of those after it
    unseen = {"test_mode": "eval"} if residual else {"test_mode": "eval", "dropout": 0.5}
    chosen, where = decide(unseen, options)
    side = published_side(generator)
    method = Pix2Pix(
        configure(Pix2PixConfig, told | chosen, options, side), training=judge is not None
    )
    place(method.generators["G"], sources[0], generator)
    if judge:
        place(method.discriminators["D"], sources[1], judge)
    notes = [*roles(sources, ROLES), described(told), *where]
    return Converted(method, judge is not None, notes)
