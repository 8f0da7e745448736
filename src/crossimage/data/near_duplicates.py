"""Images that look the same: copies, and copies saved again, resized or slightly brightened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crossimage.data.images.pixels import normalise
from crossimage.data.images.resize import resize_decoded

SIDE = 16
"""Height and width of a fingerprint in pixels."""

Fingerprint = NDArray[np.float32]
"""The colours of a small version (16 * 16 * 3) of an image, from 0 to 255."""

_SAME = 0.985  # correlation of two fingerprints, at least
_LIGHT = 12.0  # levels by which their means may differ, per colour
_PLAIN = 0.1  # standard deviation of levels below which fingerprints must be equal
_EQUAL = 0.5  # root mean square difference of levels of plain fingerprints
_BLOCK = 1024
_MOST = 20  # similar images that are kept per image and block, as in videos of a fixed camera


class NearDuplicate(NamedTuple):
    """Two images that look the same.

    Attributes:
        first: Index of one of them.
        second: Index of the other, larger than the first.
        difference: Root mean square difference of their fingerprints, in levels of 0 to 255.
    """

    first: int
    second: int
    difference: float


def fingerprint(image: Tensor) -> Fingerprint:
    """Return the fingerprint of a decoded image (1 or 3, H, W)."""
    x = normalise(image).expand(3, -1, -1)
    small = resize_decoded(x, (SIDE, SIDE))
    return ((small + 1) * 127.5).numpy().astype(np.float32).ravel()


def find_near_duplicates(prints: Sequence[Fingerprint]) -> list[NearDuplicate]:
    """Find pairs of images that look the same, by their fingerprints.

    Two images look the same if their fingerprints correlate almost perfectly and are about as
    light; of images without any structure, if they are almost equal. Of many that look the same,
    every image is in some pair, but not all pairs are found.

    Returns:
        The pairs, sorted by their indices.
    """
    if len(prints) < 2:
        return []
    values = torch.from_numpy(np.stack(prints))
    lightness = values.mean(1)
    order = lightness.argsort(stable=True)
    values, lightness = values[order], lightness[order]
    centred = values - lightness[:, None]
    norms = centred.norm(dim=1)
    plain = norms < _PLAIN * centred.shape[1] ** 0.5
    directions = centred / norms.clamp_min(1e-6)[:, None]
    colours = values.view(len(values), 3, -1).mean(2)
    found = []
    for start in range(0, len(values), _BLOCK):
        rows = slice(start, start + _BLOCK)
        # images are sorted by lightness, so that those after the last similar one differ too much
        reach = float(lightness[rows][-1]) + _LIGHT
        end = int(torch.searchsorted(lightness, reach, right=True))
        for column in range(start, end, _BLOCK):
            columns = slice(column, min(column + _BLOCK, end))
            same = directions[rows] @ directions[columns].T >= _SAME
            apart = (colours[rows][:, None] - colours[columns][None]).abs().amax(2)
            same &= (apart <= _LIGHT) & ~plain[rows][:, None] & ~plain[columns]
            both = plain[rows][:, None] & plain[columns]
            same |= both & (apart <= _EQUAL)
            same.triu_(start - column + 1)  # each pair once
            same &= same.cumsum(1) <= _MOST
            for i, j in same.nonzero().tolist():
                first, second = start + i, column + j
                difference = float((values[first] - values[second]).square().mean().sqrt())
                if both[i, j] and difference > _EQUAL:
                    continue
                pair = sorted((int(order[first]), int(order[second])))
                found.append(NearDuplicate(pair[0], pair[1], difference))
    return sorted(found)


def families(count: int, alike: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return groups of images, so that any two that are alike are in one group.

    Args:
        count: Number of images.
        alike: Indices of two images each.

    Returns:
        The indices of every group, sorted; all images appear, those that are like no other alone.
    """
    leader = list(range(count))

    def find(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    for first, second in alike:
        low, high = sorted((find(first), find(second)))
        leader[high] = low
    groups: dict[int, list[int]] = {}
    for index in range(count):
        groups.setdefault(find(index), []).append(index)
    return list(groups.values())
