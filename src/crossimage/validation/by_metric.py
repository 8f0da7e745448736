"""The validator of the command line, made when a run asks for one."""

from __future__ import annotations

from crossimage.training.best.validator import Validator


def by_metric() -> Validator:
    """Return what evaluates a run by ``best_metric``, whose metrics take a second to import."""
    from crossimage.validation.metric import MetricValidator

    return MetricValidator()
