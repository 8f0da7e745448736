"""Fill a folder with images generated from noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import SupportsIndex

from torch import Tensor

from crossimage.data.images.writing import fill_image
from crossimage.data.sources.results import SHEET_NAME
from crossimage.inference.files.records import Records
from crossimage.inference.files.results import FolderResults, WrittenFile
from crossimage.inference.output_types import check_results_folder, suffix_of
from crossimage.inference.predictor import Predictor
from crossimage.utils.manifest import NAME, SHEET, Entry
from crossimage.utils.numbers import whole
from crossimage.utils.progress import ProgressCallback, report_progress

_GRID = 8  # columns, and at most as many rows, of the sheet of samples


def sample_files(
    predictor: Predictor,
    n: int,
    out: Path,
    *,
    seed: SupportsIndex | None,
    format: str,
    batch_size: int,
    progress: bool | ProgressCallback,
) -> list[Path]:
    """Write images generated from noise; see :meth:`crossimage.Translator.sample_files`."""
    n, suffix = whole(n, "n", 1), suffix_of(format)
    check_results_folder(out)
    batches = predictor.sample_batches(n, seed, batch_size)
    value_range = predictor.config.range_of(predictor.networks.letters[0])
    digits = max(4, len(str(n)))
    written: list[Path] = []
    shown: list[Tensor] = []
    own_seed = None if seed is None else whole(seed, "seed")
    records = Records(predictor, own_seed, {})
    with FolderResults(out) as results, report_progress("sampling", n, progress) as advance:

        def write(name: str, image: Tensor, values: tuple[float, float] | None) -> WrittenFile:
            return results.write(name, lambda file: fill_image(file, name, image, values))

        for images in batches:
            shown += images[: _GRID**2 - len(shown)]
            for image in images:
                name = f"{len(written) + 1:0{digits}d}{suffix}"
                written.append(out / name)
                entry = records.entry(name, style={"sample": len(written)})
                results.add(NAME, [write(name, image, value_range).recorded(entry)])
            advance(len(images))
        if shown[0].shape[0] in {1, 3, 4}:
            sheet = write(SHEET_NAME, sample_grid(shown), None)
            results.add(NAME, [sheet.recorded(Entry(SHEET_NAME, kind=SHEET))])
    return written


def sample_grid(images: Sequence[Tensor] | Tensor) -> Tensor:
    """Arrange up to 64 images (C, H, W) in a grid (C, rows, columns) with white borders."""
    from torchvision.utils import make_grid  # imports a second of networks

    columns = min(_GRID, math.ceil(math.sqrt(len(images))))
    return make_grid(list(images), columns, pad_value=1.0)
