"""Networks that importers find in checkpoints: their kinds, settings and weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from crossimage.config import C, build
from crossimage.interop.mapping import (
    CheckpointFile,
    MismatchError,
    is_unused_statistic,
    load_weights,
    nest,
)
from crossimage.methods.settings import PatchShape
from crossimage.networks.layers.blocks import BatchNorm


@dataclass
class Network:
    """An official network, described in our terms.

    Attributes:
        values: Settings that the shapes of its tensors determine.
        names: Names of our layers, and of the same layers in the file.
        unbiased: Our convolutions that have no bias in the file.
        filters: Fixed filters in the file, by name, along one axis.
    """

    values: dict[str, Any]
    names: dict[str, str]
    unbiased: list[str]
    filters: dict[str, Tensor] = field(default_factory=dict)


def load_network(module: nn.Module, source: CheckpointFile, network: Network) -> None:
    """Load all weights of one of our networks from a file.

    Raises:
        ValueError: A tensor is missing or has another shape.
    """
    layers = dict(module.named_modules())
    for name in network.unbiased:
        conv = layers.get(name)
        if isinstance(conv, nn.Conv2d | nn.ConvTranspose2d) and conv.bias is not None:
            source.state.setdefault(f"{network.names[name]}.bias", torch.zeros(conv.out_channels))
    load_weights(module, source, network.names)
    for name, taps in network.filters.items():
        found = source.take(name, (None, 1, len(taps), len(taps)))
        if not torch.allclose(found.float(), torch.outer(taps, taps).expand_as(found), atol=1e-6):
            raise MismatchError(
                f"the tensor '{name}' of {source.path} is another filter than the binomial one of "
                f"{len(taps)} pixels, which the networks of this format have"
            )
    for ours, theirs in network.names.items():
        conv = layers.get(ours)
        if not isinstance(conv, nn.Conv2d | nn.ConvTranspose2d) or conv.bias is not None:
            continue
        if f"{theirs}.bias" in source:
            bias = source.take(f"{theirs}.bias", [conv.out_channels])
            norm = layers[ours.removesuffix("conv") + "norm"]
            if isinstance(norm, BatchNorm):  # subtracts a mean that includes the bias
                assert norm.running_mean is not None
                norm.running_mean -= bias
    if network.values["norm"] != "batch":
        source.ignore(is_unused_statistic)


def check_same_blurs(generator: Network, discriminator: Network, source: CheckpointFile) -> None:
    """Refuse a discriminator of another run than the generator: one option blurs both.

    A pixel discriminator never blurs.

    Raises:
        ValueError: One of both blurs where it halves the resolution, and the other does not.
    """
    blurs = [bool(network.values.get("antialias")) for network in (generator, discriminator)]
    if discriminator.values["layers"] and blurs[0] != blurs[1]:
        which = ["the generator", "this discriminator"][blurs.index(True)]
        raise ValueError(
            f"{source.path}: only {which} blurs before it halves the resolution ('*.filt'), and "
            "one option of the official code sets both; give networks of the same run"
        )


def published_size(generator: Network) -> int:
    """Return the side of the published images, in pixels.

    A U-Net halves it to a single pixel. Generators of 6 residual blocks are for 128 pixels, those
    of 9 for 256.
    """
    if "residual_blocks" not in generator.values:
        return 1 << int(generator.values["downsamples"])
    return 128 if generator.values["residual_blocks"] <= 6 else 256


def discriminator_settings(network: Network) -> dict[str, Any]:
    """Return the settings of a discriminator in our configs, by dotted name."""
    shared = ("inputs", "antialias")
    return {f"discriminator.{k}": v for k, v in network.values.items() if k not in shared}


def configure(cls: type[C], values: Mapping[str, Any], options: Mapping[str, str], side: int) -> C:
    """Build a method's config.

    Args:
        cls: The method's config class.
        values: Settings of the networks, by dotted name.
        options: Options of the import; ``domains`` names the domains, a and b by default.
        side: Height and width of the published training images, doubled until the discriminator
            can take them.

    Raises:
        ValueError: The method does not allow a value.
    """
    shape = nest(values).get("discriminator", {})
    while side < PatchShape(**shape).smallest:
        side *= 2
    # Converting epochs to steps would require the data.
    published = {"crop": side, "resize": round(side * 286 / 256), "epochs": 0, "decay_epochs": 0}
    named = {"domains": options.get("domains", "a,b")}
    return build(cls, published, nest(values), named, source="the imported settings")


def refuse_config(config: Mapping[str, Any] | None, name: str, *, options: bool = True) -> None:
    """Refuse a config file of another kind than these codebases have.

    Args:
        config: Its contents.
        name: Name of the codebase.
        options: Whether it writes a file of options.

    Raises:
        ValueError: A config file of another kind is given.
    """
    if config is not None and not (options and config.keys() & {"netG", "model", "norm"}):
        instead = "other than their train_opt.txt" if options else ""
        raise ValueError(
            f"checkpoints of {name} come without a config file {instead}".rstrip()
            + "; leave out --config and pass what the tensors do not determine as key=value"
        )


def no_dropout(config: Mapping[str, Any] | None) -> dict[str, float]:
    """Return the dropout rate that official options say."""
    if not config or "no_dropout" not in config:
        return {}
    return {"dropout": 0.0 if config["no_dropout"] else 0.5}


def role_notes(sources: list[CheckpointFile], names: Mapping[str, str]) -> list[str]:
    """Return notes that say which file plays which role."""
    return [
        f"{source.path.name}: {name}, {role}"
        for source, (name, role) in zip(sources, names.items(), strict=False)
    ]
