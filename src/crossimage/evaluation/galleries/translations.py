"""The gallery of a model with two domains: its outputs for the test images of one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from crossimage.data.build import build_dataset
from crossimage.data.images.files import read_image
from crossimage.data.images.resize import shrink, size_before_crop
from crossimage.data.sources.folders import Domain
from crossimage.data.sources.pairs import align
from crossimage.evaluation.galleries.checks import Tested, data_name, find_tested
from crossimage.evaluation.galleries.images import ImageStream, as_uint8, read_rgb, to_rgb
from crossimage.evaluation.galleries.model import (
    ModelGallery,
    PreparedInput,
    preparation,
)
from crossimage.inference.predictor import Predictor


class TranslationGallery(ModelGallery):
    """A model's outputs for the test images of the source domain.

    Images are prepared as in training: resized and center-cropped. Models that enlarge get small
    versions of the whole test images, which are the targets.

    Args:
        title: Title of the gallery.
        model: The trained model.
        data: The data set, in the layout of the model's method.
        to: Name of the target domain; None: the default of :meth:`Translator.translate`.
        seed: Seed of random styles and noise.

    Raises:
        FileNotFoundError: A folder or a file of the data set is missing.
        ValueError: The data set does not have that layout, or the target is unknown.
    """

    def __init__(
        self, title: str, model: Predictor, data: Tested, to: str | None, seed: int
    ) -> None:
        networks = model.networks
        goal = model.target(to)
        name, self._letter = str(goal.to), goal.letter
        self._images = build_dataset(find_tested(data, model), model.config)
        self._scale = networks.upscales if networks.layout == "super_resolution" else 0
        self._source, self._target = (
            (0, 0) if self._scale else _indices(networks.letters, self._letter)
        )
        domains = self._images.domains
        source, target = domains[self._source], domains[self._target]
        # A folder of images to enlarge without splits is used as a whole.
        split = [d for d in dict.fromkeys((source, target)) if not _is_whole(d, data)]
        self._targets = _test_files(target)
        prepared = preparation(model.config, target.half)
        if self._scale:
            prepared = f"whole images, cut to multiples of {self._scale} pixels"
        super().__init__(
            model, seed,
            {
                "data": data_name(data), "direction": f"{source.name} to {name}",
                "preparation": prepared,
            },
            title=title,
            real=ImageStream(self._targets, self._read_target, prepared),
            paths=_test_files(source),
            paired=bool(source.test) == bool(target.test)
            and (networks.layout in {"paired", "super_resolution"} or source.half is not None),
            target=name,
            border=self._scale,
            has_label_maps=not self._scale,
        )  # fmt: skip
        self.domains = domains
        self.untested = tuple(domain.name for domain in split if not domain.test)

    def input_name(self, path: Path) -> str:
        """Return an input's name; see :meth:`ModelGallery.input_name`."""
        return self._images.domains[self._source].name_below(path)

    def pair_up(self) -> None:
        """Find the target of every input; see :meth:`Gallery.pair_up`."""
        if self.paired:
            return
        domains = align(self._images.domains)
        source, target = domains[self._source], domains[self._target]
        if bool(source.test) != bool(target.test):
            known, missing = (source, target) if source.test else (target, source)
            raise ValueError(
                f"{missing.test_root} holds no images, so the test images of {known.name} have no "
                "partners; add them, or leave out the metrics that compare pairs"
            )
        self.paths, self._targets = _test_files(source), _test_files(target)
        self.paired = True

    def label_map(self, path: Path) -> Tensor:
        """Return an input as a label map, resized by nearest neighbour, which mixes no labels."""
        config, half = self._images.config, self._images.domains[self._source].half
        letter = self._images.letters[self._source]
        # in colour, even if the model sees gray, and unconverted: the colours stand for classes
        x = read_rgb(path, config.range_of(letter), config.data_rules, profiles=False)
        if half is not None:
            x = x.chunk(2, dim=2)[half]
        size = list(size_before_crop(x.shape[1], x.shape[2], config))
        x = transforms.resize(x, size, InterpolationMode.NEAREST_EXACT)
        return transforms.center_crop(x, config.crop)

    def load(self, index: int) -> PreparedInput:
        """Load and prepare an input; see :meth:`ModelGallery.load`."""
        path = self.paths[index]
        target_path = self._targets[index] if self.paired else None
        if self._scale:
            return self._small(path)
        x = self.model.fit_size(self._images.centred(self._source, path)[None])[0]
        target = self._read_target(target_path) if target_path else None
        return PreparedInput(path, x, self._letter, target_path, target)

    def _small(self, path: Path) -> PreparedInput:
        large = self._large(path)
        small = shrink(large[None], self._scale)[0]
        return PreparedInput(path, small, self._letter, path, to_rgb(as_uint8(large)))

    def _large(self, path: Path) -> Tensor:
        """Read a whole image (C, H, W) in [-1, 1], its sides cut to multiples of the scale."""
        config, scale = self.model.config, self._scale
        x = read_image(
            path, config.channels[-1], config.range_of(self._images.letters[-1]), config.data_rules
        )
        height, width = (side // scale * scale for side in x.shape[1:])
        if not height or not width:
            raise ValueError(f"{path} is smaller than {scale} x {scale} pixels; remove it")
        return x[:, :height, :width]

    def _read_target(self, path: Path) -> Tensor:
        if self._scale:
            return to_rgb(as_uint8(self._large(path)))
        return to_rgb(as_uint8(self._images.centred(self._target, path)))


def _indices(letters: tuple[str, ...], target: Any) -> tuple[int, int]:
    """Return the indices of the source and the target among the domains."""
    index = letters.index(target)
    return (index, index) if len(letters) == 1 else (1 - index, index)


def _is_whole(domain: Domain, data: Tested) -> bool:
    """Return whether a domain's images are a folder without splits."""
    return isinstance(data, str) and domain.train_root == Path(data)


def _test_files(domain: Domain) -> tuple[Path, ...]:
    return domain.test or domain.train
