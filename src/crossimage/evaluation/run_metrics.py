"""Which measures there are, what each of them needs, and how the field takes them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from crossimage.evaluation.galleries.base import Gallery
from crossimage.evaluation.metrics.base import Beside, Likeness, Measure, Shown
from crossimage.evaluation.metrics.classification import (
    Classified,
    Segmented,
    asked_class,
    class_of,
)
from crossimage.evaluation.metrics.diversity import (
    Amounts,
    Track,
    conditional,
    diversity,
    diversity_of_real,
)
from crossimage.evaluation.metrics.statistics import cache_folder, statistics_of
from crossimage.evaluation.networks.open import Tools
from crossimage.evaluation.report.figures import Figure
from crossimage.evaluation.report.page import Evaluation
from crossimage.evaluation.report.strips import Block
from crossimage.utils.names import did_you_mean

LIKENESS = ("fid", "kid", "is")
PAIRED = ("psnr", "ssim", "l1", "lpips_paired")
CLASSES = ("cis", "accuracy", "error")
METRICS = (*LIKENESS, "lpips", *CLASSES, "fcn", *PAIRED)
"""Names of all measures, in the order of the report."""

_BY_PAIRS = frozenset({*PAIRED, "fcn"})


@dataclass(frozen=True)
class Choice:
    """What is to be measured of a gallery.

    Attributes:
        names: The measures.
        missing: Why others are not taken, by name: those that are taken of another gallery.
    """

    names: tuple[str, ...]
    missing: dict[str, str]


def choose(
    wanted: Sequence[str], galleries: Iterable[Gallery], tools: Tools, amounts: Amounts
) -> list[Choice]:
    """The measures to take of every gallery.

    Args:
        wanted: Names as users give them; empty: all that apply.
        galleries: What is measured side by side, gone through once; inputs and targets are paired
            where that is asked for.
        tools: Which networks are there.
        amounts: How much is measured.

    Raises:
        ValueError: There is no such measure (the nearest is named), or it applies to no gallery.
    """
    for name in wanted:
        if name not in METRICS:
            hint = did_you_mean(name, METRICS)
            raise ValueError(f"there is no metric '{name}', only {', '.join(METRICS)}{hint}")
    asked = [name for name in METRICS if name in (wanted or METRICS)]
    titles, refusals = [], []
    for gallery in galleries:
        titles.append(gallery.title)
        pair = bool(_BY_PAIRS & set(wanted))
        refusals.append(_refusals(asked, pair, gallery, tools, amounts))
    taken = [name for name in asked if not all(name in found for found in refusals)]
    for name in asked:
        if name not in taken and (wanted or not taken):
            raise ValueError(f"{name} can't be measured of {titles[0]}: {refusals[0][name]}")
    told = {*taken, *LIKENESS}  # the latter apply to all models and folders
    return [
        Choice(
            tuple(name for name in asked if name not in found),
            {name: reason for name, reason in found.items() if name in told},
        )
        for found in refusals
    ]


def _refusals(
    names: Sequence[str], pair: bool, gallery: Gallery, tools: Tools, amounts: Amounts
) -> dict[str, str]:
    """Why some measures do not apply."""
    unpaired = "the images are not known to be pairs; name the metric to pair them"
    if pair:
        try:
            gallery.pair_up()
        except ValueError as error:
            unpaired = str(error)
    found = {}
    for name in names:
        alone = name in _BY_PAIRS and not gallery.paired
        reason = unpaired if alone else _refusal(name, gallery, tools, amounts)
        if reason:
            found[name] = reason
    return found


def _refusal(name: str, gallery: Gallery, tools: Tools, amounts: Amounts) -> str | None:
    """Why a measure does not apply, if it does not."""
    if name in LIKENESS:
        inputs = min(gallery.total, amounts.inputs or gallery.total)
        counts = {"generated": inputs * gallery.answers(amounts.samples)}
        if name != "is":
            counts["real"] = len(gallery.real)
        for what, count in counts.items():
            if count < 2:
                return f"it needs at least 2 {what} images, found {count}"
    if name in {"lpips", "cis"} and gallery.answers(amounts.samples or 2) < 2:
        if gallery.most == 1:
            return "there is one answer an input, so there is no diversity to measure"
        return "it needs at least 2 answers an input; give --samples 2 or more"
    if name in CLASSES and not tools.classifier_path:
        return (
            "it needs a classifier; make one with `crossimage evaluate fit-classifier` and name "
            "it with --classifier FILE"
        )
    if name == "accuracy" and not gallery.keeps_class:
        return "the class of the input is what is changed; error tells whether that worked"
    if name == "accuracy":
        folders = sorted({path.parent for path in gallery.paths})
        strange = [f for f in folders if class_of(f.name, tools.classifier) is None]
        if strange:
            return (
                "the inputs lie in no folders of classes that the classifier has, such as "
                f"{strange[0]}"
            )
    if name == "error" and asked_class(gallery.target, tools.classifier) is None:
        named = f", '{gallery.target}'" if gallery.target else ""
        return (
            f"the classifier has no class of the target domain's name{named}; it knows "
            f"{', '.join(tools.classifier.classes[:20])}"
        )
    if name == "fcn" and not tools.segmenter_path:
        return (
            "it needs a segmenter; make one with `crossimage evaluate fit-segmenter` and name it "
            "with --segmenter FILE"
        )
    if name == "fcn" and not gallery.tells_labels:
        return "the label maps are needed, which a folder of results does not tell"
    return None


def evaluate(
    gallery: Gallery, names: Collection[str], tools: Tools, amounts: Amounts, track: Track
) -> Evaluation:
    """Measure a gallery.

    All measures of single answers are taken in one pass over the inputs; those of many answers to
    one input in a pass of their own.

    Args:
        gallery: Inputs and answers.
        names: The measures of its :class:`Choice`.
        tools: The networks that measure.
        amounts: How much is measured.
        track: Shows the progress.

    Raises:
        ValueError: An image can't be used, or there are too few.
    """
    if _BY_PAIRS & set(names):
        gallery.pair_up()
    figures: list[Figure] = []
    blocks: list[Block] = []
    if measures := _of_single_answers(names, gallery, tools, amounts.seed, track):
        inputs = min(gallery.total, amounts.inputs or gallery.total)
        measures.append(Shown(inputs, amounts.seed, gallery.kind))
        rows = gallery.rows(amounts.inputs, amounts.samples)
        for row in track(rows, f"{gallery.title}: single answers", inputs):
            for measure in measures:
                measure.add(row)
        figures += [figure for measure in measures for figure in measure.figures()]
        blocks += [block for measure in measures for block in measure.blocks()]
    real_pairs = "lpips" in names and gallery.uniform and len(gallery.real) > 1
    if "lpips" in names:
        figure, shown = diversity(gallery, tools, amounts, track)
        figures.append(figure)
        blocks += shown
    if real_pairs:
        figures.append(diversity_of_real(gallery, tools, amounts, track))
    if "cis" in names:
        scores, shown = conditional(gallery, tools, amounts, track)
        figures += scores
        blocks += shown
    if gallery.drawn:
        figures = [_seeded(figure, amounts.seed) for figure in figures]
    real = real_pairs or bool({*LIKENESS, *_BY_PAIRS} & set(names))
    return Evaluation(gallery.title, gallery.facts, figures, gallery.adaptations(real), blocks)


def _seeded(figure: Figure, seed: int) -> Figure:
    """A figure of answers that the seed draws; the scores of the real photos are no such."""
    return figure if figure.name.startswith("fcn_real") else replace(figure, seed=seed)


def _of_single_answers(
    names: Collection[str], gallery: Gallery, tools: Tools, seed: int, track: Track
) -> list[Measure]:
    measures: list[Measure] = []
    if set(names) & set(LIKENESS):
        real = gallery.real
        batches = -(-len(real) // real.batch_size)  # at least; unlike sizes come apart
        what = f"{gallery.title}: batches of real images"
        originals = statistics_of(
            real, tools.features, seed, cache_folder(), lambda images: track(images, what, batches)
        )
        measures.append(Likeness(names, originals, seed, gallery.kind))
    if set(names) & set(PAIRED):
        measures.append(_beside(names, gallery, tools))
    if {"accuracy", "error"} & set(names):
        measures.append(Classified(names, tools.classifier, gallery.target))
    if "fcn" in names:
        answers = tools.scores("fcn", "the answers")
        ceiling = tools.scores("fcn_real", "the real photos, which are the ceiling,")
        measures.append(Segmented(answers, ceiling, gallery.label_map))
    return measures


def _beside(names: Collection[str], gallery: Gallery, tools: Tools) -> Beside:
    if "lpips_paired" not in names:
        return Beside(names, gallery.border, None)
    lpips = tools.lpips
    return Beside(
        names, gallery.border, lpips, f"LPIPS v0.1, {lpips.name}", lpips.library, lpips.comparable
    )
