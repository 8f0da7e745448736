"""The data set that a run was trained on, as its folder records it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from crossimage.data.build import find_source
from crossimage.data.samples.datasets import fingerprint_of
from crossimage.data.sources.domains.data_set import DataSet, read_data_set
from crossimage.data.sources.folders import Domain
from crossimage.data.stores.addresses import store_address
from crossimage.inference.predictor import Predictor
from crossimage.training.resume import read_facts


def recorded_data(run: Path | None) -> DataSet | None:
    """Return the data set that a run was trained on, as recorded in its folder; None if unknown."""
    if run is None:
        return None
    with suppress(OSError, ValueError, KeyError, TypeError):
        record = read_facts(run / "environment.json")
        folder, data = Path(record.get("folder", ".")), read_data_set(record["data"])
        if isinstance(data, str):
            return str(folder / data) if (folder / data).exists() else data
        return {
            name: [path if store_address(path, web=True) else str(folder / path) for path in paths]
            for name, paths in data.items()
        }
    return None


def has_changed(run: Path | None, domains: Sequence[Domain]) -> bool:
    """Return whether a run is known to have trained on other images at some time.

    Args:
        run: Its folder.
        domains: The training images that its data set has now.
    """
    facts = read_facts(run / "environment.json") if run else {}
    recorded = facts.get("images", {})
    now = {domain.name: fingerprint_of(domain) for domain in domains}
    return bool(facts.get("data_changes")) or any(
        recorded.get(name, fingerprint) != fingerprint for name, fingerprint in now.items()
    )


def recorded_domains(data: DataSet | None, model: Predictor) -> tuple[Domain, ...]:
    """Return the domains that a model was trained on; nothing if they are not found any more."""
    if data is None:
        return ()
    with suppress(OSError, ValueError):
        flexible = not model.networks.has_direction(model.config)
        return find_source(data, model.config, model.networks.layout, flexible=flexible).domains
    return ()
