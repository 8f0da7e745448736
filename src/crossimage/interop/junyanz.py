"""Networks shared by the official code of CycleGAN, pix2pix and BicycleGAN.

Each reader determines from the tensors of a file which network they belong to, and which of its
layers correspond to which of ours. Whether a convolution before a norm has a bias, which the norm
cancels, depends on the kind of norm in these codebases, and follows other rules in ours;
``load_network`` compensates for the difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from crossimage.interop.mapping import CheckpointFile, MismatchError
from crossimage.interop.networks import Network
from crossimage.networks.layers.blocks import NormName

State = Mapping[str, Tensor]


_BLUR, _DOUBLING = torch.tensor([1.0, 2, 1]) / 4, torch.tensor([1.0, 3, 3, 1]) / 4
"""The filters of CUT's code before halving, and in bilinear upsampling."""


def is_resnet(state: State) -> bool:
    """Return whether the tensors are those of a ResNet generator, with residual blocks or none."""
    first = 4 + _layers_of_a_halving(state) * count_halvings(state)
    following = (f"model.{first}.{name}" for name in ("conv_block.1.weight", "weight", "filt"))
    return (
        _kernel_size(state, "model.1") == 7
        and _kernel_size(state, "model.4") == 3
        and any(name in state for name in following)
        and "sp_att.weight" not in state  # of sketch-to-photo
    )


def _layers_of_a_halving(state: State) -> int:
    """Return the layers of a halving of a ResNet: a convolution, norm, activation, and any blur."""
    return 4 if "model.7.filt" in state else 3


def count_halvings(state: State) -> int:
    """Count the halvings of the resolution that follow the first convolution of a ResNet."""
    first = state.get("model.1.weight")
    halvings, width = 0, 0 if first is None else first.shape[0]
    step = _layers_of_a_halving(state)
    while (weight := state.get(f"model.{4 + step * halvings}.weight")) is not None:
        # a transposed convolution, which may follow, has fewer channels than it should
        if tuple(weight.shape) != (width << (halvings + 1), width << halvings, 3, 3):
            break
        halvings += 1
    return halvings


def is_antialiased(state: State) -> bool:
    """Return whether the network blurs or filters between its layers, as only CUT's code does."""
    return any(name.endswith(".filt") for name in state)


def image_channels(state: State) -> int:
    """Return the channels of the images that a ResNet or a patch discriminator reads."""
    first = next(value for value in state.values() if value.ndim == 4)
    return first.shape[1]


def is_unet(state: State) -> bool:
    """Return whether the tensors are those of a U-Net of nested sequences."""
    return all(_kernel_size(state, f"model.model.{layer}") == 4 for layer in ("0", "1.model.1"))


def is_patch(state: State) -> bool:
    """Return whether the tensors are those of a patch or pixel discriminator of one scale."""
    second = 3 if "model.2.filt" in state else 2
    patch = all(_kernel_size(state, f"model.{layer}") == 4 for layer in (0, second))
    return patch or _kernel_size(state, "net.0") == 1


def _kernel_size(state: State, layer: str) -> int:
    """Return the width of a convolution's kernel; 0 if the convolution is missing."""
    weight = state.get(f"{layer}.weight")
    return 0 if weight is None or weight.ndim != 4 else weight.shape[3]


def conv_channels(source: CheckpointFile, conv: str, kernel: int) -> tuple[int, int]:
    """Return the first two sizes of the weight of a convolution with a square kernel.

    Raises:
        MismatchError: The convolution is missing.
    """
    first, second = source.take(f"{conv}.weight", (None, None, kernel, kernel)).shape[:2]
    return first, second


class NormHints(NamedTuple):
    """What is known of the norms beside the tensors.

    Attributes:
        option: The norm passed as key=value; it settles what the tensors leave open.
        config: The norm of the official options.
    """

    option: str | None = None
    config: str | None = None


UNKNOWN = NormHints()


def norm_hints(options: Mapping[str, str], config: Mapping[str, Any] | None) -> NormHints:
    """Return what options and official options say of the norms.

    Raises:
        ValueError: The option is neither ``instance`` nor ``batch``.
    """
    option = options.get("norm")
    if option not in (None, "instance", "batch"):
        raise ValueError(f"norm must be instance or batch, found '{option}'")
    return NormHints(option, (config or {}).get("norm"))


def norm_of(source: CheckpointFile, conv: str, norm: str, hints: NormHints = UNKNOWN) -> NormName:
    """Return the norm after a convolution.

    Norms with weights and running statistics are batch norms in the official code, which gives the
    convolutions before them no biases. Instance norms with both exist in variants of it. Only batch
    norms count batches, but a count of zero means nothing: it is added to old files.

    Args:
        source: The file.
        conv: Name of the convolution.
        norm: Name of the norm.
        hints: What else is known.

    Raises:
        MismatchError: The evidence is contradictory.
    """
    biased = f"{conv}.bias" in source
    found: NormName
    if f"{norm}.weight" not in source:
        found = "instance" if biased else "none"
    elif f"{norm}.running_mean" not in source:
        found = "affine_instance"
    elif hints.option is not None:
        return "batch" if hints.option == "batch" else "affine_instance"
    else:
        counted = _counts_batches(source)
        batch = counted or not biased
        contradicted = (counted and biased) or (counted and hints.config == "instance")
        if hints.config in ("instance", "batch") and not counted:
            batch = hints.config == "batch"
        elif contradicted and hints.config != "batch":
            reason = "the convolutions before them have biases" if biased else "the options say so"
            raise MismatchError(
                f"the norms of {source.path} may be batch norms, since they have counted batches, "
                f"or instance norms, since {reason}; choose with norm=batch or norm=instance"
            )
        found = "batch" if batch else "affine_instance"
    if hints.option is not None and not found.endswith(hints.option):
        raise MismatchError(
            f"the tensors of {source.path} have norm={found}, and norm={hints.option} is given; "
            "expected no such setting"
        )
    return found


def _counts_batches(source: CheckpointFile) -> bool:
    """Return whether a norm has counted batches, as only batch norms do."""
    counts = (n for name, n in source.state.items() if name.endswith(".num_batches_tracked"))
    return any(bool(count.max() > 0) for count in counts)


def resnet_generator(source: CheckpointFile, hints: NormHints = UNKNOWN) -> Network:
    """Read the generator of residual blocks; the published one halves its input twice.

    That of CUT's code may blur after each halving and upsample before each convolution that
    follows a doubling.
    """
    width, inputs = conv_channels(source, "model.1", 7)
    norm = norm_of(source, "model.1", "model.2", hints)
    halvings = count_halvings(source.state)
    step = _layers_of_a_halving(source.state)
    first = 4 + step * halvings
    blocks = source.count("model.#.conv_block.1.weight", first)
    # A dropout layer shifts the second convolution by one.
    second = 6 if _kernel_size(source.state, f"model.{first}.conv_block.6") else 5
    names = _layer("0", "model.1", "model.2")
    filters: dict[str, Tensor] = {}
    for i in range(halvings):
        conv = 4 + step * i
        names |= _layer(str(1 + i), f"model.{conv}", f"model.{conv + 1}")
        if step == 4:
            filters[f"model.{conv + 3}.filt"] = _BLUR
    for i in range(blocks):
        block, own = f"model.{first + i}.conv_block", 1 + halvings + i
        names |= _layer(f"{own}.first", f"{block}.1", f"{block}.2")
        names |= _layer(f"{own}.second", f"{block}.{second}", f"{block}.{second + 1}")
    bilinear = f"model.{first + blocks}.filt" in source
    for i in range(halvings):
        up = first + blocks + (3 + bilinear) * i
        if bilinear:
            filters[f"model.{up}.filt"] = _DOUBLING
            up += 1
        names |= _layer(str(1 + halvings + blocks + i), f"model.{up}", f"model.{up + 1}")
    biased = "model.1.bias" in source
    unbiased = [] if biased else [name for name in names if name.endswith("conv")]
    end = f"model.{first + blocks + (3 + bilinear) * halvings + 1}"
    names[f"{1 + 2 * halvings + blocks}.conv"] = end
    values: dict[str, Any] = {
        "inputs": inputs,
        "outputs": conv_channels(source, end, 7)[0],
        "width": width,
        "residual_downsamples": halvings,
        "residual_blocks": blocks,
        "norm": norm,
        "dropout": 0.5 if second == 6 else 0.0,
    }
    if step == 4:
        values["antialias"] = True
    if bilinear:
        values["upsampling"] = "bilinear"
    return Network(values, names, unbiased, filters)


def _layer(ours: str, conv: str, norm: str) -> dict[str, str]:
    return {f"{ours}.conv": conv, f"{ours}.norm": norm}


def unet(
    source: CheckpointFile, hints: NormHints = UNKNOWN, *, norm: NormName | None = None
) -> Network:
    """Read the U-Net whose levels are nested sequences.

    Args:
        source: The file.
        hints: What is known of its norms.
        norm: The norm, if it is known already; ``none`` then takes no position in the sequences.
            If it is read from the file, a layer always takes that position.
    """
    first = "model.model.0"
    width, inputs = conv_channels(source, first, 4)
    if norm is None:
        norm, gap = norm_of(source, "model.model.1.model.1", "model.model.1.model.2", hints), 1
    else:
        gap = int(norm != "none")
    levels = ["model.model", "model.model.1.model"]
    while f"{levels[-1]}.{2 + gap}.model.1.weight" in source:
        levels.append(f"{levels[-1]}.{2 + gap}.model")
    downsamples = len(levels)
    end = "model.model.3"
    names = {"downs.0": first, f"ups.{downsamples - 1}.1": end}
    for i, level in enumerate(levels[1:], 1):
        up = 3 if i == downsamples - 1 else 4 + gap
        names |= _layer(f"downs.{i}", f"{level}.1", f"{level}.2")
        names |= _layer(f"ups.{downsamples - 1 - i}", f"{level}.{up}", f"{level}.{up + 1}")
    unbiased = []
    if f"{first}.bias" not in source:
        unbiased = [name for name, theirs in names.items() if theirs != end and "norm" not in name]
    values = {
        "inputs": inputs,
        "outputs": conv_channels(source, end, 4)[1],
        "width": width,
        "downsamples": downsamples,
        "norm": norm,
    }
    return Network(values, names, unbiased)


def patch_discriminator(
    source: CheckpointFile, hints: NormHints = UNKNOWN, *, several: bool = False
) -> Network:
    """Read the patch or pixel discriminator.

    Args:
        source: The file.
        hints: What is known of its norms.
        several: Allow several scales, which only BicycleGAN has.
    """
    if "net.0.weight" in source:
        return _pixel_discriminator(source, hints)
    scales = source.count("model_#.0.weight") if several else 0
    prefixes = [f"model_{i}" for i in range(scales)] or ["model"]
    width, inputs = conv_channels(source, f"{prefixes[0]}.0", 4)
    blurred = f"{prefixes[0]}.2.filt" in source  # after the activations
    step, following = (4, 3) if blurred else (3, 5)
    conv_channels(source, f"{prefixes[0]}.{following}", 4)
    layers = 1
    while _kernel_size(source.state, f"{prefixes[0]}.{following + step * layers}"):
        layers += 1
    names: dict[str, str] = {}
    unbiased: list[str] = []
    filters: dict[str, Tensor] = {}
    for scale, prefix in enumerate(prefixes):
        ours = f"scales.{scale}"
        names[f"{ours}.0.conv"] = f"{prefix}.0"
        for i in range(1, layers + 1):
            names |= _layer(f"{ours}.{i}", f"{prefix}.{step * i - 1}", f"{prefix}.{step * i}")
            if blurred:
                filters[f"{prefix}.{step * i - 2}.filt"] = _BLUR
            if f"{prefixes[0]}.{step - 1}.bias" not in source:
                unbiased.append(f"{ours}.{i}.conv")
        names[f"{ours}.{1 + layers}"] = f"{prefix}.{step * layers + 2}"
    values = {
        "inputs": inputs,
        "width": width,
        "layers": layers,
        "scales": len(prefixes),
        "norm": norm_of(source, f"{prefixes[0]}.{step - 1}", f"{prefixes[0]}.{step}", hints),
    }
    if blurred:
        values["antialias"] = True
    return Network(values, names, unbiased, filters)


def _pixel_discriminator(source: CheckpointFile, hints: NormHints) -> Network:
    width, inputs = conv_channels(source, "net.0", 1)
    norm = norm_of(source, "net.2", "net.3", hints)
    names = {"scales.0.0.conv": "net.0", **_layer("scales.0.1", "net.2", "net.3")}
    names["scales.0.2"] = "net.5"
    values = {"inputs": inputs, "width": width, "layers": 0, "scales": 1, "norm": norm}
    biased = "net.2.bias" in source
    return Network(values, names, [] if biased else ["scales.0.1.conv", "scales.0.2"])
