"""The translation of files in progress, with threads that read and write."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice, product
from pathlib import Path, PurePath
from typing import TypeVar

import torch
from torch import Tensor

from crossimage.data.images.encoded import ImageFile
from crossimage.data.images.files import LoadedImage, load_image, read_image
from crossimage.data.images.label_maps import read_label_map
from crossimage.data.images.pixels import ImageError
from crossimage.data.images.resize import resize_to_cover
from crossimage.data.left_out import further_images
from crossimage.inference.files.failures import ends_all, skip_reason, unwritable
from crossimage.inference.files.items import Item
from crossimage.inference.files.large import LargeFile, LargeFiles
from crossimage.inference.files.options import FileOptions
from crossimage.inference.files.plan import Plan
from crossimage.inference.files.results import WrittenFile
from crossimage.inference.large_images import is_large, large_images
from crossimage.inference.output_types import note_lost_depth, note_type
from crossimage.inference.outputs import Original, fill_output, read_original
from crossimage.inference.predictor import Predictor
from crossimage.inference.strips.engine import FELL_BACK, TooLargeError
from crossimage.inference.styles import Draw
from crossimage.inference.targets import Target
from crossimage.utils.manifest import Entry
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
        list_name: The list that tells of the outputs.
        on_written: Called with the number of an input and the name of an output that is written.

    Attributes:
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
        list_name: str,
        on_written: Callable[[int, str], None],
    ) -> None:
        self._list, self._on_written = list_name, on_written
        self._predictor, self._plan, self._options = predictor, plan, options
        self._pool, self._advance = pool, advance
        self._source = plan.targets[0].source
        self._channels = predictor.channels(self._source)
        self._range = predictor.config.range_of(plan.targets[0].letter)
        self._originals: dict[int, Original] = {}
        self._notes: dict[str, tuple[Path, int]] = {}
        self._writes: dict[str, tuple[Item, Future[WrittenFile]]] = {}
        self._entries: dict[str, Entry] = {}
        self._failed: set[int] = set()
        self._waiting: list[Item] = []  # large inputs of the chunk
        self._large = 0
        self._begun = False
        self._alone = LargeFiles(predictor, plan, options)
        self.skipped: list[tuple[Path, str]] = []
        self.sheet_rows: dict[int, list[Tensor]] = {}

    def run(self, items: Iterable[Item]) -> None:
        """Translate inputs."""
        batch_size, samples = self._options.batch_size, self._plan.samples
        for chunk in _read_ahead(self._pool, self._read, items, 4 * batch_size):
            # Wait for these writes one chunk later, so that the networks go on meanwhile; waiting
            # longer would fill the memory.
            earlier, self._writes = self._writes, {}
            for images in self._by_size(chunk):
                for batch in _chunks(images, max(1, batch_size // samples)):
                    self._translate(batch)
            self._finish(earlier)
            for item in self._waiting:
                self._translate_alone(item)
            self._waiting.clear()
        self._finish(self._writes)

    def rows_with(self, done: Sequence[Item]) -> list[list[Tensor]]:
        """Return the rows of the sheet, also of inputs that are not translated again."""
        for item in done[:MAX_SHEET_INPUTS]:
            outputs = [self._plan.results.image(name) for name in item.outputs]
            if self._alone.takes(self._plan.incoming.image(item.path)):
                images = [self._alone.preview(file) for file in (item.path, *outputs)]
            else:
                shown = [read_image(file, self._channels) for file in outputs]
                images = [self._read_image(item.path).loaded.values, *shown]
            self.sheet_rows[item.number] = [self._thumbnail(image) for image in images]
        return [self.sheet_rows[i] for i in sorted(self.sheet_rows)][:MAX_SHEET_INPUTS]

    def _read(self, item: Item) -> tuple[Original | None, list[Entry]]:
        """Read an input, unless it is so large that it is read on its own when its turn comes."""
        entries = self._plan.entries(item)
        if self._alone.takes(self._plan.incoming.image(item.path)):
            return None, entries
        return self._read_image(item.path), entries

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
        return read_original(file, loaded, self._predictor, self._plan.half, self._options.size)

    def _read_label_map(self, file: ImageFile, classes: int) -> LoadedImage:
        if self._options.size is not None:
            raise ValueError(
                f"{file} is a label map, whose classes would mix when it is resized; leave out "
                "size, and resize label maps by nearest neighbour first"
            )
        return LoadedImage(read_label_map(file, self._channels, classes), None, None, 0)

    def _by_size(
        self, chunk: Sequence[tuple[Item, Future[tuple[Original | None, list[Entry]]]]]
    ) -> Iterable[list[tuple[Item, Tensor]]]:
        """Group the images of a chunk by size, each with its input; skip unreadable ones."""
        groups: dict[torch.Size, list[tuple[Item, Tensor]]] = defaultdict(list)
        for item, future in chunk:
            try:
                original, entries = future.result()
            except Exception as error:
                self._skip(item, skip_reason(item.path, error))
                self._advance(len(self._plan.targets) * self._plan.samples)
            else:
                self._entries.update(zip(item.outputs, entries, strict=True))
                if original is None:
                    self._waiting.append(item)
                else:
                    image = original.loaded.values
                    self._take(item, original, image)
                    groups[image.shape].append((item, image))
        return groups.values()

    def _take(self, item: Item, original: Original, image: Tensor | None) -> None:
        """Note what is known of an input; the image, or a preview of it, is for the sheet."""
        loaded = original.loaded
        self._large += is_large(self._predictor, original.size)
        # without the values, which are no longer needed
        self._originals[item.number] = original._replace(
            loaded=loaded._replace(values=loaded.values[:0])
        )
        self._note(item, original)
        self._plan.left_out.extend(further_images(item.path, loaded.further))
        if image is not None and self._plan.sheet and len(self.sheet_rows) < MAX_SHEET_INPUTS:
            self.sheet_rows[item.number] = [self._thumbnail(image)]

    def _translate_alone(self, item: Item) -> None:
        """Translate a large input, in strips unless it fits in memory."""
        path = item.path
        file = self._plan.incoming.image(path)
        try:
            original = self._read_image(path) if self._alone.fits(file) else None
            large = None if original else self._alone.open(file, item.outputs[0])
        except Exception as error:
            self._skip(item, skip_reason(path, error))
            self._advance(len(item.outputs))
            return
        if original:
            image = original.loaded.values
            self._take(item, original, image)
            self._translate([(item, image)])
            self._finish(self._writes)
            self._writes = {}
        if large:
            with large:
                self._take(item, large.original, large.preview() if self._plan.sheet else None)
                for k, output in enumerate(item.outputs):
                    self._translate_in_strips(item, large, output, k)
                    self._advance(1)
            del self._originals[item.number]

    def _translate_in_strips(self, item: Item, large: LargeFile, output: str, k: int) -> None:
        """Write an output of a large input."""
        path, entry = item.path, self._entries.pop(output)
        try:
            preview, written = large.write(output, item.drawn, k)
        except (ImageError, TooLargeError, MemoryError) as error:
            self._skip(item, skip_reason(path, error))
        except (ValueError, OSError) as error:
            if ends_all(error):
                raise
            self._skip(item, unwritable(path, self._plan.results.shown(output), error))
        else:
            self._record([(item, output, written.recorded(entry))])
            if item.number in self.sheet_rows:
                self.sheet_rows[item.number].append(self._thumbnail(preview))

    def _translate(self, batch: Sequence[tuple[Item, Tensor]]) -> None:
        """Translate images of one size to all targets, and submit the outputs for writing."""
        plan = self._plan
        parts = product(
            enumerate(plan.targets), _chunks(range(plan.samples), self._options.batch_size)
        )
        for (t, target), indices in parts:
            whole_batch = [one for one in batch if one[0].number not in self._failed]
            for item, k, output in self._outputs(whole_batch, target, indices):
                self._write(item, item.outputs[t * plan.samples + k], output)
                if item.number in self.sheet_rows:
                    self.sheet_rows[item.number].append(self._thumbnail(output))
            self._advance(len(batch) * len(indices))
        for item, _ in batch:
            self._originals.pop(item.number)

    def _outputs(
        self, batch: Sequence[tuple[Item, Tensor]], target: Target, indices: Sequence[int]
    ) -> Iterator[tuple[Item, int, Tensor]]:
        """Yield an input, a sample's index and the output; halve what does not fit in memory."""
        if not batch:
            return
        plan, images = self._plan, [image for _, image in batch]
        draws = [[plan.draw(item.drawn, k, target) for k in indices] for item, _ in batch]
        y = _predict(self._predictor, images, target, draws)
        if y is not None:
            for (item, _), outputs in zip(batch, y, strict=True):
                yield from ((item, k, output) for k, output in zip(indices, outputs, strict=True))
        elif len(batch) > 1:
            for part in _chunks(batch, -(-len(batch) // 2)):
                yield from self._outputs(part, target, indices)
        elif len(indices) > 1:
            for some in _chunks(indices, -(-len(indices) // 2)):
                yield from self._outputs(
                    [one for one in batch if one[0].number not in self._failed], target, some
                )
        else:
            ((item, image),) = batch
            height, width = image.shape[1:]
            self._skip(
                item,
                f"{item.path} does not fit in memory at {width} x {height} pixels; shrink it with "
                "size",
            )

    def _skip(self, item: Item, reason: str) -> None:
        """Note that an input lacks an output; only the first reason counts."""
        if item.number not in self._failed:
            self._failed.add(item.number)
            self.skipped.append((item.path, reason))
        self.sheet_rows.pop(item.number, None)

    def notes(self) -> list[str]:
        """Return what users should know about the inputs."""
        first = [large_images(self._predictor.config, self._large)] if self._large else []
        if self._predictor.strips.fell_back:
            first.append(FELL_BACK)
        return first + [
            f"{number} {'input' if number == 1 else 'inputs'}: {note} ({path})"
            for note, (path, number) in self._notes.items()
        ]

    def _note(self, item: Item, original: Original) -> None:
        path, suffix = item.path, PurePath(item.outputs[0]).suffix.lower()
        notes = [*original.notes, note_type(path, suffix, self._options.format)]
        if self._options.depth == "auto":
            notes.append(note_lost_depth(original.loaded.depth, suffix))
        notes += original.lost_in(suffix, self._options.depth, self._range)
        for note in filter(None, notes):
            first, count = self._notes.get(note, (path, 0))
            self._notes[note] = first, count + 1

    def _write(self, item: Item, name: str, image: Tensor) -> None:
        original = self._originals[item.number]
        self._writes[name] = item, self._pool.submit(self._save, name, image, original)

    def _save(self, name: str, image: Tensor, original: Original) -> WrittenFile:
        depth = self._options.depth
        return self._plan.results.write(
            name, lambda file: fill_output(file, name, image, self._range, original, depth)
        )

    def _finish(self, writes: Mapping[str, tuple[Item, Future[WrittenFile]]]) -> None:
        """Wait for outputs and list them; those that cannot be written are skipped."""
        lines = []
        try:
            for name, (item, write) in writes.items():
                entry = self._entries.pop(name)
                try:
                    lines.append((item, name, write.result().recorded(entry)))
                except (ValueError, OSError) as error:
                    if ends_all(error):
                        raise
                    shown = self._plan.results.shown(name)
                    self._skip(item, unwritable(item.path, shown, error))
        finally:
            self._record(lines)

    def _record(self, lines: Sequence[tuple[Item, str, Entry]]) -> None:
        """List outputs that are complete, and before the first how many there will be."""
        if lines and not self._begun:
            self._begun = True
            shards = self._options.shard and self._options.shard[1]
            self._plan.results.add(self._list, [self._plan.records.job(self._plan.planned, shards)])
        self._plan.results.add(self._list, [entry for _, _, entry in lines])
        for item, name, _ in lines:
            self._on_written(item.number, name)

    def _thumbnail(self, image: Tensor) -> Tensor:
        return resize_to_cover(image[None], self._predictor.config.crop)


def _predict(
    predictor: Predictor, images: list[Tensor], target: Target, draws: Sequence[Sequence[Draw]]
) -> Tensor | None:
    """Translate images of one size to outputs (N, k, C, H, W) on the CPU.

    Returns:
        The outputs; None if they do not fit in memory.
    """
    try:
        x = torch.stack(images).to(predictor.device)
        return predictor.predict(x, target.encode(len(x)), draws).cpu()
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
    pool: ThreadPoolExecutor, read: Callable[[Item], T], items: Iterable[Item], size: int
) -> Iterator[list[tuple[Item, Future[T]]]]:
    """Read inputs in chunks, of which at most two are in memory: the current and the next."""
    iterator = iter(items)

    def submit() -> list[tuple[Item, Future[T]]]:
        return [(item, pool.submit(read, item)) for item in islice(iterator, size)]

    ahead = submit()
    while ahead:
        current, ahead = ahead, submit()
        yield current
