"""The graphs that an exported model consists of: functions of tensors, and examples of these."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from crossimage.data.images.resize import margins
from crossimage.inference.exported.about import Part
from crossimage.inference.predictor import Predictor
from crossimage.methods.base import Method

_SMALL = 32  # pixels of a side of most examples


class Function(NamedTuple):
    """The function that one graph computes.

    Attributes:
        part: Its name.
        compute: Takes the inputs by name.
        example: Returns inputs for a number of images of a height and a width.
        sides: Sides of images are multiples of this; None: they are fixed.
        smallest: The smallest side of images.
    """

    part: Part
    compute: Callable[..., Tensor]
    example: Callable[[int, tuple[int, int]], dict[str, Tensor]]
    sides: int | None
    smallest: int

    def at_least(self, size: tuple[int, int], parts: tuple[int, int]) -> tuple[int, int]:
        """Return a size that is no less than some number of what sides are multiples of."""
        height, width = (max(s, n * (self.sides or 1)) for s, n in zip(size, parts, strict=True))
        return height, width

    def size(self, height: int, width: int, fixed: tuple[int, int] | None) -> tuple[int, int]:
        """Return the size of images that is at least a given one, or the only one."""
        if fixed is not None:
            return fixed
        (top, bottom, left, right), _ = margins(height, width, self.sides or 1, self.smallest)
        return height + top + bottom, width + left + right


def parts_of(predictor: Predictor, letter: str) -> list[Function]:
    """Return the functions that exporting a model takes: its translation first.

    Args:
        predictor: The model.
        letter: The target domain.
    """
    networks = predictor.networks
    labels = networks.labels is not None and not networks.few_shot
    sides = None if networks.fixed_size is not None else networks.multiple

    def images(domain: str, n: int, size: tuple[int, int]) -> dict[str, Tensor]:
        given = {"image": _images(n, networks.channels[domain], *size)}
        return given | _labels(networks, n) if labels else given

    def translate(
        image: Tensor, labels: Tensor | None = None, style: Tensor | None = None
    ) -> Tensor:
        return networks.translate(image, letter if labels is None else labels, style)

    def inputs(n: int, size: tuple[int, int]) -> dict[str, Tensor]:
        given = images(networks.source_of(letter), n, size)
        return given | ({"style": _codes(n, networks.style_dim)} if networks.style_dim else {})

    parts = [Function("translation", translate, inputs, sides, predictor.min_size)]
    if networks.style_dim and _encodes_styles(predictor, images(letter, 1, _size_of(networks))):

        def encode(image: Tensor, labels: Tensor | None = None) -> Tensor:
            return networks.encode_style(image, letter if labels is None else labels)

        parts.append(
            Function(
                "style",
                encode,
                lambda n, size: images(letter, n, size),
                None if sides is None else 1,
                predictor.min_style_size,
            )  # fmt: skip
        )
    if predictor.random_styles.are_mapped:
        parts.append(
            Function(
                "mapping",
                lambda code, labels: networks.style_from(code, labels),
                lambda n, _: {"code": _codes(n, networks.latent_dim), **_labels(networks, n)},
                None,
                4,
            )
        )
    return parts


def _size_of(networks: Method) -> tuple[int, int]:
    return networks.fixed_size or (max(_SMALL, networks.min_style_size),) * 2


def _encodes_styles(predictor: Predictor, inputs: dict[str, Tensor]) -> bool:
    """Return whether images have styles; CycleGAN's can only be drawn."""
    networks = predictor.networks
    if not networks.encodes_styles:
        return False
    try:
        with torch.no_grad():
            networks.encode_style(inputs["image"], inputs.get("labels", networks.targets[-1]))
    except ValueError:
        return False
    return True


def _images(n: int, channels: int, height: int, width: int) -> Tensor:
    """Return images with edges and noise; the last of several is white in its upper third."""
    generator = torch.Generator().manual_seed(height * width + n)
    x = torch.rand(n, channels, height, width, generator=generator) - 0.5
    x += torch.linspace(-0.5, 0.5, width)
    x[:, :, height // 3 :, : width // 2] *= -1
    if n > 1:
        x[-1, :, : height // 3] = 1.0
    return x.clamp(-1, 1)


def _codes(n: int, length: int) -> Tensor:
    return torch.randn(n, length, generator=torch.Generator().manual_seed(n))


def _labels(networks: Method, n: int) -> dict[str, Tensor]:
    """Return a different target for each image."""
    labels = networks.labels
    assert labels is not None
    names = labels.names
    return {"labels": torch.cat([labels.vectors(names[i % len(names)], 1) for i in range(n)])}
