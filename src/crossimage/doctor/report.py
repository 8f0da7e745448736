"""The doctor's report: sentences for the terminal, ``report.json`` and ``report.html``."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from crossimage._version import __version__
from crossimage.doctor.diagnosis import Diagnosis
from crossimage.doctor.examination import Examination
from crossimage.doctor.findings import NearDuplicatePair
from crossimage.doctor.measure import LIMIT, Estimate
from crossimage.doctor.previews import file_preview, sample_previews
from crossimage.training.schedule.durations import roughly
from crossimage.utils.files import write_text
from crossimage.utils.html import page_template
from crossimage.utils.streams import printable
from crossimage.utils.texts.counts import counted
from crossimage.utils.writing.folders import make_folder

_SAMPLES = 6  # on the page
_PAIRS = 8  # of images that look the same
_RECIPES = 6  # on the terminal


def sentences(examination: Examination) -> Iterator[str]:
    """Yield what the doctor adds: warnings, estimate, recipes, the verdict and what comes next."""
    diagnosis = examination.diagnosis
    for warning in diagnosis.warnings:
        yield f"warning: {warning.text}"
        if warning.command:
            yield f"  {warning.command}"
    if examination.estimate:
        yield describe_estimate(examination.estimate)
    if examination.unmeasured:
        yield f"no estimate: {examination.unmeasured}"
    if examination.recipes:
        names = [recipe.name for recipe in examination.recipes]
        more = f" and {len(names) - _RECIPES} more" if len(names) > _RECIPES else ""
        yield f"recipes and methods that fit: {', '.join(names[:_RECIPES])}{more}"
    yield diagnosis.verdict
    if step := examination.next_step:
        yield f"next: {step.command}"


def describe_estimate(estimate: Estimate) -> str:
    """Return a sentence on time and memory, which says that it is an estimate."""
    if math.isinf(estimate.seconds):
        return (
            f"Estimate: a step takes more than {LIMIT:.0f} s on {estimate.device}; the "
            f"{estimate.total:,} steps configured take longer than "
            f"{roughly(LIMIT * estimate.total)}."
        )
    memory = f" and {size(estimate.memory)} of memory" if estimate.memory else ""
    return (
        f"Estimate from {counted(estimate.steps, 'step')} on {estimate.device}: "
        f"{estimate.seconds:.3g} s per step{memory}; the {estimate.total:,} steps configured take "
        f"about {roughly(estimate.total_seconds)}, without sample sheets and checkpoints."
    )


def size(count: int) -> str:
    """Return a number of bytes in GB or MB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def write_report(examination: Examination, out: Path) -> None:
    """Write ``report.json`` and ``report.html``, one page that needs no network.

    Args:
        examination: The result of the examination.
        out: The folder; reports there are replaced.
    """
    make_folder(out)
    facts = as_json(examination)
    write_text(out / "report.json", json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    write_text(out / "report.html", _page(examination))


def as_json(examination: Examination) -> dict[str, Any]:
    """Return the report as plain data."""
    diagnosis, estimate = examination.diagnosis, examination.estimate
    report = diagnosis.report
    return {
        "crossimage": __version__,
        "data": printable(report.data),
        "recipe": examination.recipe,
        "verdict": diagnosis.state,
        "problems": [printable(text) for text in diagnosis.problems],
        "warnings": [
            {"text": printable(warning.text), "command": warning.command}
            for warning in diagnosis.warnings
        ],
        "splits": [
            {
                "domain": split.domain, "split": split.split, "images": split.count,
                "unusable": len(split.broken), "blank": len(split.blank),
                "enlarged": split.enlarged, "smallest_median_largest": split.sizes,
                "formats": dict(split.modes), "depths": dict(split.depths),
                "channels": {str(n): count for n, count in split.channels.items()},
                "classes": dict(split.classes), "attributes": dict(split.attributes),
            }
            for split in report.splits
        ],
        "colours": [
            {
                "domain": colours.domain, "split": colours.split,
                "mean": [round(part, 2) for part in colours.tone.mean],
                "contrast": round(colours.tone.contrast, 2),
                "saturation": round(colours.tone.saturation, 2),
                "lightness_histogram": [round(part, 5) for part in colours.tone.histogram],
                "class_numbers": list(colours.numbers),
            }
            for colours in diagnosis.colours
        ],
        "look_the_same": [
            {
                "domain": pair.domain, "first": printable(str(pair.first)),
                "second": printable(str(pair.second)), "splits": list(pair.splits),
            }
            for pair in diagnosis.alike
        ],
        "estimate": estimate and {
            "device": estimate.device, "measured_steps": estimate.steps,
            "seconds_per_step": None if math.isinf(estimate.seconds) else estimate.seconds,
            "memory_bytes": estimate.memory, "steps": estimate.total,
            "seconds": None if math.isinf(estimate.seconds) else estimate.total_seconds,
        },
        "next": examination.next_step and printable(examination.next_step.command),
        "recipes": [recipe.name for recipe in examination.recipes],
        "training": [printable(text) for text in (*report.sources, *report.training)],
        "left_out": report.left_out and printable(report.left_out),
    }  # fmt: skip


def _page(examination: Examination) -> str:
    diagnosis = examination.diagnosis
    report = diagnosis.report
    broken = dict.fromkeys(reason for split in report.splits for _, reason in split.broken)
    samples, problem = [], None
    assert report.images is not None
    try:
        samples = sample_previews(report.images, _SAMPLES)
    except ValueError as error:
        problem = str(error)
    estimate = examination.estimate
    return page_template("doctor.html").render(
        title=f"Data set {Path(report.data).name or report.data}",
        data=report.data,
        names=[report.data, *(split.domain for split in report.splits)],
        recipe=examination.recipe,
        diagnosis=diagnosis,
        splits=report.splits,
        samples=samples,
        unshown=problem,
        size=examination.config.crop,
        broken=list(broken),
        pairs=list(_pair_previews(diagnosis)),
        further=max(0, len(diagnosis.alike) - _PAIRS),
        estimate=estimate and describe_estimate(estimate),
        unmeasured=examination.unmeasured,
        recipes=examination.recipes,
        next_step=examination.next_step,
        sentences=[*report.sources, *([report.left_out] if report.left_out else [])],
        training=report.training,
        tallest=max((max(c.tone.histogram) for c in diagnosis.colours), default=1.0),
        printable=printable,
    )


def _varied(alike: Sequence[NearDuplicatePair]) -> list[NearDuplicatePair]:
    """Return pairs of images that look the same, those first that show no image twice."""
    seen: set[Path] = set()
    first: list[NearDuplicatePair] = []
    later: list[NearDuplicatePair] = []
    for pair in alike:
        known = pair.first in seen or pair.second in seen
        (later if known else first).append(pair)
        seen |= {pair.first, pair.second}
    return first + later


def _pair_previews(diagnosis: Diagnosis) -> Iterator[tuple[NearDuplicatePair, list[Any]]]:
    for pair in _varied(diagnosis.alike)[:_PAIRS]:
        images = [
            file_preview(path, f"{path.name} ({split})")
            for path, split in zip((pair.first, pair.second), pair.splits, strict=True)
        ]
        yield pair, [image for image in images if image]
