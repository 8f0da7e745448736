"""The gallery of a model of two domains: its answers to the test images of one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from crossimage.data.build import build_dataset, find_source
from crossimage.data.images.files import read_image
from crossimage.data.images.resize import shrink, size_before_crop
from crossimage.data.sources.folders import Domain
from crossimage.data.sources.pairs import align
from crossimage.evaluation.galleries.images import Pictures, read_rgb, to_bytes, to_rgb
from crossimage.evaluation.galleries.model import Example, ModelGallery, no_tests, preparation
from crossimage.inference.predictor import Predictor


class Translations(ModelGallery):
    """A model's answers to the test images of the source domain.

    The images are prepared as in training: resized, and cropped in the middle. Models that enlarge
    get small versions of the whole test images, which are the targets.

    Args:
        title: What the gallery is called.
        model: The trained model.
        data: The data set, in the layout of the model's method.
        to: Name of the target domain; as for :meth:`Translator.translate` where None.
        seed: Seed of random styles and noise.

    Raises:
        FileNotFoundError: A folder or a file of the data set is missing.
        ValueError: The data set is not of that layout, or there is no such target.
    """

    def __init__(self, title: str, model: Predictor, data: str, to: str | None, seed: int) -> None:
        networks = model.networks
        name = model.resolve_target(to)
        assert isinstance(name, str)
        self._letter = model.encode_target(name, 1)
        found = find_source(data, model.config, networks.layout)
        self._images = build_dataset(found, model.config)
        self._enlarges = networks.upscales if networks.layout == "super_resolution" else 0
        places = [0, 0] if self._enlarges else _places(networks.letters, self._letter)
        self._source, self._target = places
        domains = self._images.domains
        source, target = domains[self._source], domains[self._target]
        # A folder without splits, of images to enlarge, is all there for the test.
        split = [d for d in dict.fromkeys((source, target)) if d.train_root != Path(data)]
        self._targets = _tests(target)
        prepared = preparation(model.config, target.half)
        if self._enlarges:
            prepared = f"whole images, cut to multiples of {self._enlarges} pixels"
        super().__init__(
            model, seed,
            {"data": data, "direction": f"{source.name} to {name}", "preparation": prepared},
            title=title,
            real=Pictures(self._targets, self._read_target, prepared),
            paths=_tests(source),
            paired=networks.layout in {"paired", "super_resolution"} or source.half is not None,
            target=name,
            notes=no_tests([domain.name for domain in split if not domain.test]),
            border=self._enlarges,
            tells_labels=not self._enlarges,
        )  # fmt: skip

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
        size = list(size_before_crop(x.shape[1], x.shape[2], config))
        x = transforms.resize(x, size, InterpolationMode.NEAREST_EXACT)
        middle: Tensor = transforms.center_crop(x, config.crop)
        return middle

    def load(self, place: int) -> Example:
        """The input in a place, prepared; see :meth:`ModelGallery.load`."""
        path = self.paths[place]
        target_path = self._targets[place] if self.paired else None
        if self._enlarges:
            return self._small(path)
        x = self.model.fit_size(self._images.centred(self._source, path)[None])[0]
        target = self._read_target(target_path) if target_path else None
        return Example(path, x, self._letter, target_path, target)

    def _small(self, path: Path) -> Example:
        large = self._large(path)
        small = shrink(large[None], self._enlarges)[0]
        return Example(path, small, self._letter, path, to_rgb(to_bytes(large)))

    def _large(self, path: Path) -> Tensor:
        """A whole picture (C, H, W) in [-1, 1], its sides cut to multiples of the scale."""
        config, scale = self.model.config, self._enlarges
        x = read_image(path, config.channels[-1], config.value_range)
        height, width = (side // scale * scale for side in x.shape[1:])
        if not height or not width:
            raise ValueError(f"{path} is smaller than {scale} x {scale} pixels; remove it")
        return x[:, :height, :width]

    def _read_target(self, path: Path) -> Tensor:
        if self._enlarges:
            return to_rgb(to_bytes(self._large(path)))
        return to_rgb(to_bytes(self._images.centred(self._target, path)))


def _places(letters: tuple[str, ...], goal: Any) -> tuple[int, int]:
    """Places of the source and the target among the domains."""
    place = letters.index(goal)
    return (place, place) if len(letters) == 1 else (1 - place, place)


def _tests(domain: Domain) -> tuple[Path, ...]:
    return domain.test or domain.train
