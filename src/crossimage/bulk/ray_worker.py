"""The workers that translate on the machines of a Ray cluster."""

from __future__ import annotations

import json
import platform
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from crossimage.inference.files.items import Item
from crossimage.inference.files.job import Job
from crossimage.inference.files.options import FileOptions
from crossimage.inference.files.plan import AssignedInputs, make_plan
from crossimage.inference.incoming import Incoming


@dataclass(frozen=True)
class WorkerTask:
    """The work that all workers of a translation share, as plain data.

    Attributes:
        model: Path or address of the model.
        loading: Further arguments of :func:`crossimage.load`.
        model_hash: SHA-256 of its weights.
        out: Folder of the results.
        to: The target.
        options: How files are translated.
        planned: Number of results of all workers.
        threads: Threads that each worker computes with.
    """

    model: str
    loading: Mapping[str, Any]
    model_hash: str
    out: Path
    to: Any
    options: FileOptions
    planned: int
    threads: int = 1


class Worker:
    """An actor that loads the model once and translates the inputs that it is given.

    It adds lines to a list of its own, so that the ledger is the same as that of shards.

    Args:
        task: What all workers do.

    Raises:
        ValueError: The model is not the one of the process that started the translation.
    """

    def __init__(self, task: WorkerTask) -> None:
        import torch

        from crossimage.checkpoints.model_file import model_hash
        from crossimage.inference.load import load

        torch.set_num_threads(task.threads)
        self._task = task
        self._model = load(task.model, **task.loading)
        if (found := model_hash(self._model.networks)) != task.model_hash:
            raise ValueError(
                f"{task.model} on {platform.node()} holds other weights ({found[:12]}) than "
                f"where the translation was started ({task.model_hash[:12]}); give a path that all "
                "machines share"
            )
        self._list = f"crossimage-ray-{uuid4().hex[:12]}.jsonl"

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Translate some inputs.

        Args:
            batch: Columns ``number``, ``path``, ``drawn`` and ``outputs`` (JSON) of the inputs.

        Returns:
            A single row: the number of results ``written``, the number of inputs ``done``, and
            the skipped inputs and notes as JSON, ``report``.
        """
        columns = (batch["number"], batch["path"], batch["drawn"], batch["outputs"])
        items = [
            Item(int(number), Path(path), str(drawn), json.loads(outputs))
            for number, path, drawn, outputs in zip(*columns, strict=True)
        ]
        task, written = self._task, 0

        def wrote(number: int, name: str) -> None:
            nonlocal written
            written += 1

        assigned = AssignedInputs(items, task.planned)
        with (
            Incoming() as incoming,
            warnings.catch_warnings(action="ignore"),
            ThreadPoolExecutor(2) as pool,
        ):
            plan = make_plan(self._model, [], task.out, task.to, task.options, incoming, assigned)
            with plan.results:
                job = Job(
                    self._model, plan, task.options, pool, lambda number: None, self._list, wrote
                )
                job.run(items)
        report = {
            "skipped": [[str(path), reason] for path, reason in job.skipped],
            "notes": job.notes(),
        }
        return {"written": [written], "done": [len(items)], "report": [json.dumps(report)]}
