"""Evaluation of a model that is being trained, by one of the metrics of ``crossimage evaluate``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from crossimage.config import Config
from crossimage.data.sources.folders import Domain
from crossimage.data.sources.pairs import align
from crossimage.data.stores.missing import missing
from crossimage.evaluation.compare import open_galleries
from crossimage.evaluation.galleries.base import Gallery
from crossimage.evaluation.galleries.checks import KnownImages
from crossimage.evaluation.metrics import METRICS
from crossimage.evaluation.metrics.base import INPUTS, Amounts, Metric, Setup, load_metric
from crossimage.evaluation.networks.open import MetricNetworks
from crossimage.evaluation.options import Options
from crossimage.inference.translator import Translator
from crossimage.methods.base import Method
from crossimage.training.best.validator import Validator
from crossimage.utils.names import did_you_mean
from crossimage.utils.paths import expanded

MOST_INPUTS = 200
"""Inputs of each target in an evaluation; of more, as many that are evenly spaced."""

_PAIRED = ("paired", "super_resolution")
_UNPAIRED = ("labelled", "classes", "single")  # no image of theirs has a partner
_NETWORKS = (None, "features", "lpips", "content")  # that need no file of the user's
_NO_MEAN = "it is not a mean over several targets, which this method has"


@dataclass(frozen=True)
class _Galleries:
    """What is known of the galleries that a method is evaluated by."""

    few_shot: bool
    has_inputs: bool
    is_video: bool = False


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

    def check(self, method: type[Method], config: Config) -> None:
        """Refuse a metric that the method never gives; see :meth:`Validator.check`.

        Raises:
            FileNotFoundError: ``best_features`` is neither a network's name nor a file.
            ValueError: The metric can't be computed.
        """
        metric, features = chosen_metric(config, method), config.best_features
        if metric.network == "features" and features not in ("random", "inception"):
            path = expanded(Path(features))
            if not path.is_file():
                raise missing(features, "best_features", "expected random, inception or a file")

    def check_images(
        self, method: type[Method], config: Config, validation: Sequence[Domain]
    ) -> None:
        """Refuse a metric that these images are no pairs or too few for.

        Raises:
            ValueError: They are; see :meth:`Validator.check_images`.
        """
        metric = chosen_metric(config, method)
        if reason := _lack(metric, method, validation):
            others = {name: load_metric(name) for name in _usable(method)}
            usable = [n for n, other in others.items() if not _lack(other, method, validation)]
            raise _refused(metric, [reason], f" ({', '.join(usable)})" if usable else "")

    def open(self, model: Translator, validation: Sequence[Domain]) -> list[str]:
        """Open what the metric needs; see :meth:`Validator.open`."""
        self._images = KnownImages("validation images", validation)
        self._metric = metric = chosen_metric(model.config, model.networks.kind)
        self._networks = MetricNetworks(model.device, model.config.best_features)
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
            raise _refused(metric, reasons[:3])
        if reasons:
            names = ", ".join(str(target) for target in problems)
            notes.append(
                f"best_metric={metric.name} leaves out the targets {names}: "
                f"{'; '.join(reasons[:3])}"
            )
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
            return _NO_MEAN
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


def chosen_metric(config: Config, method: type[Method]) -> type[Metric]:
    """Return the metric that decides which model of a run is the best.

    Args:
        config: The settings of the run; without ``best_metric``, it is ``psnr`` for pairs and
            ``kid`` for all others.
        method: The method that is trained.

    Raises:
        ValueError: The metric is unknown, has no better end, needs a network of the user's, or is
            one that the method never gives.
    """
    name = config.best_metric.strip().lower() or ("psnr" if method.layout in _PAIRED else "kid")
    usable = _usable(method)
    if name not in METRICS:
        raise ValueError(
            f"best_metric: unknown metric '{config.best_metric}'; expected one of "
            f"{', '.join(usable)}{did_you_mean(name, usable)}"
        )
    if problem := _problem(load_metric(name), method):
        raise ValueError(f"best_metric={name}: {problem}; expected one of {', '.join(usable)}")
    return load_metric(name)


def _usable(method: type[Method]) -> list[str]:
    """Return the names of the metrics that may decide which model of a method is the best."""
    return [name for name in METRICS if _problem(load_metric(name), method) is None]


def _problem(metric: type[Metric], method: type[Method]) -> str | None:
    """Return why a metric cannot decide which model of a method is the best; None if it may."""
    if metric.network not in _NETWORKS:
        return f"it needs a network that training does not take ({metric.network})"
    direction = metric.directions[_figure_of(metric)]
    if direction.better == "neither":
        return f"neither end of it is better ({direction.hint})"
    if metric.needs_pairs and method.layout in _UNPAIRED:
        return "it compares pairs, and no image that this method learns from has a partner"
    if metric.over_parts != "mean" and method.layout == "classes":
        return _NO_MEAN
    return metric.misfit(_Galleries(method.few_shot, has_inputs=method.layout != "single"))


def _lack(metric: type[Metric], method: type[Method], validation: Sequence[Domain]) -> str | None:
    """Return what a metric lacks in validation images, as far as their names tell; or None."""
    if method.layout not in (*_PAIRED, "unpaired"):
        return None
    fewest = min(validation, key=lambda domain: len(domain.test))
    if len(fewest.test) < metric.least_images:
        return (
            f"it needs at least {metric.least_images} validation images of {fewest.name}, found "
            f"{len(fewest.test)}; add images"
        )
    if metric.needs_pairs and method.layout == "unpaired":
        try:
            align(validation)
        except ValueError as error:
            return str(error)
    return None


def _refused(metric: type[Metric], reasons: Iterable[str], usable: str = "") -> ValueError:
    return ValueError(
        f"best_metric={metric.name} can't be computed on the validation images: "
        f"{'; '.join(reasons)}; choose another best_metric{usable}, or leave out evaluate_every"
    )


def _figure_of(metric: type[Metric]) -> str:
    """Return the figure of a metric that decides: the one of its name, or else the first."""
    return metric.name if metric.name in metric.directions else next(iter(metric.directions))


def _targets(model: Translator) -> tuple[str | None, ...]:
    """Return the targets that a model is evaluated for; None stands for those of its protocol."""
    networks = model.networks
    by_protocol = networks.few_shot or networks.layout in ("class_pairs", "classes")
    return (None,) if by_protocol or not model.targets else model.targets
