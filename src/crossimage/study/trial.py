"""A question as a page shows it, without a hint at the methods."""

from __future__ import annotations

from dataclasses import dataclass

from crossimage.study.settings import Settings
from crossimage.study.store import Handout

_NUMBERS = ("First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth", "Ninth")
RATINGS = ((1, "bad"), (2, "poor"), (3, "fair"), (4, "good"), (5, "excellent"))


@dataclass(frozen=True)
class Button:
    """A button.

    Attributes:
        value: What it sends.
        label: Its name.
        key: The key that presses it.
        image: Name of the image in it; None: there is none.
    """

    value: int
    label: str
    key: str
    image: str | None


@dataclass(frozen=True)
class ShownTrial:
    """A question as a page shows it.

    Attributes:
        token: What names it.
        prompt: What is asked.
        input: Name of the image that was translated, if it is shown.
        images: Names of images that are shown for a limited time, or rated.
        choices: The buttons.
        exposure: Milliseconds that images are visible; 0: without limit.
        position: Number of the question for this person, from 1.
        total: Number of questions for this person.
        note: What kind of question it is; may be empty.
    """

    token: str
    prompt: str
    input: str | None
    images: tuple[str, ...]
    choices: tuple[Button, ...]
    exposure: int
    position: int
    total: int
    note: str


def shown_trial(settings: Settings, handout: Handout, total: int) -> ShownTrial:
    """Return a question as a page shows it."""
    question = handout.question
    names = [question.options[index].image for index in handout.ordering]
    prompt = question.prompt or settings.question.replace(
        "{attribute}", question.attribute or "the other domain"
    )
    exposure = round(1000 * settings.exposure)
    if question.is_rated:
        choices = tuple(Button(n, f"{n} – {word}", str(n), None) for n, word in RATINGS)
        images = tuple(names)
    else:
        inside = not exposure
        keys = ("←", "→") if len(names) == 2 else tuple(str(n + 1) for n in range(len(names)))
        choices = tuple(
            Button(n, _label(n), keys[n], name if inside else None) for n, name in enumerate(names)
        )
        images = () if inside else tuple(names)
    note = {
        "practice": "Practice: this answer does not count.",
        "calibration": "Getting used to the scale: this answer does not count.",
    }.get(question.kind, "")
    return ShownTrial(
        handout.token, prompt, question.input, images, choices, exposure, handout.position + 1,
        max(total, handout.position + 1), note,
    )  # fmt: skip


def _label(index: int) -> str:
    return _NUMBERS[index] if index < len(_NUMBERS) else f"Number {index + 1}"
