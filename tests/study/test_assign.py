"""Questions are handed out in balance, once per person, and again when they are abandoned."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from crossimage.study.assign import group_for_next, next_handout
from crossimage.study.questions import Option, Question, choose_pairs
from crossimage.study.settings import Settings, make_settings
from crossimage.study.store import NotYours, Person, Store


def study(
    path: Path, questions: list[Question], protocol: str = "preference", **given: Any
) -> tuple[Settings, Store]:
    settings = make_settings(protocol, {"methods": {"a": "a", "b": "b"}, **given})
    store = Store(path / "study.sqlite", create=True)
    store.add_questions(questions)
    return settings, store


def pairs(count: int, wanted: int) -> list[Question]:
    options = Option("a", "x"), Option("b", "y")
    return [Question("trial", f"item {n}", options, wanted=wanted, turn=n) for n in range(count)]


def answer(store: Store, settings: Settings, person: Person, now: float = 1e9) -> str | None:
    handout = next_handout(store, settings, person, now)
    if handout is None:
        return None
    store.vote(person, handout.token, 1)
    return handout.question.item


def test_every_question_gets_its_answers_from_different_people(tmp_path: Path) -> None:
    settings, store = study(tmp_path, pairs(10, 3), trials=5)
    people = [store.join("") for _ in range(8)]
    for person in people:
        items = [answer(store, settings, person) for _ in range(6)]
        assert len({*items} - {None}) == len(items) - items.count(None)
    counts = Counter((vote.question.item, vote.person) for vote in store.votes())
    assert set(counts.values()) == {1}
    assert Counter(item for item, _ in counts) == {f"item {n}": 3 for n in range(10)}
    assert next_handout(store, settings, store.join("")) is None  # all have their answers
    store.close()


def test_sides_are_balanced_over_a_study(tmp_path: Path) -> None:
    settings, store = study(tmp_path, pairs(10, 3), trials=5)
    for _ in range(6):
        person = store.join("")
        while answer(store, settings, person):
            pass
    first = Counter(vote.ordering[0] for vote in store.votes())
    assert first == {0: 15, 1: 15}
    store.close()


def test_questions_that_lack_answers_come_first(tmp_path: Path) -> None:
    settings, store = study(tmp_path, pairs(6, 4), trials=3)
    first, second = store.join(""), store.join("")
    early = {answer(store, settings, first) for _ in range(3)}
    late = {answer(store, settings, second) for _ in range(3)}
    assert early | late == {f"item {n}" for n in range(6)}
    store.close()


def test_an_abandoned_question_is_free_after_the_time_limit(tmp_path: Path) -> None:
    settings, store = study(tmp_path, pairs(1, 1), trials=1, time_limit=10.0)
    slow, other = store.join(""), store.join("")
    handout = next_handout(store, settings, slow, 1e9)
    assert handout is not None
    assert next_handout(store, settings, other, 1e9 + 599) is None
    assert answer(store, settings, other, 1e9 + 601) == "item 0"
    assert next_handout(store, settings, slow, 1e9 + 602) is None  # it has its answer
    with pytest.raises(NotYours):
        store.vote(slow, handout.token, 0)
    store.close()


def test_a_person_sees_checks_among_the_questions_but_not_first(tmp_path: Path) -> None:
    options = Option("a", "x"), Option("(scrambled)", "y")
    checks = [Question("check", f"check {n}", options, known=0) for n in range(3)]
    settings, store = study(tmp_path, [*pairs(20, 50), *checks], trials=10)
    places = []
    for _ in range(20):
        person = store.join("")
        items = []
        while item := answer(store, settings, person):
            items.append(item)
        assert len(items) == 13
        places += [n for n, item in enumerate(items) if item.startswith("check")]
    assert len(places) == 60 and min(places) >= 1 and len({*places}) > 6
    store.close()


def test_answers_of_excluded_people_are_asked_for_again(tmp_path: Path) -> None:
    options = Option("a", "x"), Option("(scrambled)", "y")
    checks = [Question("check", f"check {n}", options, known=0) for n in range(2)]
    settings, store = study(tmp_path, [*pairs(4, 1), *checks], trials=4, wrong_checks=2)
    careless, careful = store.join(""), store.join("")
    while handout := next_handout(store, settings, careless, 1e9):
        shown = handout.ordering.index(1) if handout.question.kind == "check" else 0
        store.vote(careless, handout.token, shown)
    asked = set()
    while item := answer(store, settings, careful):
        asked.add(item)
    assert asked >= {f"item {n}" for n in range(4)}
    store.close()


def test_no_image_is_rated_twice_in_a_row(tmp_path: Path) -> None:
    questions = [
        Question("trial", f"item {n}", (Option(method, f"{method}{n}"),), wanted=20)
        for n in range(4)
        for method in ("a", "b", "c")
    ]
    settings, store = study(tmp_path, questions, "opinion")
    for _ in range(20):
        person = store.join("")
        items = []
        while item := answer(store, settings, person):
            items.append(item)
        assert len(items) == 12
        assert all(one != other for one, other in zip(items, items[1:], strict=False))
    store.close()


def test_people_are_spread_over_the_methods_of_real_or_fake(tmp_path: Path) -> None:
    questions = [
        Question("trial", "x", (Option("(real)", "r"), Option(m, m)), group=m, wanted=9)
        for m in ("a", "b", "c")
    ]
    _, store = study(tmp_path, questions, "real-or-fake")
    groups = [store.join(group_for_next(store)).method for _ in range(9)]
    assert Counter(groups) == {"a": 3, "b": 3, "c": 3}
    store.close()


def test_every_pair_and_every_input_occurs_equally_often() -> None:
    items, methods = [f"{n}" for n in range(30)], ["a", "b", "c", "d"]
    for count in (60, 120, 180):
        chosen = choose_pairs(items, methods, seed=3)[:count]
        assert len({*chosen}) == count
        assert {*Counter(item for item, _ in chosen).values()} == {count // 30}
        assert {*Counter(pair for _, pair in chosen).values()} == {count // 6}
