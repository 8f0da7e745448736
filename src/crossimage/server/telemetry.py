"""Counters of a server, in the format of Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from crossimage.server.models import Models

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Telemetry:
    """The counters of one server.

    Args:
        models: Its models, whose engines are read when the figures are requested.
    """

    def __init__(self, models: Models) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "crossimage_requests",
            "Requests answered, by what was asked for and the status of the answer.",
            ["path", "status"],
            registry=self._registry,
        )
        self.seconds = Histogram(
            "crossimage_translation_seconds",
            "Seconds from a request for a translation to its result.",
            ["model"],
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=self._registry,
        )
        self._registry.register(_Engines(models))

    def page(self) -> bytes:
        """Return all figures."""
        return generate_latest(self._registry)


class _Engines(Collector):
    """The queues of engines, read when the figures are requested."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def collect(self) -> Iterator[Metric]:
        """Yield the figures of all engines together."""
        engines = self._models.engines
        waiting = sum(engine.waiting for engine in engines)
        yield GaugeMetricFamily("crossimage_waiting", "Requests that wait for a device.", waiting)
        images = sum(engine.images for engine in engines)
        yield CounterMetricFamily("crossimage_jobs", "Jobs that the devices have done.", images)
        batches = sum(engine.batches for engine in engines)
        yield CounterMetricFamily("crossimage_batches", "Batches in which they did them.", batches)
