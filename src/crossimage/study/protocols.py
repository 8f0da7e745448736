"""The questions of each protocol."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from crossimage.study.images import StudyImage, StudyImages, coarse, scramble
from crossimage.study.questions import REAL, SCRAMBLED, Option, Question, choose_pairs
from crossimage.study.settings import Settings
from crossimage.study.sources import MethodResults

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
        existing: Keys of the questions that a study has already.
    """

    settings: Settings
    results: Mapping[str, Sequence[MethodResults]]
    items: Mapping[str, Sequence[str]]
    images: StudyImages
    existing: frozenset[str]

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
    groups = [
        [question for question in questions if question.attribute == attribute]
        for attribute in material.results
    ]
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
    settings = material.settings
    practice, trials = settings.practice, settings.trials or 1
    questions = []
    for results in (one for group in material.results.values() for one in group):
        items = material.shuffled("real-or-fake", [*results.by_item])
        reals = results.real or [r.target for r in results.by_item.values() if r.target]
        if not reals:
            raise ValueError(
                f"there are no real images to compare {results.method} with; give their folder, or "
                "the data set, as --data"
            )
        for number, what in ((len(items), f"images of {results.method}"), (len(reals), "real")):
            if number < practice + trials:
                fewer = min(practice, number // 5)
                raise ValueError(
                    f"found {number} {what}{' images' if what == 'real' else ''}, but a person "
                    f"sees practice={practice} and trials={trials} different ones; add images, or "
                    f"use --set practice={fewer} trials={max(1, number - fewer)}"
                )
        order = random.Random(f"{settings.seed} real").sample(reals, len(reals))
        for index, item in enumerate(items[: settings.questions]):
            fake, real = results.by_item[item].output, order[index % len(order)]
            _check_size(results.method, item, fake, real)
            kind = "practice" if index < practice else "trial"
            options = Option(REAL, real.name), Option(results.method, fake.name)
            questions.append(
                Question(
                    "practice" if kind == "practice" else "trial", item, options,
                    results.attribute, None, results.method, 1 if kind == "practice" else None,
                )
            )  # fmt: skip
    return questions


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
