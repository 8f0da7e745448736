"""The settings that all methods share, and those among them that the data determines."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self

from crossimage.config.fields import (
    AUGMENTATIONS,
    Areas,
    Augmentations,
    Betas,
    Channels,
    DataRules,
    Depth,
    Epochs,
    Fraction,
    Half,
    Halves,
    Items,
    Names,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Range,
    Ranges,
    Share,
    SideOrZero,
    Size,
    Workers,
    settings,
)


class Companion(NamedTuple):
    """A further image of each training sample, drawn independently of its other images.

    Attributes:
        letter: Letter of the domain that it is like: it has its channels, and is prepared the same.
        folder: Where it is drawn from; by default the training images of that domain.
    """

    letter: str
    folder: Path | None = None


def micro_batch_size(
    batch_size: int, accumulate: int, processes: int = 1, multiple: int = 1
) -> int:
    """Return the number of images that one process sees at a time.

    Args:
        batch_size: Images per step.
        accumulate: Micro-batches per step.
        processes: Processes of the run.
        multiple: The number must be a multiple of this.

    Raises:
        ValueError: The batch cannot be divided this way.
    """
    size, rest = divmod(batch_size, accumulate * processes)
    if rest:
        several = f" x processes ({processes})" if processes > 1 else ""
        raise ValueError(
            f"batch_size ({batch_size}) must be a multiple of accumulate ({accumulate}){several}"
        )
    if size % multiple:
        raise ValueError(
            f"the method needs a multiple of {multiple} images at a time, and a process sees "
            f"{size}: batch_size ({batch_size}) / accumulate ({accumulate}) / processes "
            f"({processes}); choose another of them"
        )
    return size


@dataclass(frozen=True)
class Facts:
    """The settings that a data source determines; see :meth:`Config.complete`.

    Attributes:
        domains: Names of the domains, or of the labels if images have label vectors.
        epoch: Training images per epoch: of the largest domain, or of all labelled data sets.
        classes: Names of the classes; empty unless class folders were requested.
        label_sets: Number of labels in each labelled data set.
        categorical: Whether each labelled data set's labels are classes, exactly one per image.
        halves: Which half of its files each domain is, if these are side-by-side pairs.
        pair_aspect: Usual ratio of width to height of these files.
    """

    domains: tuple[str, ...]
    epoch: int
    classes: tuple[str, ...] = ()
    label_sets: tuple[int, ...] = ()
    categorical: tuple[bool, ...] = ()
    halves: tuple[Half, ...] = ()
    pair_aspect: float = 0.0


@settings
class Config:
    """Settings that all methods share: data, optimisation and the intervals of a run.

    Attributes:
        domains: Names of the domains; empty: taken from the data's folders.
        halves: Which half of the files each domain is, left or right, if they are side-by-side
            pairs, and otherwise empty; taken from the data.
        pair_aspect: Usual ratio of width to height of these files (0: there are none); taken from
            the data.
        channels: Channels of the images, one number per domain.
        value_range: Lowest and highest value of images of more than 8 bits, mapped to [-1, 1];
            by default the full range of 16-bit images. One for all domains, or one per domain:
            ``value_range.a=0,4095``.
        resize: Shortest side, in pixels, to which images are resized (0: not resized).
        crop: Height and width of the random training crop, in pixels; smaller images are enlarged.
        flip: Mirror half of the training images.
        resized_crop: Share of the training images of which a random part is resized to the crop,
            instead of the usual crop.
        resized_crop_scale: Lowest and highest area of that part, relative to the image's, up to 4.
            Above 1 the image is shown smaller, with the median colour of its border around it.
        resized_crop_ratio: Lowest and highest ratio of its width to its height.
        smallest_zoom: Before the usual crop, training images are shrunk by random factors from this
            to 1, one for the width and one for the height (1: never). All images of a domain in a
            step share them.
        brightness: Training images become brighter or darker by up to this share of the range from
            black to white.
        contrast: The contrast of training images is multiplied by up to 1 plus or minus this.
        augment: Augmentations of all images that discriminators see, real and generated, through
            which gradients flow, for few training images: ``color``, ``translation``, ``cutout``,
            or several separated by commas; ``none``. With ``adaptive``, each is made with a
            probability that follows how much the discriminators overfit; alone it stands for all
            three.
        augment_images: Images per domain during which ``adaptive`` changes the probability by 1.
        steps: Training steps; in each step, every player moves that the method's current stage
            trains.
        epochs: Length of training in passes over the images of the largest domain (0: ``steps``
            applies). Of the two, the one set last applies, and ``epochs`` if both are set together.
        batch_size: Images per domain and step, over all processes and accumulated micro-batches.
        accumulate: Micro-batches whose gradients are summed before a move.
        seed: Seed of the initialisation, the order of the images, augmentation and noise.
        precision: Arithmetic of the networks; ``auto`` is bf16 if the hardware supports it.
        compile: Compile the networks with PyTorch first, which takes minutes; networks that cannot
            be compiled are named and run as usual.
        workers: Processes that decode images (0: the training process itself).
        threads: Threads of each process for networks on the CPU (0: chosen when the run begins, as
            many as there are cores that nothing else uses, or fewer if networks and images are
            small). A continued run takes as many as before.
        learning_rate: Adam's step size.
        betas: Adam's decay rates of the first and second moment.
        weight_decay: L2 penalty added to the gradients.
        decay_every: Steps after which the learning rate is multiplied by ``decay_factor``, each
            time (0: never).
        decay_factor: See ``decay_every``.
        decay_steps: Steps at the end of the run during which the learning rate falls linearly
            to 0; the whole run if it is shorter.
        decay_epochs: Length of that decay in epochs; of the two, the one set last applies.
        ema_decay: Decay of the running average of the generators' weights, which is used to
            translate (0: no average); at most n / (n + 9) in step n of the run.
        max_skipped_steps: After this many consecutive skipped steps the run is saved and stopped; a
            step is skipped if a loss or gradient of one of its moves is not finite.
        log_every: Steps between two rows of losses.
        page_every: Steps between two updates of the run's page, and between two lines of progress
            if there is no terminal for a progress bar; there are further ones by the clock.
        sample_every: Steps between two sample sheets; there are further ones before the first step
            and after 30 seconds, 2, 5 and 10 minutes.
        sample_count: Training and test inputs per domain on a sample sheet.
        save_every: Steps between two checkpoints; after 5 minutes without one, there is one anyway.
        keep: Number of checkpoints to keep.
        evaluate_every: Steps between two evaluations on validation images (0: none); the model
            with the best figure is kept in ``best.safetensors``. Validation images are those of a
            folder ``val`` beside test images, or else a tenth of the training images, at most 50
            per domain or class, chosen by content, with which nothing is trained.
        best_metric: Metric that decides which model is the best, such as ``kid``, ``psnr`` or
            ``l1``; by default ``psnr`` for pairs and ``kid`` for all others. Of figures that your
            own function computes in Python: the name of one, of which more is better.
        best_features: Network of the features that ``kid``, ``fid`` and ``is`` compare in these
            evaluations: ``random``, which needs no download, ``inception``, or a file of either or
            of a trained classifier.
        patience: Evaluations without improvement after which the run ends (0: it never ends early).
            Those of the last stage count, if a method has several.
        holdout: Share of the training images, at most 50 per domain or class, that is held out for
            sheets and evaluation if there are no test images, chosen by content (0: none).
        data_rules: Rules by which files are found, named and read: 3, or 2 or 1 for runs and models
            of earlier versions.
    """

    stages: ClassVar[tuple[str, ...]] = ()
    """Names of the settings that are steps at which a part of the run ends."""

    domains: Names = ()
    halves: Halves = ()
    pair_aspect: NonNegativeFloat = 0.0
    channels: Channels = (3, 3)
    value_range: Ranges | None = None
    resize: SideOrZero = 256
    crop: Size = (256, 256)
    flip: bool = True
    resized_crop: Share = 0.0
    resized_crop_scale: Areas = (0.8, 1.0)
    resized_crop_ratio: Range = (0.9, 1.1)
    smallest_zoom: Share = 1.0
    brightness: Share = 0.0
    contrast: Share = 0.0
    augment: Augmentations = ()
    augment_images: PositiveInt = 10_000

    steps: PositiveInt = 1_000_000
    epochs: Epochs = 0.0
    batch_size: Items = 1
    accumulate: Items = 1
    seed: NonNegativeInt = 0
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    compile: bool = False
    workers: Workers = 2
    threads: Workers = 0

    learning_rate: NonNegativeFloat = 1e-4
    betas: Betas = (0.5, 0.999)
    weight_decay: NonNegativeFloat = 0.0
    decay_every: NonNegativeInt = 0
    decay_factor: PositiveFloat = 0.5
    decay_steps: NonNegativeInt = 0
    decay_epochs: Epochs = 0.0
    ema_decay: Fraction = 0.0
    max_skipped_steps: PositiveInt = 20

    log_every: PositiveInt = 10
    page_every: PositiveInt = 200
    sample_every: PositiveInt = 1000
    sample_count: Items = 4
    save_every: PositiveInt = 10_000
    keep: PositiveInt = 3
    evaluate_every: NonNegativeInt = 0
    best_metric: str = ""
    best_features: str = "random"
    patience: NonNegativeInt = 0

    holdout: Fraction = 0.1
    data_rules: DataRules = 3

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        micro_batch_size(self.batch_size, self.accumulate)
        ranges = self.value_range if isinstance(self.value_range, dict) else {"": self.value_range}
        for letter, value_range in ranges.items():
            if value_range is not None and value_range[0] >= value_range[1]:
                key = f"value_range.{letter}" if letter else "value_range"
                raise ValueError(f"{key} must be (low, high), found {value_range}")
        for key in ("resized_crop_scale", "resized_crop_ratio"):
            low, high = getattr(self, key)
            if not 0 < low <= high:
                raise ValueError(f"{key} must be (low, high) above 0, found ({low:g}, {high:g})")
        if not self.smallest_zoom:
            raise ValueError("smallest_zoom must be above 0 and at most 1, found 0")
        for key in ("best_metric", "patience"):
            if getattr(self, key) and not self.evaluate_every:
                raise ValueError(
                    f"{key}={getattr(self, key)} needs evaluations; add evaluate_every=STEPS, or "
                    f"leave out {key}"
                )

    def range_of(self, letter: str) -> tuple[float, float] | None:
        """Return the range of the values of a domain's images; None if it is not set."""
        ranges = self.value_range
        return ranges.get(letter) if isinstance(ranges, dict) else ranges

    @property
    def augmentations(self) -> tuple[str, ...]:
        """Names of the augmentations of what discriminators see."""
        if self.augment == ("adaptive",):
            return AUGMENTATIONS
        return tuple(name for name in self.augment if name != "adaptive")

    @property
    def samples(self) -> int:
        """Images per domain that a step sees, over all its moves."""
        return self.batch_size

    def complete(self, facts: Facts) -> Self:
        """Return the config with the settings that the data determines, and epochs as steps."""
        return replace(self, **self.fields_from(facts)).in_steps(facts.epoch)

    def fields_from(self, facts: Facts) -> dict[str, Any]:
        """Return the settings of this config that the data determines.

        Subclasses that let the data determine more of their fields extend this method.
        """
        return {
            "domains": facts.domains,
            "halves": facts.halves,
            "pair_aspect": facts.pair_aspect,
        }

    def in_steps(self, images: int) -> Self:
        """Return the config with its epochs converted to steps.

        Args:
            images: Training images per epoch.
        """

        def steps(epochs: float) -> int:
            return math.ceil(epochs * images / self.samples)

        total = max(1, steps(self.epochs)) if self.epochs else self.steps
        decay = steps(self.decay_epochs) if self.decay_epochs else self.decay_steps
        return replace(
            self, steps=total, epochs=0.0, decay_steps=min(decay, total), decay_epochs=0.0
        )


@settings
class ClassesConfig(Config):
    """Configuration of a method that learns from images in class folders.

    Attributes:
        classes: Names of the classes; taken from the class folders of the training images.
    """

    classes: Names = ()

    def fields_from(self, facts: Facts) -> dict[str, Any]:
        """Return the settings that the data determines, including the classes if it has any."""
        classes = {"classes": facts.classes} if facts.classes else {}
        return super().fields_from(facts) | classes


@settings
class SuperResolutionConfig(Config):
    """Configuration of a method that enlarges images.

    Attributes:
        scale: Factor by which height and width grow.
        rotate: Rotate training images by 0, 90, 180 or 270 degrees at random. With ``flip``, each
            crop comes in all eight orientations, so that few images go further.
    """

    scale: Depth = 4
    rotate: bool = False

    def __post_init__(self) -> None:
        """Refuse crops that cannot be rotated."""
        super().__post_init__()
        if self.rotate and self.crop[0] != self.crop[1]:
            raise ValueError(
                f"rotate needs a square crop, found {self.crop}; set crop={min(self.crop)} or "
                f"rotate=false"
            )
