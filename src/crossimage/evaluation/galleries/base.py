"""Galleries: inputs and the answers to them, whether from a model or from a folder of results."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from crossimage.data.images.files import probe
from crossimage.evaluation.galleries.images import Pictures, ahead, pictures_in, read_rgb

Group = tuple[str, tuple[Path, ...]]
"""Name of an input and the files of its answers."""

_NUMBERED = re.compile(r"(.+)_([1-9]\d*)")


@dataclass(frozen=True)
class Row:
    """One input with its answers; pictures are RGB tensors of uint8 on the CPU.

    Attributes:
        name: The input's name, as it is shown.
        answers: The answers (k, 3, H, W).
        picture: The input (3, h, w), where it is known.
        target: What the answer should be (3, H, W), for pairs.
        path: The input's file; the first answer's where the input is not known.
        target_path: The target's file, for pairs.
    """

    name: str
    answers: Tensor
    picture: Tensor | None
    target: Tensor | None
    path: Path
    target_path: Path | None = None


@dataclass
class Gallery(ABC):
    """Inputs in a fixed order, and the answers of one method to each of them.

    Attributes:
        title: What the gallery is called, such as the run's folder.
        real: Real pictures of the target domain, prepared as the answers are.
        paths: The files of the inputs, or of their first answers where these are not known.
        most: Answers an input has; None: any number.
        paired: Whether every input is known to have a target.
        target: Name of the target domain; empty where unknown.
        facts: What a reader needs to know: method, data, how images are prepared.
        notes: What was adapted, such as gray pictures; a sentence each.
        border: Pixels at the edges that measures against a target leave out.
        tells_labels: Whether :meth:`label_map` gives the inputs as label maps.
        keeps_class: Whether answers are meant to be of the class of their input.
        drawn: Whether the answers depend on the seed.
        uniform: Whether all real pictures are of one size.
        kind: What the rows are, in one word.
    """

    title: str
    real: Pictures
    paths: Sequence[Path]
    most: int | None
    paired: bool = False
    target: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    border: int = 0
    tells_labels: bool = False
    keeps_class: bool = True
    drawn: bool = False
    uniform: bool = False
    kind: str = "inputs"

    @property
    def total(self) -> int:
        """How many inputs there are."""
        return len(self.paths)

    @abstractmethod
    def rows(self, inputs: int | None, samples: int | None) -> Iterator[Row]:
        """Inputs with their answers, the same every time.

        Args:
            inputs: How many, evenly spread over all; None: all.
            samples: Answers an input, the first ones; None: all that there are, or one where
                there could be any number.

        Raises:
            ValueError: A file can't be used; it is named.
        """

    @abstractmethod
    def pair_up(self) -> None:
        """Find the target of every input, by name.

        Raises:
            ValueError: Some input has none; it is named.
        """

    def adaptations(self, real: bool) -> list[str]:
        """What was adapted, a sentence each, with what only a look at all files tells.

        Args:
            real: Whether the real pictures were looked at.
        """
        return self.notes + (_gray("real images", self.real) if real else [])

    def label_map(self, path: Path) -> Tensor:
        """An input as a label map (C, H, W) of uint8, as large as the answers."""
        raise ValueError(f"{path}: a folder of results tells no label maps")

    def answers(self, samples: int | None) -> int:
        """How many answers an input gets where ``samples`` are asked for."""
        if self.most is None:
            return samples or 1
        return min(samples or self.most, self.most)


class Results(Gallery):
    """A folder of results: ``name_1.png``, ``name_2.png``, ... are the answers to one input.

    They are taken so where every name of the folder ends in such a number and all inputs have
    equally many answers, at least two, unless the real pictures have the same numbers in their
    names. Otherwise every file is the only answer to its own input.

    Args:
        fake: The folder of results.
        real: The folder of real pictures.

    Raises:
        FileNotFoundError: A folder is missing.
        ValueError: A folder holds no pictures.
    """

    def __init__(self, fake: Path, real: Path) -> None:
        pictures, originals = pictures_in(fake), pictures_in(real)
        self._results, self._real_root = pictures, real
        self._targets: dict[str, Path] | None = None
        own = {_name(path, fake) for path in pictures.paths}
        known = own <= {_name(path, real) for path in originals.paths}
        self._groups = _each(pictures, fake) if known else _grouped(pictures, fake)
        super().__init__(
            title=str(fake),
            real=originals,
            paths=[paths[0] for _, paths in self._groups],
            most=len(self._groups[0][1]),
            facts={"results": str(fake), "real images": str(real), "preparation": "as they are"},
        )

    def rows(self, inputs: int | None, samples: int | None) -> Iterator[Row]:
        """Inputs with their answers; see :meth:`Gallery.rows`."""
        chosen = [self._groups[place] for place in spread(self.total, inputs)]
        count = self.answers(samples)
        yield from ahead(self._read(count), chosen, max(4, 64 // count))

    def adaptations(self, real: bool) -> list[str]:
        """What was adapted; see :meth:`Gallery.adaptations`."""
        unlike = _unlike(self._results.paths[0], self.real.paths[0]) if real else []
        return unlike + super().adaptations(real) + _gray("results", self._results)

    def pair_up(self) -> None:
        """Find the real picture of every input; see :meth:`Gallery.pair_up`."""
        found: dict[str, Path] = {}
        for path in self.real.paths:
            other = found.setdefault(name := _name(path, self._real_root), path)
            if other != path:
                raise ValueError(
                    f"{other} and {path} have one name; pairs are found by their names without "
                    "suffix, so rename or remove one of them"
                )
        for name, paths in self._groups:
            if name not in found:
                raise ValueError(
                    f"{paths[0]} has no partner: {self._real_root} holds no image named {name}; "
                    "add it, or leave out the metrics that compare pairs"
                )
        self._targets, self.paired = found, True

    def _read(self, count: int) -> Callable[[Group], Row]:
        def read(group: Group) -> Row:
            name, paths = group
            answers = _stacked([read_rgb(path) for path in paths[:count]], paths)
            path = self._targets[name] if self._targets else None
            return Row(name, answers, None, read_rgb(path) if path else None, paths[0], path)

        return read


def spread(total: int, count: int | None) -> list[int]:
    """Places of ``count`` of ``total`` things, evenly spread; all where there are no more."""
    if count is None or count >= total:
        return list(range(total))
    return [place * total // count for place in range(count)]


def _gray(what: str, pictures: Pictures) -> list[str]:
    count = pictures.gray
    return [f"{count} of the {len(pictures)} {what} are gray; taken as RGB"] if count else []


def _unlike(result: Path, real: Path) -> list[str]:
    """A sentence where the first result and the first real picture differ in size."""
    sizes = [f"{info.width} x {info.height}" for info in map(probe, (result, real))]
    if sizes[0] == sizes[1]:
        return []
    return [
        f"{result} is {sizes[0]} pixels and {real} {sizes[1]}; networks that see one size get both "
        "resized"
    ]


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).with_suffix("").as_posix()


def _each(pictures: Pictures, root: Path) -> list[Group]:
    return [(_name(path, root), (path,)) for path in pictures.paths]


def _grouped(pictures: Pictures, root: Path) -> list[Group]:
    """Names of inputs and the files of their answers, in the order of their numbers."""
    groups: dict[str, dict[int, Path]] = defaultdict(dict)
    for path in pictures.paths:
        numbered = _NUMBERED.fullmatch(_name(path, root))
        if not numbered:
            return _each(pictures, root)
        groups[numbered[1]][int(numbered[2])] = path
    counts = {len(group) for group in groups.values()}
    complete = all(set(group) == set(range(1, len(group) + 1)) for group in groups.values())
    if len(counts) > 1 or counts == {1} or not complete:
        return _each(pictures, root)
    return [(name, tuple(group[k] for k in sorted(group))) for name, group in groups.items()]


def _stacked(pictures: list[Tensor], paths: tuple[Path, ...]) -> Tensor:
    for picture, path in zip(pictures, paths, strict=False):
        if picture.shape != pictures[0].shape:
            raise ValueError(
                f"{path} is {picture.shape[2]} x {picture.shape[1]} and {paths[0]} is "
                f"{pictures[0].shape[2]} x {pictures[0].shape[1]}; expected answers of one size"
            )
    return torch.stack(pictures)
