"""Measures that go along with the answers, input by input, so that nothing piles up."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from crossimage.evaluation.galleries.base import Row
from crossimage.evaluation.metrics.distribution import fid, inception_score, kid
from crossimage.evaluation.metrics.paired import l1, psnr, ssim
from crossimage.evaluation.metrics.statistics import Statistics
from crossimage.evaluation.report.figures import Figure, library, mean_of
from crossimage.evaluation.report.strips import SHOWN, Block, Extremes, Strip, strip
from crossimage.utils.intensities import from_uint8

_TOGETHER = 32  # pictures that pass through the feature network at a time


class Measure(ABC):
    """Something that is measured while all answers pass by once."""

    @abstractmethod
    def add(self, row: Row) -> None:
        """Take an input with its answers."""

    @abstractmethod
    def figures(self) -> list[Figure]:
        """What came out, after the last input."""

    def blocks(self) -> list[Block]:
        """Pictures that show it."""
        return []


class Gathering(Measure):
    """A measure whose network sees the answers to several inputs at a time.

    Args:
        together: Answers that are seen at a time, at least.
    """

    def __init__(self, together: int) -> None:
        self._together = together
        self._waiting: list[Row] = []

    @abstractmethod
    def see(self, rows: Sequence[Row], answers: Tensor) -> None:
        """Look at inputs with their answers, which are also given in a row (n, 3, H, W)."""

    def add(self, row: Row) -> None:
        """Take an input with its answers."""
        waiting = self._waiting
        if waiting and waiting[0].answers.shape[2:] != row.answers.shape[2:]:
            self.flush()
        waiting.append(row)
        if sum(len(one.answers) for one in waiting) >= self._together:
            self.flush()

    def flush(self) -> None:
        """Look at those that wait."""
        if self._waiting:
            self.see(self._waiting, torch.cat([row.answers for row in self._waiting]))
            self._waiting.clear()


class Likeness(Gathering):
    """FID, KID and inception score of all answers together.

    Args:
        names: Which of the three.
        real: The statistics of the real pictures.
        seed: Seed of the choices that bound memory.
        kind: What the rows are, such as inputs.
    """

    def __init__(self, names: Collection[str], real: Statistics, seed: int, kind: str) -> None:
        super().__init__(_TOGETHER)
        self._names, self._real, self._kind = names, real, kind
        self._fake = Statistics(real.features, seed)
        self._extremes = Extremes()
        self._inputs = 0

    def see(self, rows: Sequence[Row], answers: Tensor) -> None:
        """Look at inputs with their answers; see :meth:`Gathering.see`."""
        self._inputs += len(rows)
        found = self._fake.update(answers)
        nearest = torch.cdist(found, self._real.kept.to(found)).amin(1).tolist()
        each = [(row, k) for row in rows for k in range(len(row.answers))]
        for (row, k), distance in zip(each, nearest, strict=True):
            self._extremes.add(distance, partial(_shown, row, k, distance))

    def figures(self) -> list[Figure]:
        """What came out."""
        self.flush()
        fake, real = self._fake, self._real
        found = []
        if "fid" in self._names:
            found.append(fid(fake, real))
        if "kid" in self._names:
            found.append(kid(fake, real))
        if "is" in self._names:
            found.append(inception_score(fake))
        return [replace(f, protocol=f"{f.protocol}; {self._inputs} {self._kind}") for f in found]

    def blocks(self) -> list[Block]:
        """Answers near to real images and far from them."""
        what = "real images (distance to the nearest one in feature space)"
        return self._extremes.blocks(f"Nearest to the {what}", f"Farthest from the {what}")


class Beside(Measure):
    """PSNR, SSIM, L1 and LPIPS of the answers beside the targets, mean over inputs.

    Args:
        names: Which of ``psnr``, ``ssim``, ``l1``, ``lpips_paired``.
        border: Pixels at the edges that PSNR and SSIM leave out.
        distance: Gives the LPIPS of pictures (N, 3, H, W) of uint8, (N,).
        distance_name: What it is, for a reader.
        distance_library: Packages behind it.
        comparable: Whether its network has published weights.
    """

    def __init__(
        self,
        names: Collection[str],
        border: int,
        distance: Callable[[Tensor, Tensor], Tensor] | None,
        distance_name: str = "",
        distance_library: str = "",
        comparable: bool = True,
    ) -> None:
        cut = f", without {border} pixels at every edge" if border else ""
        metrics, own = library("torchmetrics"), library("torch")
        self._kinds: list[tuple[str, str, str, bool, Callable[[Tensor, Tensor], Tensor]]] = []
        for name, measure, unit in (("psnr", psnr, "PSNR in dB"), ("ssim", ssim, "SSIM")):
            if name in names:
                for suffix, colour, what in (("", True, "RGB"), ("_y", False, "luma Y")):

                    def value(
                        x: Tensor, y: Tensor, m: Callable[..., Tensor] = measure, c: bool = colour
                    ) -> Tensor:
                        return m(_signed(x), _signed(y), border, colour=c)

                    kind = f"{unit} of {what}, 8 bits{cut}"
                    self._kinds.append((name + suffix, kind, metrics, True, value))
        if "l1" in names:
            kind = "mean absolute difference of RGB, 0 to 1"
            self._kinds.append(("l1", kind, own, True, lambda x, y: l1(_signed(x), _signed(y))))
        if "lpips_paired" in names:
            assert distance is not None
            self._kinds.append(
                ("lpips_paired", distance_name, distance_library, comparable, distance)
            )
        self._values: dict[str, list[float]] = {kind[0]: [] for kind in self._kinds}
        self._answers = 0

    def add(self, row: Row) -> None:
        """Take an input with its answers."""
        assert row.target is not None
        if row.target.shape != row.answers.shape[1:]:
            raise ValueError(
                f"{row.target_path} is {_size(row.target)} and the answer to {row.name} "
                f"{_size(row.answers[0])}; expected the same size to compare them"
            )
        self._answers = len(row.answers)
        target = row.target.expand_as(row.answers)
        for name, *_, measure in self._kinds:
            self._values[name].append(float(measure(row.answers, target).double().mean()))

    def figures(self) -> list[Figure]:
        """What came out."""
        found = []
        for name, kind, packages, comparable, _ in self._kinds:
            value, interval = mean_of(self._values[name])
            note = "" if interval or len(self._values[name]) < 2 else "some answers are exact"
            protocol = (
                f"{kind}, between an answer and its target; mean over {len(self._values[name])} "
                f"inputs with {_answers(self._answers)} each"
            )
            found.append(
                Figure(
                    name, value, interval, len(self._values[name]), protocol, None, packages,
                    comparable, note,
                )
            )  # fmt: skip
        return found


class Shown(Measure):
    """Some inputs with their answers, chosen at random.

    Args:
        total: How many inputs will pass by.
        seed: Seed of the choice.
        kind: What they are, such as inputs.
    """

    def __init__(self, total: int, seed: int, kind: str) -> None:
        generator = torch.Generator().manual_seed(seed)
        self._chosen = set(torch.randperm(total, generator=generator)[: 2 * SHOWN].tolist())
        self._block, self._number = Block(f"Random {kind}"), 0

    def add(self, row: Row) -> None:
        """Take an input with its answers."""
        if self._number in self._chosen:
            self._block.strips.append(strip(row.name, row.picture, row.answers, row.target))
        self._number += 1

    def figures(self) -> list[Figure]:
        """None: these are to be looked at."""
        return []

    def blocks(self) -> list[Block]:
        """The chosen ones."""
        return [self._block]


def _shown(row: Row, k: int, distance: float) -> Strip:
    name = row.name if len(row.answers) == 1 else f"{row.name}, answer {k + 1}"
    return strip(f"{name}: {distance:.4g}", row.picture, row.answers[k : k + 1], None)


def _signed(x: Tensor) -> Tensor:
    return from_uint8(x)


def _size(x: Tensor) -> str:
    return f"{x.shape[2]} x {x.shape[1]}"


def _answers(number: int) -> str:
    return f"{number} answer{'' if number == 1 else 's'}"
