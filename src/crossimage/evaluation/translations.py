"""The gallery of a trained model: its answers to the test images of a data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from crossimage.data.datasets import resized
from crossimage.data.domains import Domain
from crossimage.data.images import read_image
from crossimage.data.opening import open_images
from crossimage.data.pairs import align
from crossimage.evaluation.gallery import Gallery, Row, spread
from crossimage.evaluation.pictures import Pictures, ahead, read_rgb, to_bytes, to_rgb
from crossimage.seeds import seed_of
from crossimage.translator import Translator

_TOGETHER = 16  # pictures that pass through the networks at a time


class _Example(NamedTuple):
    path: Path
    x: Tensor  # input (C, h, w) in [-1, 1]
    target_path: Path | None
    target: Tensor | None  # RGB (3, H, W) of uint8


class Translations(Gallery):
    """A model's answers to the test images of the source domain.

    The images are prepared as in training: resized, and cropped in the middle. Answers depend on
    the seed, the input's file name and the answer's number only, as in ``translate_files``. Models
    that enlarge get small versions of the whole test images, which are the targets.

    Args:
        title: What the gallery is called.
        model: The trained model.
        data: The data set, in the layout of the model's method.
        to: Name of the target domain; as for :meth:`Translator.translate` where None.
        seed: Seed of random styles and noise.

    Raises:
        FileNotFoundError: A folder or a file of the data set is missing.
        ValueError: The data set is not of that layout, or the model has labels in place of
            domains, or takes no images.
    """

    def __init__(self, title: str, model: Translator, data: str, to: str | None, seed: int) -> None:
        networks = model.networks
        if networks.labels or not networks.targets:
            task = "translate" if networks.targets else "sample"
            raise ValueError(
                f"{title} is a {model.method}, and --data serves methods of two domains only; "
                f"write its results with `crossimage {task}` and measure them with --fake and "
                "--real"
            )
        self.model, self.seed = model, seed
        name = model.target(to)
        assert isinstance(name, str)
        self._goal = model.goal(name, 1)
        self._images = open_images(data, model.config, networks.layout)
        self._enlarges = networks.layout == "enlarging"
        places = [0, 0] if self._enlarges else _places(networks.letters, self._goal)
        self._source, self._target = places
        domains = self._images.domains
        source, target = domains[self._source], domains[self._target]
        # A folder without splits, of images to enlarge, is all there for the test.
        split = [d for d in dict.fromkeys((source, target)) if d.train_root != Path(data)]
        missing = [domain.name for domain in split if not domain.test]
        self._targets = _tests(target)
        super().__init__(
            title=title,
            real=Pictures(self._targets, self._read_target, self._preparation()),
            paths=_tests(source),
            most=None if networks.style_dim or networks.random else 1,
            paired=networks.layout in {"paired", "enlarging"} or source.half is not None,
            target=name,
            facts={
                "method": model.method, "model": title, "data": data,
                "direction": f"{source.name} to {name}", "preparation": self._preparation(),
            },
            notes=[f"no test images of {name}: training images were used" for name in missing],
            border=networks.enlarges if self._enlarges else 0,
            tells_labels=not self._enlarges,
        )  # fmt: skip

    def rows(self, inputs: int | None, samples: int | None) -> Iterator[Row]:
        """Inputs with their answers; see :meth:`Gallery.rows`."""
        count = self.answers(samples)
        batch: list[_Example] = []
        together = max(1, _TOGETHER // count)
        for example in ahead(self._load, spread(self.total, inputs), 2 * _TOGETHER):
            if batch and (len(batch) == together or example.x.shape != batch[0].x.shape):
                yield from self._answered(batch, count)
                batch = []
            batch.append(example)
        if batch:
            yield from self._answered(batch, count)

    def pair_up(self) -> None:
        """Find the target of every input; see :meth:`Gallery.pair_up`."""
        if self.paired:
            return
        domains = align(self._images.domains)
        source, target = domains[self._source], domains[self._target]
        self.paths, self._targets = _tests(source), _tests(target)
        self.paired = True

    def label_map(self, path: Path) -> Tensor:
        """An input as a label map; resized by taking the nearest pixel, so that none are mixed."""
        config, half = self._images.config, self._images.domains[self._source].half
        x = read_rgb(path, config.value_range)  # whatever the model sees, the colours tell
        if half is not None:
            x = x.chunk(2, dim=2)[half]
        size = list(resized(x.shape[1], x.shape[2], config))
        x = transforms.resize(x, size, InterpolationMode.NEAREST_EXACT)
        middle: Tensor = transforms.center_crop(x, config.crop)
        return middle

    def _answered(self, batch: list[_Example], count: int) -> Iterator[Row]:
        names = [example.path.name for example in batch]
        answers = self._translate(torch.stack([e.x for e in batch]), names, count)
        for example, own in zip(batch, answers, strict=True):
            yield Row(
                example.path.name, own, to_rgb(to_bytes(example.x)), example.target, example.path,
                example.target_path,
            )  # fmt: skip

    def _translate(self, x: Tensor, names: Sequence[str], count: int) -> Tensor:
        """Answers (N, k, 3, H, W) of uint8 to inputs (N, C, h, w); each answer has its own seed."""
        found: list[Tensor] = []
        x = x.to(self.model.device)
        for first in range(0, count, _TOGETHER):
            numbers = range(first, min(count, first + _TOGETHER))
            seeds = [[seed_of(self.seed, name, k) for k in numbers] for name in names]
            answers = self._some(x, seeds)
            found.append(to_rgb(to_bytes(answers)).cpu())
        return torch.cat(found, 1)

    def _some(self, x: Tensor, seeds: list[list[int]]) -> Tensor:
        """Answers (N, k, C, H, W) in [-1, 1] with k seeds an input."""
        model, networks = self.model, self.model.networks
        if networks.random:
            rows = [
                [model.answer(image[None], self._goal, self._styles([seed]), seed) for seed in own]
                for image, own in zip(x, seeds, strict=True)
            ]
            return torch.stack([torch.cat(row) for row in rows])
        styles = self._styles([seed for own in seeds for seed in own])
        y = model.answer(x, self._goal, styles)
        return y.reshape(len(x), -1, *y.shape[1:])

    def _styles(self, seeds: list[int]) -> Tensor | None:
        model = self.model
        if not model.networks.style_dim:
            return None
        codes = [model.sample_style(1, seed=seed) for seed in seeds]
        return torch.cat(codes).to(model.device)

    def _load(self, place: int) -> _Example:
        path = self.paths[place]
        target_path = self._targets[place] if self.paired else None
        if self._enlarges:
            return self._small(path)
        x = self.model.fit(self._images.centred(self._source, path)[None])[0]
        target = self._read_target(target_path) if target_path else None
        return _Example(path, x, target_path, target)

    def _small(self, path: Path) -> _Example:
        from crossimage.data.enlarging import shrink

        large = self._large(path)
        return _Example(path, shrink(large[None], self.border)[0], path, to_rgb(to_bytes(large)))

    def _large(self, path: Path) -> Tensor:
        """A whole picture (C, H, W) in [-1, 1], its sides cut to multiples of the scale."""
        config, scale = self.model.config, self.model.networks.enlarges
        x = read_image(path, config.channels[-1], config.value_range)
        height, width = (side // scale * scale for side in x.shape[1:])
        if not height or not width:
            raise ValueError(f"{path} is smaller than {scale} x {scale} pixels; remove it")
        return x[:, :height, :width]

    def _read_target(self, path: Path) -> Tensor:
        if self._enlarges:
            return to_rgb(to_bytes(self._large(path)))
        return to_rgb(to_bytes(self._images.centred(self._target, path)))

    def _preparation(self) -> str:
        config = self.model.config
        if self._enlarges:
            return f"whole images, cut to multiples of {self.model.networks.enlarges} pixels"
        height, width = config.crop
        resized = f"shortest side resized to {config.resize}, " if config.resize else ""
        half = self._images.domains[self._target].half
        part = "" if half is None else ("left half, ", "right half, ")[half]
        return f"{part}{resized}middle {width} x {height} pixels"


def _places(letters: tuple[str, ...], goal: Any) -> tuple[int, int]:
    """Places of the source and the target among the domains."""
    place = letters.index(goal)
    return (place, place) if len(letters) == 1 else (1 - place, place)


def _tests(domain: Domain) -> tuple[Path, ...]:
    return domain.test or domain.train
