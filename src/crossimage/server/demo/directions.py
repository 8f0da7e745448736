"""The principal directions of a model's styles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from crossimage.inference.references import reference_styles
from crossimage.inference.targets import Target
from crossimage.inference.translator import Translator

_FEWEST = 8
"""Images whose styles say how styles vary; with fewer, random styles do."""
_RANDOM = 256
_MOST = 6
_LEAST_SHARE = 0.01


class Directions(NamedTuple):
    """Directions in which styles vary, the strongest first.

    Attributes:
        steps: For each direction (style_dim), one standard deviation of the styles along it.
        shares: The share of the variance that each direction explains.
        of: What the styles are of, for a reader.
    """

    steps: Tensor
    shares: list[float]
    of: str


def style_directions(
    model: Translator, target: Target, images: Sequence[Path]
) -> Directions | None:
    """Return the principal directions of styles for a target.

    The styles are those that a network makes of random codes, where one does (StarGAN v2), and
    otherwise the encoded styles of images of the target. Without such images they are random
    codes, whose directions are arbitrary where all codes are equally likely.

    Args:
        model: The model.
        target: The target.
        images: Images of the target.

    Returns:
        At most six directions, each of at least a hundredth of the variance; None if the model has
        no styles, or none are known.

    Raises:
        ValueError: An image is unreadable.
    """
    if not model.networks.style_dim:
        return None
    if len(images) >= _FEWEST and not model.random_styles.are_mapped:
        styles = reference_styles(model, [[image] for image in images], target).cpu()
        of = f"the styles of {len(images)} images"
    elif model.random_styles.exist:
        styles = model.sample_style(_RANDOM, target.to, seed=0)
        of = f"{_RANDOM} random styles"
    else:
        return None
    _, sizes, rows = torch.linalg.svd(styles - styles.mean(0), full_matrices=False)
    shares = (sizes.square() / sizes.square().sum().clamp(min=1e-12)).tolist()
    count = max(1, sum(share >= _LEAST_SHARE for share in shares[:_MOST]))
    largest = rows.gather(1, rows.abs().argmax(1, keepdim=True)).sign()
    steps = rows * largest * (sizes / (len(styles) - 1) ** 0.5)[:, None]
    return Directions(steps[:count], shares[:count], of)
