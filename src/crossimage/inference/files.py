"""Translate image files into a folder."""

from __future__ import annotations

import os
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, SupportsIndex, TypeVar

import torch
from torch import Tensor

from crossimage.data.images.encoded import EncodedImage, ImageFile
from crossimage.data.images.files import LoadedImage, Opacity, load_image, read_image
from crossimage.data.images.label_maps import read_label_map
from crossimage.data.images.resize import resize_shortest_side, resize_to_cover
from crossimage.data.sources.find import LeftOut, describe, further_images
from crossimage.inference.failures import ends_all, is_out_of_memory, refusal, unwritable
from crossimage.inference.file_names import name_outputs
from crossimage.inference.incoming import Incoming
from crossimage.inference.input_files import find_inputs
from crossimage.inference.inputs import FilesLike, ImageLike
from crossimage.inference.large_images import is_large, large_images
from crossimage.inference.output_types import (
    ResultDepth,
    check_types,
    note_lost_depth,
    note_type,
    suffix_for,
)
from crossimage.inference.outputs import (
    SHEET,
    Original,
    check_folder,
    read_original,
    report_progress,
    write_output,
)
from crossimage.inference.predictor import Draw, Predictor
from crossimage.inference.records import Records, done_inputs, record, styles_of
from crossimage.inference.references import Reference, find_references, reference_styles
from crossimage.labels import To
from crossimage.utils.arguments import whole
from crossimage.utils.contact_sheet import Panel, sheet
from crossimage.utils.files import atomic
from crossimage.utils.manifest import SHEET as SHEET_KIND
from crossimage.utils.manifest import Entry, ManifestWriter, sha256_of
from crossimage.utils.progress import ProgressCallback
from crossimage.utils.seeds import seed_of

__all__ = ["FileOptions", "TranslatedFiles", "translate_files"]

ALL_LABELS = "all"
"""The target that stands for every label of a method with labels, one after the other."""
_MAX_SHEET_INPUTS = 16  # rows of the sheet of all labels

T = TypeVar("T")


@dataclass(frozen=True)
class FileOptions:
    """How files are translated; :meth:`crossimage.Translator.translate_files` explains each option.

    Attributes:
        samples: Outputs per input and target.
        reference: Images whose styles are used, one output per input for each.
        same_style: Whether all inputs share the same random styles.
        seed: Seed of random styles and noise; None for a random one.
        truncation: How far random styles may be from the target's mean style.
        size: Shortest side that inputs are resized to, in pixels.
        format: Type of the outputs, such as ``png``; None for each input's own.
        alpha: What becomes of transparent parts: ``white``, ``keep`` or ``drop``.
        depth: How values are stored: ``auto``, ``8``, ``16`` or ``float``.
        batch_size: Images that pass through the networks together.
        skip_existing: Whether inputs whose results exist, unchanged and made in the same way, are
            not translated again.
        progress: Whether to show a progress bar, or what to call with the progress.
    """

    samples: int = 1
    reference: ImageLike | Sequence[ImageLike] | None = None
    same_style: bool = False
    seed: SupportsIndex | None = None
    truncation: float = 1.0
    size: int | None = None
    format: str | None = None
    alpha: Opacity = "white"
    depth: ResultDepth = "auto"
    batch_size: int = 4
    skip_existing: bool = False
    progress: bool | ProgressCallback = False

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
            raise ValueError("samples and reference are mutually exclusive: give one of them")
        if self.reference is not None and self.truncation != 1:
            raise ValueError("truncation is of random styles, so it excludes reference")
        check_types(self.format, self.depth, self.alpha)
        return checked


@dataclass
class TranslatedFiles:
    """The result of translating files.

    Attributes:
        written: The files written, in the order of the inputs.
        skipped: Inputs that lack a result, because they could not be read, did not fit in memory or
            the result could not be written, each with a sentence that names it and says why.
        left_out: What the given folders hold besides images, counted by reason in one line; None if
            nothing.
        existing: With ``skip_existing``, the results that were there already.
        notes: What else is worth knowing, such as images of an unusual size; one sentence each.
    """

    written: list[Path] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    left_out: str | None = None
    existing: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def translate_files(
    predictor: Predictor,
    paths: FilesLike,
    out: Path,
    to: To | None,
    options: FileOptions,
) -> TranslatedFiles:
    """Translate image files into a folder; see :meth:`crossimage.Translator.translate_files`.

    Args:
        predictor: The trained model.
        paths: Files, folders, patterns, lists, addresses and encoded images.
        out: Folder for the outputs.
        to: Name of the target domain, labels, or ``all`` of them.
        options: All other choices.

    Raises:
        FileNotFoundError: An input does not exist.
        ValueError: No input is readable, an output would overwrite an input, or an option does
            not fit the model.
        OSError: An output cannot be written.
    """
    with Incoming() as incoming:
        plan = _plan(predictor, paths, out, to, options.check(), incoming)
        return _carry_out(predictor, plan, out, options.check())


def _carry_out(
    predictor: Predictor, plan: _Plan, out: Path, options: FileOptions
) -> TranslatedFiles:
    """Translate the inputs of a plan."""
    with (
        # Decoders silence warnings, which is process-wide: threads would undo it for one another.
        warnings.catch_warnings(action="ignore"),
        ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool,
    ):
        done, outdated = _find_done(plan, options, pool)
        waiting = [i for i in range(len(plan.inputs)) if i not in done]
        total = len(waiting) * len(plan.targets) * plan.samples
        with (
            ManifestWriter(out) as manifest,
            report_progress("translating images", total, options.progress) as advance,
        ):
            job = _Job(predictor, plan, options, pool, advance, manifest)
            if waiting:
                job.run(waiting)
            written = [path for group in plan.outputs for path in group if path in job.written]
            if not written and not done:
                raise ValueError(
                    f"none of the {len(plan.inputs)} inputs could be translated; the first: "
                    f"{job.skipped[0][1]}"
                )
            if plan.sheet and written:
                _write_sheet(plan, job.rows_with(sorted(done)), out / SHEET)
                manifest.add(Entry(SHEET, sha256_of(out / SHEET), SHEET_KIND))
    existing = [path for i in sorted(done) for path in plan.outputs[i]]
    skipped = [*plan.skipped, *job.skipped]
    notes = [
        f"{number} {'input' if number == 1 else 'inputs'} translated again: earlier results are "
        f"{reason}"
        for reason, number in outdated.items()
    ]
    return TranslatedFiles(
        written, skipped, describe(plan.left_out), existing, [*notes, *job.notes()]
    )


def _find_done(
    plan: _Plan, options: FileOptions, pool: ThreadPoolExecutor
) -> tuple[set[int], dict[str, int]]:
    """Return the inputs that need no translation, and why others do, see :func:`done_inputs`."""
    if not options.skip_existing:
        return set(), {}
    return done_inputs(len(plan.inputs), plan.entries, plan.records.out, options.seed is None, pool)


def _write_sheet(plan: _Plan, rows: Sequence[list[Tensor]], path: Path) -> None:
    """Write the sheet of all labels, one row per input."""
    titles = ["input", *(str(label) for label in plan.targets for _ in range(plan.samples))]
    columns = [torch.cat(column) for column in zip(*rows, strict=True)]
    contact_sheet = sheet([Panel("", list(zip(titles, columns, strict=True)))])
    with atomic(path) as file:
        contact_sheet.save(file, "PNG")


class _Plan(NamedTuple):
    """What is translated to what.

    Attributes:
        inputs: The input files.
        targets: The targets of every input.
        samples: Outputs per input and target.
        outputs: Files of each input's outputs: the samples of the first target, then the next.
        draw: Style and seed of an output, from its input's file name, its index and its target.
        sheet: Whether a sheet of all labels is written.
        left_out: What the given folders hold besides images.
        incoming: The inputs that are not files of the user.
        skipped: Inputs that could not be downloaded, each with the reason.
        records: Describes the outputs for the list of results.
        styles: What determines the style of each sample, for that list.
        random: Whether outputs depend on styles or noise.
    """

    inputs: list[Path]
    targets: Sequence[To]
    samples: int
    outputs: list[list[Path]]
    draw: Callable[[str, int, To], Draw]
    sheet: bool
    left_out: list[LeftOut]
    incoming: Incoming
    skipped: list[tuple[Path, str]]
    records: Records
    styles: list[dict[str, Any]]
    random: bool

    def entries(self, i: int) -> list[Entry]:
        """Describe the outputs of an input, in the order of its outputs, for the list of results.

        Raises:
            OSError: The input cannot be read.
        """
        path = self.inputs[i]
        name, sha256 = self.incoming.names.get(path, path.as_posix()), sha256_of(path)
        return [
            self.records.entry(output, input=name, input_sha256=sha256, target=target, style=style)
            for output, (target, style) in zip(
                self.outputs[i], product(self.targets, self.styles), strict=True
            )
        ]


class _Job:
    """The translation of files in progress.

    Args:
        predictor: The trained model.
        plan: What is translated to what.
        options: All other choices.
        pool: Threads that read and write images.
        advance: Called with the number of outputs that are finished.
        manifest: The list of results.

    Attributes:
        written: The files written.
        skipped: Inputs that lack an output, each with the reason.
        sheet_rows: By input, the images of its row in the sheet of all labels.
    """

    def __init__(
        self,
        predictor: Predictor,
        plan: _Plan,
        options: FileOptions,
        pool: ThreadPoolExecutor,
        advance: Callable[[int], None],
        manifest: ManifestWriter,
    ) -> None:
        self._manifest = manifest
        self._predictor, self._plan, self._options = predictor, plan, options
        self._pool, self._advance = pool, advance
        self._source = predictor.source_letter(plan.targets[0])
        self._channels = predictor.channels(self._source)
        self._range = predictor.config.range_of(_target_letter(predictor, plan.targets[0]))
        self._originals: dict[int, Original] = {}
        self._notes: dict[str, list[Path]] = defaultdict(list)
        self._writes: dict[Path, tuple[int, Future[str]]] = {}
        self._entries: dict[Path, Entry] = {}
        self._failed: set[int] = set()
        self._large = 0
        self.written: set[Path] = set()
        self.skipped: list[tuple[Path, str]] = []
        self.sheet_rows: dict[int, list[Tensor]] = {}

    def run(self, indices: Sequence[int]) -> None:
        """Translate the inputs with these indices."""
        batch_size, samples = self._options.batch_size, self._plan.samples
        for chunk in _read_ahead(self._pool, self._read, indices, 4 * batch_size):
            # Wait for these writes one chunk later, so that the networks go on meanwhile; waiting
            # longer would fill the memory.
            earlier, self._writes = self._writes, {}
            for images in self._by_size(chunk):
                for batch in _chunks(images, max(1, batch_size // samples)):
                    self._translate(batch)
            self._finish(earlier)
        self._finish(self._writes)

    def rows_with(self, done: Sequence[int]) -> list[list[Tensor]]:
        """Return the rows of the sheet, also of inputs that are not translated again."""
        for i in done[:_MAX_SHEET_INPUTS]:
            outputs = [read_image(path, self._channels) for path in self._plan.outputs[i]]
            images = [self._read(i)[0].loaded.values, *outputs]
            self.sheet_rows[i] = [self._thumbnail(image) for image in images]
        return [self.sheet_rows[i] for i in sorted(self.sheet_rows)][:_MAX_SHEET_INPUTS]

    def _read(self, i: int) -> tuple[Original, list[Entry]]:
        return self._read_image(self._plan.inputs[i]), self._plan.entries(i)

    def _read_image(self, path: Path) -> Original:
        config = self._predictor.config
        file = self._plan.incoming.image(path)
        if classes := self._predictor.networks.classes:
            loaded = self._read_label_map(file, classes)
        else:
            loaded = load_image(
                file, self._channels, config.range_of(self._source), config.data_rules,
                self._options.alpha,
            )  # fmt: skip
        return read_original(file, loaded, self._fit, config.data_rules)

    def _fit(self, image: Tensor) -> Tensor:
        if self._options.size is not None:
            image = resize_shortest_side(image, self._options.size)
        return self._predictor.fit_size(image)

    def _read_label_map(self, file: ImageFile, classes: int) -> LoadedImage:
        if self._options.size is not None:
            raise ValueError(
                f"{file} is a label map, whose classes would mix when it is resized; leave out "
                "size, and resize label maps by nearest neighbour first"
            )
        return LoadedImage(read_label_map(file, self._channels, classes), None, None, 0)

    def _by_size(
        self, chunk: Sequence[tuple[int, Future[tuple[Original, list[Entry]]]]]
    ) -> Iterable[list[tuple[int, Tensor]]]:
        """Group the images of a chunk by size, each with its index; skip unreadable ones."""
        groups: dict[torch.Size, list[tuple[int, Tensor]]] = defaultdict(list)
        for i, future in chunk:
            try:
                original, entries = future.result()
            except Exception as error:
                self._skip(i, refusal(self._plan.inputs[i], error))
                self._advance(len(self._plan.targets) * self._plan.samples)
            else:
                loaded = original.loaded
                image = loaded.values
                self._entries.update(zip(self._plan.outputs[i], entries, strict=True))
                groups[image.shape].append((i, image))
                self._large += is_large(self._predictor, image)
                # without the values, which are no longer needed
                self._originals[i] = original._replace(loaded=loaded._replace(values=image[:0]))
                self._note(i, original)
                self._plan.left_out.extend(further_images(self._plan.inputs[i], loaded.further))
                if self._plan.sheet and len(self.sheet_rows) < _MAX_SHEET_INPUTS:
                    self.sheet_rows[i] = [self._thumbnail(image)]
        return groups.values()

    def _translate(self, batch: Sequence[tuple[int, Tensor]]) -> None:
        """Translate images of one size to all targets, and submit the outputs for writing."""
        plan = self._plan
        parts = product(
            enumerate(plan.targets), _chunks(range(plan.samples), self._options.batch_size)
        )
        for (t, target), indices in parts:
            whole_batch = [(i, image) for i, image in batch if i not in self._failed]
            for i, k, output in self._outputs(whole_batch, target, indices):
                self._write(i, plan.outputs[i][t * plan.samples + k], output)
                if i in self.sheet_rows:
                    self.sheet_rows[i].append(self._thumbnail(output))
            self._advance(len(batch) * len(indices))
        for i, _ in batch:
            self._originals.pop(i)

    def _outputs(
        self, batch: Sequence[tuple[int, Tensor]], target: To, indices: Sequence[int]
    ) -> Iterator[tuple[int, int, Tensor]]:
        """Yield an input's index, a sample's and the output; halve what does not fit in memory."""
        if not batch:
            return
        plan, images = self._plan, [image for _, image in batch]
        draws = [[plan.draw(plan.inputs[i].name, k, target) for k in indices] for i, _ in batch]
        y = _predict(self._predictor, images, target, draws)
        if y is not None:
            for (i, _), outputs in zip(batch, y, strict=True):
                yield from ((i, k, output) for k, output in zip(indices, outputs, strict=True))
        elif len(batch) > 1:
            for part in _chunks(batch, -(-len(batch) // 2)):
                yield from self._outputs(part, target, indices)
        elif len(indices) > 1:
            for some in _chunks(indices, -(-len(indices) // 2)):
                yield from self._outputs(
                    [one for one in batch if one[0] not in self._failed], target, some
                )
        else:
            ((i, image),) = batch
            height, width = image.shape[1:]
            self._skip(
                i,
                f"{plan.inputs[i]} does not fit in memory at {width} x {height} pixels; shrink it "
                "with size",
            )

    def _skip(self, i: int, reason: str) -> None:
        """Note that an input lacks an output; only the first reason counts."""
        if i not in self._failed:
            self._failed.add(i)
            self.skipped.append((self._plan.inputs[i], reason))
        self.sheet_rows.pop(i, None)

    def notes(self) -> list[str]:
        """Return what users should know about the inputs."""
        large = [large_images(self._predictor.config, self._large)] if self._large else []
        return large + [
            f"{len(paths)} {'input' if len(paths) == 1 else 'inputs'}: {note} ({paths[0]})"
            for note, paths in self._notes.items()
        ]

    def _note(self, i: int, original: Original) -> None:
        path, suffix = self._plan.inputs[i], self._plan.outputs[i][0].suffix.lower()
        notes = [*original.notes, note_type(path, suffix, self._options.format)]
        if self._options.depth == "auto":
            notes.append(note_lost_depth(original.loaded.depth, suffix))
        for note in filter(None, notes):
            self._notes[note].append(path)

    def _write(self, i: int, path: Path, image: Tensor) -> None:
        self._writes[path] = i, self._pool.submit(self._save, path, image, self._originals[i])

    def _save(self, path: Path, image: Tensor, original: Original) -> str:
        """Write an output, and return the SHA-256 of its file."""
        write_output(path, image, self._range, original, self._options.depth)
        return sha256_of(path)

    def _finish(self, writes: Mapping[Path, tuple[int, Future[str]]]) -> None:
        """Wait for outputs and list them; those that cannot be written are skipped."""
        for path, (i, write) in writes.items():
            entry = self._entries.pop(path)
            try:
                sha256 = write.result()
            except (ValueError, OSError) as error:
                if ends_all(error):
                    raise
                self._skip(i, unwritable(self._plan.inputs[i], path, error))
            else:
                record(self._manifest, entry, sha256)
                self.written.add(path)

    def _thumbnail(self, image: Tensor) -> Tensor:
        return resize_to_cover(image[None], self._predictor.config.crop)


def _plan(
    predictor: Predictor,
    paths: FilesLike,
    out: Path,
    to: To | None,
    options: FileOptions,
    incoming: Incoming,
) -> _Plan:
    """Find the inputs and name the outputs, before anything is translated."""
    check_folder(out)
    left_out: list[LeftOut] = []
    few_shot = predictor.networks.few_shot

    def named(reference: ImageLike) -> list[ImageLike | EncodedImage]:
        return _named(reference, out, incoming, left_out)

    references = (
        [] if options.reference is None else find_references(options.reference, few_shot, named)
    )
    samples = len(references) or options.samples
    labels = predictor.targets if predictor.networks.labels and not few_shot else ()
    every = isinstance(to, str) and to == ALL_LABELS and bool(labels) and ALL_LABELS not in labels
    targets: Sequence[To] = labels if every else [predictor.resolve_target(to)]
    _check_alpha(predictor, targets[0], options.alpha)
    if isinstance(to, Tensor):
        predictor.encode_target(to, 1)  # all files get the same labels
    found = find_inputs(paths, out, incoming, options.progress)
    sources = found.files
    suffix = partial(suffix_for, format=options.format, depth=options.depth)
    titles = (
        labels if samples == 1 else [f"{label}_{k + 1}" for label in labels for k in range(samples)]
    )
    names = name_outputs(sources, suffix, titles if every else samples)
    outputs = [[out / name for name in group] for group in names]
    inputs = [source.path for source in sources]
    _protect(inputs, references, [*outputs, [out / SHEET]] if every else outputs)
    seed = int(torch.randint(2**62, ())) if options.seed is None else whole(options.seed, "seed")
    draw = _draw_rule(predictor, targets, samples, references, options, seed)
    left_out += found.left_out
    records = Records(predictor, out, seed, _settings(options))
    styles = styles_of(samples, options.same_style, references)
    return _Plan(
        inputs, targets, samples, outputs, draw, every, left_out, incoming, found.skipped, records,
        styles, bool(references) or predictor.multimodal,
    )  # fmt: skip


def _settings(options: FileOptions) -> dict[str, Any]:
    """Return the options that determine the pixels, but are stated nowhere else in the list."""
    elsewhere = {
        "samples", "reference", "same_style", "seed", "format", "batch_size", "skip_existing",
        "progress",
    }  # fmt: skip
    return {f.name: getattr(options, f.name) for f in fields(options) if f.name not in elsewhere}


def _named(
    given: ImageLike, out: Path, incoming: Incoming, left_out: list[LeftOut]
) -> list[ImageLike | EncodedImage]:
    """Return the images that a reference names: itself, or those of a folder, pattern or list."""
    if not isinstance(given, str | Path):
        return [given]
    found = find_inputs(given, out, incoming)
    if found.skipped:  # fewer results than references would be surprising
        raise ValueError(found.skipped[0][1])
    left_out += found.left_out
    return [incoming.image(source.path) for source in found.files]


def _draw_rule(
    predictor: Predictor,
    targets: Sequence[To],
    samples: int,
    references: Sequence[Reference],
    options: FileOptions,
    seed: int,
) -> Callable[[str, int, To], Draw]:
    """Return the function that gives an output's style and seed."""
    predictor.check_truncation(options.truncation)
    if predictor.networks.few_shot and not references:
        raise ValueError(
            f"this {predictor.method} translates to the class of reference images, and there are "
            "none: give some"
        )
    styles = [
        (to, reference_styles(predictor, references, to).cpu()) for to in targets if references
    ]
    if references:
        samples = 1
    if not predictor.multimodal and (samples > 1 or options.same_style):
        raise ValueError(f"this {predictor.method} has no styles: it gives one output per input")

    def draw(name: str, k: int, to: To) -> Draw:
        name = "" if options.same_style else name
        for target, codes in styles:
            if target is to:
                return Draw(codes[k : k + 1], seed_of(seed, name, k))
        return predictor.draw(seed, name, k, predictor.encode_target(to, 1), options.truncation)

    return draw


def _check_alpha(predictor: Predictor, to: To, alpha: Opacity) -> None:
    """Refuse to treat opacity apart if the model translates it.

    Raises:
        ValueError: It has images of 4 channels.
    """
    letters = (predictor.source_letter(to), _target_letter(predictor, to))
    if alpha != "white" and 4 in map(predictor.channels, letters):
        raise ValueError(f"this model has images of 4 channels; leave out alpha={alpha}")


def _target_letter(predictor: Predictor, to: To) -> str:
    """Return the letter of the domain that outputs for a target belong to."""
    letters = predictor.networks.letters
    return letters[0] if len(letters) == 1 else predictor.letter(to)


def _predict(
    predictor: Predictor, images: list[Tensor], to: To, draws: Sequence[Sequence[Draw]]
) -> Tensor | None:
    """Translate images of one size to outputs (N, k, C, H, W) on the CPU.

    Returns:
        The outputs; None if they do not fit in memory.
    """
    try:
        x = torch.stack(images).to(predictor.device)
        return predictor.predict(x, predictor.encode_target(to, len(x)), draws).cpu()
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
    # outside of the handler, whose error keeps the tensors alive
    if predictor.device.type == "cuda":
        torch.cuda.empty_cache()
    return None


def _protect(
    inputs: Sequence[Path], references: Sequence[Reference], outputs: Sequence[Sequence[Path]]
) -> None:
    """Refuse to overwrite an input or a reference."""
    images = (image for reference in references for image in reference)
    given = [*inputs, *(Path(image) for image in images if isinstance(image, str | Path))]
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
    pool: ThreadPoolExecutor, read: Callable[[int], T], indices: Sequence[int], size: int
) -> Iterator[list[tuple[int, Future[T]]]]:
    """Read inputs in chunks, of which at most two are in memory: the current and the next."""
    chunks = _chunks(indices, size)
    ahead = [(i, pool.submit(read, i)) for i in chunks[0]]
    for following in [*chunks[1:], []]:
        current, ahead = ahead, [(i, pool.submit(read, i)) for i in following]
        yield current
