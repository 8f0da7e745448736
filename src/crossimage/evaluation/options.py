"""Options of evaluations, known without loading PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

import tyro

from crossimage.evaluation.metrics import METRICS, check_names
from crossimage.utils.numbers import whole
from crossimage.utils.paths import as_path
from crossimage.utils.texts.help_text import stated_default

Metrics = Annotated[
    str,
    tyro.conf.arg(
        metavar="NAME,NAME,...",
        help_behavior_hint=stated_default,
        help=f"Metrics to compute: {', '.join(METRICS)}; by default all that apply.",
    ),
]
File = Annotated[str | None, tyro.conf.arg(metavar="FILE", help_behavior_hint=stated_default)]
Target = Annotated[
    str | None, tyro.conf.arg(metavar="DOMAIN|LABEL", help_behavior_hint=stated_default)
]
Count = Annotated[int | None, tyro.conf.arg(metavar="N", help_behavior_hint=stated_default)]
Backbone = Literal["alex", "vgg", "squeeze"]
"""Backbones of the perceptual distance LPIPS."""

Resize = Literal["tensorflow", "clean"]
"""How images are resized for Inception-v3: as in published figures, or as clean-fid does."""

ClassifierName = Literal["resnet18", "resnet18_small", "inception_v3"]
"""Networks that can be trained as classifiers."""

SegmenterName = Literal["fcn_resnet50", "deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large"]
"""Networks that can be trained as segmenters."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is evaluated, how much of it, and with which networks.

    Attributes:
        to: The target domain; by default the only possible one, or the second one. For models with
            labels: a label, or values such as Male=0 or Male=1,Young=0 of attributes; the test
            images without them are translated, and those with them are the real images. For a
            folder with results of several targets, the one to evaluate.
        metrics: Names of metrics, separated by commas; empty: all that apply.
        inputs: Number of inputs, evenly spaced, and of a video the first ones; by default all, but
            for lpips and cis 100. For models that generate from noise, the number of images; by
            default that of real ones.
        samples: Outputs per input; by default 1, 20 for lpips (19 pairs) and 100 for cis, and for a
            folder as many as there are.
        seed: Makes the outputs and all choices reproducible.
        features: Network of fid, kid and is: inception, a file of the weights of Inception-v3
            (of 2015, or torchvision's), a file that fit-classifier wrote, or random; figures of the
            last two are not comparable.
        lpips: Backbone of the perceptual distance.
        lpips_weights: A file of the backbone's weights, or random; by default those of the cache.
        classifier: A file that fit-classifier wrote, for cis, accuracy, error and, of all classes,
            translation_accuracy. For error it needs a class of the target's name; for Male=0 one
            named 'not Male', or only one besides Male.
        segmenter: A file that fit-segmenter wrote, for fcn.
        face_network: A network of faces, for identity: VGG-Face (vgg_face_dag.pth), or a file that
            fit-classifier wrote.
        face_threshold: Cosine similarity from which on two faces count as the same person.
        device: Where to compute: auto, cpu, cuda, cuda:1, ...
        size: Height and width in pixels that images are resized to before anything else for fid,
            kid and is, such as 128; by default they are used as they are.
        references: References for each output of a few-shot model, K.
        unseen_classifier: A file that fit-classifier wrote for the unseen classes alone, for
            unseen_accuracy.
        vgg_weights: A file of VGG16's weights, or random, for dipd; by default those of the cache.
        resize: How images are resized for fid, kid and is: as by the Inception-v3 of 2015, which
            most published figures are made with, or as by clean-fid.
    """

    to: Target = None
    metrics: Metrics = ""
    inputs: Count = None
    samples: Count = None
    seed: int = 0
    features: str = "inception"
    lpips: Backbone = "alex"
    lpips_weights: File = None
    classifier: File = None
    segmenter: File = None
    face_network: File = None
    face_threshold: float = 0.6
    device: str = "auto"
    resize: Resize = "tensorflow"
    size: Count = None
    references: int = 1
    unseen_classifier: File = None
    vgg_weights: File = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the metrics, one by one."""
        return tuple(name for part in self.metrics.split(",") if (name := part.strip().lower()))

    def check(self) -> None:
        """Check the metrics' names and the numbers, and that the files exist.

        Raises:
            FileNotFoundError: A file does not exist.
            ValueError: A metric is unknown, a number is less than 1, or a path is empty.
        """
        check_names(self.names)
        for flag, value in (
            ("--inputs", self.inputs), ("--samples", self.samples), ("--size", self.size),
            ("--references", self.references),
        ):  # fmt: skip
            if value is not None:
                whole(value, flag, 1)
        if not -1 <= self.face_threshold <= 1:
            raise ValueError(
                f"--face-threshold is a cosine from -1 to 1, found {self.face_threshold}"
            )
        for flag, file, others in (
            ("--features", self.features, ("inception", "random")),
            ("--lpips-weights", self.lpips_weights, ("random",)),
            ("--classifier", self.classifier, ()),
            ("--segmenter", self.segmenter, ()),
            ("--face-network", self.face_network, ()),
            ("--unseen-classifier", self.unseen_classifier, ()),
            ("--vgg-weights", self.vgg_weights, ("random",)),
        ):
            if file is not None and file not in others and not as_path(file, flag).is_file():
                raise FileNotFoundError(f"{file}, given with {flag}, does not exist")

    def to_dict(self) -> dict[str, Any]:
        """Return the options that were chosen, without those left open, as plain data."""
        return {key: value for key, value in asdict(self).items() if value not in (None, "")}


def check_given(
    models: Sequence[object],
    *,
    data: object,
    fake: object,
    real: object,
    video: object,
    settings: Mapping[str, Any] | None,
) -> None:
    """Check that what is to be evaluated is complete, and of one kind.

    Args:
        models: Trained models.
        data: The data set whose test images they translate.
        fake: A folder of results.
        real: The real images that these are compared with.
        video: A video that models translate, or that ``fake`` is the translation of.
        settings: Settings of the models.

    Raises:
        ValueError: Something is missing, or excludes something else.
    """
    if video is not None:
        if data is not None or real is not None:
            raise ValueError("--video takes the place of --data and --real; leave them out")
        if fake is not None and (models or settings):
            raise ValueError("--fake is the translation of --video: leave out runs and settings")
    elif fake is not None or real is not None:
        if settings:
            raise ValueError("settings apply to models: leave them out with --fake and --real")
        if fake is None:
            raise ValueError(
                "--fake and --real belong together: a folder of results, and real images"
            )
        if models or data is not None:
            raise ValueError("--fake and --real take the place of runs and --data")
    if fake is None and not models:
        raise ValueError("nothing to evaluate: give runs and --data, or --fake and --real")
    if fake is None and data is None and video is None:
        raise ValueError("--data is missing: the data set whose test images are translated")
