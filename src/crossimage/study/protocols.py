"""The questions of each protocol."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

from crossimage.study.images import StudyImage, StudyImages, coarse, scramble
from crossimage.study.questions import REAL, SCRAMBLED, Kind, Option, Question, choose_pairs
from crossimage.study.settings import Settings
from crossimage.study.sources import MethodResults

Value = TypeVar("Value")

ORIGINAL = "original"
"""Name of the method that stands for the true images, in opinion studies."""
NEAREST = "(nearest neighbour)"
"""Name in the place of a method's: of an image enlarged by nearest neighbour."""


class Material(NamedTuple):
    """The material that questions are made from.

    Attributes:
        settings: The settings.
        results: The results of all methods by attribute.
        items: Names of the inputs by attribute.
        images: Folder of images.
        existing: The questions that a study has already, by their keys.
    """

    settings: Settings
    results: Mapping[str, Sequence[MethodResults]]
    items: Mapping[str, Sequence[str]]
    images: StudyImages
    existing: Mapping[str, Question]

    def shuffled(self, what: str, values: Sequence[str]) -> list[str]:
        """Return values in a random order that the seed determines."""
        return random.Random(f"{self.settings.seed} {what}").sample(list(values), len(values))


def make_questions(material: Material) -> list[Question]:
    """Return the questions of a study, without those that it has already.

    Raises:
        ValueError: There are fewer images than the settings need.
    """
    makers = {
        "preference": _preference,
        "real-or-fake": _real_or_fake,
        "choice": _choice,
        "opinion": _opinion,
    }
    questions = makers[material.settings.protocol](material)
    if not material.existing:
        questions += _checks(material)
    counts: Counter[tuple[object, ...]] = Counter()
    made = []
    for question in questions:
        if question.key in material.existing:
            continue
        methods = (question.kind, question.group, *(o.method for o in question.options))
        made.append(replace(question, turn=counts[methods]))
        counts[methods] += 1
    return made


def _preference(material: Material) -> list[Question]:
    questions = []
    for attribute, results in material.results.items():
        by_name = {one.method: one for one in results}
        for item, pair in choose_pairs(
            material.items[attribute], list(by_name), material.settings.seed
        ):
            options = tuple(
                Option(method, by_name[method].by_item[item].output.name) for method in pair
            )
            questions.append(_of_input(item, attribute, options, results))
    return _first(material, _interleaved(questions, material))


def _choice(material: Material) -> list[Question]:
    questions = []
    for attribute, results in material.results.items():
        for item in material.shuffled(f"choice {attribute}", material.items[attribute]):
            options = tuple(Option(one.method, one.by_item[item].output.name) for one in results)
            questions.append(_of_input(item, attribute, options, results))
    return _first(material, _interleaved(questions, material))


def _of_input(
    item: str, attribute: str, options: tuple[Option, ...], results: Sequence[MethodResults]
) -> Question:
    shown = next((p for one in results if (p := one.by_item[item].input)), None)
    if shown is None:
        raise ValueError(
            f"{item} has no input that could be shown beside its results; expected an image of the "
            "same name in the folder that --data names"
        )
    return Question("trial", item, options, attribute, shown.name)


def _interleaved(questions: list[Question], material: Material) -> list[Question]:
    """Put the questions of the attributes in turns."""
    return _in_turns(
        [
            [question for question in questions if question.attribute == attribute]
            for attribute in material.results
        ]
    )


def _in_turns(groups: Sequence[Sequence[Value]]) -> list[Value]:
    """Return the first value of each group, then the second ones, and so on."""
    turns = max(len(group) for group in groups)
    return [group[turn] for turn in range(turns) for group in groups if turn < len(group)]


def _first(material: Material, questions: list[Question]) -> list[Question]:
    """Return as many questions as are wanted.

    Raises:
        ValueError: There are fewer.
    """
    new = [question for question in questions if question.key not in material.existing]
    wanted = material.settings.questions
    if wanted is not None and wanted > len(new):
        images = sum(map(len, material.items.values()))
        raise ValueError(
            f"{images} inputs that all methods have make {len(new)} "
            f"{'new ' if material.existing else ''}questions, but questions={wanted}; add images, "
            f"or use --set questions={len(new)}"
        )
    return new[:wanted]


def _real_or_fake(material: Material) -> list[Question]:
    questions: list[Question] = []
    for method in material.settings.methods:
        own = [one for group in material.results.values() for one in group if one.method == method]
        questions += _against_real(material, method, own)
    return questions


def _against_real(
    material: Material, method: str, results: Sequence[MethodResults]
) -> list[Question]:
    """Return the new questions about one method, whose practice is that of all targets together.

    Args:
        material: The material.
        method: Name of the method.
        results: Its results, for each target.
    """
    settings = material.settings
    asked = [question for question in material.existing.values() if question.group == method]
    seen = {(question.attribute, question.item) for question in asked}
    practice = settings.practice - sum(question.kind == "practice" for question in asked)
    orders = {one.attribute: _real_images(material, one) for one in results}
    _check_amounts(
        material, method, sum(len(one.by_item) for one in results),
        len({real.name for order in orders.values() for real in order}),
    )  # fmt: skip
    if settings.questions is not None and not asked and settings.questions <= practice:
        raise ValueError(
            f"questions={settings.questions}, of which practice={practice} are the first, leave "
            f"none that count; use --set questions={practice + (settings.trials or 1)}"
        )
    fakes = _in_turns(
        [
            [
                (one, item)
                for item in material.shuffled("real-or-fake", [*one.by_item])
                if (one.attribute, item) not in seen
            ]
            for one in results
        ]
    )
    used = Counter(question.options[0].image for question in asked)
    places = dict.fromkeys(orders, 0)
    questions = []
    for index, (one, item) in enumerate(fakes[: settings.questions]):
        order, place = orders[one.attribute], places[one.attribute]
        while used[order[place % len(order)].name] > place // len(order):
            place += 1  # shown before, with another target
        places[one.attribute] = place
        fake, real = one.by_item[item].output, order[place % len(order)]
        used[real.name] += 1
        _check_size(method, item, fake, real)
        kind: Kind = "practice" if index < practice else "trial"
        known = 1 if kind == "practice" else None
        options = Option(REAL, real.name), Option(method, fake.name)
        questions.append(Question(kind, item, options, one.attribute, None, method, known))
    return questions


def _real_images(material: Material, results: MethodResults) -> list[StudyImage]:
    reals = results.real or [one.target for one in results.by_item.values() if one.target]
    if not reals:
        raise ValueError(
            f"there are no real images to compare {results.method} with; give their folder, or "
            "the data set, as --data"
        )
    return random.Random(f"{material.settings.seed} real").sample(reals, len(reals))


def _check_amounts(material: Material, method: str, fakes: int, reals: int) -> None:
    practice, trials = material.settings.practice, material.settings.trials or 1
    for number, what in ((fakes, f"images of {method}"), (reals, "real images")):
        if number < practice + trials:
            fewer = min(practice, number // 5)
            change = f", or use --set practice={fewer} trials={max(1, number - fewer)}"
            raise ValueError(
                f"found {number} {what}, but a person sees practice={practice} and trials={trials} "
                f"different ones; add images{'' if material.existing else change}"
            )


def _check_size(method: str, item: str, fake: StudyImage, real: StudyImage) -> None:
    if fake[1:] != real[1:]:
        raise ValueError(
            f"{item}: the result of {method} is {fake.width} x {fake.height} pixels and a real "
            f"image {real.width} x {real.height}; expected one size, since the size would tell "
            "them apart"
        )


def _opinion(material: Material) -> list[Question]:
    settings = material.settings
    questions = [
        Question("trial", item, (Option(one.method, one.by_item[item].output.name),), attribute)
        for attribute, results in material.results.items()
        for item in material.shuffled(f"opinion {attribute}", material.items[attribute])
        for one in results
    ]
    trials = _first(material, questions)
    if len({question.item for question in trials}) < 2 and not material.existing:
        raise ValueError("found one image, expected two or more: none is rated twice in a row")
    return trials if material.existing else [*_calibration(material, settings), *trials]


def _calibration(material: Material, settings: Settings) -> list[Question]:
    """Return pairs of questions: the worst and the best version of an image."""
    if not settings.calibration:
        return []
    originals: dict[str, StudyImage] = {}
    for one in (one for group in material.results.values() for one in group):
        for item, result in one.by_item.items():
            image = result.output if one.method == ORIGINAL else result.target
            if image:
                originals.setdefault(item, image)
    if len(originals) < settings.calibration:
        raise ValueError(
            f"found {len(originals)} original images, but calibration={settings.calibration} need "
            f"as many; give their folder as {ORIGINAL}=DIR, or use --set "
            f"calibration={len(originals)}"
        )
    questions = []
    for item in material.shuffled("calibration", [*originals])[: settings.calibration]:
        best = originals[item]
        worst = material.images.add(coarse(material.images.read(best), settings.scale))
        for known, method, image in ((1, NEAREST, worst), (5, ORIGINAL, best)):
            option = Option(method, image.name)
            questions.append(Question("calibration", item, (option,), known=known))
    return questions


def _checks(material: Material) -> list[Question]:
    """Return questions whose answer is known: all options but one are scrambled."""
    settings, questions = material.settings, []
    chance = random.Random(f"{settings.seed} checks")
    groups = list(material.results.items())
    for number in range(settings.checks):
        attribute, results = groups[number % len(groups)]
        one = chance.choice(results)
        item = chance.choice([*material.items[attribute]])
        good = one.by_item[item].output
        name = f"check {number + 1}"
        if settings.protocol == "opinion":
            known = chance.randint(1, 5)
            prompt = f"To show that you are reading this, please choose {known}."
            options: tuple[Option, ...] = (Option(one.method, good.name),)
            questions.append(Question("check", name, options, known=known, prompt=prompt))
            continue
        x = material.images.read(good)
        wrong = len(results) - 1 if settings.protocol == "choice" else 1
        mixed = [scramble(x, f"{settings.seed} {number} {k}") for k in range(wrong)]
        bad = tuple(Option(SCRAMBLED, material.images.add(image).name) for image in mixed)
        if settings.protocol == "real-or-fake":
            questions.append(Question("check", name, (Option(REAL, good.name), *bad), known=1))
            continue
        shown = one.by_item[item].input
        questions.append(
            Question(
                "check", name, (Option(one.method, good.name), *bad), attribute,
                shown.name if shown else None, known=0,
            )
        )  # fmt: skip
    return questions
