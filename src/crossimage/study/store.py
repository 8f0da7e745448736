"""The database of a study: questions, people, what was handed out, and votes.

One transaction per vote. A vote counts once per person and question, however often it is sent.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossimage.study.failures import storing
from crossimage.study.questions import Kind, Option, Question

FILE = "study.sqlite"

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE question (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, item TEXT NOT NULL,
  options TEXT NOT NULL, attribute TEXT NOT NULL, input TEXT, method TEXT NOT NULL,
  known INTEGER, wanted INTEGER NOT NULL, prompt TEXT NOT NULL, turn INTEGER NOT NULL);
CREATE TABLE person (
  id INTEGER PRIMARY KEY AUTOINCREMENT, secret TEXT NOT NULL UNIQUE, platform TEXT UNIQUE,
  method TEXT NOT NULL, started REAL NOT NULL, ended REAL, stopped INTEGER NOT NULL DEFAULT 0,
  wrong INTEGER NOT NULL DEFAULT 0);
CREATE TABLE handout (
  person INTEGER NOT NULL REFERENCES person ON DELETE CASCADE,
  question INTEGER NOT NULL REFERENCES question, token TEXT NOT NULL UNIQUE,
  ordering TEXT NOT NULL, position INTEGER NOT NULL, given REAL NOT NULL,
  views INTEGER NOT NULL DEFAULT 1, PRIMARY KEY (person, question)) WITHOUT ROWID;
CREATE INDEX handout_question ON handout (question);
CREATE TABLE vote (
  person INTEGER NOT NULL, question INTEGER NOT NULL, answer INTEGER NOT NULL, at REAL NOT NULL,
  milliseconds INTEGER, exposures TEXT NOT NULL, PRIMARY KEY (person, question),
  FOREIGN KEY (person, question) REFERENCES handout ON DELETE CASCADE) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Person:
    """Someone who takes part.

    Attributes:
        id: Number in the study.
        secret: What the browser shows to be recognised.
        platform: Participant number of a crowd platform, if any.
        method: The method whose images the person sees; empty: all.
        ended: When the person finished or stopped; None: not yet.
        wrong: Wrong answers to checks.
    """

    id: int
    secret: str
    platform: str | None
    method: str
    ended: float | None
    wrong: int


@dataclass(frozen=True)
class Handout:
    """A question as one person sees it.

    Attributes:
        token: What names it in the page.
        question: The question.
        ordering: Indices of the options in the order in which they are shown.
        position: Number of questions that the person answered before.
        given: When it was handed out.
    """

    token: str
    question: Question
    ordering: tuple[int, ...]
    position: int
    given: float

    def right_answer(self) -> int | None:
        """Return the place of the right option, or the right rating; None if there is none."""
        known = self.question.known
        if known is None or self.question.is_rated:
            return known
        return self.ordering.index(known)


@dataclass(frozen=True)
class Vote:
    """An answer, with what is needed to judge it.

    Attributes:
        person: Number of the person.
        platform: The person's participant number, if any.
        question: The question.
        ordering: The order in which options were shown.
        position: Number of questions that the person answered before.
        answer: Index of the option that was chosen, or the rating.
        at: When it was stored.
        seconds: How long the person took, as the page measured it, or else the server.
        exposures: How long images were visible, in milliseconds, where that is limited.
        views: How often the page was opened.
        wrong: The person's number of wrong answers to checks.
    """

    person: int
    platform: str | None
    question: Question
    ordering: tuple[int, ...]
    position: int
    answer: int
    at: float
    seconds: float
    exposures: tuple[float, ...]
    views: int
    wrong: int


class NotYours(ValueError):
    """The question was handed out to another person, or to nobody."""


class OtherAnswer(ValueError):
    """The person has answered the question before, and differently."""


class Store:
    """The database of a study, for use from one thread at a time.

    Args:
        path: The file.
        create: Make it; otherwise it must exist.

    Raises:
        FileNotFoundError: It does not exist.
        OSError: It can't be opened or written.
        ValueError: It is not the database of a study.
    """

    def __init__(self, path: Path, create: bool = False) -> None:
        if create == path.exists():
            state = "exists already" if create else "does not exist; expected a study"
            raise FileNotFoundError(f"{path} {state}")
        self.path = path
        with storing(path):
            self._db = sqlite3.connect(
                path, timeout=10, isolation_level=None, check_same_thread=False,
                cached_statements=256,
            )  # fmt: skip
        self._db.row_factory = sqlite3.Row
        try:
            with storing(path):
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA foreign_keys = ON")
                if create:
                    self._db.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
                self._db.execute("SELECT count(*) FROM vote")
        except BaseException as error:
            self._db.close()
            if isinstance(error, sqlite3.Error):
                raise ValueError(f"{path} is not the database of a study: {error}") from None
            raise

    def copy_without_votes(self) -> Store:
        """Return a copy in memory, with the questions only."""
        copy = Store.__new__(Store)
        copy.path = self.path
        copy._db = sqlite3.connect(":memory:", isolation_level=None, cached_statements=256)
        copy._db.row_factory = sqlite3.Row
        self._db.backup(copy._db)
        copy._db.execute("PRAGMA foreign_keys = ON")
        copy._db.execute("DELETE FROM person")
        return copy

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    @contextmanager
    def transaction(self, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """Run statements that are all stored, or none of them.

        Args:
            durable: Flush them to the disk; otherwise the next transaction does, and a power
                failure, unlike a kill, may undo them.
        """
        self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def rows(self, statement: str, values: Any = ()) -> list[sqlite3.Row]:
        """Return the rows of a query."""
        return self._db.execute(statement, values).fetchall()

    def get(self, key: str) -> str | None:
        """Return a fact about the study."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row and row[0]

    def put(self, key: str, value: str) -> None:
        """Store a fact about the study."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    # Questions

    def add_questions(self, questions: Iterable[Question]) -> None:
        """Add questions in one transaction."""
        with self.transaction() as db:
            db.executemany(
                "INSERT INTO question (key, kind, item, options, attribute, input, method, known, "
                "wanted, prompt, turn) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        q.key, q.kind, q.item, json.dumps([[o.method, o.image] for o in q.options]),
                        q.attribute, q.input, q.group, q.known, q.wanted, q.prompt, q.turn,
                    )
                    for q in questions
                ],
            )  # fmt: skip

    def questions(self) -> dict[int, Question]:
        """Return all questions by number."""
        return {row["id"]: question_of(row) for row in self.rows("SELECT * FROM question")}

    # People

    def join(self, method: str, platform: str | None = None) -> Person:
        """Add a person.

        Raises:
            NotYours: Someone with this participant number takes part already.
        """
        secret = secrets.token_urlsafe(24)
        try:
            with self.transaction() as db:
                db.execute(
                    "INSERT INTO person (secret, platform, method, started) VALUES (?, ?, ?, ?)",
                    (secret, platform, method, time.time()),
                )
        except sqlite3.IntegrityError:
            raise NotYours("this participant number takes part already") from None
        person = self.person(secret)
        assert person
        return person

    def person(self, secret: str) -> Person | None:
        """Return the person whose browser shows a secret."""
        row = self._db.execute("SELECT * FROM person WHERE secret = ?", (secret,)).fetchone()
        if row is None:
            return None
        names = ("id", "secret", "platform", "method", "ended", "wrong")
        return Person(*(row[name] for name in names))

    def end(self, person: Person, stopped: bool) -> None:
        """Record that a person finished or stopped; what was not answered is free for others."""
        with self.transaction() as db:
            db.execute(
                "UPDATE person SET ended = ?, stopped = ? WHERE id = ? AND ended IS NULL",
                (time.time(), stopped, person.id),
            )
            db.execute(
                "DELETE FROM handout WHERE person = ?1 AND NOT EXISTS (SELECT 1 FROM vote "
                "WHERE person = ?1 AND question = handout.question)",
                (person.id,),
            )

    def withdraw(self, person: Person) -> None:
        """Delete a person with all votes; only their number remains."""
        with self.transaction() as db:
            db.execute("DELETE FROM person WHERE id = ?", (person.id,))
            db.execute(
                "INSERT INTO meta VALUES ('withdrawn', '1') ON CONFLICT (key) DO UPDATE "
                "SET value = CAST(value AS INTEGER) + 1"
            )

    # Votes

    def vote(
        self, person: Person, token: str, shown: int, milliseconds: int | None = None,
        exposures: Sequence[float] = (),
    ) -> Question:  # fmt: skip
        """Store a vote; it is on the disk when this returns.

        Args:
            person: Who votes.
            token: Names the question that was handed out.
            shown: Place of the chosen option among those shown, from 0; or the rating.
            milliseconds: How long the person took, as the page measured it.
            exposures: How long images were visible, in milliseconds.

        Returns:
            The question that was answered.

        Raises:
            NotYours: The question was not handed out to this person.
            OtherAnswer: The person has answered it before, and differently.
            ValueError: There is no such answer.
            sqlite3.OperationalError: The vote can't be stored; the disk is full, for example.
        """
        with self.transaction() as db:
            row = db.execute(
                "SELECT question.*, handout.ordering AS ordering FROM handout JOIN question "
                "ON question.id = handout.question WHERE token = ? AND person = ?",
                (token, person.id),
            ).fetchone()
            if row is None:
                raise NotYours("this question was not handed out to you")
            question, order = question_of(row), json.loads(row["ordering"])
            answer, before = _answer(question, order, shown), self._answer_of(person, row["id"])
            if before is None:
                self._add_vote(
                    person, row["id"], question, answer, time.time(), milliseconds, exposures
                )
            elif before != answer:
                raise OtherAnswer("this question was answered before; the first answer counts")
        return question

    def import_votes(
        self, form: str, platform: str | None,
        answers: Sequence[tuple[int, list[int], int, int, list[float]]],
    ) -> None:  # fmt: skip
        """Store the votes of a person who answered without a server, in one transaction.

        Votes that are stored already are left as they are.

        Args:
            form: Names the person's answers.
            platform: The person's participant number, if any.
            answers: Number of the question, order of its options, place that was chosen or rating,
                milliseconds, and exposures.

        Raises:
            NotYours: Someone else has this participant number.
            ValueError: There is no such question or answer, or it was answered differently.
        """
        questions = self.questions()
        secret, now = f"sheet-{form}", time.time()
        shown = (questions[number] for number, *_ in answers if number in questions)
        method = next((question.group for question in shown if question.group), "")
        with self.transaction() as db:
            try:
                db.execute(
                    "INSERT INTO person (secret, platform, method, started, ended) "
                    "VALUES (?, ?, ?, ?, ?) ON CONFLICT (secret) DO NOTHING",
                    (secret, platform, method, now, now),
                )
            except sqlite3.IntegrityError:
                raise NotYours("this participant number takes part already") from None
            person = self.person(secret)
            assert person
            for position, (number, order, place, taken, exposures) in enumerate(answers):
                question = questions.get(number)
                if question is None or sorted(order) != list(range(len(question.options))):
                    raise ValueError(f"the study has no question {number} with these options")
                answer, before = _answer(question, order, place), self._answer_of(person, number)
                if before is None:
                    token = secrets.token_urlsafe(16)
                    db.execute(
                        "INSERT INTO handout VALUES (?, ?, ?, ?, ?, ?, 1)",
                        (person.id, number, token, json.dumps(order), position, now),
                    )
                    self._add_vote(person, number, question, answer, now, taken, exposures)
                elif before != answer:
                    raise OtherAnswer(f"question {number} was answered before, and differently")

    def _answer_of(self, person: Person, number: int) -> int | None:
        """Return a person's answer to a question; None if there is none yet."""
        row = self._db.execute(
            "SELECT answer FROM vote WHERE person = ? AND question = ?", (person.id, number)
        ).fetchone()
        return None if row is None else int(row["answer"])

    def _add_vote(
        self, person: Person, number: int, question: Question, answer: int, at: float,
        milliseconds: int | None, exposures: Sequence[float],
    ) -> None:  # fmt: skip
        """Store a vote on a question that was handed out, and count a wrong answer to a check."""
        self._db.execute(
            "INSERT INTO vote VALUES (?, ?, ?, ?, ?, ?)",
            (person.id, number, answer, at, milliseconds, json.dumps(list(exposures))),
        )
        if question.kind == "check" and answer != question.known:
            self._db.execute("UPDATE person SET wrong = wrong + 1 WHERE id = ?", (person.id,))

    def votes(self) -> list[Vote]:
        """Return all votes, in the order in which they were stored."""
        questions = self.questions()
        rows = self.rows(
            "SELECT vote.*, ordering, position, given, views, platform, wrong FROM vote "
            "JOIN handout USING (person, question) JOIN person ON person.id = vote.person "
            "ORDER BY at, vote.person"
        )
        return [
            Vote(
                row["person"], row["platform"], questions[row["question"]],
                tuple(json.loads(row["ordering"])), row["position"], row["answer"], row["at"],
                row["at"] - row["given"]
                if row["milliseconds"] is None
                else row["milliseconds"] / 1000,
                tuple(json.loads(row["exposures"])), row["views"], row["wrong"],
            )
            for row in rows
        ]  # fmt: skip

    def count_votes(self) -> int:
        """Return the number of votes."""
        return int(self._db.execute("SELECT count(*) FROM vote").fetchone()[0])


def question_of(row: sqlite3.Row) -> Question:
    """Return the question that a row of its table holds."""
    kind: Kind = row["kind"]
    return Question(
        kind, row["item"], tuple(Option(*option) for option in json.loads(row["options"])),
        row["attribute"], row["input"], row["method"], row["known"], row["wanted"], row["prompt"],
        row["turn"],
    )  # fmt: skip


def _answer(question: Question, order: Sequence[int], shown: int) -> int:
    """Return what an answer means, whatever the order in which options were shown."""
    if question.is_rated:
        if not 1 <= shown <= 5:
            raise ValueError(f"found the rating {shown}, expected 1 to 5")
        return shown
    if not 0 <= shown < len(order):
        raise ValueError(f"found the option {shown}, expected 0 to {len(order) - 1}")
    return int(order[shown])
