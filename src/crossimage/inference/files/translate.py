"""Translate image files into a folder."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

import torch
from torch import Tensor

from crossimage.data.sources.find import describe
from crossimage.inference.files.job import Job
from crossimage.inference.files.options import FileOptions
from crossimage.inference.files.plan import Plan, make_plan
from crossimage.inference.incoming import Incoming
from crossimage.inference.inputs import FilesLike
from crossimage.inference.outputs import SHEET, report_progress
from crossimage.inference.predictor import Predictor
from crossimage.inference.records import done_inputs
from crossimage.labels import To
from crossimage.utils.contact_sheet import Panel, sheet
from crossimage.utils.files import atomic
from crossimage.utils.manifest import (
    NAME,
    Entry,
    ManifestWriter,
    from_earlier_runs,
    known_files,
    sha256_of,
)
from crossimage.utils.manifest import SHEET as SHEET_KIND
from crossimage.utils.progress import StderrProgress


@dataclass
class TranslatedFiles:
    """The result of translating files.

    Attributes:
        written: The files written, in the order of the inputs.
        skipped: Inputs that lack a result, because they could not be read, did not fit in memory or
            the result could not be written, each with a sentence that names it and says why.
        left_out: What the given folders hold besides images, counted by reason in one line; None if
            nothing.
        existing: With ``skip_existing``, the results that were there already.
        notes: What else is worth knowing, such as images of an unusual size; one sentence each.
    """

    written: list[Path] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    left_out: str | None = None
    existing: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def translate_files(
    predictor: Predictor,
    paths: FilesLike,
    out: Path,
    to: To | None,
    options: FileOptions,
) -> TranslatedFiles:
    """Translate image files into a folder; see :meth:`crossimage.Translator.translate_files`.

    Args:
        predictor: The trained model.
        paths: Files, folders, patterns, lists, addresses and encoded images.
        out: Folder for the outputs.
        to: Name of the target domain, labels, or ``all`` of them.
        options: All other choices.

    Raises:
        FileNotFoundError: An input does not exist.
        ValueError: No input is readable, an output would overwrite an input, or an option does
            not fit the model.
        OSError: An output cannot be written.
    """
    with Incoming() as incoming:
        plan = make_plan(predictor, paths, out, to, options.check(), incoming)
        return _carry_out(predictor, plan, out, options.check())


def _carry_out(
    predictor: Predictor, plan: Plan, out: Path, options: FileOptions
) -> TranslatedFiles:
    """Translate the inputs of a plan."""
    with (
        # Decoders silence warnings, which is process-wide: threads would undo it for one another.
        warnings.catch_warnings(action="ignore"),
        ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool,
    ):
        done, outdated = _find_done(plan, options, pool)
        waiting = [i for i in _indices(plan, options) if i not in done]
        total = len(waiting) * len(plan.targets) * plan.samples
        with (
            ManifestWriter(out, _list_name(options)) as manifest,
            StderrProgress() if options.progress is True else nullcontext() as shown,
            report_progress("translating images", total, shown or options.progress) as advance,
        ):
            options = replace(options, progress=shown or options.progress)
            job = Job(predictor, plan, options, pool, advance, manifest)
            if waiting:
                job.run(waiting)
            written = [path for group in plan.outputs for path in group if path in job.written]
            if waiting and not written and not done:
                raise ValueError(
                    f"none of the {len(plan.inputs)} inputs could be translated; the first: "
                    f"{job.skipped[0][1]}"
                )
            if plan.sheet and written and options.shard is None:  # a sheet shows all inputs
                _write_sheet(plan, job.rows_with(sorted(done)), out / SHEET)
                manifest.add(Entry(SHEET, sha256_of(out / SHEET), SHEET_KIND))
    existing = [path for i in sorted(done) for path in plan.outputs[i]]
    skipped = [*plan.skipped, *job.skipped]
    notes = [
        f"{number} {'input' if number == 1 else 'inputs'} translated again: earlier results are "
        f"{reason}"
        for reason, number in outdated.items()
    ]
    if earlier := from_earlier_runs(known_files(out)):
        kept = "1 result" if len(earlier) == 1 else f"{len(earlier)} results"
        notes.append(
            f"{kept} of earlier runs for the same inputs, which this run did not replace: {out} "
            f"keeps them, but evaluate leaves them out ({earlier[0]})"
        )
    return TranslatedFiles(
        written, skipped, describe(plan.left_out), existing, [*plan.notes, *notes, *job.notes()]
    )


def _find_done(
    plan: Plan, options: FileOptions, pool: ThreadPoolExecutor
) -> tuple[set[int], dict[str, int]]:
    """Return the inputs that need no translation, and why others do, see :func:`done_inputs`."""
    if not options.skip_existing:
        return set(), {}
    if options.shard is not None:
        plan.records.check_same()
    indices = _indices(plan, options)
    return done_inputs(indices, plan.entries, plan.records.out, options.seed is None, pool)


def _indices(plan: Plan, options: FileOptions) -> range:
    """Return the indices of the inputs of this process: every n-th one for a shard of n."""
    k, n = options.shard or (1, 1)
    return range(k - 1, len(plan.inputs), n)


def _list_name(options: FileOptions) -> str:
    """Return the name of the list of results; no two processes share that of a shard."""
    if options.shard is None:
        return NAME
    k, n = options.shard
    return f"crossimage-{k}-of-{n}-{uuid4().hex[:12]}.jsonl"


def _write_sheet(plan: Plan, rows: Sequence[list[Tensor]], path: Path) -> None:
    """Write the sheet of all labels, one row per input."""
    titles = ["input", *(str(label) for label in plan.targets for _ in range(plan.samples))]
    columns = [torch.cat(column) for column in zip(*rows, strict=True)]
    contact_sheet = sheet([Panel("", list(zip(titles, columns, strict=True)))])
    with atomic(path) as file:
        contact_sheet.save(file, "PNG")
