"""Augmentation of the images that discriminators see, and its strength over the run."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from crossimage.config import Config
from crossimage.methods.base import Method, Noise
from crossimage.networks.augmentation.discriminators import Augmentation
from crossimage.networks.augmentation.strength import Strength
from crossimage.training.processes.communication import Processes
from crossimage.training.step.game import explain_no_scores


class StepAugmentation:
    """Augments what the discriminators of a method see while its moves are computed.

    Args:
        method: The method, on its device.
        config: Its configuration; without ``augment`` this does nothing, and draws nothing.
        processes: The run's processes.
        device: Device of the method.
    """

    def __init__(
        self, method: Method, config: Config, processes: Processes, device: torch.device
    ) -> None:
        self.method, self.config, self.processes = method, config, processes
        self._strength = self._augmentation = None
        if config.augment:
            if "adaptive" in config.augment:
                self._strength = Strength(config.augment_images, device)
            self._augmentation = Augmentation(
                config.augmentations,
                method.discriminator_networks(),
                method.condition_channels,
                self._strength,
                compiled=config.compile,
            )

    def begin_step(self) -> None:
        """Forget the scores of a step that was only rehearsed, or not completed."""
        if self._augmentation:
            self._augmentation.take_signs()

    def of_move(self, noise: Noise) -> AbstractContextManager[None]:
        """Return a context in which a micro-batch's part of a move is computed.

        Args:
            noise: Source of numbers that nothing else draws from.
        """
        return self._augmentation.of_move(noise) if self._augmentation else nullcontext()

    def end_step(self, discriminators_moved: bool, skipped: bool) -> dict[str, Tensor]:
        """Let the strength follow the step's scores of real images.

        A step with a skipped move leaves no trace.

        Returns:
            The probability and the overfitting to log, or nothing where they do not change.

        Raises:
            ValueError: The method does not report these scores.
        """
        if self._augmentation is None or self._strength is None:
            return {}
        signs = self._augmentation.take_signs()
        if skipped or not discriminators_moved:
            return {}
        if signs is None:
            raise explain_no_scores(self.method)
        self.processes.average([signs])
        self._strength.adapt(signs, self.config.samples)
        return {f"augmentation/{name}": value for name, value in self._strength.state().items()}

    def state(self) -> dict[str, Tensor] | None:
        """Return the strength, for a checkpoint; None if it does not change."""
        return self._strength.state() if self._strength else None

    def restore(self, state: dict[str, Tensor] | None) -> None:
        """Continue from what :meth:`state` returned."""
        if self._strength and state:
            self._strength.restore(state)
