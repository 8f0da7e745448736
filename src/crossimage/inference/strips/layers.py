"""What the values of each layer depend on: the same pixel, a few rows, or the whole image."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossimage.inference.strips.maps import Reach
from crossimage.networks.color_spaces import lab_to_rgb, rgb_to_lab
from crossimage.networks.layers.activations import PReLU, ReLU
from crossimage.networks.layers.blocks import BatchNorm, Dropout
from crossimage.networks.layers.blur import Blur
from crossimage.networks.layers.normalisation import (
    AffineInstanceNorm,
    InstanceNorm,
    LayerNorm,
    adaptive_instance_norm,
    instance_norm,
)
from crossimage.networks.layers.upsampling import UpsampledConv
from crossimage.networks.masked_residual import ClassBatchNorm
from crossimage.networks.pretrained import with_statistics
from crossimage.networks.stargan_v2.landmarks import masks_of
from crossimage.networks.strokes import distance_maps
from crossimage.networks.stylegan2.blocks import Blur4

FUNCTIONS: tuple[Callable[..., Any], ...] = (
    instance_norm, adaptive_instance_norm, with_statistics, lab_to_rgb, rgb_to_lab, distance_maps,
    masks_of,
)  # fmt: skip
"""Our own functions that are one node of the graph."""

_NORMS = (InstanceNorm, AffineInstanceNorm, LayerNorm)
_OTHER_NORMS = (nn.GroupNorm, nn.LayerNorm, nn.modules.batchnorm._NormBase)
_NORM_FUNCTIONS = (instance_norm, adaptive_instance_norm, with_statistics, F.instance_norm)

_LAYERS = (
    *_NORMS, BatchNorm, ClassBatchNorm, Dropout, ReLU, PReLU, Blur, Blur4, UpsampledConv,
    nn.Conv2d, nn.ConvTranspose2d,
)  # fmt: skip

_POINTWISE_MODULES = (
    nn.Identity, nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.SELU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh,
    nn.Sigmoid, nn.Hardtanh, nn.Dropout, nn.Dropout2d, nn.BatchNorm2d, nn.InstanceNorm2d,
    Dropout,
)  # fmt: skip
_POINTWISE_FUNCTIONS = (
    operator.add, operator.sub, operator.mul, operator.truediv, operator.neg, operator.pow,
    operator.gt, operator.ge, operator.lt, operator.le, operator.eq, operator.ne,
    operator.iadd, operator.imul, operator.isub, operator.itruediv,
    torch.add, torch.sub, torch.mul, torch.div, torch.tanh, torch.sigmoid, torch.relu, torch.clamp,
    torch.abs, torch.sqrt, torch.exp, torch.where, torch.lerp, torch.addcmul, torch.maximum,
    torch.minimum, lab_to_rgb, rgb_to_lab, F.relu, F.leaky_relu, F.elu, F.gelu, F.silu, F.selu,
    F.softplus, F.tanh, F.sigmoid,
)  # fmt: skip
_POINTWISE_METHODS = frozenset({
    "float", "to", "type", "half", "bfloat16", "clamp", "clamp_min", "clamp_max", "add", "sub",
    "mul", "div", "neg", "abs", "square", "sqrt", "exp", "tanh", "sigmoid", "relu", "lerp",
    "contiguous", "clone", "detach", "addcmul", "repeat_interleave",
})  # fmt: skip
_IN_PLACE = (operator.iadd, operator.imul, operator.isub, operator.itruediv)

_CONV_COPIES = (1, 1)
"""Convolutions reorder their input and their output; padding by reflection copies the input."""


def is_layer(module: nn.Module) -> bool:
    """Return whether a module is one node of the graph, rather than the layers in it."""
    if isinstance(module, _LAYERS):
        return True
    known = type(module).__module__.startswith("torch.nn.modules")
    return known and not isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict)


def is_norm(operation: object) -> bool:
    """Return whether a layer or function normalises each image by its own statistics."""
    match operation:
        case BatchNorm():
            return operation.test_mode == "train"
        case ClassBatchNorm():
            return operation.batch_statistics
        case nn.BatchNorm2d() | nn.InstanceNorm2d():
            return operation.running_mean is None
    return isinstance(operation, _NORMS) or operation in _NORM_FUNCTIONS


def keeps_shape(operation: object) -> bool:
    """Return whether a layer's output has the shape and the type of its input."""
    return isinstance(operation, BatchNorm | ClassBatchNorm) or is_norm(operation)


def is_other_norm(operation: object) -> bool:
    """Return whether a layer or function normalises by statistics that are not computed here."""
    if isinstance(operation, nn.Module):
        known = isinstance(operation, (*_POINTWISE_MODULES, ClassBatchNorm)) or is_norm(operation)
        return isinstance(operation, _OTHER_NORMS) and not known
    return getattr(operation, "__name__", "") in ("group_norm", "layer_norm", "batch_norm")


def drops(operation: object) -> bool:
    """Return whether a layer draws which values it drops, for the whole image at once."""
    if isinstance(operation, Dropout):
        return operation.test_mode == "train" and operation.p > 0
    return isinstance(operation, nn.Dropout | nn.Dropout2d) and operation.training


def in_place(operation: object) -> bool:
    """Return whether a layer overwrites its input."""
    return bool(getattr(operation, "inplace", False)) or operation in _IN_PLACE


def is_pointwise(
    kind: str, operation: object, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> bool:
    """Return whether the values of a node depend only on those of the same pixel.

    Args:
        kind: Kind of the node, as in a graph.
        operation: Its layer or function, or the name of its method.
        args: Its arguments.
        kwargs: Its named arguments.
    """
    if kind == "call_module":
        return isinstance(operation, _POINTWISE_MODULES)
    if kind == "call_method":
        if operation == "expand":
            return args[3:] == (-1, -1)
        if operation == "softmax":
            return _dim(args, kwargs) == 1
        if operation == "repeat_interleave":
            return _dim(args[1:], kwargs) == 0
        return operation in _POINTWISE_METHODS
    if operation is operator.getitem:
        return _keeps_pixels(args[1])
    if operation is torch.cat:
        return _dim(args, kwargs) == 1
    if operation is torch.repeat_interleave:
        return _dim(args[1:], kwargs) == 0
    return operation in _POINTWISE_FUNCTIONS


def is_column_softmax(
    kind: str, operation: object, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> bool:
    """Return whether a node is a softmax over the rows of each column."""
    return kind == "call_method" and operation == "softmax" and _dim(args, kwargs) in (2, -2)


def _dim(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return kwargs.get("dim", args[1] if len(args) > 1 else None)


def _keeps_pixels(index: Any) -> bool:
    """Return whether an index selects images or channels only."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(isinstance(part, slice) for part in parts) and all(
        part == slice(None) for part in parts[2:]
    )


def reach_of(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Reach | None:
    """Return what the values of a local layer depend on; None if it is not local.

    Args:
        operation: A layer or a function.
        args: Its arguments, whose first is the maps.
        kwargs: Its named arguments.
    """
    match operation:
        case Blur():
            return Reach(1, 2, 2, 9, (1, 0))
        case Blur4():
            return _conv(operation.kernel[None, None], operation.stride, operation.padding)
        case UpsampledConv():
            return Reach(2, 1, 1, 9 * operation.in_channels, (2, 2))
        case nn.Conv2d():
            return _conv(
                operation.weight, operation.stride, operation.padding, operation.dilation,
                copies=_CONV_COPIES if operation.padding_mode == "zeros" else (2, 1),
            )  # fmt: skip
        case nn.ConvTranspose2d():
            return _transposed(
                operation.weight, operation.stride, operation.padding, operation.dilation
            )
        case nn.MaxPool2d() | nn.AvgPool2d():
            return _pool(operation.kernel_size, operation.stride, operation.padding)
        case nn.PixelShuffle():
            return Reach(operation.upscale_factor)
        case nn.Upsample():
            return _resampling(operation.scale_factor, operation.mode)
    if operation is F.conv2d:
        given = _bound(("x", "weight", "bias", "stride", "padding", "dilation"), args, kwargs)
        return _conv(
            given["weight"], given.get("stride", 1), given.get("padding", 0),
            given.get("dilation", 1),
        )  # fmt: skip
    if operation is F.conv_transpose2d:
        names = ("x", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation")
        given = _bound(names, args, kwargs)
        return _transposed(
            given["weight"], given.get("stride", 1), given.get("padding", 0),
            given.get("dilation", 1),
        )  # fmt: skip
    if operation in (F.avg_pool2d, F.max_pool2d):
        given = _bound(("x", "kernel_size", "stride", "padding"), args, kwargs)
        return _pool(given["kernel_size"], given.get("stride"), given.get("padding", 0))
    if operation is F.interpolate:
        given = _bound(("x", "size", "scale_factor", "mode"), args, kwargs)
        return _resampling(given.get("scale_factor"), given.get("mode", "nearest"))
    return None


def _bound(names: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    renamed = {"x" if name == "input" else name: value for name, value in kwargs.items()}
    return dict(zip(names, args, strict=False)) | renamed


def _rows(value: Any) -> int:
    """Return the number for rows of a setting for rows and columns."""
    return int(value[0] if isinstance(value, tuple | list) else value)


def _conv(
    weight: Tensor,
    stride: Any,
    padding: Any,
    dilation: Any = 1,
    copies: tuple[int, int] = _CONV_COPIES,
) -> Reach:
    extent, step = _rows(dilation) * (weight.shape[2] - 1) + 1, _rows(stride)
    if isinstance(padding, str):
        above = extent - 1
    else:
        above = max(_rows(padding), extent - step - _rows(padding))
    return Reach(1, step, above, weight[0].numel(), copies)


def _transposed(weight: Tensor, stride: Any, padding: Any, dilation: Any) -> Reach:
    extent, step = _rows(dilation) * (weight.shape[2] - 1) + 1, _rows(stride)
    halo = max(-(-(extent - 1 - _rows(padding)) // step), -(-_rows(padding) // step))
    taps = weight.shape[0] * weight.shape[2] * weight.shape[3] / step**2
    return Reach(step, 1, halo, taps, _CONV_COPIES)


def _pool(kernel: Any, stride: Any, padding: Any) -> Reach | None:
    size, step = _rows(kernel), _rows(kernel if stride in (None, []) else stride)
    return Reach(1, step, max(_rows(padding), size - step - _rows(padding)), size**2)


def _resampling(scale: Any, mode: str) -> Reach | None:
    if scale is None or mode not in ("nearest", "bilinear"):
        return None
    factor = scale[0] if isinstance(scale, tuple | list) else scale
    if factor < 1 or factor != int(factor):
        return None
    return Reach(int(factor), 1, int(mode == "bilinear"), 4)
