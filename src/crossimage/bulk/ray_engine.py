"""Translate files on a Ray cluster: the driver lists and counts, and actors translate and write.

Ray Data keeps an actor pool whose workers load the model once. Results and their lines are those
of shards (:mod:`crossimage.inference.files.ledger`), so that workers, nodes and the driver may be
killed: Ray gives the inputs of a lost worker to another, and a driver that is started again passes
over what is done.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from crossimage.bulk.cluster import Cluster, check_nodes, connected, room_for
from crossimage.bulk.ray_worker import Worker, WorkerTask
from crossimage.data.left_out import describe
from crossimage.data.stores.addresses import store_address
from crossimage.inference.files.items import Item
from crossimage.inference.files.ledger import DoneInputs, Ledger
from crossimage.inference.files.options import FileOptions
from crossimage.inference.files.plan import make_plan
from crossimage.inference.files.translate import (
    Totals,
    check_same,
    check_translated,
    not_done,
    outdated_notes,
)
from crossimage.inference.incoming import Incoming
from crossimage.inference.inputs import FilesLike
from crossimage.inference.predictor import Predictor
from crossimage.labels import To
from crossimage.utils.progress import report_progress

_BLOCK = 128  # inputs that a worker takes at a time


def translate_with_ray(
    predictor: Predictor,
    model: str,
    loading: dict[str, Any],
    paths: FilesLike,
    out: Path,
    to: To | None,
    options: FileOptions,
    cluster: Cluster,
) -> Totals:
    """Translate image files on a Ray cluster.

    Args:
        predictor: The trained model as it is here.
        model: Its path or address, which all machines can open.
        loading: Further arguments of :func:`crossimage.load`.
        paths: Files, folders, patterns and lists that all machines see.
        out: Folder for the outputs that all machines see.
        to: Name of the target domain, labels, or ``all`` of them.
        options: All other choices.
        cluster: The cluster.

    Raises:
        ValueError: The cluster can't be reached or lacks something, an option has no meaning there,
            or as for :func:`crossimage.inference.files.translate.translate_files`.
    """
    from crossimage.checkpoints.model_file import model_hash

    check_options(options, paths)
    progress = options.progress
    options = replace(options.check(), skip_existing=True, progress=False)
    if address := store_address(out):
        raise ValueError(
            f"{address} is a store, and the engine ray writes to a folder that all machines see; "
            "use --shard K/N in its place"
        )
    with Incoming() as incoming:
        plan = make_plan(predictor, paths, out.absolute(), to, options, incoming)
        if incoming.names:
            raise ValueError(
                "--engine ray takes files that all machines see, and not addresses; download the "
                "images first"
            )
        task = WorkerTask(
            model, loading, model_hash(predictor.networks), out.absolute(), to, options,
            plan.planned, cluster.threads,
        )  # fmt: skip
        totals = Totals(skipped=[*plan.skipped], left_out=describe(plan.left_out))
        with (
            Ledger(plan.results) as ledger,
            ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool,
            report_progress("translating images", plan.planned, progress) as advance,
        ):
            check_same(ledger, plan)
            done = DoneInputs(ledger, plan.results, any_seed=False)
            each = len(plan.targets) * plan.samples
            waiting = not_done(plan.items, plan, done, pool, totals, advance)
            first = next(waiting, None)
            notes: Counter[str] = Counter()
            if first is not None:
                with connected(cluster) as ray:
                    check_nodes(ray, [str(out.absolute().parent), str(first.path)])
                    for row in _run(ray, task, cluster, first, waiting):
                        report = json.loads(row["report"])
                        totals.written += int(row["written"])
                        totals.skipped += [(Path(path), why) for path, why in report["skipped"]]
                        notes.update(report["notes"])
                        advance(int(row["done"]) * each)
    check_translated(plan, totals, totals.skipped)
    totals.notes = [*plan.notes, *outdated_notes(done), *notes]
    return totals


def check_options(options: FileOptions, paths: FilesLike) -> None:
    """Refuse what has no meaning on several machines.

    Raises:
        ValueError: An option or an input is such.
    """
    if options.shard is not None:
        raise ValueError("--shard and --engine ray both share the work; give one of them")
    if options.seed is None:
        raise ValueError("--engine ray needs --seed, so that all workers draw the same styles")
    given = [*(paths if isinstance(paths, list | tuple) else [paths])]
    references = options.reference if isinstance(options.reference, list | tuple) else ()
    if not all(isinstance(one, str | Path) for one in (*given, *references)):
        raise ValueError(
            "--engine ray takes files that all machines see, and not images in memory or from "
            "stdin; write them to files first"
        )


def _run(
    ray: Any, task: WorkerTask, cluster: Cluster, first: Item, waiting: Iterator[Item]
) -> Iterator[dict[str, Any]]:
    """Give inputs to workers, and yield what these report of each block.

    Inputs are kept in Ray's object store, not in this process.
    """
    import pyarrow

    def block(items: list[Item]) -> Any:
        columns: dict[str, list[Any]] = {
            "number": [item.number for item in items],
            "path": [str(item.path.absolute()) for item in items],
            "drawn": [item.drawn for item in items],
            "outputs": [json.dumps(list(item.outputs)) for item in items],
        }
        return ray.put(pyarrow.table(columns))

    workers = room_for(ray, cluster)
    blocks, some = [], [first, *islice(waiting, _BLOCK - 1)]
    while some:
        blocks.append(block(some))
        some = list(islice(waiting, _BLOCK))
    workers = min(workers, len(blocks))
    reports = ray.data.from_arrow_refs(blocks).map_batches(
        Worker,
        fn_constructor_args=(task,),
        batch_size=None,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=workers),
        num_cpus=cluster.threads,
        num_gpus=cluster.gpus or None,
    )
    try:
        yield from reports.iter_rows()
    except (ray.exceptions.RayError, ray.exceptions.RayTaskError) as error:
        raise _cause(error) from None


def _cause(error: BaseException) -> Exception:
    """Return the mistake in a worker that Ray reports, as it would be reported here."""
    one: BaseException | None = error
    while one is not None:
        inner = getattr(one, "cause", None) or one.__cause__
        if isinstance(one, ValueError | OSError) and not isinstance(inner, ValueError | OSError):
            return OSError(*one.args) if isinstance(one, OSError) else ValueError(str(one))
        one = inner
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    return ValueError(f"a Ray worker failed: {lines[-1] if lines else type(error).__name__}")
