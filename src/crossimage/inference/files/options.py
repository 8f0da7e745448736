"""How image files are translated into a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, SupportsIndex

from crossimage.data.images.formats import Opacity
from crossimage.inference.output_types import ResultDepth, check_types
from crossimage.utils.numbers import check_fraction, whole
from crossimage.utils.progress import ProgressCallback

if TYPE_CHECKING:  # which need PyTorch
    from crossimage.inference.halves import Portion
    from crossimage.inference.inputs import ImageLike


@dataclass(frozen=True, kw_only=True)
class FileOptions:
    """How files are translated; :meth:`crossimage.Translator.translate_files` explains each option.

    Attributes:
        samples: Outputs per input and target.
        reference: Images whose styles are used, one output per input for each.
        same_style: Whether all inputs share the same random styles.
        seed: Seed of random styles and noise; None for a random one.
        truncation: How far random styles may be from the target's mean style.
        size: Shortest side that inputs are resized to, in pixels; for few-shot methods also that
            of references.
        half: The part of inputs that is translated: ``left``, ``right`` or ``whole``; None: by the
            model's training data.
        format: Type of the outputs, such as ``png``; None for each input's own.
        alpha: What becomes of transparent parts: ``white``, ``keep`` or ``drop``.
        depth: How values are stored: ``auto``, ``8``, ``16`` or ``float``.
        batch_size: Images that pass through the networks together.
        skip_existing: Whether inputs whose results exist, unchanged and made in the same way, are
            not translated again.
        progress: Whether to show a progress bar, or what to call with the progress.
        style: The numbers of the style code of all outputs; None for random or reference styles.
        shard: ``(k, n)`` for the k-th of n parts of the inputs, from 1; None for all of them.
    """

    samples: int = 1
    reference: ImageLike | Sequence[ImageLike] | None = None
    same_style: bool = False
    seed: SupportsIndex | None = None
    truncation: float = 1.0
    size: int | None = None
    half: Portion | None = None
    format: str | None = None
    alpha: Opacity = "white"
    depth: ResultDepth = "auto"
    batch_size: int = 4
    skip_existing: bool = False
    progress: bool | ProgressCallback = False
    style: Sequence[float] | None = None
    shard: tuple[int, int] | None = None

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
        check_fraction(self.truncation, "truncation")
        if self.reference is not None and checked.samples > 1:
            raise ValueError("samples and reference are mutually exclusive: give one of them")
        if self.reference is not None and self.truncation != 1:
            raise ValueError("truncation applies to random styles, so it excludes reference")
        if self.style is not None and (
            self.reference is not None or checked.samples > 1 or self.truncation != 1
        ):
            raise ValueError(
                "style is the code of all results, so it excludes reference, samples and truncation"
            )
        if self.shard is not None:
            k, n = self.shard
            if not 1 <= k <= n:
                raise ValueError(f"the shard is {k}/{n}, expected K/N with K from 1 to N")
            if self.seed is None:
                raise ValueError(
                    "a shard needs a seed, so that all shards draw the same styles; give seed"
                )
            checked = replace(checked, skip_existing=True)
        check_types(self.format, self.depth, self.alpha)
        return checked
