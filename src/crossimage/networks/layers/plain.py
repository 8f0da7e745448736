"""Layers in their plain form: operators that every exporter knows, for any size of the input.

The fast layers call PyTorch's internal kernels, look at the values and take one sample after the
other. That is not part of any graph, or fixes the size of the batch in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_plain = False  # no ContextVar, which the compiler cannot read


@contextmanager
def plain_layers() -> Iterator[None]:
    """Let all layers compute the plain form of their function.

    Results are the same up to rounding. Norms, folded upsampling, convolutions by matrix products
    and distance maps have a form of their own.
    """
    global _plain
    before, _plain = _plain, True
    try:
        yield
    finally:
        _plain = before


def is_plain() -> bool:
    """Return whether layers compute their plain form."""
    return _plain
