"""Evaluation of a model that is being trained, by one of the metrics of ``crossimage evaluate``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from crossimage.config import Config
from crossimage.data.sources.folders import Domain
from crossimage.evaluation.compare import open_galleries
from crossimage.evaluation.galleries.base import Gallery
from crossimage.evaluation.galleries.checks import KnownImages
from crossimage.evaluation.metrics import METRICS
from crossimage.evaluation.metrics.base import INPUTS, Amounts, Metric, Setup, load_metric
from crossimage.evaluation.networks.open import MetricNetworks
from crossimage.evaluation.options import Options
from crossimage.inference.translator import Translator
from crossimage.training.best.validator import Validator
from crossimage.utils.names import did_you_mean

MOST_INPUTS = 200
"""Inputs of each target in an evaluation; of more, as many that are evenly spaced."""

_PAIRED = ("paired", "super_resolution")
_NETWORKS = (None, "features", "lpips", "content")  # that need no file of the user's


class MetricValidator(Validator):
    """Evaluates a model by the metric that its settings name.

    The figure is the mean over all targets that the model translates to. All random choices are the
    same in every evaluation.
    """

    def __init__(self) -> None:
        self._metric: type[Metric] | None = None
        self._images = KnownImages("validation images", ())
        self._targets: tuple[str | None, ...] = (None,)
        self._networks: MetricNetworks | None = None

    def open(self, model: Translator, validation: Sequence[Domain]) -> list[str]:
        """Open what the metric needs; see :meth:`Validator.open`."""
        self._images = KnownImages("validation images", validation)
        self._metric = metric = chosen_metric(model.config, model.networks.layout)
        self._networks = MetricNetworks(model.device, model.config.best_features)
        asked = f"best_metric={metric.name}"
        notes = []
        targets = _targets(model)
        problems: dict[str | None, str] = {}
        for target in targets:
            try:
                for gallery in self._galleries(model, target):
                    if reason := self._refusal(metric, gallery):
                        raise ValueError(reason)
            except ValueError as error:
                problems[target] = str(error)
        self._targets = tuple(target for target in targets if target not in problems)
        reasons = list(dict.fromkeys(problems.values()))
        if not self._targets:
            raise ValueError(
                f"{asked} can't be computed on the validation images: {'; '.join(reasons[:3])}; "
                "choose another best_metric, or leave out evaluate_every"
            )
        if reasons:
            names = ", ".join(str(target) for target in problems)
            notes.append(f"{asked} leaves out the targets {names}: {'; '.join(reasons[:3])}")
        return notes

    def evaluate(self, model: Translator) -> Mapping[str, float]:
        """Return the figures of the metric, means over all targets.

        Raises:
            ValueError: An image can't be used.
        """
        sums: dict[str, list[float]] = {}
        for target in self._targets:
            for gallery in self._galleries(model, target):
                for part in gallery.parts or (gallery,):
                    for name, value in self._measure(part):
                        sums.setdefault(name, []).append(value)
        return {name: sum(values) / len(values) for name, values in sums.items()}

    @property
    def figure(self) -> str:
        """Name of the figure that decides; see :attr:`Validator.figure`."""
        assert self._metric
        return _figure_of(self._metric)

    @property
    def better(self) -> Literal["higher", "lower"]:
        """The better end of that figure, as the metric declares it."""
        assert self._metric
        better = self._metric.directions[self.figure].better
        assert better != "neither"
        return better

    def _galleries(self, model: Translator, target: str | None) -> Sequence[Gallery]:
        """Open the galleries of a target."""
        return open_galleries("the run", model, self._images, Options(to=target))

    def _refusal(self, metric: type[Metric], gallery: Gallery) -> str | None:
        """Return why a metric cannot be computed for a gallery; None if it can."""
        if gallery.parts and metric.over_parts != "mean":
            return "it is not a mean over several targets, which this method has"
        if metric.needs_pairs:
            gallery.pair_up()
        setups = map(self._setup, gallery.parts or (gallery,))
        return next(filter(None, map(metric.refusal, setups)), None)

    def _setup(self, gallery: Gallery) -> Setup:
        assert self._networks
        return Setup(gallery, self._networks, Amounts(MOST_INPUTS))

    def _measure(self, gallery: Gallery) -> Iterator[tuple[str, float]]:
        """Yield the figures of a gallery by name."""
        assert self._metric
        if self._metric.needs_pairs:
            gallery.pair_up()
        metric = self._metric(self._setup(gallery))
        published = metric.outputs_per_input
        inputs = min(gallery.total, INPUTS if published else MOST_INPUTS)
        samples = gallery.outputs_per_input(published) if published else None
        for item in gallery.items(inputs, samples):
            metric.accumulator.update(item)
        for figure in metric.figures():
            yield figure.name, float(figure.value)


def chosen_metric(config: Config, layout: str) -> type[Metric]:
    """Return the metric that decides which model of a run is the best.

    Args:
        config: The settings of the run; without ``best_metric``, it is ``psnr`` for pairs and
            ``kid`` for all others.
        layout: How the images of the method belong together.

    Raises:
        ValueError: The metric is unknown, has no better end, or needs a network of the user's.
    """
    name = config.best_metric.strip().lower() or ("psnr" if layout in _PAIRED else "kid")
    usable = [one for one in METRICS if _problem(one) is None]
    if name not in METRICS:
        raise ValueError(
            f"best_metric: unknown metric '{config.best_metric}'{did_you_mean(name, usable)}; "
            f"expected one of {', '.join(usable)}"
        )
    if problem := _problem(name):
        raise ValueError(f"best_metric={name}: {problem}; expected one of {', '.join(usable)}")
    return load_metric(name)


def _problem(name: str) -> str | None:
    """Return why a metric cannot decide which model is the best; None if it can."""
    metric = load_metric(name)
    if metric.network not in _NETWORKS:
        return f"it needs a network that training does not take ({metric.network})"
    direction = metric.directions[_figure_of(metric)]
    if direction.better == "neither":
        return f"neither end of it is better ({direction.hint})"
    return None


def _figure_of(metric: type[Metric]) -> str:
    """Return the figure of a metric that decides: the one of its name, or else the first."""
    return metric.name if metric.name in metric.directions else next(iter(metric.directions))


def _targets(model: Translator) -> tuple[str | None, ...]:
    """Return the targets that a model is evaluated for; None stands for those of its protocol."""
    networks = model.networks
    by_protocol = networks.few_shot or networks.layout in ("class_pairs", "classes")
    return (None,) if by_protocol or not model.targets else model.targets
