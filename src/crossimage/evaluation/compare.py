"""Evaluate several galleries side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from crossimage.evaluation.galleries.base import Gallery
from crossimage.evaluation.galleries.checks import Tested
from crossimage.evaluation.galleries.domain_pairs import open_domain_pairs
from crossimage.evaluation.galleries.drawings import DrawingGallery
from crossimage.evaluation.galleries.few_shot import open_few_shot
from crossimage.evaluation.galleries.labels import LabelGallery
from crossimage.evaluation.galleries.samples import SampleGallery
from crossimage.evaluation.galleries.translations import TranslationGallery
from crossimage.evaluation.metrics.base import Amounts, Setup
from crossimage.evaluation.networks.open import MetricNetworks
from crossimage.evaluation.options import Options
from crossimage.evaluation.report.page import Evaluation
from crossimage.evaluation.run_metrics import choose, nothing_computed, run_metrics
from crossimage.evaluation.run_parts import run_parts
from crossimage.inference.translator import Translator
from crossimage.utils.devices import find_device
from crossimage.utils.progress import ProgressCallback


def open_galleries(
    title: str, model: Translator, data: Tested, options: Options
) -> tuple[Gallery, ...]:
    """Open the galleries that a trained model is evaluated by.

    There is one, except for StarGAN v2 without a target: one for its random styles, and one for
    those of references.

    Args:
        title: Title of the model.
        model: The trained model.
        data: The data set.
        options: The target, the seed and how much is evaluated.

    Raises:
        FileNotFoundError: A folder or a file of the data set is missing.
        ValueError: The data does not fit the model, or the target is unknown.
    """
    if model.networks.layout == "classes" and model.random_styles.exist and options.to is None:
        return open_domain_pairs(title, model, data, options.seed)
    return (open_gallery(title, model, data, options),)


def open_gallery(title: str, model: Translator, data: Tested, options: Options) -> Gallery:
    """Open the gallery that suits a trained model's method, and a target.

    Args:
        title: Title of the gallery.
        model: The trained model.
        data: The data set.
        options: The target, the seed and how much is evaluated.

    Raises:
        FileNotFoundError: A folder or a file of the data set is missing.
        ValueError: The data does not fit the model, or the target is unknown.
    """
    if model.networks.classes:
        raise ValueError(
            f"{title} translates label maps of class numbers, and data sets are read as images; "
            "translate the maps with `crossimage translate`, and give the folder of the results "
            "instead (in `evaluate`: --fake RESULTS --real PHOTOS)"
        )
    if model.networks.few_shot:
        return open_few_shot(title, model, data, options.to, options.references, options.seed)
    if model.networks.layout == "class_pairs":
        return DrawingGallery(title, model, data, options.to, options.seed)
    if model.networks.labels:
        return LabelGallery(title, model, data, options.to, options.seed)
    if model.networks.targets:
        return TranslationGallery(title, model, data, options.to, options.seed)
    for flag, value in (("--to", options.to), ("--samples", options.samples)):
        if value is not None:
            raise ValueError(
                f"{title} is a {model.method}, which makes images from noise: leave out {flag}; "
                "--inputs says how many images it makes"
            )
    return SampleGallery(title, model, data, options.inputs, options.seed)


def compare(
    galleries: Sequence[Callable[[], Sequence[Gallery]]],
    options: Options,
    progress: ProgressCallback | None,
) -> list[Evaluation]:
    """Evaluate galleries, one after the other.

    Metrics that can't be computed, since they don't apply or the weights of their networks are
    missing, are left out with the reason. All galleries are checked before the first is evaluated.
    They are opened one at a time, so that models need little memory.

    Args:
        galleries: Functions that open those of one model or folder.
        options: What is evaluated.
        progress: Receives the progress; None: not reported.

    Raises:
        FileNotFoundError: A model, a folder or a file that an option names is missing.
        ValueError: The data does not fit a model, or no metric can be computed.
    """
    options.check()
    networks = MetricNetworks(
        find_device(options.device),
        options.features,
        lpips_net=options.lpips,
        lpips_weights=options.lpips_weights,
        classifier_path=_path(options.classifier),
        segmenter_path=_path(options.segmenter),
        face_path=_path(options.face_network),
        face_threshold=options.face_threshold,
        resize=options.resize,
        size=options.size,
        unseen_classifier_path=_path(options.unseen_classifier),
        vgg_weights=options.vgg_weights,
    )
    amounts = Amounts(options.inputs, options.samples, options.seed)

    def setups() -> Iterator[Setup]:
        for open_some in galleries:
            for gallery in open_some():
                yield Setup(gallery, networks, amounts, progress)

    choices = choose(options.names, setups())
    evaluations = []
    for setup, choice in zip(setups(), choices, strict=True):
        run = run_parts if setup.gallery.parts else run_metrics
        result = run(setup, choice.names)
        evaluations.append(replace(result, missing=choice.missing | result.missing))
    if not any(evaluation.figures for evaluation in evaluations):
        raise ValueError(nothing_computed(evaluations[0].title, evaluations[0].missing))
    return evaluations


def _path(file: str | None) -> Path | None:
    return None if file is None else Path(file)
