"""Translate a video into a video."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, SupportsIndex

import torch

from crossimage._version import __version__
from crossimage.checkpoints.model_file import model_hash
from crossimage.config import to_dict
from crossimage.data.left_out import LeftOut, describe
from crossimage.inference.files.options import FileOptions
from crossimage.inference.files.plan import draw_rule, named_images
from crossimage.inference.halves import HalfRule
from crossimage.inference.incoming import Incoming
from crossimage.inference.inputs import ImageLike
from crossimage.inference.large_images import is_large, large_images
from crossimage.inference.predictor import Predictor
from crossimage.inference.references import find_references
from crossimage.inference.strips.engine import FELL_BACK, TooLargeError
from crossimage.inference.styles import Draw
from crossimage.inference.targets import Target
from crossimage.labels import To
from crossimage.utils.machine.threads import computing_with
from crossimage.utils.numbers import seed_number
from crossimage.utils.progress import ProgressCallback, track
from crossimage.utils.seeds import fresh_seed
from crossimage.video.base import VideoSink, VideoSource
from crossimage.video.frames import FrameTranslator, StatisticsMode
from crossimage.video.opening import check_out, open_sink, open_source
from crossimage.video.parts import LENGTH, Parts, digest, kept_parts

TRANSLATING = "translating frames"
"""Description of the progress of translation."""


@dataclass(frozen=True)
class TranslatedVideo:
    """The result of translating a video.

    Attributes:
        path: The video written.
        frames: Its number of frames.
        kept: How many of them an earlier, interrupted translation had made.
        notes: What else is worth knowing, such as broken frames; one sentence each.
    """

    path: Path
    frames: int
    kept: int
    notes: Sequence[str]


def translate_video(
    predictor: Predictor,
    video: Path,
    out: Path,
    to: To | None = None,
    *,
    reference: ImageLike | Sequence[ImageLike] | None = None,
    seed: SupportsIndex | None = None,
    truncation: float = 1.0,
    size: int | None = None,
    statistics: StatisticsMode = "pooled",
    side_by_side: bool = False,
    batch_size: int = 4,
    progress: ProgressCallback | None = None,
) -> TranslatedVideo:
    """Translate a video, all frames with one style.

    Time stamps, the shape of pixels, sound and subtitles are kept. Frames are translated in parts
    of 24. Interrupted, even by a kill, and called again, the function goes on after the last
    finished part, and the result is the same to the byte.

    Args:
        predictor: The trained model.
        video: The video.
        out: The video to write; its suffix says which format it has.
        to: Name of the target domain, or labels; if omitted, the only possible one or else the
            second.
        reference: An image of the target domain whose style the video gets; for few-shot methods
            the images of a class, or their folder.
        seed: Makes a random style and noise reproducible.
        truncation: How far a random style may be from the target's mean style, from 0 to 1.
        size: Resize frames to this shortest side first, in pixels.
        statistics: Whether norms use statistics ``pooled`` over key frames, or those of each
            ``frame``, which flicker.
        side_by_side: Write input and output next to each other.
        batch_size: Frames that pass through the networks together.
        progress: Receives the number of frames scanned, and of frames translated.

    Raises:
        FileNotFoundError: There is no such video.
        VideoError: It cannot be read, or its colours cannot be converted.
        TooLargeError: Its frames do not fit in memory, not even in strips.
        ValueError: An option does not fit the model, or the video cannot be written.
        OSError: The video cannot be written, such as to a full disk.
    """
    options = FileOptions(
        reference=reference, seed=seed, truncation=truncation, size=size, batch_size=batch_size
    ).check()
    check_out(out)
    if out.exists() and video.exists() and out.samefile(video):
        raise ValueError(f"the result {out} would overwrite the video; choose another --out")
    if predictor.networks.classes:
        raise ValueError(f"this {predictor.method} translates label maps, which no video holds")
    target = predictor.target(to)
    given = None if seed is None else seed_number(seed)
    with Incoming() as incoming:
        style = _Style(predictor, target, options, incoming, out)
    source = open_source(video, progress)
    sink = open_sink(out, source)
    made_from = {
        "video": digest(video),
        "model": model_hash(predictor.networks),
        "config": _digest(to_dict(predictor.config)),
        "precision": predictor.precision,
        "device": predictor.device.type,
        "target": target.to.tolist() if isinstance(target.to, torch.Tensor) else target.to,
        "reference": style.reference,
        "seed": given,
        "truncation": truncation,
        "size": options.size,
        "statistics": statistics,
        "side_by_side": side_by_side,
        "batch_size": options.batch_size,
        "kind": type(sink).__name__,
        "versions": [__version__, torch.__version__],
    }
    count = len(source.info.times)
    drawn = fresh_seed() if given is None else given
    parts_needed, threads = -(-count // LENGTH), torch.get_num_threads()
    with (
        kept_parts(out, made_from, drawn, threads, parts_needed) as parts,
        computing_with(parts.threads),
    ):
        frames = FrameTranslator(
            predictor, target, style.draw(parts.drawn), size=options.size,
            side_by_side=side_by_side, batch_size=options.batch_size,
        )  # fmt: skip
        try:
            _translate(source, sink, frames, statistics, parts, progress)
            with parts.result(out) as joined:
                sink.join(parts.paths, joined)
        except TooLargeError as error:
            raise TooLargeError(f"the frames of {video}: {error}") from error
        except BaseException as error:
            if done := min(count, parts.finished * LENGTH):
                error.add_note(
                    f"{done} of {count} frames are finished and kept in {parts.folder}; the same "
                    "command goes on after them"
                )
            raise
        kept = min(count, parts.kept * LENGTH)
        notes = [*source.info.notes, *sink.notes, *style.notes, *frames.notes()]
        notes += _notes(predictor, source, options.size, parts)
    return TranslatedVideo(out, count, kept, notes)


class _Style:
    """The style of a video.

    Args:
        predictor: The trained model.
        target: The target.
        options: The options, with the reference.
        incoming: Keeps what is downloaded.
        out: The result.

    Attributes:
        reference: Identifies the style of the reference; None without one.
        notes: What users should know about the references.
    """

    def __init__(
        self,
        predictor: Predictor,
        target: Target,
        options: FileOptions,
        incoming: Incoming,
        out: Path,
    ) -> None:
        self._predictor, self._target, self._options = predictor, target, options
        left_out: list[LeftOut] = []
        few_shot = predictor.networks.few_shot
        references = []
        if options.reference is not None:
            references = find_references(
                options.reference,
                few_shot,
                lambda image: named_images(image, out.parent, incoming, left_out),
            )
        if len(references) > 1:
            raise ValueError(
                f"a video has one style, and there are {len(references)} references; give one"
            )
        half = HalfRule(predictor.networks, target.letter, None, reference=True)
        self._rule = draw_rule(predictor, [target], 1, references, options, 0, half)
        self._references = references
        self.reference = None
        if references:
            style = self.draw(0).style
            assert style is not None
            self.reference = hashlib.sha256(style.numpy().tobytes()).hexdigest()
        self.notes = [*half.sentences("reference")]
        self.notes += [line] if (line := describe(left_out)) else []

    def draw(self, seed: int) -> Draw:
        """Return the style of the video and the seed of the networks' own random numbers."""
        if self._references:
            return self._rule("", 0, self._target)._replace(seed=seed)
        target = self._target.encode(1)
        return self._predictor.draw(seed, "", 0, target, self._options.truncation)


def _translate(
    source: VideoSource,
    sink: VideoSink,
    frames: FrameTranslator,
    statistics: StatisticsMode,
    parts: Parts,
    progress: ProgressCallback | None,
) -> None:
    """Make all parts that are not finished."""
    count = len(source.info.times)
    first = parts.finished * LENGTH
    if first >= count:
        return
    with frames.statistics(source, statistics):
        left = track(source.frames(first), TRANSLATING, count - first, progress)
        for _ in range(first, count, LENGTH):
            parts.add(sink.part(frames.translate(islice(left, LENGTH))))


def _notes(
    predictor: Predictor, source: VideoSource, size: int | None, parts: Parts
) -> Iterator[str]:
    """Yield what users should know about the translation."""
    width, height = source.info.size
    if parts.replaced:
        yield (
            f"{parts.folder} held parts of another video, or made with another model or other "
            "options, which were not used"
        )
    if size is None and is_large(predictor, (height, width)):
        yield large_images(predictor.config, len(source.info.times))
    if predictor.strips.fell_back:
        yield FELL_BACK


def _digest(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
