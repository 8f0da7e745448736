"""The one place where the images that discriminators see are augmented."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from crossimage.networks.augmentation.strength import Strength
from crossimage.networks.augmentation.transformations import NUMBERS, transform


class Draws(Protocol):
    """Source of random numbers for the samples of a training step.

    Attributes:
        total: Samples of the whole step.
        rows: Those of the current micro-batch of this process.
    """

    total: int
    rows: slice

    def shared(self, *shape: int) -> Tensor:
        """Draw standard normal numbers, the same for all micro-batches and processes."""
        ...


_current: ContextVar[Augmentation | None] = ContextVar("augmentation", default=None)


class Augmentation:
    """Augments all images that pass through discriminators during a move of a training step.

    In a move, each sample of the step has one set of random numbers, whichever discriminator its
    images pass through, and whether they are real or generated. So what a method compares is
    changed alike: an image and its condition, the feature maps of two images, or the ends of the
    line on which a gradient penalty is taken. Gradients flow through it, to generators and, for
    gradient penalties, to the images before they are augmented.

    Networks are reached by hooks, so neither methods nor weight names know of it. Outside of
    :meth:`of_move`, and for a discriminator's other functions, such as its feature maps for a
    perceptual distance, images pass unchanged.

    Args:
        kinds: Any of ``color``, ``translation`` and ``cutout``.
        networks: The networks that take the images to be scored.
        condition: Number of leading channels of these images that are the condition.
        strength: Adapts the probability of each augmentation; by default all are always made.
        compiled: Whether PyTorch will compile the networks, in whose code it is not included.
    """

    def __init__(
        self,
        kinds: Collection[str],
        networks: Iterable[nn.Module],
        condition: int = 0,
        strength: Strength | None = None,
        *,
        compiled: bool = False,
    ) -> None:
        self.kinds, self.condition, self.strength = frozenset(kinds), condition, strength
        self._numbers: Tensor | None = None
        self._rows = slice(0)
        self._signs: list[Tensor] = []
        hook = self._augmented
        if compiled:
            hook = torch.compiler.disable(hook)  # type: ignore[no-untyped-call]
        for network in networks:
            network.register_forward_pre_hook(hook)

    @contextmanager
    def of_move(self, draws: Draws) -> Iterator[None]:
        """Augment while a method computes a move for one micro-batch.

        Args:
            draws: Source of the numbers, the same for all micro-batches of a move.
        """
        # of the step's whole batch, so that micro-batches and processes together equal it
        self._numbers = torch.special.ndtr(draws.shared(draws.total, NUMBERS))
        self._rows = draws.rows
        before = _current.set(self)
        try:
            yield
        finally:
            _current.reset(before)
            self._numbers = None

    def _augmented(self, network: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if self._numbers is None:
            return None
        x, *others = inputs
        probability = self.strength.probability if self.strength else None
        with torch.autocast(x.device.type, enabled=False):
            x = transform(x, self._numbers_of(len(x)), self.kinds, probability, self.condition)
        return x, *others

    def _numbers_of(self, count: int) -> Tensor:
        """Return the numbers (count, NUMBERS) of the images of one pass through a network.

        These are the images of every sample of the micro-batch, once or several times, or those of
        every second one, of every third one and so on.
        """
        assert self._numbers is not None
        start, stop, total = self._rows.start, self._rows.stop, len(self._numbers)
        samples = stop - start
        if count % samples and samples % count:
            raise ValueError(
                f"augment found {count} images in one pass through a discriminator, and a "
                f"micro-batch of {samples} samples; expected a multiple or an even share of them"
            )
        share = max(1, samples // count)
        own = self._numbers[: total // share][start // share : stop // share]
        return own.repeat(max(1, count // samples), 1)

    def take_signs(self) -> Tensor | None:
        """Return the mean sign of the real images' scores since the last call, a scalar.

        None if no scores were seen.
        """
        signs, self._signs = self._signs, []
        return torch.stack(signs).mean() if signs else None

    def note(self, real: Sequence[Tensor]) -> None:
        """Note scores of real images, above 0 where they are taken for real: one map per scale."""
        if self.strength:
            self._signs += [scores.detach().float().sign().mean() for scores in real]


def is_augmenting() -> bool:
    """Return whether images that pass through discriminators are being augmented."""
    return _current.get() is not None


def note_real(real: Sequence[Tensor]) -> None:
    """Let the strength of augmentation follow the scores of real images.

    A method whose loss of the discriminator is not
    :func:`~crossimage.losses.discriminator_loss` calls this once in its move.

    Args:
        real: Score maps of real images, one per scale, above 0 where they are taken for real.
    """
    if augmentation := _current.get():
        augmentation.note(real)
