"""Choose the metrics that apply to each gallery, and compute them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from crossimage.evaluation.metrics import METRICS
from crossimage.evaluation.metrics.base import (
    INPUTS,
    Accumulator,
    Metric,
    RandomStrips,
    Setup,
    load_metric,
)
from crossimage.evaluation.report.figures import Figure
from crossimage.evaluation.report.page import Evaluation
from crossimage.evaluation.report.strips import Block
from crossimage.utils.names import did_you_mean
from crossimage.utils.progress import track


@dataclass(frozen=True)
class Choice:
    """The metrics to compute for a gallery.

    Attributes:
        names: Names of the metrics.
        missing: Reasons, by name, why metrics computed for other galleries, or usually, are not.
    """

    names: tuple[str, ...]
    missing: dict[str, str]


def choose(wanted: Sequence[str], setups: Iterable[Setup]) -> list[Choice]:
    """Choose the metrics to compute for every gallery.

    Args:
        wanted: Names as users give them; empty: all that apply.
        setups: What is evaluated side by side, iterated over once. Inputs and targets are paired
            where a metric of pairs is requested by name.

    Raises:
        ValueError: The metric is unknown (the nearest is named), or it applies to no gallery.
    """
    for name in wanted:
        if name not in METRICS:
            hint = did_you_mean(name, METRICS)
            known = ", ".join(METRICS)
            raise ValueError(f"unknown metric '{name}', expected one of {known}{hint}")
    metrics = [load_metric(name) for name in METRICS if name in (wanted or METRICS)]
    titles, refusals = [], []
    for setup in setups:
        titles.append(setup.gallery.title)
        refusals.append(_refusals(metrics, setup, pair=bool(wanted)))
    names = [metric.name for metric in metrics]
    expected = {metric.name for metric in metrics if metric.expected}
    taken = {name for name in names if not all(name in refused for refused in refusals)}
    for name in names:
        if name not in taken and (wanted or not taken):
            raise ValueError(f"{name} can't be computed for {titles[0]}: {refusals[0][name]}")
    return [
        Choice(
            tuple(name for name in names if name not in refused),
            {name: refused[name] for name in refused if name in taken | expected},
        )
        for refused in refusals
    ]


def _refusals(metrics: Sequence[type[Metric]], setup: Setup, pair: bool) -> dict[str, str]:
    """Return why metrics do not apply, by name."""
    unpaired = ""
    if pair and any(metric.needs_pairs for metric in metrics):
        try:
            setup.gallery.pair_up()
        except ValueError as error:
            unpaired = str(error)
    reasons = {
        metric.name: (metric.needs_pairs and unpaired) or metric.refusal(setup)
        for metric in metrics
    }
    return {name: reason for name, reason in reasons.items() if reason}


def run_metrics(setup: Setup, names: Collection[str]) -> Evaluation:
    """Compute metrics for a gallery.

    All metrics of single outputs are computed in one pass over the inputs, those of several
    outputs per input take one pass each.

    Args:
        setup: The gallery, and everything that metrics are constructed from.
        names: The metrics of its :class:`Choice`.

    Raises:
        ValueError: An image can't be used, or there are too few.
    """
    gallery, amounts = setup.gallery, setup.amounts
    kinds = [load_metric(name) for name in METRICS if name in names]
    if any(kind.needs_pairs for kind in kinds):
        gallery.pair_up()
    figures: list[Figure] = []
    blocks: list[Block] = []
    real = False
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
        for item in track(items, title, inputs, setup.progress):
            for accumulator in accumulators:
                accumulator.update(item)
        figures += [figure for metric in metrics for figure in _figures(metric, setup)]
        blocks += [block for accumulator in accumulators for block in accumulator.blocks()]
        real = real or any(metric.needs_real_images for metric in metrics)
    return Evaluation(gallery.title, gallery.facts, figures, gallery.adaptations(real), blocks)


def _passes(kinds: Sequence[type[Metric]]) -> list[list[type[Metric]]]:
    """Group metrics by the pass over the inputs that they are computed in."""
    single = [kind for kind in kinds if not kind.outputs_per_input]
    several = [[kind] for kind in kinds if kind.outputs_per_input]
    return [single, *several] if single else several


def _figures(metric: Metric, setup: Setup) -> list[Figure]:
    """Return a metric's results with their directions and, where outputs are drawn, the seed."""
    figures = []
    for figure in metric.figures():
        assert figure.name in metric.directions, f"{metric.name} must declare {figure.name}"
        figure = replace(figure, direction=metric.directions[figure.name])
        if setup.gallery.depends_on_seed and figure.name not in metric.figures_of_real_images:
            figure = replace(figure, seed=setup.amounts.seed)
        figures.append(figure)
    return figures
