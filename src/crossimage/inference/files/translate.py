"""Translate image files into a folder."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO
from uuid import uuid4

import torch
from torch import Tensor

from crossimage.data.left_out import describe
from crossimage.data.sources.results import SHEET_NAME
from crossimage.inference.files.claims import claimed
from crossimage.inference.files.items import EveryNth, Item, Items
from crossimage.inference.files.job import MAX_SHEET_INPUTS, Job
from crossimage.inference.files.ledger import DoneInputs, Ledger, from_earlier_runs
from crossimage.inference.files.options import FileOptions
from crossimage.inference.files.plan import Plan, make_plan
from crossimage.inference.files.results import FolderResults
from crossimage.inference.incoming import Incoming
from crossimage.inference.inputs import FilesLike
from crossimage.inference.predictor import Predictor
from crossimage.inference.stores.shards import ShardResults
from crossimage.labels import To
from crossimage.utils.contact_sheet import Panel, sheet
from crossimage.utils.manifest import NAME, RESULT, SHEET, Entry
from crossimage.utils.progress import StderrProgress, report_progress
from crossimage.utils.writing.pictures import encoded


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


@dataclass
class Totals:
    """The result of translating files, without the list of all of them.

    Attributes:
        written: Number of files written.
        existing: Number of results that were there already.
        skipped: As for :class:`TranslatedFiles`.
        left_out: As for :class:`TranslatedFiles`.
        notes: As for :class:`TranslatedFiles`.
    """

    written: int = 0
    existing: int = 0
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    left_out: str | None = None
    notes: list[str] = field(default_factory=list)


def check_translated(plan: Plan, totals: Totals, skipped: Sequence[tuple[Path, str]]) -> None:
    """Refuse to end without any result.

    Args:
        plan: What was to be translated.
        totals: The results.
        skipped: The inputs that could not be translated, each with the reason.

    Raises:
        ValueError: There is none.
    """
    if skipped and not totals.written and not totals.existing:
        count, reason = len(plan.items), skipped[0][1]
        if count == 1:
            raise ValueError(f"the input could not be translated: {reason}")
        raise ValueError(f"none of the {count:,} inputs could be translated; the first: {reason}")


def outdated_notes(done: DoneInputs) -> list[str]:
    """Return notes on inputs that are translated again."""
    return [
        f"{number} {'input' if number == 1 else 'inputs'} translated again: earlier results are "
        f"{reason}"
        for reason, number in done.outdated.items()
    ]


def ignore(*_: object) -> None:
    """Do nothing with what is reported."""


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
    written: list[tuple[int, str]] = []
    existing: list[str] = []
    totals = translate_all(
        predictor, paths, out, to, options,
        on_written=lambda number, name: written.append((number, name)),
        on_existing=lambda item: existing.extend(item.outputs),
    )  # fmt: skip
    written.sort(key=lambda one: one[0])  # stable: an input's outputs keep their order
    return TranslatedFiles(
        [out / name for _, name in written],
        totals.skipped,
        totals.left_out,
        [out / name for name in existing],
        totals.notes,
    )


def translate_all(
    predictor: Predictor,
    paths: FilesLike,
    out: Path,
    to: To | None,
    options: FileOptions,
    *,
    on_written: Callable[[int, str], None] = ignore,
    on_existing: Callable[[Item], None] = ignore,
) -> Totals:
    """Translate image files like :func:`translate_files`, any number of them.

    Args:
        predictor: As for :func:`translate_files`.
        paths: As for :func:`translate_files`.
        out: As for :func:`translate_files`.
        to: As for :func:`translate_files`.
        options: As for :func:`translate_files`.
        on_written: Called with the number of an input and the name of an output that is written.
        on_existing: Called with each input whose results are there already.
    """
    options = options.check()
    with Incoming() as incoming:
        plan = make_plan(predictor, paths, out, to, options, incoming)
        list_name = _list_name(options)
        with (
            # Decoders silence warnings, which is process-wide: threads would undo it for others.
            warnings.catch_warnings(action="ignore"),
            ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool,
            _claimed(plan, options, list_name),
            plan.results,
        ):
            return _carry_out(predictor, plan, options, list_name, pool, on_written, on_existing)


def _carry_out(
    predictor: Predictor,
    plan: Plan,
    options: FileOptions,
    list_name: str,
    pool: ThreadPoolExecutor,
    on_written: Callable[[int, str], None],
    on_existing: Callable[[Item], None],
) -> Totals:
    """Translate the inputs of a plan."""
    totals = Totals()
    each = len(plan.targets) * plan.samples
    mine = _share(plan, options)
    shown_done: list[Item] = []  # for the sheet

    def wrote(number: int, name: str) -> None:
        totals.written += 1
        on_written(number, name)

    with (
        Ledger(plan.results) if options.skip_existing else nullcontext() as ledger,
        StderrProgress() if options.progress is True else nullcontext() as shown,
        report_progress(
            "translating images", len(mine) * each, shown or options.progress
        ) as advance,
    ):
        done = None if ledger is None else DoneInputs(ledger, plan.results, options.seed is None)
        if ledger is not None and options.shard is not None:
            check_same(ledger, plan)

        def exists(item: Item) -> None:
            on_existing(item)
            if plan.sheet and len(shown_done) < MAX_SHEET_INPUTS:
                shown_done.append(item)

        options = replace(options, progress=shown or options.progress)
        job = Job(predictor, plan, options, pool, advance, list_name, wrote)
        job.run(mine if done is None else not_done(mine, plan, done, pool, totals, advance, exists))
        check_translated(plan, totals, job.skipped)
        if plan.sheet and totals.written and options.shard is None:  # a sheet shows all inputs
            _write_sheet(plan, job.rows_with(shown_done))
    totals.skipped = [*plan.skipped, *job.skipped]
    totals.left_out = describe(plan.left_out)
    totals.notes = [
        *plan.notes,
        *(outdated_notes(done) if done else ()),
        *(_replaced(plan) if totals.written else ()),
        *job.notes(),
    ]
    return totals


def not_done(
    items: Items,
    plan: Plan,
    done: DoneInputs,
    pool: ThreadPoolExecutor,
    totals: Totals,
    advance: Callable[[int], None],
    on_existing: Callable[[Item], None] = ignore,
) -> Iterator[Item]:
    """Yield the inputs that are not done, and count the results of the others."""
    each = len(plan.targets) * plan.samples
    for item, is_done in done.split(items, plan.expected, pool):
        if is_done:
            totals.existing += each
            on_existing(item)
            advance(each)
        else:
            yield item


def _share(plan: Plan, options: FileOptions) -> Items:
    """Return the inputs of this process: every n-th one for a shard of n."""
    return plan.items if options.shard is None else EveryNth(plan.items, *options.shard)


def _claimed(plan: Plan, options: FileOptions, list_name: str) -> AbstractContextManager[None]:
    """Hold the part of this process; nothing in a store, which has no locks."""
    if options.shard is None or not isinstance(plan.results, FolderResults | ShardResults):
        return nullcontext()
    return claimed(plan.results.folder, list_name, options.shard)


def check_same(ledger: Ledger, plan: Plan) -> None:
    """Refuse a place with results of another model, seed or settings.

    Raises:
        ValueError: It lists some.
    """
    for earlier in ledger.entries():
        if earlier.kind == RESULT and (other := plan.records.difference(earlier)):
            raise ValueError(
                f"{plan.results} holds results with {other} ({earlier.output}), "
                "expected those of the same translation; choose another folder for the results"
            )


def _replaced(plan: Plan) -> list[str]:
    """Return a note on results of earlier runs that remain beside those of this run."""
    with Ledger(plan.results) as ledger:
        count, first = from_earlier_runs(ledger, plan.results)
    if not count:
        return []
    kept = "1 result" if count == 1 else f"{count} results"
    return [
        f"{kept} of earlier runs for the same inputs, which this run did not replace: "
        f"{plan.results} keeps them, but evaluate leaves them out ({plan.results.shown(first)})"
    ]


def _list_name(options: FileOptions) -> str:
    """Return the name of the list of results; no two processes share that of a shard."""
    if options.shard is None:
        return NAME
    k, n = options.shard
    return f"crossimage-{k}-of-{n}-{uuid4().hex[:12]}.jsonl"


def _write_sheet(plan: Plan, rows: Sequence[list[Tensor]]) -> None:
    """Write the sheet of all labels, one row per input."""
    titles = ["input", *(str(target.to) for target in plan.targets for _ in range(plan.samples))]
    columns = [torch.cat(column) for column in zip(*rows, strict=True)]
    contact_sheet = sheet([Panel("", list(zip(titles, columns, strict=True)))])

    def fill(file: IO[bytes]) -> None:
        file.write(encoded(contact_sheet))

    written = plan.results.write(SHEET_NAME, fill)
    plan.results.add(NAME, [written.recorded(Entry(SHEET_NAME, kind=SHEET))])
