"""Statistics of norms, pooled over the key frames of a video and then fixed for all frames.

A norm that normalises each frame by its own statistics changes the whole frame when an object
enters it. With fixed statistics, a pixel changes only with what its layers see around it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from crossimage.inference.predictor import Predictor
from crossimage.inference.strips.sources import TensorRows
from crossimage.inference.strips.statistics import FixedStatistics, Pooling
from crossimage.inference.strips.trace import Untraceable
from crossimage.inference.strips.whole import WholeImages
from crossimage.inference.styles import Draw
from crossimage.inference.targets import EncodedTarget
from crossimage.utils.memory import is_out_of_memory

KEY_FRAMES = 8
"""Frames of a video over which statistics are pooled."""


def key_frames(total: int, most: int = KEY_FRAMES) -> list[int]:
    """Return the indices of evenly spaced frames: the middles of parts of equal length.

    Args:
        total: Number of frames.
        most: Number of parts.
    """
    parts = min(total, most)
    return [(2 * part + 1) * total // (2 * parts) for part in range(parts)]


def pool_statistics(
    predictor: Predictor, frames: Tensor, target: EncodedTarget, draw: Draw
) -> FixedStatistics:
    """Return the statistics of all norms over frames, as if these were one large image.

    The frames pass through the networks in lock step: a norm is measured on the outputs of norms
    that are already pooled. Means and variances are merged in float64, in an order that does not
    depend on that of the frames. Frames that do not fit in memory together are read in strips of
    rows.

    Args:
        predictor: The trained method.
        frames: Key frames (N, C, H, W) in [-1, 1].
        target: The target as networks take it: a letter, or a label vector (1, L).
        draw: The style and the seed of the whole video.

    Returns:
        What :meth:`Predictor.fixed_statistics` takes.

    Raises:
        TooLargeError: The frames do not fit in memory, not even in strips.
        ValueError: The networks have norms of other kinds, or there is nothing to measure.
    """
    if bool((frames.amax((2, 3)) == frames.amin((2, 3))).all()):
        raise ValueError(
            "all key frames are of a single colour, which has no statistics to pool; use those of "
            "each frame (--statistics frame of crossimage video)"
        )
    norms = Pooling()
    fixed = FixedStatistics(norms.statistics, target, draw.style, draw.seed)
    if not predictor.strips.fits(tuple(frames.shape), target):  # type: ignore[arg-type]
        _pool_in_strips(predictor, frames, fixed, norms)
        return fixed
    whole = WholeImages(
        predictor.networks, predictor.device, fixed, norms, bf16=predictor.precision == "bf16"
    )
    try:
        padded = [predictor.pad(frame)[0].to(predictor.device) for frame in torch.split(frames, 1)]
        whole.translate(padded)
        return fixed
    except Untraceable as error:
        raise ValueError(
            f"the statistics of this {predictor.method} can't be pooled over frames, since "
            f"{error}; use those of each frame (--statistics frame of crossimage video)"
        ) from error
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
    # outside of the handler, whose error keeps the tensors alive
    norms.statistics.clear()
    predictor.strips.note_fallback()
    _pool_in_strips(predictor, frames, fixed, norms)
    return fixed


def _pool_in_strips(
    predictor: Predictor, frames: Tensor, fixed: FixedStatistics, norms: Pooling
) -> None:
    count, target, style = len(frames), fixed.target, fixed.style
    if isinstance(target, Tensor):
        target = target.expand(count, -1)
    if style is not None:
        style = style.to(predictor.device).expand(count, -1)
    with torch.no_grad(), predictor.seeded_draw(Draw(None, fixed.seed)):
        rows = predictor.strips.translate(TensorRows(frames), target, style, statistics=norms).rows
        next(rows)  # which passes over all norms
        rows.close()  # type: ignore[attr-defined]
