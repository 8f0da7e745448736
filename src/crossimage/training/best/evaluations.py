"""Evaluations during a run, and the best model that they choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch

from crossimage.checkpoints.model_file import save_model
from crossimage.config import Config
from crossimage.data.sources.folders import Domain
from crossimage.inference.translator import Translator
from crossimage.methods.base import Method
from crossimage.training.best.standing import (
    BEST_MODEL,
    BestSoFar,
    ModelFigure,
    read_standing,
    write_standing,
)
from crossimage.training.best.validator import Validator
from crossimage.training.listener import Listener
from crossimage.training.schedule.lengths import starts
from crossimage.utils.seeds import OwnRandomNumbers


class EvaluationOutcome(NamedTuple):
    """The result of an evaluation.

    Attributes:
        figure: Name of the figure that decides.
        better: Its better end.
        figures: All figures by name.
    """

    figure: str
    better: Literal["higher", "lower"]
    figures: dict[str, float]


class Evaluations:
    """Evaluates a run every few steps, on its first process, and keeps its best model.

    A model is evaluated as it is saved and used: by a copy of the weights that translate, in fp32,
    with random numbers of its own, so that training is the same with and without evaluations.

    Args:
        validator: Computes the figures.
        validation: The domains, with the validation images in place of test images.
        config: The settings of the run.
        run: Its folder.
        listener: Receives messages.

    Attributes:
        standing: The best and the last figure so far.
    """

    def __init__(
        self,
        validator: Validator,
        validation: Sequence[Domain],
        config: Config,
        run: Path,
        listener: Listener,
    ) -> None:
        self.validator, self.validation = validator, validation
        self.run, self.listener = run, listener
        self.every, self.steps = config.evaluate_every, config.steps
        self.standing = BestSoFar(patience=config.patience)
        self._last_stage = starts(config, 0)[-1]
        self._networks: Method | None = None

    def is_due(self, step: int) -> bool:
        """Return whether the model of a step is evaluated: the first, the last, and in between."""
        last = self.standing.last
        if last is not None and last.step >= step:
            return False
        return step % self.every == 0 or step == self.steps

    def open(self, method: Method, device: torch.device) -> None:
        """Check that the figures can be computed.

        Args:
            method: The weights that translate.
            device: Where to evaluate.

        Raises:
            ValueError: They cannot; the message says why.
        """
        for sentence in self.validator.open(self._model(method, device), self.validation):
            self.listener.say(sentence)

    def compute(self, method: Method, device: torch.device, step: int) -> EvaluationOutcome | None:
        """Return the figures of a model; None if they cannot be computed this time.

        Args:
            method: The weights that translate.
            device: Where to evaluate.
            step: Their step.

        Raises:
            Exception: The first evaluation of a run fails, whatever is the matter.
        """
        validator = self.validator
        with OwnRandomNumbers(step):
            try:
                figures = dict(validator.evaluate(self._model(method, device)))
            except Exception as error:  # hours of training must not end with it
                if self.standing.last is None:
                    raise
                self.listener.warn(
                    f"the evaluation at step {step} failed ({type(error).__name__}: {error}); the "
                    "run goes on without it"
                )
                return None
        return EvaluationOutcome(validator.figure, validator.better, figures)

    def note(self, step: int, found: EvaluationOutcome) -> bool:
        """Take an evaluation into account, and return whether its model is the best so far.

        Args:
            step: Step of the model.
            found: Its figures; the same on all processes.
        """
        before = self.standing.best
        standing = replace(self.standing, figure=found.figure, better=found.better)
        # in an earlier stage, what translates may not move at all
        self.standing = standing.after(step, found.figures, counts=step > self._last_stage)
        return self.standing.best != before

    def say(self) -> None:
        """Report the last evaluation."""
        standing = self.standing
        assert standing.last is not None
        if standing.last == standing.best:
            rest = "the best so far"
        elif standing.best:
            rest = f"the best is {standing.best.value:.4g} at step {standing.best.step:,}"
        else:
            rest = "not finite, so it cannot be the best"
        self.listener.say(f"validation: {standing.describe(standing.last)}, {rest}")

    def keep(self, method: Method) -> None:
        """Write the model of the current step to ``best.safetensors``."""
        save_model(self.run / BEST_MODEL, method)

    def write(self) -> None:
        """Write the standing to ``validation.json``."""
        write_standing(self.run, self.standing)

    def restore(self, standing: BestSoFar, method: Method, step: int, *, first: bool) -> None:
        """Continue from a checkpoint.

        Its best model is in the file already, unless it is that of the checkpoint itself: then a
        kill may have come before it was written.

        Args:
            standing: The standing of the checkpoint.
            method: The weights that translate, as in the checkpoint.
            step: Steps of the checkpoint.
            first: Whether this is the first process, which writes.
        """
        self.standing = replace(standing, patience=self.standing.patience)
        best = standing.best
        if best is None:
            return
        if best.step == step:
            if first:
                self.keep(method)
        elif problem := self._lost(best):
            self.listener.warn(f"{problem}; the best model is chosen again from here on")
            self.standing = replace(self.standing, best=None, stale=0)
        if first:
            self.write()

    def _lost(self, best: ModelFigure) -> str:
        """Return why the file of the best model is not the one of a checkpoint; empty if it is."""
        path = self.run / BEST_MODEL
        if not path.is_file():
            return f"{path}, the model of step {best.step}, is gone"
        known = read_standing(self.run)
        if known and known.best and known.best.step != best.step:
            return (
                f"{path} is the model of step {known.best.step}, which the checkpoint "
                "does not record"
            )
        return ""

    def plain(self) -> dict[str, Any]:
        """Return the standing as plain data, for a checkpoint."""
        return self.standing.plain()

    def _model(self, method: Method, device: torch.device) -> Translator:
        """Return a copy of the weights that translate, in use."""
        if self._networks is None:
            with OwnRandomNumbers(0):
                self._networks = type(method)(method.config, training=False)
        networks = self._networks
        players = (*networks.inference_players, *networks.fixed())
        networks.load_state_dict(method.tensors(*players), strict=False)
        return Translator(networks, device)
