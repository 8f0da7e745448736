"""Styles of references for the outputs of a gallery, drawn from the test images of a class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from crossimage.inference.predictor import Predictor
from crossimage.inference.styles import Draw
from crossimage.inference.targets import Target
from crossimage.utils.seeds import seed_of


class ReferenceStyles:
    """The style of every output: the mean style of K references of one class, drawn at random.

    The outputs for one input have different references, as long as there are enough. They depend on
    the seed, the input's name and the output's number alone.

    Args:
        model: The trained model.
        paths: Images of the class, at least K.
        read: Reads one (C, H, W) in [-1, 1].
        target: The class.
        count: K.
        seed: Seed of the draws.
    """

    def __init__(
        self, model: Predictor, paths: Sequence[Path], read: Callable[[Path], Tensor],
        target: Target, count: int, seed: int,
    ) -> None:  # fmt: skip
        assert len(paths) >= count
        self._model, self._paths, self._read = model, paths, read
        self._target, self._count, self._seed = target, count, seed
        self._styles: dict[Path, Tensor] = {}

    def draw(self, name: str, k: int) -> Draw:
        """Return the style and the seed of an input's output of index ``k``.

        Raises:
            ValueError: A reference can't be read; it is named.
        """
        styles = torch.cat([self._style(path) for path in self.chosen(name, k)])
        return Draw(styles.mean(0, keepdim=True), seed_of(self._seed, name, k))

    def chosen(self, name: str, k: int) -> list[Path]:
        """Return the files of the references of an input's output of index ``k``."""
        generator = torch.Generator().manual_seed(seed_of(self._seed, "references", name))
        order = torch.randperm(len(self._paths), generator=generator).tolist()
        first = k * self._count
        return [self._paths[order[i % len(order)]] for i in range(first, first + self._count)]

    def _style(self, path: Path) -> Tensor:
        """Return the style (1, style_dim) of an image, on the CPU."""
        if path not in self._styles:
            x = self._model.fit_size(self._read(path)[None]).to(self._model.device)
            self._styles[path] = self._model.reference_style(x, self._target).cpu()
        return self._styles[path]
