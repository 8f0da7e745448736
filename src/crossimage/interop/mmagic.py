"""Networks shared by CycleGAN and pix2pix of mmagic and mmgeneration (OpenMMLab).

Both packages keep all networks in one file, by the domain that they belong to:
``generators.DOMAIN`` makes the images of a domain, and ``discriminators.DOMAIN`` scores them. The
networks are those of the official code under other names, but they read and return BGR images
unless their config says otherwise, so their first and last convolutions are turned to RGB.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from torch import Tensor

from crossimage.interop.junyanz import conv_channels
from crossimage.interop.mapping import CheckpointFile
from crossimage.interop.networks import Network
from crossimage.networks.layers.blocks import NormName

Order = Literal["bgr", "rgb"]


def domains_of(state: dict[str, Tensor], kind: str = "generators") -> list[str]:
    """Return the names of the domains that have a network, in the order of the file."""
    parts = (name.split(".", 2) for name in state)
    return list(dict.fromkeys(part[1] for part in parts if part[0] == kind and len(part) == 3))


def is_resnet(state: dict[str, Tensor], prefix: str) -> bool:
    """Return whether a generator is the one of residual blocks."""
    return f"{prefix}.model.0.conv.weight" in state


def is_unet(state: dict[str, Tensor], prefix: str) -> bool:
    """Return whether a generator is the U-Net."""
    return f"{prefix}.model.model.0.conv.weight" in state


def choose_averages(source: CheckpointFile) -> tuple[str, list[str]]:
    """Choose between the generators and their running averages, which are used if there are any.

    Returns:
        The start of the names of the tensors, and a note if other generators are left out.
    """
    if not domains_of(source.state, "generators_ema"):
        return "generators", []
    source.ignore(lambda name: name.startswith("generators."))
    return "generators_ema", [
        "generators: their running averages (generators_ema) are imported, and the generators "
        "themselves left out"
    ]


def resnet(source: CheckpointFile, prefix: str) -> Network:
    """Read the generator of residual blocks."""
    model = f"{prefix}.model"
    width, inputs = conv_channels(source, f"{model}.0.conv", 7)
    norm = _norm_of(source, f"{model}.0")
    blocks = source.count(f"{model}.#.block.0.conv.weight", 3)
    # a dropout layer shifts the second convolution by one
    second = 2 if f"{model}.3.block.2.conv.weight" in source else 1
    names: dict[str, str] = {}
    for i in (0, 1, 2, 3 + blocks, 4 + blocks):
        names |= _layer(str(i), f"{model}.{i}")
    for i in range(3, 3 + blocks):
        names |= _layer(f"{i}.first", f"{model}.{i}.block.0")
        names |= _layer(f"{i}.second", f"{model}.{i}.block.{second}")
    unbiased = _unbiased(source, names)
    end = f"{model}.{5 + blocks}.conv"
    names[f"{5 + blocks}.conv"] = end
    values = {
        "inputs": inputs,
        "outputs": conv_channels(source, end, 7)[0],
        "width": width,
        "residual_blocks": blocks,
        "norm": norm,
        "dropout": 0.5 if second == 2 else 0.0,
    }
    return Network(values, names, unbiased)


def unet(source: CheckpointFile, prefix: str) -> Network:
    """Read the U-Net whose levels are nested sequences."""
    levels = [f"{prefix}.model.model"]
    while f"{levels[-1]}.1.model.0.conv.weight" in source:
        levels.append(f"{levels[-1]}.1.model")
    first, end = f"{levels[0]}.0.conv", f"{levels[0]}.2.conv"
    width, inputs = conv_channels(source, first, 4)
    depth = len(levels)
    names = {"downs.0": first}
    for i, level in enumerate(levels[1:], 1):
        up = 1 if i == depth - 1 else 2
        names |= _layer(f"downs.{i}", f"{level}.0")
        names |= _layer(f"ups.{depth - 1 - i}", f"{level}.{up}")
    unbiased = _unbiased(source, names)
    names[f"ups.{depth - 1}.1"] = end
    values = {
        "inputs": inputs,
        "outputs": conv_channels(source, end, 4)[1],
        "width": width,
        "downsamples": depth,
        "norm": _norm_of(source, f"{levels[-1]}.1"),
    }
    return Network(values, names, unbiased)


def patch(source: CheckpointFile, prefix: str) -> Network:
    """Read a patch discriminator."""
    model = f"{prefix}.model"
    width, inputs = conv_channels(source, f"{model}.0.conv", 4)
    layers = source.count(f"{model}.#.conv.weight", 1)
    names = {"scales.0.0.conv": f"{model}.0.conv"}
    for i in range(1, 1 + layers):
        names |= _layer(f"scales.0.{i}", f"{model}.{i}")
    unbiased = _unbiased(source, names)
    names[f"scales.0.{1 + layers}"] = f"{model}.{1 + layers}"
    values = {
        "inputs": inputs,
        "width": width,
        "layers": layers,
        "scales": 1,
        "norm": _norm_of(source, f"{model}.1"),
    }
    return Network(values, names, unbiased)


def to_rgb(source: CheckpointFile, network: Network, order: Order, *images: int) -> None:
    """Make a network that knows BGR images one of RGB images.

    Args:
        source: The file, whose tensors are changed.
        network: A network from it.
        order: The order of its channels.
        images: Channels of the images that a discriminator sees together; none for a generator.
    """
    if order == "rgb":
        return
    first, *_, last = network.names.values()
    weight = source.state[f"{first}.weight"]
    source.state[f"{first}.weight"] = _reversed(weight, 1, images or (weight.shape[1],))
    if images:
        return
    outputs = (int(network.values["outputs"]),)
    weight = source.state[f"{last}.weight"]
    transposed = "residual_blocks" not in network.values  # in the U-Net
    source.state[f"{last}.weight"] = _reversed(weight, int(transposed), outputs)
    if f"{last}.bias" in source:
        source.state[f"{last}.bias"] = _reversed(source.state[f"{last}.bias"], 0, outputs)


def find_order(options: dict[str, str]) -> Order:
    """Return the order of the channels, by default the published one.

    Raises:
        ValueError: It is not one of the two.
    """
    order = options.get("channel_order", "bgr")
    if order not in get_args(Order):
        raise ValueError(f"channel_order must be bgr or rgb, found '{order}'")
    return "bgr" if order == "bgr" else "rgb"


def order_note(order: Order, options: dict[str, str]) -> str:
    """Return a note on the order of the channels."""
    origin = "key=value" if "channel_order" in options else "the published defaults"
    effect = "turned to RGB" if order == "bgr" else "left as they are"
    return f"from {origin}: channel_order={order}; first and last convolutions are {effect}"


def _reversed(weight: Tensor, dim: int, images: tuple[int, ...]) -> Tensor:
    """Reverse the colours of images along a dimension; opacity stays last."""
    order: list[int] = []
    for channels in images:
        colours = 3 if channels in (3, 4) else 0
        start = len(order)
        order += [start + colours - 1 - i for i in range(colours)]
        order += range(start + colours, start + channels)
    if len(order) != weight.shape[dim]:
        return weight  # loading says what was expected
    return weight.index_select(dim, weight.new_tensor(order).long())


def _layer(ours: str, theirs: str) -> dict[str, str]:
    return {f"{ours}.conv": f"{theirs}.conv", f"{ours}.norm": f"{theirs}.bn"}


def _norm_of(source: CheckpointFile, layer: str) -> NormName:
    if f"{layer}.bn.weight" in source:
        return "batch"
    return "instance" if f"{layer}.conv.bias" in source else "none"


def _unbiased(source: CheckpointFile, names: dict[str, str]) -> list[str]:
    """Return the convolutions that have no bias in the file."""
    convs = {ours: theirs for ours, theirs in names.items() if not ours.endswith("norm")}
    return [ours for ours, theirs in convs.items() if f"{theirs}.bias" not in source]


def shapes_of(generator: Network) -> dict[str, Any]:
    """Return the settings of a generator, with the channels of both domains as one."""
    shapes = dict(generator.values)
    shapes["channels"] = shapes.pop("inputs"), shapes.pop("outputs")
    return shapes
