"""Files in, files out: the loops behind a translator's ``translate_files`` and ``sample_files``."""

from __future__ import annotations

import math
import os
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, SupportsIndex, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.utils import make_grid

from crossimage.data.images.files import read_image, write_image
from crossimage.data.images.resize import cover
from crossimage.inference.file_names import collect, name_results, suffix_of
from crossimage.inference.inputs import Picture, listed
from crossimage.labels import To
from crossimage.utils.arguments import whole
from crossimage.utils.contact_sheet import Panel, sheet
from crossimage.utils.files import atomic
from crossimage.utils.seeds import seed_of

if TYPE_CHECKING:
    from crossimage.inference.translator import Translator

__all__ = ["Report", "convert", "write_samples"]

EVERY = "all"
"""The target that stands for every label of a method with labels, one after the other."""
SHEET = "sheet.png"
_SHEET_ROWS = 16  # at most, of the sheet of every label
_SHEET = 8  # columns and at most as many rows of the sheet of samples


@dataclass
class Report:
    """What a translation of files did.

    Attributes:
        written: The files written, in the order of the inputs.
        skipped: Inputs that could not be read, each with a sentence that names it and says why.
    """

    written: list[Path] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)


def convert(
    model: Translator,
    paths: str | Path | Sequence[str | Path],
    out: Path,
    to: To | None,
    *,
    samples: int,
    reference: Picture | Sequence[Picture] | None,
    same_style: bool,
    seed: SupportsIndex | None,
    size: int | None,
    format: str | None,
    batch_size: int,
    progress: bool,
) -> Report:
    """What :meth:`crossimage.Translator.translate_files` does; see there."""
    samples, batch_size = whole(samples, "samples", 1), whole(batch_size, "batch_size", 1)
    size = None if size is None else whole(size, "size", 1)
    if reference is not None and samples > 1:
        raise ValueError("samples and reference exclude each other: a reference has one style")
    _check_folder(out)
    references: list[Picture] = []
    if reference is not None:
        references = listed(reference)
        samples = len(references)
        if not samples:
            raise ValueError("reference is an empty list; expected at least one image")
    names = model.targets if model.networks.labels else ()
    every = isinstance(to, str) and to == EVERY and bool(names) and EVERY not in names
    targets: Sequence[To] = names if every else [model.target(to)]
    if isinstance(to, Tensor):
        model.goal(to, 1)  # all files get the same labels
    sources = collect(paths, out)
    paths_within = name_results(sources, format, names if every else samples)
    results = [[out / path for path in group] for group in paths_within]
    inputs = [source.path for source in sources]
    _protect(inputs, references, [*results, [out / SHEET]] if every else results)
    draw = _draws(model, targets[0], samples, references, same_style, seed)
    channels, value_range = model.source_channels(targets[0]), model.config.value_range

    def read(path: Path) -> Tensor:
        image = read_image(path, channels, value_range)
        return model.fit((image if size is None else _resized(image, size))[None])[0]

    def finish(writes: dict[Path, Future[None]]) -> None:
        for path, write in writes.items():
            write.result()
            written.add(path)

    report = Report()
    written: set[Path] = set()
    writes: dict[Path, Future[None]] = {}
    shown: dict[int, list[Tensor]] = {}
    with (
        # Decoders silence warnings, which is process-wide: threads would undo it for one another.
        warnings.catch_warnings(action="ignore"),
        ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool,
        _bar("translating", len(inputs) * len(targets) * samples, progress) as advance,
    ):
        for images in _read_ahead(pool, read, inputs, 4 * batch_size):
            groups: dict[torch.Size, list[tuple[int, Tensor]]] = defaultdict(list)
            for i, future in images:
                try:
                    image = future.result()
                except (ValueError, OSError) as error:
                    report.skipped.append((inputs[i], str(error)))
                    advance(len(targets) * samples)
                else:
                    groups[image.shape].append((i, image))
                    if every and len(shown) < _SHEET_ROWS:
                        shown[i] = [cover(image[None], model.config.crop)]
            # Waited for one chunk later, so that the networks need not; more would fill the memory.
            earlier, writes = writes, {}
            for jobs in groups.values():
                for batch in _cut(jobs, max(1, batch_size // samples)):
                    parts = product(enumerate(targets), _cut(range(samples), batch_size))
                    for (place, target), some in parts:
                        answers = [(i, k) for i, _ in batch for k in some]
                        draws = [draw(inputs[i].name, k) for i, k in answers]
                        y = _translate(model, [image for _, image in batch], target, draws)
                        for (i, k), result in zip(answers, y, strict=True):
                            path = results[i][place * samples + k]
                            writes[path] = pool.submit(_write, path, result, value_range)
                            if i in shown:
                                shown[i].append(cover(result[None], model.config.crop))
                        advance(len(answers))
            finish(earlier)
        finish(writes)
    if not written:
        raise ValueError(
            f"none of the {len(inputs)} inputs could be read; the first: {report.skipped[0][1]}"
        )
    report.written = [path for group in results for path in group if path in written]
    if every:
        titles = ("input", *names)
        columns = [torch.cat(column) for column in zip(*shown.values(), strict=True)]
        picture = sheet([Panel("", list(zip(titles, columns, strict=True)))])
        with atomic(out / SHEET) as file:
            picture.save(file, "PNG")
    return report


def write_samples(
    model: Translator,
    n: int,
    out: Path,
    *,
    seed: SupportsIndex | None,
    format: str,
    batch_size: int,
    progress: bool,
) -> list[Path]:
    """What :meth:`crossimage.Translator.sample_files` does; see there."""
    n, suffix = whole(n, "n", 1), suffix_of(format)
    _check_folder(out)
    batches = model.samples(n, seed, batch_size)
    value_range, digits = model.config.value_range, max(4, len(str(n)))
    written: list[Path] = []
    shown: list[Tensor] = []
    with _bar("sampling", n, progress) as advance:
        for images in batches:
            shown += images[: _SHEET**2 - len(shown)]
            for image in images:
                written.append(out / f"{len(written) + 1:0{digits}d}{suffix}")
                _write(written[-1], image, value_range)
            advance(len(images))
    if shown[0].shape[0] in {1, 3, 4}:
        columns = min(_SHEET, math.ceil(math.sqrt(len(shown))))
        _write(out / SHEET, make_grid(shown, columns, pad_value=1.0), None)
    return written


def _check_folder(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; expected a folder for the results")


T = TypeVar("T")


def _cut(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[i : i + size] for i in range(0, len(items), size)]


def _read_ahead(
    pool: ThreadPoolExecutor, read: Callable[[Path], Tensor], paths: list[Path], count: int
) -> Iterator[list[tuple[int, Future[Tensor]]]]:
    """Chunks of inputs being read; at most two are in memory, the current and the next."""
    chunks = _cut(list(enumerate(paths)), count)
    ahead = [(i, pool.submit(read, path)) for i, path in chunks[0]]
    for following in [*chunks[1:], []]:
        current, ahead = ahead, [(i, pool.submit(read, path)) for i, path in following]
        yield current


def _protect(inputs: list[Path], references: list[Picture], results: list[list[Path]]) -> None:
    """Refuse to overwrite an input or a reference."""
    paths = inputs + [Path(r) for r in references if isinstance(r, str | Path)]
    precious = {path.resolve() for path in paths}
    for group in results:
        for path in group:
            if path.resolve() in precious:
                raise ValueError(
                    f"the result {path} would overwrite an input; choose another folder for the "
                    "results"
                )


class _Draw(NamedTuple):
    """What is random in one answer: its style (1, style_dim), or None, and the networks' seed."""

    style: Tensor | None
    seed: int


def _draws(
    model: Translator,
    to: To,
    samples: int,
    references: list[Picture],
    same_style: bool,
    seed: SupportsIndex | None,
) -> Callable[[str, int], _Draw]:
    """What an input's answer is drawn with, from the file's name and the answer's number."""
    networks = model.networks
    codes = [model.encode_style(image, str(to)) for image in references]
    if not networks.style_dim and not networks.stochastic and (samples > 1 or same_style):
        raise ValueError(f"this {model.method} has no styles: it gives one answer an input")
    base = int(torch.randint(2**62, ())) if seed is None else whole(seed, "seed")

    def draw(name: str, k: int) -> _Draw:
        own = seed_of(base, "" if same_style else name, k)
        if codes:
            return _Draw(codes[k], own)
        return _Draw(model.sample_style(1, seed=own) if networks.style_dim else None, own)

    return draw


def _translate(model: Translator, images: list[Tensor], to: To, draws: list[_Draw]) -> Tensor:
    """Several answers an image, in a row; the image is encoded once for them."""
    x = torch.stack(images).to(model.device)
    goal = model.goal(to, len(x))
    try:
        if model.networks.stochastic:
            # every answer by itself, for its noise to be its own, whatever is translated beside it
            inputs = x.repeat_interleave(len(draws) // len(x), 0)[:, None]
            found = [
                model.answer(image, goal, _joined([draw], model), draw.seed)
                for image, draw in zip(inputs, draws, strict=True)
            ]
            return torch.cat(found).cpu()
        return model.answer(x, goal, _joined(draws, model)).cpu()
    except torch.OutOfMemoryError:
        height, width = images[0].shape[1:]
        raise ValueError(
            f"the GPU's memory does not hold {len(draws)} images of {width}x{height} pixels; "
            "use a smaller batch size or size"
        ) from None


def _joined(draws: list[_Draw], model: Translator) -> Tensor | None:
    """The styles of several answers on the networks' device, if any."""
    styles = [draw.style for draw in draws if draw.style is not None]
    return torch.cat(styles).to(model.device) if styles else None


def _write(path: Path, image: Tensor, value_range: tuple[float, float] | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, image, value_range)


def _resized(image: Tensor, shortest: int) -> Tensor:
    height, width = image.shape[1:]
    scale = shortest / min(height, width)
    shape = (max(1, round(height * scale)), max(1, round(width * scale)))
    resized = interpolate(image[None], shape, mode="bilinear", antialias=True)[0]
    return resized.clamp(-1, 1)


@contextmanager
def _bar(what: str, total: int, show: bool) -> Iterator[Callable[[int], None]]:
    if not show:
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (what, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.advance(task, count)
