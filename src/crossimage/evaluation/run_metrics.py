"""Choose the metrics that apply to each gallery, and compute them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from crossimage.data.images.pixels import ImageError
from crossimage.evaluation.galleries.base import GalleryItem
from crossimage.evaluation.metrics import METRICS, check_names
from crossimage.evaluation.metrics.base import (
    INPUTS,
    Accumulator,
    Metric,
    RandomStrips,
    Setup,
    load_metric,
)
from crossimage.evaluation.metrics.pair_check import PairCheck
from crossimage.evaluation.report.figures import Figure
from crossimage.evaluation.report.page import Evaluation
from crossimage.evaluation.report.strips import Block
from crossimage.utils.progress import track


@dataclass(frozen=True)
class ChosenMetrics:
    """The metrics to compute for a gallery.

    Attributes:
        names: Names of the metrics.
        missing: Reasons, by name, why metrics are not computed that were requested, are computed
            for other galleries, or usually.
    """

    names: tuple[str, ...]
    missing: dict[str, str]


def choose(wanted: Sequence[str], setups: Iterable[Setup]) -> list[ChosenMetrics]:
    """Choose the metrics to compute for every gallery.

    Args:
        wanted: Names as users give them; empty: all that apply.
        setups: What is evaluated side by side, iterated over once. Inputs and targets are paired
            where a metric of pairs is requested by name.

    Raises:
        ValueError: A metric is unknown (the nearest is named), or none can be computed for any
            gallery.
    """
    check_names(wanted)
    metrics = [load_metric(name) for name in METRICS if name in (wanted or METRICS)]
    names = [metric.name for metric in metrics]
    reported = {metric.name for metric in metrics if metric.expected or wanted}
    titles, refusals = [], []
    for setup in setups:
        titles.append(setup.gallery.title)
        refusals.append(_refusals(metrics, setup, pair=bool(wanted)))
        broken = {network for network, why in setup.networks.failures.items() if why}
        reported |= {metric.name for metric in metrics if metric.network in broken}
    reported |= {name for name in names if not all(name in refused for refused in refusals)}
    choices = []
    for refused in refusals:
        missing = {name: reason for name, reason in refused.items() if name in reported}
        choices.append(ChosenMetrics(tuple(name for name in names if name not in refused), missing))
    if not any(choice.names for choice in choices):
        # of the others, those of pairs may become possible by asking for them
        reported |= {metric.name for metric in metrics if metric.needs_pairs and not metric.network}
        missing = {name: why for name, why in refusals[0].items() if name in reported}
        raise ValueError(nothing_computed(titles[0], missing))
    return choices


def nothing_computed(title: str, missing: Mapping[str, str]) -> str:
    """Return the sentence that says why no metric can be computed."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in missing.items():
        by_reason.setdefault(reason, []).append(name)
    parts = [f"{', '.join(names)} can't be computed for {title}: {why}" for why, names in
             by_reason.items()]  # fmt: skip
    return "; ".join(parts)


def _refusals(metrics: Sequence[type[Metric]], setup: Setup, pair: bool) -> dict[str, str]:
    """Return why metrics do not apply, by name."""
    unpaired = ""
    if pair and any(metric.needs_pairs for metric in metrics):
        try:
            setup.gallery.pair_up()
        except ValueError as error:
            unpaired = str(error)
    reasons = {
        metric.name: (metric.needs_pairs and unpaired) or _refusal(metric, setup)
        for metric in metrics
    }
    return {name: reason for name, reason in reasons.items() if reason}


def _refusal(metric: type[Metric], setup: Setup) -> str | None:
    """Return why a metric does not apply to a gallery or to one of its parts."""
    if not setup.gallery.parts or metric.over_parts == "together":
        return metric.refusal(setup)
    if metric.over_parts == "never":
        return "it is not a mean over several targets, which this evaluation takes"
    return next(filter(None, map(metric.refusal, setup.parts())), None)


def run_metrics(setup: Setup, names: Collection[str]) -> Evaluation:
    """Compute metrics for a gallery.

    All metrics of single outputs are computed in one pass over the inputs, those of several
    outputs per input take one pass each.

    A metric that turns out not to apply, since images are too small for its network or pairs differ
    in size, is missing from the result, with the reason.

    Args:
        setup: The gallery, and everything that metrics are constructed from.
        names: The metrics of its :class:`ChosenMetrics`.

    Raises:
        ValueError: An image can't be read.
    """
    gallery, amounts = setup.gallery, setup.amounts
    kinds = [load_metric(name) for name in METRICS if name in names]
    if any(kind.needs_pairs for kind in kinds):
        gallery.pair_up()
    figures: list[Figure] = []
    blocks: list[Block] = []
    failures: dict[Accumulator, str] = {}
    missing: dict[str, str] = {}
    general, real = gallery.warnings(), False
    compared = [*general, *gallery.comparison_warnings()] if _compare(kinds) else general
    for group in _passes(kinds):
        metrics = [kind(setup) for kind in group]
        accumulators: list[Accumulator] = [*dict.fromkeys(m.accumulator for m in metrics)]
        published = group[0].outputs_per_input
        if published:
            inputs = min(gallery.total, amounts.inputs or INPUTS)
            items = gallery.items(inputs, gallery.outputs_per_input(amounts.samples or published))
            title = f"{gallery.title}: {group[0].name}"
        else:
            inputs = min(gallery.total, amounts.inputs or gallery.total)
            items = gallery.items(amounts.inputs, amounts.samples)
            title = f"{gallery.title}: single outputs"
            accumulators.append(RandomStrips(inputs, amounts.seed, gallery.item_kind))
            accumulators.append(setup.shared(PairCheck))
        for item in track(items, title, inputs, setup.progress):
            update_all(accumulators, item, failures)
        for metric in metrics:
            if metric.accumulator not in failures:
                with noting(failures, metric.accumulator):
                    warnings = compared if metric.needs_real_images else general
                    figures += figures_of(metric, setup, warnings)
            if reason := failures.get(metric.accumulator):
                missing[metric.name] = reason
        whole = [accumulator for accumulator in accumulators if accumulator not in failures]
        blocks += [block for accumulator in whole for block in accumulator.blocks()]
        real = real or any(metric.needs_real_images for metric in metrics)
    notes = gallery.adaptations(real)
    return Evaluation(gallery.title, gallery.facts, figures, notes, blocks, missing)


def _compare(kinds: Sequence[type[Metric]]) -> bool:
    return any(kind.needs_real_images for kind in kinds)


@contextmanager
def noting(failures: dict[Accumulator, str], accumulator: Accumulator) -> Iterator[None]:
    """Note why an accumulator can't go on; unreadable images end the whole evaluation."""
    try:
        yield
    except ImageError:
        raise
    except ValueError as error:
        failures[accumulator] = str(error)


def update_all(
    accumulators: Iterable[Accumulator], item: GalleryItem, failures: dict[Accumulator, str]
) -> None:
    """Update the accumulators that have not failed with an input; note those that fail now."""
    for accumulator in accumulators:
        if accumulator not in failures:
            with noting(failures, accumulator):
                accumulator.update(item)


def _passes(kinds: Sequence[type[Metric]]) -> list[list[type[Metric]]]:
    """Group metrics by the pass over the inputs that they are computed in."""
    single = [kind for kind in kinds if not kind.outputs_per_input]
    several = [[kind] for kind in kinds if kind.outputs_per_input]
    return [single, *several] if single else several


def figures_of(metric: Metric, setup: Setup, warnings: Sequence[str]) -> list[Figure]:
    """Return a metric's results with their directions and, where outputs are drawn, the seed.

    Args:
        metric: The metric.
        setup: What it was constructed from.
        warnings: Those of the gallery, which concern all figures.
    """
    figures = []
    unlike = setup.shared(PairCheck).warning() if metric.needs_pairs else None
    for figure in metric.figures():
        assert figure.name in metric.directions, f"{metric.name} must declare {figure.name}"
        figure = replace(
            figure,
            direction=metric.directions[figure.name],
            metric=metric.name,
            warnings=(*figure.warnings, *([unlike] if unlike else []), *warnings),
        )
        if setup.gallery.depends_on_seed and figure.name not in metric.figures_of_real_images:
            figure = replace(figure, seed=setup.amounts.seed)
        figures.append(figure)
    return figures
