"""The translation of files in progress, with threads that read and write."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.files import LoadedImage, load_image, read_image
from crossimage.data.images.label_maps import read_label_map
from crossimage.data.images.pixels import ImageError
from crossimage.data.images.resize import resize_shortest_side, resize_to_cover
from crossimage.data.sources.find import further_images
from crossimage.inference.failures import ends_all, refusal, unwritable
from crossimage.inference.files.large import LargeFile, LargeFiles
from crossimage.inference.files.options import FileOptions
from crossimage.inference.files.plan import Plan, target_letter
from crossimage.inference.large_images import is_large, large_images
from crossimage.inference.output_types import note_lost_depth, note_type
from crossimage.inference.outputs import Original, read_original, write_output
from crossimage.inference.predictor import Draw, Predictor
from crossimage.inference.records import record
from crossimage.inference.strips.engine import FELL_BACK, TooLargeError
from crossimage.labels import To
from crossimage.utils.manifest import Entry, ManifestWriter, sha256_of
from crossimage.utils.memory import is_out_of_memory

MAX_SHEET_INPUTS = 16  # rows of the sheet of all labels

T = TypeVar("T")


class Job:
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
        plan: Plan,
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
        self._range = predictor.config.range_of(target_letter(predictor, plan.targets[0]))
        self._originals: dict[int, Original] = {}
        self._notes: dict[str, list[Path]] = defaultdict(list)
        self._writes: dict[Path, tuple[int, Future[str]]] = {}
        self._entries: dict[Path, Entry] = {}
        self._failed: set[int] = set()
        self._waiting: list[int] = []  # large inputs of the chunk
        self._large = 0
        self._alone = LargeFiles(predictor, plan, options)
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
            for i in self._waiting:
                self._translate_alone(i)
            self._waiting.clear()
        self._finish(self._writes)

    def rows_with(self, done: Sequence[int]) -> list[list[Tensor]]:
        """Return the rows of the sheet, also of inputs that are not translated again."""
        for i in done[:MAX_SHEET_INPUTS]:
            path = self._plan.inputs[i]
            if self._alone.takes(self._plan.incoming.image(path)):
                images = [self._alone.preview(path) for path in (path, *self._plan.outputs[i])]
            else:
                outputs = [read_image(path, self._channels) for path in self._plan.outputs[i]]
                images = [self._read_image(path).loaded.values, *outputs]
            self.sheet_rows[i] = [self._thumbnail(image) for image in images]
        return [self.sheet_rows[i] for i in sorted(self.sheet_rows)][:MAX_SHEET_INPUTS]

    def _read(self, i: int) -> tuple[Original | None, list[Entry]]:
        """Read an input, unless it is so large that it is read on its own when its turn comes."""
        path, entries = self._plan.inputs[i], self._plan.entries(i)
        if self._alone.takes(self._plan.incoming.image(path)):
            return None, entries
        return self._read_image(path), entries

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
        height, width = loaded.values.shape[1:]
        half, note = self._plan.half.part(height, width)

        def fit(image: Tensor) -> Tensor:
            return self._fit(self._plan.half.cut(image, half, file))

        original = read_original(file, loaded, fit, config.data_rules)
        return original._replace(notes=(*original.notes, note))

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
        self, chunk: Sequence[tuple[int, Future[tuple[Original | None, list[Entry]]]]]
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
                self._entries.update(zip(self._plan.outputs[i], entries, strict=True))
                if original is None:
                    self._waiting.append(i)
                else:
                    image = original.loaded.values
                    self._take(i, original, image)
                    groups[image.shape].append((i, image))
        return groups.values()

    def _take(self, i: int, original: Original, image: Tensor | None) -> None:
        """Note what is known of an input; the image, or a preview of it, is for the sheet."""
        loaded = original.loaded
        self._large += is_large(self._predictor, original.size)
        # without the values, which are no longer needed
        self._originals[i] = original._replace(loaded=loaded._replace(values=loaded.values[:0]))
        self._note(i, original)
        self._plan.left_out.extend(further_images(self._plan.inputs[i], loaded.further))
        if image is not None and self._plan.sheet and len(self.sheet_rows) < MAX_SHEET_INPUTS:
            self.sheet_rows[i] = [self._thumbnail(image)]

    def _translate_alone(self, i: int) -> None:
        """Translate a large input, in strips unless it fits in memory."""
        path = self._plan.inputs[i]
        file = self._plan.incoming.image(path)
        try:
            original = self._read_image(path) if self._alone.fits(file) else None
            large = None if original else self._alone.open(file)
        except Exception as error:
            self._skip(i, refusal(path, error))
            self._advance(len(self._plan.outputs[i]))
            return
        if original:
            image = original.loaded.values
            self._take(i, original, image)
            self._translate([(i, image)])
            self._finish(self._writes)
            self._writes = {}
        if large:
            with large:
                self._take(i, large.original, large.preview() if self._plan.sheet else None)
                for k, output in enumerate(self._plan.outputs[i]):
                    self._translate_in_strips(i, large, output, k)
                    self._advance(1)
            del self._originals[i]

    def _translate_in_strips(self, i: int, large: LargeFile, output: Path, k: int) -> None:
        """Write an output of a large input."""
        path, entry = self._plan.inputs[i], self._entries.pop(output)
        try:
            preview = large.write(output, path.name, k)
        except (ImageError, TooLargeError, MemoryError) as error:
            self._skip(i, refusal(path, error))
        except (ValueError, OSError) as error:
            if ends_all(error):
                raise
            self._skip(i, unwritable(path, output, error))
        else:
            record(self._manifest, entry, sha256_of(output))
            self.written.add(output)
            if i in self.sheet_rows:
                self.sheet_rows[i].append(self._thumbnail(preview))

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
        first = [large_images(self._predictor.config, self._large)] if self._large else []
        if self._predictor.strips.fell_back:
            first.append(FELL_BACK)
        return first + [
            f"{len(paths)} {'input' if len(paths) == 1 else 'inputs'}: {note} ({paths[0]})"
            for note, paths in self._notes.items()
        ]

    def _note(self, i: int, original: Original) -> None:
        path, suffix = self._plan.inputs[i], self._plan.outputs[i][0].suffix.lower()
        notes = [*original.notes, note_type(path, suffix, self._options.format)]
        if self._options.depth == "auto":
            notes.append(note_lost_depth(original.loaded.depth, suffix))
        notes += original.lost_in(suffix, self._options.depth, self._range)
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
