"""Make a study from trained models or folders of results."""

from __future__ import annotations

import math
import secrets
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from crossimage.study import settings as settings_file
from crossimage.study import store as database
from crossimage.study.failures import storing
from crossimage.study.images import StudyImages
from crossimage.study.power import plan_sentence
from crossimage.study.protocols import Material, make_questions
from crossimage.study.questions import Question
from crossimage.study.settings import IMAGES, Settings, make_settings, read_settings, write_settings
from crossimage.study.sources import MethodResults, Requirements, match, read_method
from crossimage.study.store import Store
from crossimage.utils.files import new_folder
from crossimage.utils.progress import ProgressCallback


@dataclass(frozen=True)
class MadeStudy:
    """The study that was made.

    Attributes:
        folder: Folder of the study.
        settings: Its settings, with all numbers.
        questions: Number of questions that count.
        notes: What was left out, and how many people the study needs; one sentence each.
    """

    folder: Path
    settings: Settings
    questions: int
    notes: list[str]


def make_study(
    out: Path, protocol: str, methods: Mapping[str, str], *, data: str | None = None,
    to: Sequence[str] = (), changes: Mapping[str, Any] | None = None, add: bool = False,
    progress: ProgressCallback | None = None,
) -> MadeStudy:  # fmt: skip
    """Make a study, or add questions to one.

    Args:
        out: Folder of the study.
        protocol: ``preference``, ``real-or-fake``, ``choice`` or ``opinion``.
        methods: Run folders, model files or folders of results, by the method's name.
        data: The data set of the models; for folders of results, the folder of the inputs or of the
            real images.
        to: Targets or attributes that images are translated to.
        changes: Other settings; see :class:`Settings`.
        add: Add questions to a study that exists; what it has stays as it is.
        progress: Receives the progress; None: not reported.

    Raises:
        FileNotFoundError: A run or a folder is missing.
        ValueError: There is a study already, the methods do not fit together, or there are fewer
            images than questions.
    """
    given: dict[str, Any] = dict(changes or {})
    if add:
        with storing(out / database.FILE):
            return _extend(out, protocol, methods, data, to, given, progress)
    _check_new(out)
    given |= {"methods": dict(methods), "data": data, "to": list(to)}
    settings = make_settings(protocol, given)
    with new_folder(out) as folder, storing(folder / database.FILE):
        made = _fill(folder, settings, given, progress)
    return replace(made, folder=out)


def remake_study(out: Path, config: Path, progress: ProgressCallback | None = None) -> MadeStudy:
    """Make a study again from the settings of an earlier one.

    Raises:
        FileNotFoundError: A file or folder is missing.
        ValueError: The settings are not allowed, or do not fit the images.
    """
    settings = read_settings(config)
    _check_new(out)
    with new_folder(out) as folder, storing(folder / database.FILE):
        made = _fill(folder, settings, settings.model_dump(), progress)
    return replace(made, folder=out)


def _check_new(out: Path) -> None:
    if (out / database.FILE).is_file():
        store = Store(out / database.FILE)
        votes = store.count_votes()
        store.close()
        have = f"a study with {votes} votes" if votes else "a study"
        raise ValueError(f"{out} holds {have}; extend it with --add, or choose another --out")


def _fill(
    folder: Path, settings: Settings, given: Mapping[str, Any], progress: ProgressCallback | None
) -> MadeStudy:
    secret = secrets.token_hex(16)
    store = Store(folder / database.FILE, create=True)
    try:
        store.put("secret", secret)
        questions, notes = _questions(folder, settings, secret, {}, progress)
        settings = _planned(settings, given, questions)
        store.add_questions(_with_amounts(settings, questions))
        write_settings(folder / settings_file.FILE, settings)
    finally:
        store.close()
    return _made(folder, settings, questions, notes)


def _extend(
    out: Path, protocol: str, methods: Mapping[str, str], data: str | None, to: Sequence[str],
    given: dict[str, Any], progress: ProgressCallback | None,
) -> MadeStudy:  # fmt: skip
    store = Store(out / database.FILE)
    try:
        before = read_settings(out / settings_file.FILE)
        if protocol != before.protocol:
            raise ValueError(f"{out} is a {before.protocol} study, expected {protocol}")
        for name, path in methods.items():
            if before.methods.get(name, path) != path:
                raise ValueError(
                    f"{out} has a method '{name}' from {before.methods[name]}; give {path} another "
                    "name, as NAME=DIR"
                )
        for key in given:
            if key not in ("questions", "answers", "people"):
                raise ValueError(f"--add keeps the settings of {out}; leave out {key}")
        settings = before.model_copy(
            update={
                "methods": before.methods | dict(methods),
                "data": before.data if data is None else data,
                "to": list(dict.fromkeys([*before.to, *to])),
                "questions": given.get("questions"),
            }
        )
        settings = make_settings(protocol, settings.model_dump(exclude={"protocol"}))
        secret = store.get("secret") or ""
        existing = {question.key: question for question in store.questions().values()}
        questions, notes = _questions(out, settings, secret, existing, progress)
        if not any(question.kind == "trial" for question in questions):
            raise ValueError(
                f"there is nothing to add to {out}: it has every question that these images make"
            )
        answers = given.get("answers", before.answers)
        settings = settings.model_copy(update={"answers": answers})
        store.add_questions(_with_amounts(settings, questions))
        own = [question for question in store.questions().values() if question.kind == "trial"]
        largest = max(Counter(question.group for question in own).values())
        people = math.ceil(largest * (answers or 1) / (before.trials or largest))
        settings = settings.model_copy(
            update={
                "questions": _number(settings, store.questions().values()),
                "people": given.get("people", max(before.people or 1, people)),
            }
        )
        write_settings(out / settings_file.FILE, settings)
        store.put("settings", settings.model_dump_json())
    finally:
        store.close()
    return _made(out, settings, questions, notes)


def _number(settings: Settings, questions: Collection[Question]) -> int | None:
    """Return ``questions`` of a study that was extended: with it, its material makes as many again.

    It is None if all questions were added that the material makes.
    """
    if settings.questions is None:
        return None
    if settings.protocol == "real-or-fake":
        return max(Counter(question.group for question in questions if question.group).values())
    trials = [question for question in questions if question.kind == "trial"]
    if settings.protocol == "choice":  # those from before a method was added show fewer
        trials = [one for one in trials if len(one.options) == len(settings.methods)]
    return len(trials)


def _questions(
    folder: Path, settings: Settings, secret: str, existing: Mapping[str, Question],
    progress: ProgressCallback | None,
) -> tuple[list[Question], list[str]]:  # fmt: skip
    protocol, names = settings.protocol, list(settings.methods)
    if len(names) < 2 and protocol in ("preference", "choice"):
        raise ValueError(f"found one method, {', '.join(names) or 'none'}; expected two or more")
    if not names:
        raise ValueError("found no method, expected one or more")
    if settings.baseline and settings.baseline not in names:
        raise ValueError(f"baseline={settings.baseline} is none of {', '.join(names)}")
    images = StudyImages(folder / IMAGES, secret)
    requirements = Requirements(
        inputs=protocol in ("preference", "choice"),
        real=None if protocol == "real-or-fake" else 0,
        limit=settings.questions if protocol == "preference" and not existing else None,
        seed=settings.seed,
        data=settings.data,
    )
    results: dict[str, list[MethodResults]] = {}
    items: dict[str, list[str]] = {}
    notes: list[str] = []
    for attribute in settings.to or [""]:
        own = [
            read_method(name, path, attribute, requirements, images, progress)
            for name, path in settings.methods.items()
        ]
        # in `real-or-fake`, each method is judged alone
        for together in [[one] for one in own] if protocol == "real-or-fake" else [own]:
            items[attribute], left_out = match(together)
            notes += left_out
        results[attribute] = own
    return make_questions(Material(settings, results, items, images, existing)), notes


def _planned(
    settings: Settings, given: Mapping[str, Any], questions: Sequence[Question]
) -> Settings:
    """Return the settings with all numbers that the questions determine.

    Raises:
        ValueError: A person would answer more questions than there are.
    """
    trials = [question for question in questions if question.kind == "trial"]
    total = len(trials)
    groups = len({question.group for question in trials})
    each = total // groups
    own = settings.trials or each
    if own > each:
        if given.get("trials") is not None:
            raise ValueError(
                f"found {each} questions, but trials={own} per person; add images, or use --set "
                f"trials={each}"
            )
        own = each
    people, answers = settings.people, settings.answers
    if answers is not None and given.get("people") is not None and given.get("answers") is None:
        answers = None
    if answers is None:
        answers = math.ceil((people or 1) * own / each)
    if people is None:
        people = math.ceil(each * answers / own)
    baseline = settings.baseline or (
        next(iter(settings.methods)) if settings.protocol == "preference" else ""
    )
    code = settings.completion_code or secrets.token_hex(4).upper()
    changes = {
        "trials": own, "answers": answers, "people": max(people, answers), "baseline": baseline,
        "completion_code": code,
    }  # fmt: skip
    if settings.protocol in ("preference", "choice", "opinion"):
        changes["questions"] = total
    return settings.model_copy(update=changes)


def _with_amounts(settings: Settings, questions: Sequence[Question]) -> list[Question]:
    return [
        replace(question, wanted=settings.answers or 1) if question.kind == "trial" else question
        for question in questions
    ]


def _made(
    folder: Path, settings: Settings, questions: Sequence[Question], notes: list[str]
) -> MadeStudy:
    count = sum(question.kind == "trial" for question in questions)
    if settings.protocol != "opinion":
        each, people = settings.trials or 1, settings.people or 1
        notes = [*notes, plan_sentence(each, settings.person_correlation, people)]
    return MadeStudy(folder, settings, count, notes)
