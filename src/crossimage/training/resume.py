"""The command that started a run, recorded in its folder, so that its name suffices to resume."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossimage.config import read_yaml
from crossimage.utils.names import near_path_hint
from crossimage.utils.texts.json_text import read_json

if TYPE_CHECKING:
    from crossimage.data.sources.domains.data_set import DataSet  # imports PyTorch

_START = "crossimage train RECIPE --data DIR --out RUN"


@dataclass(frozen=True)
class RecordedRun:
    """The arguments with which a run is continued.

    Attributes:
        run: Its folder, absolute.
        recipe: The file of its settings, which serves as a recipe.
        settings: Settings that must be given as the user's own.
        data: The data set; None if the run does not tell.
        folder: The working folder to which its paths are relative.
        devices: Number of processes.
    """

    run: Path
    recipe: Path
    settings: dict[str, Any]
    data: DataSet | None
    folder: Path
    devices: int

    @classmethod
    def read(cls, run: Path) -> RecordedRun:
        """Read a run's folder.

        Raises:
            FileNotFoundError: It does not exist.
            ValueError: It is not the folder of a run.
        """
        if not run.exists():
            hint = near_run_hint(run) or f"; a new one is started with `{_START}`"
            raise FileNotFoundError(f"there is no run {run} to resume{hint}")
        recipe = run / "config.yaml"
        if not run.is_dir():
            raise ValueError(
                f"{run} is a file, but --resume takes the folder of a run; to start a new run from "
                "the weights of a model file, use --init"
            )
        if not recipe.is_file():
            raise ValueError(
                f"{run} is not the folder of a run: it has no config.yaml; a new run is started "
                f"with `{_START}`"
            )
        saved = read_yaml(recipe)
        if not isinstance(saved.get("method"), str):
            raise ValueError(
                f"{recipe} does not name the method of a run; continue the run with the command "
                "that started it"
            )
        facts = read_facts(run / "environment.json")
        folder, data = facts.get("folder"), facts.get("data")
        processes = facts.get("processes")
        return cls(
            run=run.resolve(),
            recipe=recipe.resolve(),
            settings={"domains": saved["domains"]} if saved.get("domains") else {},
            data=data if isinstance(data, str | dict) else None,
            folder=Path(folder if isinstance(folder, str) and os.path.isdir(folder) else "."),
            devices=processes if isinstance(processes, int) and processes > 0 else 1,
        )


def near_run_hint(run: Path) -> str:
    """Return a hint with the run whose path is nearest; empty if none is near."""

    def is_run(path: Path) -> bool:
        return os.path.isfile(path / "config.yaml")

    return near_path_hint(run, is_run) or near_path_hint(Path("runs") / run, is_run)


def read_facts(path: Path) -> dict[str, Any]:
    """Read a JSON file of a run, such as its environment; empty if it is gone or damaged."""
    try:
        facts = read_json(path)
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}
