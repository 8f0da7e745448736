"""Which measures there are, what each of them needs, and how the field takes them."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence

from crossimage.evaluation.figures import Figure
from crossimage.evaluation.gallery import Gallery
from crossimage.evaluation.judges import Classified, Segmented, asked_class, class_of
from crossimage.evaluation.measures import Beside, Likeness, Measure, Shown
from crossimage.evaluation.passes import Amounts, Track, conditional, diversity, diversity_of_real
from crossimage.evaluation.report import Evaluation
from crossimage.evaluation.statistics import cache_folder, statistics_of
from crossimage.evaluation.strips import Block
from crossimage.evaluation.tools import Tools

LIKENESS = ("fid", "kid", "is")
PAIRED = ("psnr", "ssim", "l1", "lpips_paired")
CLASSES = ("cis", "accuracy", "error")
METRICS = (*LIKENESS, "lpips", *CLASSES, "fcn", *PAIRED)
"""Names of all measures, in the order of the report."""


def choose(
    wanted: Sequence[str], gallery: Gallery, tools: Tools, amounts: Amounts
) -> tuple[str, ...]:
    """The measures to take.

    Args:
        wanted: Names as users give them; empty: all that apply.
        gallery: What is measured; inputs and targets are paired where that is asked for.
        tools: Which networks are there.
        amounts: How much is measured.

    Raises:
        ValueError: There is no such measure (the nearest is named), or it does not apply.
    """
    for name in wanted:
        if name not in METRICS:
            near = difflib.get_close_matches(name, METRICS, 1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise ValueError(f"there is no metric '{name}', only {', '.join(METRICS)}{hint}")
    if set(wanted) & {*PAIRED, "fcn"}:
        gallery.pair_up()
    reasons = {name: _refusal(name, gallery, tools, amounts) for name in wanted or METRICS}
    for name, reason in reasons.items():
        if wanted and reason:
            raise ValueError(f"{name} can't be measured of {gallery.title}: {reason}")
    return tuple(name for name in METRICS if reasons.get(name, "") is None)


def _refusal(name: str, gallery: Gallery, tools: Tools, amounts: Amounts) -> str | None:
    """Why a measure does not apply, if it does not."""
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
    if name == "accuracy" and class_of(gallery.paths[0].parent.name, tools.classifier) is None:
        return "the inputs lie in no folders of classes that the classifier has"
    if name == "error" and asked_class(gallery.target, tools.classifier) is None:
        named = f", '{gallery.target}'" if gallery.target else ""
        return (
            f"the classifier has no class of the target domain's name{named}; it knows "
            f"{', '.join(tools.classifier.classes[:20])}"
        )
    if name in {*PAIRED, "fcn"} and not gallery.paired:
        return "the images are not known to be pairs"
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
        names: What :func:`choose` gave.
        tools: The networks that measure.
        amounts: How much is measured.
        track: Shows the progress.

    Raises:
        ValueError: An image can't be used, or there are too few.
    """
    tools.open(names)
    figures: list[Figure] = []
    blocks: list[Block] = []
    if measures := _of_single_answers(names, gallery, tools, amounts.seed):
        inputs = min(gallery.total, amounts.inputs or gallery.total)
        measures.append(Shown(inputs, amounts.seed, gallery.kind))
        rows = gallery.rows(amounts.inputs, amounts.samples)
        for row in track(rows, f"{gallery.title}: single answers", inputs):
            for measure in measures:
                measure.add(row)
        figures += [figure for measure in measures for figure in measure.figures()]
        blocks += [block for measure in measures for block in measure.blocks()]
    if "lpips" in names:
        figure, shown = diversity(gallery, tools, amounts, track)
        figures.append(figure)
        blocks += shown
        if gallery.uniform and len(gallery.real) > 1:
            figures.append(diversity_of_real(gallery, tools, amounts, track))
    if "cis" in names:
        figures += conditional(gallery, tools, amounts, track)
    return Evaluation(gallery.title, gallery.facts, figures, gallery.adaptations(), blocks)


def _of_single_answers(
    names: Collection[str], gallery: Gallery, tools: Tools, seed: int
) -> list[Measure]:
    measures: list[Measure] = []
    if set(names) & set(LIKENESS):
        originals = statistics_of(gallery.real, tools.features, seed, cache_folder())
        measures.append(Likeness(names, originals, seed, gallery.kind))
    if set(names) & set(PAIRED):
        measures.append(_beside(names, gallery, tools))
    if {"accuracy", "error"} & set(names):
        measures.append(Classified(names, tools.classifier, gallery.target))
    if "fcn" in names:
        answers = tools.scores("fcn", "the answers")
        real = tools.scores("fcn_real", "the real photos, which are the ceiling,")
        measures.append(Segmented(answers, real, gallery.label_map))
    return measures


def _beside(names: Collection[str], gallery: Gallery, tools: Tools) -> Beside:
    if "lpips_paired" not in names:
        return Beside(names, gallery.border, None)
    lpips = tools.lpips
    return Beside(
        names, gallery.border, lpips, f"LPIPS v0.1, {lpips.name}", lpips.library, lpips.comparable
    )
