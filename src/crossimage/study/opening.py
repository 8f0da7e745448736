"""Open a study."""

from __future__ import annotations

from pathlib import Path

from crossimage.study import settings as settings_file
from crossimage.study import store as database
from crossimage.study.failures import storing
from crossimage.study.settings import PLANNED, Settings, read_settings
from crossimage.study.store import Store


def open_study(folder: Path, for_votes: bool = False) -> tuple[Settings, Store]:
    """Open a study.

    Args:
        folder: Its folder.
        for_votes: Votes will be stored: the settings of the first vote are those of the last.

    Raises:
        FileNotFoundError: There is none.
        ValueError: Its settings are not allowed, or were changed after the first vote.
    """
    if not (folder / database.FILE).is_file():
        raise FileNotFoundError(
            f"{folder} holds no study; make one with `crossimage study make ... --out {folder}`"
        )
    settings = read_settings(folder / settings_file.FILE)
    store = Store(folder / database.FILE)
    recorded = store.get("settings")
    if recorded is not None:
        fixed, voted = Settings.model_validate_json(recorded), store.count_votes() > 0
        names = [*Settings.model_fields] if voted else PLANNED
        changed = [name for name in names if getattr(fixed, name) != getattr(settings, name)]
        if changed:
            store.close()
            why, how = "determines the questions, which are made", " with --config"
            if voted:
                why, how = "was changed after the first vote", ""
            raise ValueError(
                f"{folder / settings_file.FILE}: {changed[0]} {why}; set it back to "
                f"{getattr(fixed, changed[0])!r}, or make another study{how}"
            )
    if for_votes:
        with storing(store.path):
            store.put("settings", settings.model_dump_json())
    return settings, store
