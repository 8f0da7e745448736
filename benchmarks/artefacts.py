"""Measure artefacts of translations beside the real images of the target domain.

    python benchmarks/artefacts.py RUN [RUN ...] --data DATA [--to DOMAIN] [--samples K]

Prints a table with a row per model and one for the real images:

- axes, diagonals: power of the luma along the axes and along the diagonals, in bands of spatial
  frequency (cycles per pixel), relative to that of the real images. A net with a period of 6
  pixels is a peak at 0.12-0.20, a mesh with one of 3 pixels at 0.30-0.36, a grid of dots at every
  second pixel at 0.47-0.50.
- peak: the largest such ratio at any frequency from 0.1 cycles per pixel on, in any direction, and
  its period in pixels. It is the mean over 3x3 frequencies, which varies by a factor of 2 to 3
  between samples of 50 real images.
- glint: what outputs share at one place. Of the luma minus its mean over 9x9 pixels, the mean over
  all outputs divided by the standard deviation (plus 2 levels), where that is largest. At a place
  that looks alike in all outputs it is above 1; for N unrelated images it is about 1 / sqrt(N).
  The mean in levels of 0 to 255, row and column follow.
- uneven (with --mirror): where half of the training images are mirrored, nothing but the networks
  themselves can make one side brighter. The mean of all outputs and of those of mirrored inputs,
  minus its mirror image, halved: the largest difference in levels, row and column. Only for
  methods that translate, trained with mirroring (flip=true).
- border: colour of the outermost 2 pixels, the mean difference between the largest and the smallest
  channel, in levels.
- saturated: outputs of which 95 % are pure black or white in all channels.
- constant: outputs whose standard deviation is below 2 levels.

--maps draws, for each row of the table, the mean spectrum (logarithmic, zero in the centre, with
the limits of the real images' spectrum) and what all outputs share (amplified 4 times).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.utils import make_grid

from crossimage.data.images.arrays import to_pil
from crossimage.evaluation.compare import open_galleries
from crossimage.evaluation.galleries.base import Gallery
from crossimage.evaluation.galleries.model import ModelGallery, PreparedInput
from crossimage.evaluation.options import Options
from crossimage.inference.load import load
from crossimage.utils.names import titles_of

BANDS = (0.06, 0.12, 0.20, 0.24, 0.30, 0.36, 0.42, 0.47, 0.5)
"""Limits of the bands, in cycles per pixel; the last one is the grid of dots every 2 pixels."""

WIDTH = 0.03  # of the strips around axes and diagonals, in cycles per pixel, to either side


@dataclass
class Figures:
    """What is measured of a set of images.

    Attributes:
        spectrum: Mean power of the luma (H, W), zero frequency in the centre.
        mean: Mean luma (H, W), in levels.
        axes: Mean power along the axes in each band.
        diagonals: Mean power along the diagonals in each band.
        residual: Mean over the images of the luma without its local mean (H, W), in levels.
        deviation: Its standard deviation over the images (H, W), in levels.
        border: Mean difference between the channels of the outermost pixels, in levels.
        saturated: Fraction of the images that are black and white nearly everywhere.
        constant: Fraction of the images without contrast.
    """

    spectrum: Tensor
    mean: Tensor
    axes: Tensor
    diagonals: Tensor
    residual: Tensor
    deviation: Tensor
    border: float
    saturated: float
    constant: float

    def glint(self) -> str:
        """Describe the place that the images share most."""
        shared = self.residual / (self.deviation + 2)
        row, column = divmod(int(shared.abs().argmax()), shared.shape[1])
        level = self.residual[row, column]
        return f"{shared[row, column].abs():.2f} ({level:+.0f} at {row}, {column})"

    def uneven(self, mirrored: Figures) -> str:
        """Describe what does not move to the other side when the inputs are mirrored."""
        kept = (self.mean + mirrored.mean) / 2
        odd = (kept - kept.flip(1)) / 2
        row, column = divmod(int(odd.argmax()), odd.shape[1])
        return f"{odd[row, column]:.0f} (at {row}, {column})"

    def peak(self, real: Figures) -> str:
        """Describe the frequency with the largest power relative to that of real images."""
        height, width = self.spectrum.shape
        y = torch.fft.fftshift(torch.fft.fftfreq(height))[:, None]
        x = torch.fft.fftshift(torch.fft.fftfreq(width))[None]
        frequency = (y.square() + x.square()).sqrt()
        ratio = neighbours(self.spectrum) / neighbours(real.spectrum)
        place = int(torch.where(frequency >= 0.1, ratio, 0).argmax())
        row, column = divmod(place, ratio.shape[1])
        near = (slice(max(row - 1, 0), row + 2), slice(max(column - 1, 0), column + 2))
        strongest = (self.spectrum - real.spectrum)[near].argmax()
        period = 1 / frequency[near].flatten()[strongest]
        return f"{ratio[row, column]:.1f} ({period:.1f} px)"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("runs", nargs="+", help="run folders or model files")
    parser.add_argument("--data", required=True, help="the data set")
    parser.add_argument("--to", help="target domain; default: the models' own")
    parser.add_argument("--samples", type=int, help="outputs per input of multimodal models")
    parser.add_argument("--inputs", type=int, help="test images; default: all")
    parser.add_argument("--mirror", action="store_true", help="translate mirrored inputs, too")
    parser.add_argument("--maps", type=Path, help="PNG file for spectra and shared residuals")
    options = parser.parse_args()
    rows: dict[str, Figures] = {}
    for title, run in zip(titles_of(options.runs), options.runs, strict=True):
        chosen = Options(to=options.to)
        for gallery in open_galleries(title, load(run, "cpu"), options.data, chosen):
            if "real" not in rows:
                rows["real"] = measure(gallery.real)
                print(heading())
                print(line("real images", rows["real"], rows["real"]), flush=True)
            items = gallery.items(options.inputs, options.samples)
            own = rows[gallery.title] = measure(item.outputs for item in items)
            mirrored = None
            if options.mirror:
                items = mirror(gallery).items(options.inputs, options.samples)
                mirrored = measure(item.outputs for item in items)
            print(line(gallery.title, own, rows["real"], mirrored), flush=True)
    if options.maps:
        draw(rows, options.maps)


def mirror(gallery: Gallery) -> ModelGallery:
    """Let a gallery translate its inputs mirrored."""
    if not isinstance(gallery, ModelGallery):
        raise ValueError(f"{gallery.title} has no inputs; leave out --mirror")
    load = gallery.load

    def load_mirrored(index: int) -> PreparedInput:
        one = load(index)
        return one._replace(x=one.x.flip(-1))

    gallery.load = load_mirrored  # type: ignore[method-assign]
    return gallery


def measure(batches: Iterable[Tensor]) -> Figures:
    """Measure a set of images.

    Args:
        batches: Batches (n, 3, H, W) of uint8, all of one size, of at least 16 pixels.
    """
    count, border, saturated, constant = 0, 0.0, 0, 0
    spectrum = mean = residual = squares = torch.zeros(())
    for batch in batches:
        x = batch.float()
        luma = (x * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1)
        spectrum, mean = spectrum + power(luma).sum(0), mean + luma.sum(0)
        padded = F.pad(luma[:, None], (4, 4, 4, 4), mode="reflect")
        high = luma - F.avg_pool2d(padded, 9, 1)[:, 0]
        residual, squares = residual + high.sum(0), squares + high.square().sum(0)
        ring = torch.ones(x.shape[2:], dtype=torch.bool)
        ring[2:-2, 2:-2] = False
        border += float((x.amax(1) - x.amin(1))[:, ring].mean(1).sum())
        pure = ((batch <= 1) | (batch >= 254)).all(1).flatten(1).float().mean(1)
        saturated += int((pure > 0.95).sum())
        constant += int((x.flatten(1).std(1) < 2).sum())
        count += len(x)
    spectrum, residual = spectrum / count, residual / count
    deviation = (squares / count - residual.square()).clamp_min(0).sqrt()
    axes, diagonals = profiles(spectrum)
    return Figures(
        spectrum, mean / count, axes, diagonals, residual, deviation,
        border / count, saturated / count, constant / count,
    )  # fmt: skip


def power(luma: Tensor) -> Tensor:
    """Return the power spectra (N, H, W) of images (N, H, W), zero frequency in the centre.

    A Hann window keeps the jump from one border to the other out of them.
    """
    height, width = luma.shape[1:]
    window = torch.outer(torch.hann_window(height), torch.hann_window(width))
    centred = luma - luma.mean((1, 2), keepdim=True)
    transform = torch.fft.fftshift(torch.fft.fft2(centred * window), dim=(1, 2))
    return transform.abs().square() / (height * width)


def neighbours(spectrum: Tensor) -> Tensor:
    """Return the mean over 3x3 frequencies of a spectrum (H, W), which is periodic."""
    padded = F.pad(spectrum[None, None], (1, 1, 1, 1), mode="circular")
    return F.avg_pool2d(padded, 3, 1)[0, 0]


def profiles(spectrum: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean power in each band along the axes, and along the diagonals."""
    height, width = spectrum.shape
    y = torch.fft.fftshift(torch.fft.fftfreq(height)).abs()[:, None].expand(height, width)
    x = torch.fft.fftshift(torch.fft.fftfreq(width)).abs()[None].expand(height, width)
    high, low = torch.maximum(x, y), torch.minimum(x, y)
    axes, diagonals = [], []
    for lower, upper in zip(BANDS, BANDS[1:], strict=False):
        inside = (high >= lower) & ((high < upper) | (high == 0.5) & (upper == 0.5))
        axes.append(spectrum[inside & (low <= WIDTH)].mean())
        diagonals.append(spectrum[inside & (high - low <= WIDTH)].mean())
    return torch.stack(axes), torch.stack(diagonals)


def heading() -> str:
    bands = [
        f"{name} {lower:.2f}-{upper:.2f}"
        for name in ("axes", "diagonals")
        for lower, upper in zip(BANDS, BANDS[1:], strict=False)
    ]
    cells = ["", *bands, "peak", "glint", "uneven", "border", "saturated", "constant"]
    return f"| {' | '.join(cells)} |\n|{'---|' * len(cells)}"


def line(title: str, own: Figures, real: Figures, mirrored: Figures | None = None) -> str:
    """Return a row of the table."""
    ratios = [*(own.axes / real.axes), *(own.diagonals / real.diagonals)]
    cells = [f"{ratio:.2f}" for ratio in ratios]
    cells += [own.peak(real), own.glint()]
    cells += [own.uneven(mirrored) if mirrored else "", f"{own.border:.1f}"]
    cells += [f"{own.saturated:.1%}", f"{own.constant:.1%}"]
    return f"| {title} | {' | '.join(cells)} |"


def draw(rows: dict[str, Figures], path: Path) -> None:
    """Save the spectrum and the shared residual of each set of images."""
    logs = [figures.spectrum.clamp_min(1e-6).log10() for figures in rows.values()]
    low, high = logs[0].min(), logs[0].max()  # of the real images
    tiles = []
    for log, figures in zip(logs, rows.values(), strict=True):
        tiles += [(log - low) / (high - low) * 2 - 1, figures.residual * 4 / 127.5]
    grid = make_grid(
        [F.interpolate(t.clamp(-1, 1)[None, None], scale_factor=4)[0] for t in tiles], 2
    )
    to_pil(grid).save(path)


if __name__ == "__main__":
    main()
