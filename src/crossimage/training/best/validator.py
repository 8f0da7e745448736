"""Interface of the objects that compute the figures of a model during training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from crossimage.config import Config
from crossimage.data.sources.folders import Domain
from crossimage.inference.translator import Translator
from crossimage.methods.base import Method

Validate = Callable[[Translator], Mapping[str, float]]
"""A user's function that returns a model's figures by name; higher is better."""


class Validator(ABC):
    """Evaluates a model that is being trained.

    Training knows no metrics: whoever starts a run hands one over. It lives as long as the run in
    this process, and is only used by the first of several processes.
    """

    def check(self, method: type[Method], config: Config) -> None:  # noqa: B027 - some have none
        """Refuse settings by which no figure can be computed, before any image is looked up.

        Args:
            method: The method that is trained.
            config: The settings of the run.

        Raises:
            ValueError: The figures cannot be computed; the message says why and what to do.
            OSError: A file that they need is missing.
        """

    def check_images(  # noqa: B027 - some need none
        self, method: type[Method], config: Config, validation: Sequence[Domain]
    ) -> None:
        """Refuse images of which no figure can be computed, as far as their names tell.

        Args:
            method: The method that is trained.
            config: The settings of the run.
            validation: The domains, see :meth:`open`.

        Raises:
            ValueError: The figures cannot be computed; the message says why and what to do.
        """

    @abstractmethod
    def open(self, model: Translator, validation: Sequence[Domain]) -> list[str]:
        """Prepare the evaluations, before the first step.

        Args:
            model: The model, which is later called with newer weights.
            validation: The domains of the run, with the validation images in place of test images.

        Returns:
            Sentences for the user.

        Raises:
            ValueError: The figures cannot be computed; the message says why and what to do.
            OSError: A file that they need is missing.
        """

    @abstractmethod
    def evaluate(self, model: Translator) -> Mapping[str, float]:
        """Return the figures of the model by name."""

    @property
    @abstractmethod
    def figure(self) -> str:
        """Name of the figure that decides which model is the best; known once it is open."""

    @property
    @abstractmethod
    def better(self) -> Literal["higher", "lower"]:
        """The better end of that figure."""


class OwnValidator(Validator):
    """Evaluates a model by a user's function.

    Args:
        function: Returns figures by name.
        figure: The one that decides; empty: the first.
    """

    better = "higher"

    def __init__(self, function: Validate, figure: str = "") -> None:
        self._function, self._figure = function, figure

    def open(self, model: Translator, validation: Sequence[Domain]) -> list[str]:
        """Do nothing: the function is called before the first step; see :class:`Validator`."""
        return []

    def evaluate(self, model: Translator) -> Mapping[str, float]:
        """Return what the function returns, as numbers.

        Raises:
            TypeError: It does not return numbers by name.
            ValueError: The figure that decides is missing.
        """
        figures = self._function(model)
        if not isinstance(figures, Mapping) or not figures:
            raise TypeError(
                f"validate returned {figures!r}; expected numbers by name, such as "
                "{'accuracy': 0.9}"
            )
        values = {str(name): float(value) for name, value in figures.items()}
        self._figure = self._figure or next(iter(values))
        if self._figure not in values:
            raise ValueError(
                f"validate returned {', '.join(values)}, but best_metric is {self._figure}; name "
                "one of them, or leave best_metric out to use the first"
            )
        return values

    @property
    def figure(self) -> str:
        """Name of the figure that decides."""
        return self._figure
