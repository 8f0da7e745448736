"""Distances of outputs from their targets: PSNR, SSIM, L1 and LPIPS.

PSNR and SSIM are computed as in the literature on super-resolution.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from crossimage.data.images.files import probe
from crossimage.evaluation.galleries.base import GalleryItem
from crossimage.evaluation.galleries.images import GRAY
from crossimage.evaluation.metrics.base import Metric, Setup
from crossimage.evaluation.report.figures import HIGHER, LOWER, Figure, library, mean_of
from crossimage.utils.devices import exact
from crossimage.utils.intensities import from_uint8, to_uint8

_WINDOW = 11
_LUMA = (65.481, 128.553, 24.966)  # BT.601; they map colours 0 to 1 to 16 to 235


class _PairedMetric(Metric):
    """A mean over inputs of how close the outputs are to the target."""

    needs_pairs = True
    needs_real_images = True

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.border = setup.gallery.border
        self._values: dict[str, list[float]] = {name: [] for name in self.directions}
        self._outputs = 0

    @abstractmethod
    def compare(self, item: GalleryItem, target: Tensor) -> dict[str, Tensor]:
        """Return values by figure.

        Args:
            item: An input with its outputs (N, 3, H, W) of uint8.
            target: Their targets, of the same shape.

        Returns:
            One value per output, (N,), of each figure.
        """

    @abstractmethod
    def describe(self, figure: str) -> str:
        """Return a description of a figure, for a reader."""

    def update(self, item: GalleryItem) -> None:
        """Add an input with its outputs.

        Raises:
            ValueError: The target has another size than the outputs.
        """
        assert item.target is not None
        if item.target.shape != item.outputs.shape[1:]:
            raise ValueError(
                f"{item.target_path} is {_size(item.target)} and the output for {item.name} is "
                f"{_size(item.outputs[0])}; expected the same size to compare them"
            )
        self._outputs = len(item.outputs)
        values = self.compare(item, item.target.expand_as(item.outputs))
        for name, value in values.items():
            self._values[name].append(float(exact(value).mean()))

    def figures(self) -> list[Figure]:
        """Return the means; see :meth:`Metric.figures`."""
        return [self._figure(name, values) for name, values in self._values.items()]

    def _figure(self, name: str, values: list[float]) -> Figure:
        value, interval = mean_of(values)
        note = "" if interval or len(values) < 2 else "some outputs are exact"
        each = f"{self._outputs} output{'' if self._outputs == 1 else 's'}"
        protocol = (
            f"{self.describe(name)}, between an output and its target; mean over {len(values)} "
            f"inputs with {each} each"
        )
        return Figure(
            name, value, interval, len(values), protocol, None, self.library, self.comparable, note
        )

    @property
    def library(self) -> str:
        """Libraries that compute it, with versions."""
        return library("torchmetrics")

    @property
    def comparable(self) -> bool:
        """Whether it may be compared with the figures of others."""
        return True


class _ImageQuality(_PairedMetric):
    """PSNR or SSIM, of RGB and of the luma Y."""

    title: ClassVar[str]
    function: ClassVar[Callable[..., Tensor]]

    def compare(self, item: GalleryItem, target: Tensor) -> dict[str, Tensor]:
        """Return the values of RGB and luma; see ``_PairedMetric.compare``."""
        x, truth = from_uint8(item.outputs), from_uint8(target)
        function = type(self).function
        colour = function(x, truth, self.border, colour=True)
        if item.target_path and probe(item.target_path).channels in GRAY:
            # compared by their own values, 0 to 255, rather than by a luma of 16 to 235
            x, truth = (y.mean(1, keepdim=True) for y in (x, truth))
        return {
            self.name: colour,
            f"{self.name}_y": function(x, truth, self.border, colour=False),
        }

    def describe(self, figure: str) -> str:
        """Return the description of a figure; see ``_PairedMetric.describe``."""
        channels = "luma Y" if figure.endswith("_y") else "RGB"
        cut = f", without {self.border} pixels at every edge" if self.border else ""
        return f"{self.title} of {channels}, 8 bits{cut}"


def psnr(x: Tensor, truth: Tensor, border: int = 0, *, colour: bool = False) -> Tensor:
    """Return the peak signal-to-noise ratio in decibels.

    Args:
        x: Images (N, C, H, W) in [-1, 1]; rounded to 8 bits, as files are.
        truth: The true images, of the same shape.
        border: Pixels on every side that don't count; by custom as many as the scale by which
            the images were enlarged.
        colour: Use the error of all channels instead of that of the luma.

    Returns:
        One number per image, (N,).

    Raises:
        ValueError: The shapes differ, or nothing is left between the borders.
    """
    image, expected = _prepared(x, truth, border, colour)
    return peak_signal_noise_ratio(
        image, expected, data_range=255.0, reduction="none", dim=(1, 2, 3)
    )


def ssim(x: Tensor, truth: Tensor, border: int = 0, *, colour: bool = False) -> Tensor:
    """Return the structural similarity (Wang et al. 2004): 11x11 Gaussian window of deviation 1.5.

    Windows stay within the image; of several channels the mean is taken.

    Args:
        x: Images (N, C, H, W) in [-1, 1]; rounded to 8 bits, as files are.
        truth: The true images, of the same shape.
        border: Pixels on every side that don't count.
        colour: Use the mean over the channels instead of the luma.

    Returns:
        One number per image, (N,).

    Raises:
        ValueError: The shapes differ, or less than a window is left between the borders.
    """
    image, expected = _prepared(x, truth, border, colour)
    if min(image.shape[2:]) < _WINDOW:
        height, width = x.shape[2:]
        raise ValueError(
            f"found images of {width}x{height} pixels with a border of {border}; SSIM needs at "
            f"least {_WINDOW}x{_WINDOW} between the borders"
        )
    # The library's own mean counts windows that reach beyond the image, into its reflection.
    _, similarity = structural_similarity_index_measure(
        image, expected, sigma=1.5, data_range=255.0, reduction="none", return_full_image=True
    )
    inside = slice(_WINDOW // 2, -(_WINDOW // 2))
    return similarity[:, :, inside, inside].mean((1, 2, 3))


def l1(x: Tensor, truth: Tensor) -> Tensor:
    """Return the mean absolute difference of all channels, from 0 to 1.

    Args:
        x: Images (N, C, H, W) in [-1, 1]; rounded to 8 bits, as files are.
        truth: The true images, of the same shape.

    Returns:
        One number per image, (N,).

    Raises:
        ValueError: The shapes differ.
    """
    image, expected = _prepared(x, truth, 0, colour=True)
    return (image - expected).abs().mean((1, 2, 3)) / 255


def luma(x: Tensor) -> Tensor:
    """Return the luma Y (N, 1, H, W) of BT.601, 16 to 235, of images with values 0 to 255.

    It equals that of MATLAB's ``rgb2ycbcr`` for 8-bit images, which rounds. Images of one channel
    are returned unchanged, 0 to 255.
    """
    if x.shape[1] == 1:
        return x
    weights = torch.tensor(_LUMA, dtype=x.dtype, device=x.device)[:, None, None]
    return (16 + (x / 255 * weights).sum(1, keepdim=True)).round()


def _prepared(x: Tensor, truth: Tensor, border: int, colour: bool) -> tuple[Tensor, Tensor]:
    """Return both images with the values that are compared."""
    if x.shape != truth.shape:
        raise ValueError(
            f"found images {tuple(x.shape)} and true ones {tuple(truth.shape)}; expected the same "
            "shape"
        )
    height, width = x.shape[2:]
    if min(height, width) <= 2 * border:
        raise ValueError(
            f"found images of {width}x{height} pixels; a border of {border} leaves nothing of them"
        )
    both = []
    for images in (x, truth):
        levels = exact(to_uint8(exact(images)))
        levels = levels if colour else luma(levels)
        both.append(levels[:, :, border : height - border, border : width - border])
    return both[0], both[1]


class PSNR(_ImageQuality):
    """Peak signal-to-noise ratio in decibels; see :func:`psnr`."""

    name = "psnr"
    directions = {"psnr": HIGHER, "psnr_y": HIGHER}
    title = "PSNR in dB"
    function = psnr


class SSIM(_ImageQuality):
    """Structural similarity; see :func:`ssim`."""

    name = "ssim"
    directions = {"ssim": HIGHER, "ssim_y": HIGHER}
    title = "SSIM"
    function = ssim


class L1(_PairedMetric):
    """Mean absolute difference; see :func:`l1`."""

    name = "l1"
    directions = {"l1": LOWER}

    @property
    def library(self) -> str:
        """Libraries that compute it, with versions."""
        return library("torch")

    def compare(self, item: GalleryItem, target: Tensor) -> dict[str, Tensor]:
        """Return the differences; see ``_PairedMetric.compare``."""
        return {self.name: l1(from_uint8(item.outputs), from_uint8(target))}

    def describe(self, figure: str) -> str:
        """Return the description of the figure; see ``_PairedMetric.describe``."""
        return "mean absolute difference of RGB, 0 to 1"


class PairedLPIPS(_PairedMetric):
    """Perceptual distance of outputs from their targets."""

    name = "lpips_paired"
    directions = {"lpips_paired": LOWER}
    network = "lpips"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._lpips = setup.networks.lpips

    @property
    def library(self) -> str:
        """Libraries that compute it, with versions."""
        return self._lpips.library

    @property
    def comparable(self) -> bool:
        """Whether the network has its published weights."""
        return self._lpips.comparable

    def compare(self, item: GalleryItem, target: Tensor) -> dict[str, Tensor]:
        """Return the distances; see ``_PairedMetric.compare``."""
        return {self.name: self._lpips(item.outputs, target)}

    def describe(self, figure: str) -> str:
        """Return the description of the figure; see ``_PairedMetric.describe``."""
        return f"LPIPS v0.1, {self._lpips.name}"


def _size(x: Tensor) -> str:
    return f"{x.shape[2]} x {x.shape[1]}"
