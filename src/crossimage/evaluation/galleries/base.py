"""Galleries: inputs and their outputs, whether from a model or from a folder of results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from crossimage.data.images.files import probe
from crossimage.evaluation.galleries.checks import (
    gray_on_one_side,
    jpegs_on_one_side,
    real_images_among,
)
from crossimage.evaluation.galleries.images import ImageStream, images_in, prefetch, read_rgb
from crossimage.evaluation.galleries.moments import Moments, read_moments
from crossimage.evaluation.galleries.official import targets_of
from crossimage.evaluation.galleries.results import Group, name_in, results_in
from crossimage.utils.numbers import evenly_spaced
from crossimage.utils.paths import check_not_special


@dataclass(frozen=True)
class GalleryItem:
    """One input with its outputs; images are RGB tensors of uint8 on the CPU.

    Attributes:
        name: The input's name, for a reader.
        outputs: The outputs (k, 3, H, W).
        input: The input (3, h, w), where it is known.
        target: The true output (3, H, W), for pairs.
        path: The input's file; that of the first output where the input is not known.
        target_path: The target's file, for pairs.
        wanted: The class that the outputs are meant to have, of items of several classes.
    """

    name: str
    outputs: Tensor
    input: Tensor | None
    target: Tensor | None
    path: Path
    target_path: Path | None = None
    wanted: str = ""


@dataclass
class Gallery(ABC):
    """Inputs in a fixed order, and the outputs of one method for each of them.

    A gallery can be iterated over any number of times, and is the same every time.

    Attributes:
        has_inputs: Whether the input of every output is known.
        title: Its title, such as the run's folder.
        real: Real images of the target domain, prepared as the outputs are.
        paths: Files of the inputs, or of their first outputs where the inputs are not known.
        max_outputs: Maximum number of outputs per input; None: any number.
        published_outputs: Outputs per input if their number is not limited and none is asked for.
        paired: Whether every input is known to have a target.
        target: Name of the target domain; empty if unknown.
        facts: What a reader needs to know: method, data, how images are prepared.
        notes: What was adapted, such as gray images; one sentence each.
        border: Pixels at the edges that metrics of pairs leave out.
        has_label_maps: Whether :meth:`label_map` returns the inputs as label maps.
        keeps_class: Whether outputs are meant to have the class of their input.
        depends_on_seed: Whether the outputs depend on the seed.
        same_size: Whether all real images are of one size.
        item_kind: What the items are: inputs or samples.
        real_moments: Mean and covariance of the real images' features, where nothing else is known
            of these images.
        run: Folder of the run that trained the model, where known.
        torchvision: Whether published figures are made with torchvision's Inception-v3, and not
            with the one of 2015.
        is_part: Whether it is a part of another gallery.
        is_video: Whether the inputs are the successive frames of a video.
        few_shot: Whether nothing but references says which class the outputs should have.
        parts: The galleries that this one consists of, such as one for each pair of domains; see
            :class:`~crossimage.evaluation.galleries.parts.PartedGallery`.
    """

    has_inputs: ClassVar[bool] = False
    title: str
    real: ImageStream
    paths: Sequence[Path]
    max_outputs: int | None
    paired: bool = False
    target: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    border: int = 0
    has_label_maps: bool = False
    keeps_class: bool = True
    depends_on_seed: bool = False
    same_size: bool = False
    item_kind: str = "inputs"
    real_moments: Moments | None = None
    run: Path | None = None
    published_outputs: int = 1
    torchvision: bool = False
    is_part: bool = False
    few_shot: bool = False
    is_video: bool = False
    parts: Sequence[Gallery] = ()

    @property
    def total(self) -> int:
        """Number of inputs."""
        return len(self.paths)

    @abstractmethod
    def items(self, inputs: int | None, samples: int | None) -> Iterator[GalleryItem]:
        """Iterate over inputs with their outputs, the same every time.

        Args:
            inputs: Number of inputs, evenly spaced; None: all.
            samples: Outputs per input, the first ones; None: all of them, or as many as are
                published if their number is unlimited.

        Raises:
            ValueError: A file can't be used; the message names it.
        """

    @abstractmethod
    def pair_up(self) -> None:
        """Find the target of every input, by name.

        Raises:
            ValueError: An input has none; the message names it.
        """

    def adaptations(self, real: bool) -> list[str]:
        """Return what was adapted, one sentence each; may have to look at all files.

        Args:
            real: Whether the real images were used.
        """
        return self.notes + (_gray("real images", self.real) if real else [])

    def warnings(self) -> list[str]:
        """Return why no figure may mean what it seems to, one sentence each.

        May have to look at all files.
        """
        return []

    def comparison_warnings(self) -> list[str]:
        """Return the same of figures for which outputs are compared with real images."""
        return []

    def label_map(self, path: Path) -> Tensor:
        """Return an input as a label map (C, H, W) of uint8, of the size of the outputs."""
        raise ValueError(f"{path}: a folder of results contains no label maps")

    def outputs_per_input(self, samples: int | None) -> int:
        """Return how many outputs an input gets if ``samples`` are requested."""
        if self.max_outputs is None:
            return samples or self.published_outputs
        return min(samples or self.max_outputs, self.max_outputs)


class FolderGallery(Gallery):
    """A folder of results, grouped by input; see :mod:`crossimage.evaluation.galleries.results`.

    Args:
        fake: The folder of results.
        real: The folder of real images, or an ``.npz`` file of the mean and covariance of their
            features.
        to: The target whose results are evaluated, for a folder with those of several.

    Raises:
        FileNotFoundError: A folder is missing.
        ValueError: A folder holds no images, the file no statistics, or the target is unclear.
    """

    def __init__(self, fake: Path, real: Path, to: str | None = None) -> None:
        check_not_special(real)
        check_not_special(fake)
        is_file = real.is_file() or (real.suffix == ".npz" and not real.is_dir())
        moments = read_moments(real) if is_file else None
        originals = ImageStream(()) if moments else images_in(real)
        found = results_in(fake, to, {name_in(path, real) for path in originals.paths})
        self._partners = targets_of(real, found.target) if originals.paths else None
        if self._partners:
            originals = ImageStream(tuple(self._partners.values()))
        self._results = ImageStream([path for _, paths in found.groups for path in paths])
        self._groups, self._real_root = found.groups, real
        self._targets: dict[str, Path] | None = None
        super().__init__(
            title=str(fake),
            real=originals,
            paths=[paths[0] for _, paths in self._groups],
            max_outputs=min(len(paths) for _, paths in self._groups),
            target=found.target,
            facts={
                "results": str(fake), "measured": found.sentence, "real images": str(real),
                "preparation": "as they are",
            },
            real_moments=moments,
            notes=[f"real images: {originals.left_out}"] if originals.left_out else [],
        )  # fmt: skip

    def items(self, inputs: int | None, samples: int | None) -> Iterator[GalleryItem]:
        """Iterate over inputs with their outputs; see :meth:`Gallery.items`."""
        chosen = [self._groups[index] for index in evenly_spaced(self.total, inputs)]
        count = self.outputs_per_input(samples)
        yield from prefetch(self._read(count), chosen, max(4, 64 // count))

    def adaptations(self, real: bool) -> list[str]:
        """Return what was adapted; see :meth:`Gallery.adaptations`."""
        real = real and self.real_moments is None
        sizes = _different_sizes(self._results.paths[0], self.real.paths[0]) if real else []
        return sizes + super().adaptations(real) + _gray("results", self._results)

    def comparison_warnings(self) -> list[str]:
        """Return what only one side has; see :meth:`Gallery.comparison_warnings`."""
        if self.real_moments:
            return []
        sides = self._results, self.real
        found = (
            real_images_among(*sides), jpegs_on_one_side(*sides), gray_on_one_side(*sides)
        )  # fmt: skip
        return [sentence for sentence in found if sentence]

    def pair_up(self) -> None:
        """Find the real image of every input; see :meth:`Gallery.pair_up`."""
        if self.real_moments:
            raise ValueError(
                f"{self._real_root} holds statistics of real images, and pairs need the images "
                "themselves"
            )
        targets: dict[str, Path] = dict(self._partners or {})
        for path in () if self._partners else self.real.paths:
            other = targets.setdefault(name := name_in(path, self._real_root), path)
            if other != path:
                raise ValueError(
                    f"{other} and {path} have the same name; pairs are found by their names "
                    "without suffix, so rename or remove one of them"
                )
        for name, paths in self._groups:
            if name not in targets:
                raise ValueError(
                    f"{paths[0]} has no partner: {self._real_root} holds no image named {name}; "
                    "add it, or leave out the metrics that compare pairs"
                )
        self._targets, self.paired = targets, True

    def _read(self, count: int) -> Callable[[Group], GalleryItem]:
        def read(group: Group) -> GalleryItem:
            name, paths = group
            outputs = _stacked([read_rgb(path) for path in paths[:count]], paths)
            path = self._targets[name] if self._targets else None
            target = read_rgb(path) if path else None
            return GalleryItem(name, outputs, None, target, paths[0], path)

        return read


def _gray(kind: str, images: ImageStream) -> list[str]:
    count = images.gray
    return [f"{count} of the {len(images)} {kind} are gray; treated as RGB"] if count else []


def _different_sizes(result: Path, real: Path) -> list[str]:
    """Return a sentence if the first result and the first real image differ in size."""
    sizes = [f"{info.width} x {info.height}" for info in map(probe, (result, real))]
    if sizes[0] == sizes[1]:
        return []
    return [
        f"{result} is {sizes[0]} pixels and {real} {sizes[1]}; networks that see one size get both "
        "resized"
    ]


def _stacked(images: list[Tensor], paths: tuple[Path, ...]) -> Tensor:
    for image, path in zip(images, paths, strict=False):
        if image.shape != images[0].shape:
            raise ValueError(
                f"{path} is {image.shape[2]} x {image.shape[1]} and {paths[0]} is "
                f"{images[0].shape[2]} x {images[0].shape[1]}; expected outputs of one size"
            )
    return torch.stack(images)
