"""Translate image files into a folder, or fill one with samples."""

from __future__ import annotations

import math
import os
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import NamedTuple, SupportsIndex, TypeVar

import torch
from torch import Tensor
from torchvision.utils import make_grid

from crossimage.data.images.files import read_image, write_image
from crossimage.data.images.resize import resize_shortest_side, resize_to_cover
from crossimage.inference.file_names import find_inputs, name_outputs, suffix_of
from crossimage.inference.inputs import ImageLike, as_list, read_inputs
from crossimage.inference.predictor import Draw, Predictor
from crossimage.labels import To
from crossimage.utils.arguments import whole
from crossimage.utils.contact_sheet import Panel, sheet
from crossimage.utils.files import atomic

__all__ = ["FileOptions", "TranslatedFiles", "translate_files", "write_samples"]

ALL_LABELS = "all"
"""The target that stands for every label of a method with labels, one after the other."""
SHEET = "sheet.png"
_MAX_SHEET_INPUTS = 16  # rows of the sheet of all labels
_SAMPLE_GRID = 8  # columns, and at most as many rows, of the sheet of samples

T = TypeVar("T")


@dataclass(frozen=True)
class FileOptions:
    """How files are translated; :meth:`crossimage.Translator.translate_files` explains each option.

    Attributes:
        samples: Outputs per input and target.
        reference: Images whose styles are used, one output per input for each.
        same_style: Whether all inputs share the same random styles.
        seed: Seed of random styles and noise; None for a random one.
        size: Shortest side that inputs are resized to, in pixels.
        format: Type of the outputs, such as ``png``; None for each input's own.
        batch_size: Images that pass through the networks together.
        progress: Whether to show a progress bar.
    """

    samples: int = 1
    reference: ImageLike | Sequence[ImageLike] | None = None
    same_style: bool = False
    seed: SupportsIndex | None = None
    size: int | None = None
    format: str | None = None
    batch_size: int = 4
    progress: bool = False

    def check(self) -> FileOptions:
        """Return the options with every number checked and made an ``int``.

        Raises:
            ValueError: A number is out of range, or options contradict each other.
        """
        checked = replace(
            self,
            samples=whole(self.samples, "samples", 1),
            batch_size=whole(self.batch_size, "batch_size", 1),
            size=None if self.size is None else whole(self.size, "size", 1),
        )
        if self.reference is not None and checked.samples > 1:
            raise ValueError("samples and reference exclude each other: a reference has one style")
        return checked


@dataclass
class TranslatedFiles:
    """The result of translating files.

    Attributes:
        written: The files written, in the order of the inputs.
        skipped: Inputs that could not be read, each with a sentence that names it and says why.
    """

    written: list[Path] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)


def translate_files(
    predictor: Predictor,
    paths: str | Path | Sequence[str | Path],
    out: Path,
    to: To | None,
    options: FileOptions,
) -> TranslatedFiles:
    """Translate image files into a folder; see :meth:`crossimage.Translator.translate_files`.

    Args:
        predictor: The trained model.
        paths: Files, folders and patterns.
        out: Folder for the outputs.
        to: Name of the target domain, labels, or ``all`` of them.
        options: All other choices.

    Raises:
        FileNotFoundError: An input does not exist.
        ValueError: No input is readable, an output would overwrite an input, or an option does
            not fit the model.
        OSError: An output cannot be written.
    """
    options = options.check()
    plan = _plan(predictor, paths, out, to, options)
    inputs, targets, samples = plan.inputs, plan.targets, plan.samples
    channels = predictor.channels(predictor.source_letter(targets[0]))
    crop, value_range = predictor.config.crop, predictor.config.value_range

    def read(path: Path) -> Tensor:
        image = read_image(path, channels, value_range)
        if options.size is not None:
            image = resize_shortest_side(image[None], options.size)[0]
        return predictor.fit_size(image[None])[0]

    def finish(writes: dict[Path, Future[None]]) -> None:
        for path, write in writes.items():
            write.result()
            written.add(path)

    result = TranslatedFiles()
    written: set[Path] = set()
    writes: dict[Path, Future[None]] = {}
    sheet_rows: dict[int, list[Tensor]] = {}
    with (
        # Decoders silence warnings, which is process-wide: threads would undo it for one another.
        warnings.catch_warnings(action="ignore"),
        ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool,
        _bar("translating", len(inputs) * len(targets) * samples, options.progress) as advance,
    ):
        for chunk in _read_ahead(pool, read, inputs, 4 * options.batch_size):
            by_size: dict[torch.Size, list[tuple[int, Tensor]]] = defaultdict(list)
            for i, future in chunk:
                try:
                    image = future.result()
                except (ValueError, OSError) as error:
                    result.skipped.append((inputs[i], str(error)))
                    advance(len(targets) * samples)
                else:
                    by_size[image.shape].append((i, image))
                    if plan.sheet and len(sheet_rows) < _MAX_SHEET_INPUTS:
                        sheet_rows[i] = [resize_to_cover(image[None], crop)]
            # Wait for these one chunk later, so that the networks go on meanwhile; waiting longer
            # would fill the memory.
            earlier, writes = writes, {}
            for images in by_size.values():
                for batch in _chunks(images, max(1, options.batch_size // samples)):
                    x = [image for _, image in batch]
                    parts = product(enumerate(targets), _chunks(range(samples), options.batch_size))
                    for (t, target), indices in parts:
                        draws = [[plan.draw(inputs[i].name, k) for k in indices] for i, _ in batch]
                        y = _predict(predictor, x, target, draws)
                        for (i, _), outputs in zip(batch, y, strict=True):
                            for k, output in zip(indices, outputs, strict=True):
                                path = plan.outputs[i][t * samples + k]
                                writes[path] = pool.submit(_write, path, output, value_range)
                                if i in sheet_rows:
                                    sheet_rows[i].append(resize_to_cover(output[None], crop))
                        advance(len(batch) * len(indices))
            finish(earlier)
        finish(writes)
    if not written:
        raise ValueError(
            f"none of the {len(inputs)} inputs could be read; the first: {result.skipped[0][1]}"
        )
    result.written = [path for paths in plan.outputs for path in paths if path in written]
    if plan.sheet:
        titles = ("input", *predictor.targets)
        columns = [torch.cat(column) for column in zip(*sheet_rows.values(), strict=True)]
        contact_sheet = sheet([Panel("", list(zip(titles, columns, strict=True)))])
        with atomic(out / SHEET) as file:
            contact_sheet.save(file, "PNG")
    return result


def write_samples(
    predictor: Predictor,
    n: int,
    out: Path,
    *,
    seed: SupportsIndex | None,
    format: str,
    batch_size: int,
    progress: bool,
) -> list[Path]:
    """Write images generated from noise; see :meth:`crossimage.Translator.sample_files`."""
    n, suffix = whole(n, "n", 1), suffix_of(format)
    _check_folder(out)
    batches = predictor.sample_batches(n, seed, batch_size)
    value_range, digits = predictor.config.value_range, max(4, len(str(n)))
    written: list[Path] = []
    shown: list[Tensor] = []
    with _bar("sampling", n, progress) as advance:
        for images in batches:
            shown += images[: _SAMPLE_GRID**2 - len(shown)]
            for image in images:
                written.append(out / f"{len(written) + 1:0{digits}d}{suffix}")
                _write(written[-1], image, value_range)
            advance(len(images))
    if shown[0].shape[0] in {1, 3, 4}:
        _write(out / SHEET, sample_grid(shown), None)
    return written


def sample_grid(images: Sequence[Tensor] | Tensor) -> Tensor:
    """Arrange up to 64 images (C, H, W) in a grid (C, rows, columns) with white borders."""
    columns = min(_SAMPLE_GRID, math.ceil(math.sqrt(len(images))))
    grid: Tensor = make_grid(list(images), columns, pad_value=1.0)
    return grid


class _Plan(NamedTuple):
    """What is translated to what.

    Attributes:
        inputs: The input files.
        targets: The targets of every input.
        samples: Outputs per input and target.
        outputs: Files of each input's outputs: the samples of the first target, then the next.
        draw: Style and seed of an output, from its input's file name and its index.
        sheet: Whether a sheet of all labels is written.
    """

    inputs: list[Path]
    targets: Sequence[To]
    samples: int
    outputs: list[list[Path]]
    draw: Callable[[str, int], Draw]
    sheet: bool


def _plan(
    predictor: Predictor,
    paths: str | Path | Sequence[str | Path],
    out: Path,
    to: To | None,
    options: FileOptions,
) -> _Plan:
    """Find the inputs and name the outputs, before anything is translated."""
    _check_folder(out)
    references = [] if options.reference is None else as_list(options.reference)
    if options.reference is not None and not references:
        raise ValueError("reference is an empty list; expected at least one image")
    samples = len(references) or options.samples
    labels = predictor.targets if predictor.networks.labels else ()
    every = isinstance(to, str) and to == ALL_LABELS and bool(labels) and ALL_LABELS not in labels
    targets: Sequence[To] = labels if every else [predictor.resolve_target(to)]
    if isinstance(to, Tensor):
        predictor.encode_target(to, 1)  # all files get the same labels
    sources = find_inputs(paths, out)
    names = name_outputs(sources, options.format, labels if every else samples)
    outputs = [[out / name for name in group] for group in names]
    inputs = [source.path for source in sources]
    _protect(inputs, references, [*outputs, [out / SHEET]] if every else outputs)
    draw = _draw_rule(predictor, targets[0], samples, references, options)
    return _Plan(inputs, targets, samples, outputs, draw, every)


def _draw_rule(
    predictor: Predictor,
    to: To,
    samples: int,
    references: Sequence[ImageLike],
    options: FileOptions,
) -> Callable[[str, int], Draw]:
    """Return the function that gives an output's style and seed."""
    styles = _reference_styles(predictor, references, str(to)) if references else []
    if not predictor.multimodal and (samples > 1 or options.same_style):
        raise ValueError(f"this {predictor.method} has no styles: it gives one output per input")
    seed = int(torch.randint(2**62, ())) if options.seed is None else whole(options.seed, "seed")

    def draw(name: str, k: int) -> Draw:
        own = predictor.draw(seed, "" if options.same_style else name, k)
        return own._replace(style=styles[k]) if styles else own

    return draw


def _reference_styles(
    predictor: Predictor, references: Sequence[ImageLike], domain: str
) -> list[Tensor]:
    """Encode the style (1, style_dim) of each reference."""
    channels = predictor.channels(predictor.letter(domain))
    inputs = read_inputs(references, channels, predictor.config.value_range)
    images = [predictor.fit_size(batch.to(predictor.device)) for batch in inputs.batches]
    return [predictor.reference_style(image, domain).cpu() for image in images]


def _predict(
    predictor: Predictor, images: list[Tensor], to: To, draws: Sequence[Sequence[Draw]]
) -> Tensor:
    """Translate images of one size to outputs (N, k, C, H, W) on the CPU."""
    x = torch.stack(images).to(predictor.device)
    try:
        return predictor.predict(x, predictor.encode_target(to, len(x)), draws).cpu()
    except torch.OutOfMemoryError:
        height, width = images[0].shape[1:]
        count = sum(map(len, draws))
        raise ValueError(
            f"the GPU's memory does not hold {count} images of {width}x{height} pixels; "
            "use a smaller batch size or size"
        ) from None


def _check_folder(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; expected a folder for the results")


def _protect(
    inputs: Sequence[Path], references: Sequence[ImageLike], outputs: Sequence[Sequence[Path]]
) -> None:
    """Refuse to overwrite an input or a reference."""
    given = [*inputs, *(Path(r) for r in references if isinstance(r, str | Path))]
    protected = {path.resolve() for path in given}
    for group in outputs:
        for path in group:
            if path.resolve() in protected:
                raise ValueError(
                    f"the result {path} would overwrite an input; choose another folder for the "
                    "results"
                )


def _chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[i : i + size] for i in range(0, len(items), size)]


def _read_ahead(
    pool: ThreadPoolExecutor, read: Callable[[Path], Tensor], paths: Sequence[Path], size: int
) -> Iterator[list[tuple[int, Future[Tensor]]]]:
    """Read inputs in chunks, of which at most two are in memory: the current and the next."""
    chunks = _chunks(list(enumerate(paths)), size)
    ahead = [(i, pool.submit(read, path)) for i, path in chunks[0]]
    for following in [*chunks[1:], []]:
        current, ahead = ahead, [(i, pool.submit(read, path)) for i, path in following]
        yield current


def _write(path: Path, image: Tensor, value_range: tuple[float, float] | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, image, value_range)


@contextmanager
def _bar(title: str, total: int, show: bool) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on stderr; yields the function that advances it."""
    if not show:
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (title, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.advance(task, count)
