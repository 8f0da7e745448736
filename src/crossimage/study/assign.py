"""Which question a person gets next.

Practice and calibration come first. Then questions that lack answers, those with the fewest first;
checks are spread among them. A question that was handed out and not answered within the time limit
is free for others.
"""

from __future__ import annotations

import json
import random
import secrets
import sqlite3
import time
from collections import Counter
from collections.abc import Sequence

from crossimage.study.questions import TEACHING, ordering
from crossimage.study.settings import Settings
from crossimage.study.store import Handout, Person, Store, question_of

_TAKEN = """
SELECT count(*) FROM handout JOIN person ON person.id = handout.person
LEFT JOIN vote USING (person, question)
WHERE handout.question = question.id AND person.wrong < :wrong
  AND (vote.at IS NOT NULL OR handout.given > :since)
"""
_FREE = f"""
SELECT question.id, item, kind, options, wanted, turn, ({_TAKEN}) AS taken FROM question
WHERE kind = :kind AND method IN ('', :method) AND NOT EXISTS (
  SELECT 1 FROM handout WHERE person = :person AND question = question.id)
"""
_PENDING = """
SELECT handout.*, handout.question AS id FROM handout LEFT JOIN vote USING (person, question)
WHERE handout.person = ? AND vote.at IS NULL
"""
_ANSWERED = """
SELECT kind, item FROM vote JOIN handout USING (person, question)
JOIN question ON question.id = vote.question WHERE vote.person = ? ORDER BY position
"""


def group_for_next(store: Store) -> str:
    """Return the method with the fewest people, where a person sees one method only."""
    rows = store.rows(
        "SELECT method, (SELECT count(*) FROM person WHERE person.method = question.method) AS n "
        "FROM question WHERE kind = 'trial' GROUP BY method ORDER BY n, method"
    )
    return str(rows[0]["method"]) if rows else ""


def amount(store: Store, settings: Settings, person: Person) -> int:
    """Return how many questions a person answers if there are enough."""
    counts = Counter(
        {
            row["kind"]: row["n"]
            for row in store.rows(
                "SELECT kind, count(*) AS n FROM question WHERE method IN ('', ?) GROUP BY kind",
                (person.method,),
            )
        }
    )
    trials = min(settings.trials or counts["trial"], counts["trial"])
    return trials + counts["calibration"] + counts["practice"] + counts["check"]


def next_handout(
    store: Store, settings: Settings, person: Person, now: float | None = None
) -> Handout | None:
    """Return the question that a person answers next; None if there is none.

    A question that the person has seen and not answered is shown again, unless it has got all its
    answers meanwhile.

    Args:
        store: The database.
        settings: The study's settings.
        person: The person.
        now: The time; by default the clock's.
    """
    now = time.time() if now is None else now
    if person.ended is not None:
        return None
    with store.transaction(durable=False) as db:
        answered = db.execute(_ANSWERED, (person.id,)).fetchall()
        limits = {"since": now - 60 * settings.time_limit, "wrong": settings.wrong_checks}
        pending = db.execute(_PENDING, (person.id,)).fetchone()
        if pending is not None:
            if _still_wanted(db, pending, limits):
                db.execute(
                    "UPDATE handout SET given = ?, views = views + 1 WHERE token = ?",
                    (now, pending["token"]),
                )
                return _handout(db, pending["token"])
            db.execute("DELETE FROM handout WHERE token = ?", (pending["token"],))
        chosen = _choose(db, settings, person, answered, limits)
        if chosen is None:
            return None
        token = secrets.token_urlsafe(16)
        options = len(json.loads(chosen["options"]))
        reverse = random.Random(f"{settings.seed} {chosen['id']}").random() < 0.5
        order = ordering(options, chosen["turn"] + chosen["taken"], reverse and options > 2)
        db.execute(
            "INSERT INTO handout VALUES (?, ?, ?, ?, ?, ?, 1)",
            (person.id, chosen["id"], token, json.dumps(order), len(answered), now),
        )
        return _handout(db, token)


def _choose(
    db: sqlite3.Connection, settings: Settings, person: Person, answered: Sequence[sqlite3.Row],
    limits: dict[str, float],
) -> sqlite3.Row | None:  # fmt: skip
    done = Counter(row["kind"] for row in answered)
    last = answered[-1]["item"] if answered else None
    chance = random.Random(f"{settings.seed} {person.id} {len(answered)}")

    def of_kind(kind: str) -> list[sqlite3.Row]:
        values = {**limits, "kind": kind, "method": person.method, "person": person.id}
        return db.execute(_FREE, values).fetchall()

    for kind in TEACHING:
        if rows := of_kind(kind):
            return _without_repeats(rows, last, chance)
    left = (settings.trials or len(answered) + 10**6) - done["trial"]
    trials = [row for row in of_kind("trial") if row["taken"] < row["wanted"]] if left > 0 else []
    checks = of_kind("check")
    if checks and trials:
        # as likely at each of the places that remain, but not at the first
        places = min(left, len(trials)) + len(checks)
        if done["trial"] and chance.random() < len(checks) / places:
            return _without_repeats(checks, last, chance)
    elif checks and done["trial"]:
        return _without_repeats(checks, last, chance)
    if not trials:
        return None
    if settings.protocol == "opinion":
        return _spread(trials, last, chance)
    return _without_repeats(_fewest(trials), last, chance)


def _fewest(rows: Sequence[sqlite3.Row]) -> list[sqlite3.Row]:
    fewest = min(row["taken"] for row in rows)
    return [row for row in rows if row["taken"] == fewest]


def _without_repeats(
    rows: Sequence[sqlite3.Row], last: str | None, chance: random.Random
) -> sqlite3.Row:
    """Return a question at random, of another image than the last one if there is one."""
    return chance.choice([row for row in rows if row["item"] != last] or list(rows))


def _spread(
    rows: Sequence[sqlite3.Row], last: str | None, chance: random.Random
) -> sqlite3.Row | None:
    """Return a question of another image than the last one, so that this stays possible."""
    items = Counter(row["item"] for row in rows)
    item, most = items.most_common(1)[0]
    others = [row for row in rows if row["item"] != last]
    if item != last and 2 * most > len(rows):
        others = [row for row in others if row["item"] == item]
    return chance.choice(_fewest(others)) if others else None


def _still_wanted(db: sqlite3.Connection, pending: sqlite3.Row, limits: dict[str, float]) -> bool:
    """Return whether a question lacks answers besides those that others have or are giving."""
    row = db.execute(
        f"SELECT wanted, ({_TAKEN} AND handout.person != :person) AS taken "
        "FROM question WHERE id = :id",
        {**limits, "id": pending["id"], "person": pending["person"]},
    ).fetchone()
    return row["wanted"] == 0 or row["taken"] < row["wanted"]


def _handout(db: sqlite3.Connection, token: str) -> Handout:
    row = db.execute(
        "SELECT question.*, token, ordering, position, given FROM handout "
        "JOIN question ON question.id = handout.question WHERE token = ?",
        (token,),
    ).fetchone()
    order = tuple(json.loads(row["ordering"]))
    return Handout(token, question_of(row), order, row["position"], row["given"])
