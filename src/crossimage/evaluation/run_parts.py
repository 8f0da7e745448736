"""Compute the metrics of a gallery of several parts: means over the parts, or of all together."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter

from crossimage.evaluation.galleries.base import GalleryItem
from crossimage.evaluation.metrics import METRICS
from crossimage.evaluation.metrics.base import Accumulator, RandomStrips, Setup, load_metric
from crossimage.evaluation.report.figures import Figure
from crossimage.evaluation.report.page import Evaluation
from crossimage.evaluation.run_metrics import figures_of, noting, update_all
from crossimage.utils.progress import track


def run_parts(setup: Setup, names: Collection[str]) -> Evaluation:
    """Compute metrics for a gallery of several parts, in one pass over all outputs.

    A metric that turns out not to apply to a part has no mean, and is missing from the result.

    Args:
        setup: The gallery, and everything that metrics are constructed from.
        names: The metrics of its :class:`~crossimage.evaluation.run_metrics.ChosenMetrics`.

    Raises:
        ValueError: An image can't be read.
    """
    gallery, amounts = setup.gallery, setup.amounts
    kinds = [load_metric(name) for name in METRICS if name in names]
    joint = [kind(setup) for kind in kinds if kind.over_parts == "together"]
    total = sum(min(part.total, amounts.inputs or part.total) for part in gallery.parts)
    strips = RandomStrips(total, amounts.seed, gallery.item_kind)
    whole: list[Accumulator] = [*dict.fromkeys(metric.accumulator for metric in joint), strips]
    failures: dict[Accumulator, str] = {}
    missing: dict[str, str] = {}
    by_name: dict[str, list[tuple[str, Figure]]] = {}

    tracked = track(_items(setup), f"{gallery.title}: outputs", total, setup.progress)
    for number, items in groupby(tracked, key=itemgetter(0)):
        part = Setup(gallery.parts[number], setup.networks, amounts)
        metrics = [kind(part) for kind in kinds if kind.over_parts == "mean"]
        own = [*dict.fromkeys(metric.accumulator for metric in metrics)]
        for _, item in items:
            update_all((*whole, *own), item, failures)
        for metric in metrics:
            if metric.accumulator not in failures:
                with noting(failures, metric.accumulator):
                    for figure in figures_of(metric, part, ()):
                        by_name.setdefault(figure.name, []).append((part.gallery.title, figure))
            if reason := failures.get(metric.accumulator):
                missing.setdefault(metric.name, f"{part.gallery.title}: {reason}")

    means = [_mean(own) for own in by_name.values()]
    figures = [figure for figure in means if figure.metric not in missing]
    for metric in joint:
        with noting(failures, metric.accumulator):
            if metric.accumulator not in failures:
                figures += figures_of(metric, setup, ())
        if reason := failures.get(metric.accumulator):
            missing[metric.name] = reason
    general = gallery.warnings()
    figures = [replace(f, warnings=(*f.warnings, *general)) for f in figures]
    notes = gallery.adaptations(any(kind.needs_real_images for kind in kinds))
    return Evaluation(gallery.title, gallery.facts, figures, notes, strips.blocks(), missing)


def _items(setup: Setup) -> Iterator[tuple[int, GalleryItem]]:
    """Iterate over the items of all parts, with the indices of these."""
    amounts = setup.amounts
    for number, part in enumerate(setup.gallery.parts):
        for item in part.items(amounts.inputs, amounts.samples):
            named = replace(item, name=f"{part.title}: {item.name}", wanted=part.target)
            yield number, named


def _mean(by_part: Sequence[tuple[str, Figure]]) -> Figure:
    """Return the mean of a figure over the parts, with its least and greatest value."""
    figures = [figure for _, figure in by_part]
    title, first = by_part[0]
    values = [figure.value for figure in figures]
    ends = (end(by_part, key=lambda pair: pair[1].value) for end in (min, max))
    low, high = (f"{figure.value:.4g} ({part})" for part, figure in ends)
    note = f"from {low} to {high}" if len(values) > 1 else ""
    return replace(
        first,
        value=sum(values) / len(values),
        interval=first.interval if len(values) == 1 else None,
        count=sum(figure.count for figure in figures),
        protocol=f"mean over {len(values)} parts, such as {title}: {first.protocol}",
        note="; ".join(filter(None, (note, first.note))),
        comparable=all(figure.comparable for figure in figures),
        warnings=_one_of_each_kind([w for figure in figures for w in figure.warnings]),
    )


def _one_of_each_kind(warnings: Sequence[str]) -> tuple[str, ...]:
    """Return the first of all warnings that differ in nothing but numbers."""
    return tuple({re.sub(r"\d[\d,.]*", "0", text): text for text in reversed(warnings)}.values())
