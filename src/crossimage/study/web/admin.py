"""Contents of the admin page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from crossimage.study.analysis.counted import agreement, as_csv, sort_votes
from crossimage.study.settings import Settings
from crossimage.study.store import Store


@dataclass(frozen=True)
class Overview:
    """Progress of a study.

    Attributes:
        votes: Answers that count.
        wanted: Answers that are wanted.
        table: Further facts by caption.
    """

    votes: int
    wanted: int
    table: dict[str, str]


def overview(path: Path, settings: Settings) -> Overview:
    """Return the progress of a study from its database."""
    store = Store(path)
    try:
        counted = sort_votes(store.votes(), settings)
        wanted = store.rows("SELECT sum(wanted) AS n FROM question WHERE kind = 'trial'")[0]["n"]
        people = store.rows(
            "SELECT count(*) AS all_, sum(ended IS NOT NULL AND NOT stopped) AS finished, "
            "sum(stopped) AS stopped FROM person"
        )[0]
        withdrawn = store.get("withdrawn") or "0"
    finally:
        store.close()
    alpha = agreement(counted.votes, settings)
    table = {
        "people": str(people["all_"]),
        "finished": str(people["finished"] or 0),
        "stopped": str(people["stopped"] or 0),
        "withdrawn": withdrawn,
        "excluded by checks": str(counted.excluded),
        "Krippendorff's alpha": "–" if alpha is None else f"{alpha:.3f}",
    }
    table |= {f"left out: {reason}": str(number) for reason, number in counted.left_out.items()}
    return Overview(len(counted.votes), int(wanted or 0), table)


def votes_csv(path: Path, settings: Settings) -> str:
    """Return the votes of a study as CSV."""
    store = Store(path)
    try:
        return as_csv(store.votes(), settings)
    finally:
        store.close()
