"""A study as static pages, whose answers come back as files."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crossimage.study import participants
from crossimage.study.assign import amount, group_for_next, next_handout
from crossimage.study.failures import storing
from crossimage.study.opening import open_study
from crossimage.study.questions import TEACHING
from crossimage.study.settings import IMAGES, Settings
from crossimage.study.store import FILE, Handout, NotYours, OtherAnswer, Store
from crossimage.study.trial import shown_trial
from crossimage.utils.files import atomic
from crossimage.utils.html import page_template
from crossimage.utils.texts.json_text import read_json
from crossimage.utils.texts.shown import shown

_STATIC = Path(__file__).parent / "web" / "static"
_FORM = re.compile(r"[0-9a-f]{24}")


def export_study(study: Path, out: Path) -> int:
    """Write a study as a ZIP archive of static pages for a plain web host.

    There is a page, a sheet, for each person who is planned for; together they are as balanced as
    the study that is served. A sheet keeps answers in the browser and saves them as a file at the
    end, which :func:`import_answers` reads.

    Args:
        study: Folder of the study.
        out: The archive.

    Returns:
        The number of sheets.

    Raises:
        FileNotFoundError: There is no study.
        ValueError: ``out`` is not a .zip file or exists.
    """
    if out.suffix.lower() != ".zip":
        raise ValueError(f"{out} is not a ZIP archive; expected a name that ends in .zip")
    if out.exists():
        raise ValueError(f"{out} exists; remove it or choose another --out")
    sheets = 0
    with storing(study / FILE), _opened(study) as (settings, store):
        name = study_name(store)
        with atomic(out) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            template = page_template("study/sheet.html")
            for number, trials in enumerate(_sheets(store, settings), 1):
                page = template.render(
                    settings=settings, static=True, name=name, number=number, trials=trials,
                    participants=participants,
                )  # fmt: skip
                archive.writestr(f"sheet-{number}.html", page)
                sheets = number
            for path in (_STATIC / "study.js", _STATIC / "study.css"):
                archive.write(path, path.name)
            for path in sorted((study / IMAGES).glob("*.png")):
                archive.write(path, f"images/{path.name}")
    return sheets


@contextmanager
def _opened(study: Path) -> Iterator[tuple[Settings, Store]]:
    """Open a study whose votes will be stored, and close it."""
    settings, store = open_study(study, for_votes=True)
    try:
        yield settings, store
    finally:
        store.close()


def study_name(store: Store) -> str:
    """Return what tells a study from others, and nothing about it."""
    return (store.get("secret") or "")[:12]


def _sheets(store: Store, settings: Settings) -> Iterator[list[dict[str, Any]]]:
    """Hand all questions out to people of a copy in memory, one person after the other."""
    copy = store.copy_without_votes()
    numbers = {question.key: number for number, question in copy.questions().items()}
    try:
        for _ in range(settings.all_people):
            person = copy.join(group_for_next(copy))
            total = amount(copy, settings, person)
            trials = []
            while handout := next_handout(copy, settings, person):
                trials.append(_on_sheet(settings, handout, total, numbers))
                copy.vote(person, handout.token, _right(handout))
            if trials:
                yield trials
    finally:
        copy.close()


def _right(handout: Handout) -> int:
    """Return an answer that does not exclude the person."""
    right = handout.right_answer()
    return int(handout.question.is_rated) if right is None else right


def _on_sheet(
    settings: Settings, handout: Handout, total: int, numbers: dict[str, int]
) -> dict[str, Any]:
    question = handout.question
    teaches = question.kind in TEACHING
    return {
        "trial": shown_trial(settings, handout, total),
        "question": numbers[question.key],
        "ordering": json.dumps(handout.ordering),
        "known": str(_right(handout)) if teaches else "",
        "kind": question.kind if teaches else "",
    }


def import_answers(study: Path, files: list[Path]) -> tuple[int, int]:
    """Add the answers of sheets to a study; those that it has already count once.

    Args:
        study: Folder of the study.
        files: Files that sheets saved.

    Returns:
        The numbers of votes that were new, and of those that were known.

    Raises:
        FileNotFoundError: There is no study, or a file is missing.
        ValueError: A file does not hold answers to this study.
    """
    new = known = 0
    with storing(study / FILE), _opened(study) as (_, store):
        for path in files:
            before = store.count_votes()
            number = _import(store, path)
            added = store.count_votes() - before
            new, known = new + added, known + number - added
    return new, known


def _import(store: Store, path: Path) -> int:
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; expected the answers of a sheet")
    if path.stat().st_size > 2**20:
        raise ValueError(f"{path} is larger than the answers of a sheet can be")
    try:
        data = read_json(path)
        name, form, platform = data["study"], data["id"], data["platform"]
        answers = [_answer(one) for one in data["answers"]]
        if not (isinstance(form, str) and _FORM.fullmatch(form)):
            raise ValueError("id")
        if not isinstance(platform, str):
            raise ValueError("platform")
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError(
            f"{path} does not hold the answers of a sheet, or was changed; expected a file that "
            "`crossimage study export` led to"
        ) from None
    if name != study_name(store):
        raise ValueError(f"{path} holds answers to another study than {store.path.parent / FILE}")
    if platform and not participants.FORM.fullmatch(platform):
        raise ValueError(
            f"{path}: {shown(platform)} is not the number of a participant; expected "
            f'{participants.EXPECTED}: correct it after "platform" in the file, or write "" if it '
            "is not known, and import the file again"
        )
    try:
        store.import_votes(form, platform or None, answers)
    except NotYours:
        raise ValueError(
            f"{path}: {platform} has taken part already, with another file or in the browser"
        ) from None
    except (OtherAnswer, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None
    return len(answers)


def _answer(data: dict[str, Any]) -> tuple[int, list[int], int, int, list[float]]:
    """Return a question's number, order, answer, milliseconds and exposures."""
    question, order, answer = data["question"], data["ordering"], data["answer"]
    taken, exposures = data["milliseconds"], data["exposures"]
    whole = [question, answer, taken, *order]
    if any(type(value) is not int or not 0 <= value < 10**9 for value in whole):
        raise ValueError("a number")
    if len(exposures) > 2 or any(type(value) not in (int, float) for value in exposures):
        raise ValueError("exposures")
    if any(not 0 <= value < 10**9 for value in exposures) or len(order) > 100:
        raise ValueError("exposures")
    return question, list(order), answer, taken, [float(value) for value in exposures]
