"""The command that comes next fits the verdict."""

from collections.abc import Sequence

import pytest

from crossimage.data.data_report import DataReport
from crossimage.doctor.data_warnings import DataWarning
from crossimage.doctor.diagnosis import Diagnosis
from crossimage.doctor.measure import Estimate
from crossimage.doctor.next_step import find_next_step
from crossimage.doctor.suitable_recipes import SuitableRecipe

PHOTOS = SuitableRecipe("munit/photos_small", "two sets of photos", False, True, False)


def _command(
    *warnings: DataWarning,
    problems: Sequence[str] = (),
    recipe: str | None = None,
    words: Sequence[str] = (),
    seconds: float = 0.1,
    accelerated: bool = False,
    recipes: Sequence[SuitableRecipe] = (PHOTOS,),
) -> str | None:
    diagnosis = Diagnosis(DataReport("my photos", [], [], []), list(problems), list(warnings))
    estimate = Estimate("this device", 3, seconds, None, 1000, accelerated)
    measured = estimate if recipe else None
    step = find_next_step(diagnosis, recipe, words, {}, measured, recipes)
    return step and step.command


def test_images_that_are_ready_are_trained_on() -> None:
    data = "--data 'my photos'"
    assert _command() == f"crossimage train munit/photos_small {data}"
    named = _command(recipe="munit/photos_small", words=["crop=64"])
    assert named == f"crossimage train munit/photos_small {data} crop=64"
    assert _command(recipes=[]) is None


def test_problems_are_solved_first() -> None:
    found = _command(problems=["x"], recipe="cut", words=["crop=64"])
    assert found == "crossimage data inspect 'my photos' cut crop=64"


def test_what_warnings_advise_is_followed() -> None:
    opaque = DataWarning("transparent", settings={"channels": (4, 3)})
    deep = DataWarning("dark", settings={"value_range.a": (0, 4095)})
    found = _command(opaque, deep, words=["channels=4,4"]) or ""
    assert found.endswith(" channels=4,4 value_range.a=0,4095")
    # the identity loss of CycleGAN's recipe needs as many channels in both domains
    assert (_command(opaque, recipe="cyclegan/photos_small") or "").endswith(" channels=4,4")
    assert (_command(opaque, recipe="cyclegan/outlines") or "").endswith(" channels=4,3")
    odd = DataWarning("odd", settings={"channels": (0, 0)})
    assert (_command(odd, recipe="cyclegan/outlines") or "").endswith(" 'my photos'")
    colours = DataWarning("class numbers", "crossimage data make labels", first=True)
    leak = DataWarning("leaks", "crossimage data make split")
    assert _command(leak, colours) == colours.command
    assert (_command(leak) or "").startswith("crossimage train ")


@pytest.mark.parametrize(
    ("recipe", "end"),
    [
        ("munit/edges2shoes", "munit/edges2shoes_small --data 'my photos' crop=64"),
        ("cyclegan", "cyclegan/photos_small --data 'my photos' crop=64"),
        ("munit/photos_small", "munit/photos_small --data 'my photos' crop=64 --budget 1h"),
    ],
)
def test_days_on_a_cpu_give_way_to_less(recipe: str, end: str) -> None:
    words = ["steps=1000", "crop=64"]
    assert _command(recipe=recipe, words=words, seconds=60) == f"crossimage train {end}"
    kept = f"crossimage train {recipe} --data 'my photos' steps=1000 crop=64"
    assert _command(recipe=recipe, words=words, seconds=60, accelerated=True) == kept
