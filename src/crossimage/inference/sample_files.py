"""Fill a folder with images generated from noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import SupportsIndex

from torch import Tensor

from crossimage.inference.output_types import suffix_of
from crossimage.inference.outputs import SHEET, check_folder, report_progress, write_sample
from crossimage.inference.predictor import Predictor
from crossimage.inference.records import Records, record
from crossimage.utils.arguments import whole
from crossimage.utils.manifest import SHEET as SHEET_KIND
from crossimage.utils.manifest import Entry, ManifestWriter, sha256_of
from crossimage.utils.progress import ProgressCallback

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
    check_folder(out)
    batches = predictor.sample_batches(n, seed, batch_size)
    value_range = predictor.config.range_of(predictor.networks.letters[0])
    digits = max(4, len(str(n)))
    written: list[Path] = []
    shown: list[Tensor] = []
    own_seed = None if seed is None else whole(seed, "seed")
    records = Records(predictor, out, own_seed, {})
    with ManifestWriter(out) as manifest, report_progress("sampling", n, progress) as advance:
        for images in batches:
            shown += images[: _GRID**2 - len(shown)]
            for image in images:
                written.append(out / f"{len(written) + 1:0{digits}d}{suffix}")
                write_sample(written[-1], image, value_range)
                entry = records.entry(written[-1], style={"sample": len(written)})
                record(manifest, entry, sha256_of(written[-1]))
            advance(len(images))
        if shown[0].shape[0] in {1, 3, 4}:
            write_sample(out / SHEET, sample_grid(shown), None)
            manifest.add(Entry(SHEET, sha256_of(out / SHEET), SHEET_KIND))
    return written


def sample_grid(images: Sequence[Tensor] | Tensor) -> Tensor:
    """Arrange up to 64 images (C, H, W) in a grid (C, rows, columns) with white borders."""
    from torchvision.utils import make_grid  # imports a second of networks

    columns = min(_GRID, math.ceil(math.sqrt(len(images))))
    return make_grid(list(images), columns, pad_value=1.0)
