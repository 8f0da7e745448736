"""Studies are made in balance, extended, and refused in one sentence where they can't be made."""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from crossimage.study.make import make_study, remake_study
from crossimage.study.power import people_needed, votes_needed
from crossimage.study.settings import PROTOCOLS, named_methods, read_settings
from crossimage.study.store import Store
from tests.evaluation.targets import Repainted, class_images, model
from tests.study.people import SMALL, Visitor, answer_all, folders, make_small, serving


def questions(study: Path, kind: str = "trial") -> list[Any]:
    store = Store(study / "study.sqlite")
    found = [question for question in store.questions().values() if question.kind == kind]
    store.close()
    return found


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_study_is_answered_from_the_first_question_to_the_last(
    protocol: str, tmp_path: Path
) -> None:
    made = make_small(tmp_path, protocol)
    with serving(made.folder) as server:
        visitor = Visitor(server.port)
        visitor.begin()
        exposures = (100.0, 100.0) if protocol == "real-or-fake" else ()
        expected = {"preference": 7, "real-or-fake": 6, "choice": 6, "opinion": 6 + 1 + 4}
        assert answer_all(visitor, 1, exposures) == expected[protocol]
        visitor.close()


def test_preference_shows_each_input_and_each_pair_equally_often(tmp_path: Path) -> None:
    methods = folders(tmp_path, "a", "b", "c")
    data = folders(tmp_path, "input")["input"]
    changes = {"questions": 36, "trials": 9}
    made = make_study(tmp_path / "s", "preference", methods, data=data, changes=changes)
    asked = questions(made.folder)
    assert {*Counter(question.item for question in asked).values()} == {3}
    pairs = Counter(tuple(option.method for option in question.options) for question in asked)
    assert {*pairs.values()} == {12} and len(pairs) == 3
    assert all(question.wanted == 5 and question.input for question in asked)


def test_two_results_of_one_input_are_refused(tmp_path: Path) -> None:
    methods = folders(tmp_path, "a", "b")
    data = folders(tmp_path, "input")["input"]
    shutil.copy(next(Path(methods["a"]).glob("*00*")), Path(methods["a"]) / "photo00.bmp")
    with pytest.raises(ValueError, match=r"photo00\.\w+ are both the result of photo00; keep one"):
        make_study(tmp_path / "s", "preference", methods, data=data)


def test_published_defaults_are_in_the_settings(tmp_path: Path) -> None:
    methods = folders(tmp_path, "a", count=60)
    data = folders(tmp_path, "real", count=60)["real"]
    made = make_study(tmp_path / "s", "real-or-fake", methods, data=data)
    settings = read_settings(made.folder / "study.yaml")
    assert (settings.exposure, settings.practice, settings.trials, settings.people) == (
        1.0, 10, 40, 50,
    )  # fmt: skip
    assert len(questions(made.folder, "practice")) == 10
    assert len(questions(made.folder)) == 50


def test_calibration_rates_the_worst_and_the_best_version(tmp_path: Path) -> None:
    made = make_small(tmp_path, "opinion")
    known = Counter(question.known for question in questions(made.folder, "calibration"))
    assert known == {1: 2, 5: 2}


def test_names_of_images_say_nothing_and_files_hold_nothing_but_pixels(tmp_path: Path) -> None:
    made = make_small(tmp_path, "choice")
    for path in (made.folder / "images").iterdir():
        assert len(path.stem) == 32 and int(path.stem, 16) >= 0
        with Image.open(path) as image:
            assert not image.info


def test_the_number_of_people_is_that_of_the_formula() -> None:
    assert votes_needed() == 783
    assert people_needed(1, 0.05, 783) == 783
    assert people_needed(50, 0.0, 783) == 16


def test_a_study_with_votes_is_extended_and_never_overwritten(tmp_path: Path) -> None:
    made = make_small(tmp_path, "preference", answers=9)
    with serving(made.folder) as server:
        visitor = Visitor(server.port)
        visitor.begin()
        answer_all(visitor)
        visitor.close()
    methods = {name: str(tmp_path / name) for name in ("one", "two")}
    data = str(tmp_path / "input")
    with pytest.raises(ValueError, match="holds a study with 7 votes; extend it with --add"):
        make_study(made.folder, "preference", methods, data=data)
    third = folders(tmp_path, "three")
    changes = {"questions": 24}
    make_study(
        made.folder, "preference", third, data=data, changes=changes, add=True
    )  # fmt: skip
    asked = questions(made.folder)
    pairs = Counter(tuple(option.method for option in question.options) for question in asked)
    assert pairs == {("one", "two"): 12, ("one", "three"): 12, ("two", "three"): 12}
    store = Store(made.folder / "study.sqlite")
    assert store.count_votes() == 7
    store.close()
    assert list(read_settings(made.folder / "study.yaml").methods) == ["one", "two", "three"]
    with pytest.raises(ValueError, match="nothing to add|make 0 new questions"):
        make_study(made.folder, "preference", {}, data=data, changes={"questions": 1}, add=True)


def refused(root: Path, protocol: str, methods: dict[str, str], **more: Any) -> str:
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        make_study(root / "refused", protocol, methods, **more)
    assert not (root / "refused").exists()
    return str(error.value)


def test_a_single_method_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    methods = folders(tmp_path, "a")
    assert "found one method, a; expected two" in refused(tmp_path, "preference", methods)
    assert "found one method" in refused(tmp_path, "choice", methods)


def test_fewer_images_than_questions_name_the_setting_that_works(tmp_path: Path) -> None:
    methods = folders(tmp_path, "a", "b")
    data = folders(tmp_path, "input")["input"]
    text = refused(tmp_path, "preference", methods, data=data)
    assert "--set questions=12" in text
    changes: dict[str, Any] = {"questions": 12}
    make_study(tmp_path / "s", "preference", methods, data=data, changes=changes)
    text = refused(tmp_path, "real-or-fake", methods, data=data)
    assert "--set practice=2 trials=10" in text
    changes = {"practice": 2, "trials": 10}
    make_study(tmp_path / "t", "real-or-fake", methods, data=data, changes=changes)
    text = refused(tmp_path, "opinion", {**methods, "original": data})
    assert "calibration=12" in text
    changes = {"calibration": 12}
    make_study(tmp_path / "u", "opinion", {**methods, "original": data}, changes=changes)
    text = refused(tmp_path, "choice", methods, data=data, changes={"trials": 13})
    assert "--set trials=12" in text


def test_folders_whose_names_do_not_match_are_refused(tmp_path: Path) -> None:
    methods = folders(tmp_path, "a", "b")
    for path in (tmp_path / "b").iterdir():
        path.rename(path.with_name(f"other{path.name}"))
    data = folders(tmp_path, "input")["input"]
    text = refused(tmp_path, "preference", methods, data=data)
    assert "no name in common" in text and "photo00" in text and "otherphoto00" in text


def test_methods_of_which_only_pairs_share_names_are_refused(tmp_path: Path) -> None:
    methods = folders(tmp_path, "a", "b", "c", count=3)
    for name, missing in zip("abc", ("photo00", "photo01", "photo02"), strict=True):
        (tmp_path / name / f"{missing}.png").unlink()
    data = folders(tmp_path, "input")["input"]
    text = refused(tmp_path, "preference", methods, data=data)
    assert "the results of a (such as photo01), b (such as photo00) and c (such as photo00)" in text
    assert "no name in common" in text


def test_inputs_that_only_some_methods_have_are_left_out_and_counted(tmp_path: Path) -> None:
    methods = folders(tmp_path, "a", "b")
    (tmp_path / "b" / "photo00.png").unlink()
    data = folders(tmp_path, "input")["input"]
    changes = {"questions": 11}
    made = make_study(tmp_path / "s", "preference", methods, data=data, changes=changes)
    assert "1 input left out that not all methods have" in made.notes


def test_methods_that_are_judged_alone_need_no_names_in_common(tmp_path: Path) -> None:
    methods = folders(tmp_path, "a", "b")
    for path in (tmp_path / "b").iterdir():
        path.rename(path.with_name(f"other{path.name}"))
    data = folders(tmp_path, "real")["real"]
    changes = SMALL["real-or-fake"]
    made = make_study(tmp_path / "s", "real-or-fake", methods, data=data, changes=changes)
    assert not any("left out" in note for note in made.notes)
    asked = Counter(question.group for question in questions(made.folder))
    assert asked["a"] == asked["b"] > 0


def test_results_of_different_sizes_are_refused(tmp_path: Path) -> None:
    methods = folders(tmp_path, "a") | folders(tmp_path, "b", size=20)
    data = folders(tmp_path, "input")["input"]
    assert "24 x 24" in refused(tmp_path, "preference", methods, data=data)
    assert "20 x 20" in refused(
        tmp_path, "real-or-fake", {"b": methods["b"]}, data=data, changes=SMALL["real-or-fake"]
    )


def test_mistakes_in_arguments_are_refused(tmp_path: Path) -> None:
    methods = folders(tmp_path, "a", "b")
    assert "did you mean 'preference'" in refused(tmp_path, "preferense", methods)
    assert "--data is missing" in refused(tmp_path, "preference", methods)
    assert "there is no" in refused(tmp_path, "preference", {**methods, "c": "nowhere"}, data=".")
    assert "no setting 'question_count'" in refused(
        tmp_path, "preference", methods, changes={"question_count": 3}
    )
    assert "trials='many' is not allowed" in refused(
        tmp_path, "preference", methods, changes={"trials": "many"}
    )
    assert "real images" in refused(
        tmp_path, "real-or-fake", {"a": methods["a"]}, changes=SMALL["real-or-fake"]
    )
    with pytest.raises(ValueError, match="two methods have the name 'a'"):
        named_methods(["a=x", "a=y"])


def test_two_images_that_may_be_the_input_are_refused(tmp_path: Path) -> None:
    methods = folders(tmp_path, "a", "b")
    folders(tmp_path / "data", "testA", "testB")
    text = refused(tmp_path, "preference", methods, data=str(tmp_path / "data"))
    assert "may both be the input" in text


def test_inputs_may_have_another_unicode_form_or_a_number_at_the_end(tmp_path: Path) -> None:
    made = folders(tmp_path, "a", "b", "input")
    names = {"photo00.png": "caf\u00e9.png", "photo01.png": "scan.001", "photo02.png": "scan.002"}
    for folder in made:
        for old, new in names.items():
            renamed = new.replace("\u00e9", "e\u0301") if folder == "input" else new
            (tmp_path / folder / old).rename(tmp_path / folder / renamed)
    data = made.pop("input")
    study = make_study(tmp_path / "s", "preference", made, data=data, changes={"questions": 12})
    items = {question.item for question in questions(study.folder)}
    assert {"caf\u00e9", "scan.001", "scan.002"} < items


@pytest.fixture
def few_shot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """A model file of known classes, and data with two unseen ones."""
    data = class_images(tmp_path / "foods", {"bread": 3, "cake": 4}, {"rice": 6, "soup": 6})
    own = model(Repainted, "bread", "cake")
    monkeypatch.setattr("crossimage.study.sources.load", lambda path: own)
    (tmp_path / "few.safetensors").touch()
    return str(tmp_path / "few.safetensors"), str(data)


def test_a_model_with_several_classes_is_refused_with_advice_that_works(
    tmp_path: Path, few_shot: tuple[str, str]
) -> None:
    path, data = few_shot
    methods, changes = {"few": path, "again": path}, {"questions": 7, "trials": 2}
    for to in ([], ["rice,soup"]):
        text = refused(tmp_path, "preference", methods, data=data, to=to, changes=changes)
        assert "rice, soup; name those" in text and "--to rice or --to rice soup" in text
    for to in (["rice"], ["rice", "soup"]):
        out = tmp_path / str(len(to))
        made = make_study(out, "preference", methods, data=data, to=to, changes=changes)
        assert {question.attribute for question in questions(made.folder)} == {*to}


def test_inputs_of_a_model_whose_names_differ_in_the_type_only_are_all_used(
    tmp_path: Path, few_shot: tuple[str, str]
) -> None:
    path, data = few_shot
    bread = tmp_path / "foods" / "train" / "bread"
    with Image.open(bread / "train_bread_0.png") as image:
        image.rotate(90).save(bread / "train_bread_0.bmp")
    changes = {"questions": 8, "trials": 2}
    methods = {"few": path, "again": path}
    made = make_study(
        tmp_path / "s", "preference", methods, data=data, to=["rice"], changes=changes
    )
    assert len({question.item for question in questions(made.folder)}) == 8


def shown(study: Path, kind: str, group: str = "a") -> list[tuple[str, str]]:
    found = questions(study, kind)
    return [(one.attribute, one.item) for one in found if one.group == group]


REAL_OR_FAKE = {"practice": 3, "trials": 6, "people": 4, "exposure": 0.1}


def test_practice_stays_practice_and_trials_stay_trials_when_images_are_added(
    tmp_path: Path,
) -> None:
    methods = folders(tmp_path, "a")
    real = folders(tmp_path, "real", count=40)["real"]
    study = tmp_path / "s"
    make_study(study, "real-or-fake", methods, data=real, changes=REAL_OR_FAKE)
    practice, trials = shown(study, "practice"), shown(study, "trial")
    assert (len(practice), len(trials)) == (3, 9)
    folders(tmp_path, "a", count=20)
    made = make_study(study, "real-or-fake", methods, data=real, add=True)
    assert shown(study, "practice") == practice and shown(study, "trial")[:9] == trials
    assert len(shown(study, "trial")) == 17
    assert not {*shown(study, "practice")} & {*shown(study, "trial")}
    reals = [
        one.options[0].image for kind in ("practice", "trial") for one in questions(study, kind)
    ]
    assert len({*reals}) == 20  # none is shown twice

    again = remake_study(tmp_path / "again", study / "study.yaml")
    assert again.questions == 17
    names = ("questions", "answers", "people", "trials", "practice")
    assert [getattr(again.settings, name) for name in names] == [
        getattr(made.settings, name) for name in names
    ]


def test_a_method_that_is_added_has_practice_and_needs_no_more_people_of_the_others(
    tmp_path: Path,
) -> None:
    methods = folders(tmp_path, "a", count=15) | folders(tmp_path, "b")
    real = folders(tmp_path, "real", count=40)["real"]
    study, first = tmp_path / "s", {"a": methods["a"]}
    changes = {**REAL_OR_FAKE, "answers": 2}
    before = make_study(study, "real-or-fake", first, data=real, changes=changes)
    assert (before.settings.people, before.settings.answers) == (4, 2)
    made = make_study(study, "real-or-fake", {"b": methods["b"]}, data=real, add=True)
    for group, count in (("a", 12), ("b", 9)):
        assert len(shown(study, "practice", group)) == 3
        assert len(shown(study, "trial", group)) == count
    assert made.settings.people == 4  # 12 questions, 2 answers each, 6 per person
    few = {"c": folders(tmp_path, "c", count=8)["c"]}
    with pytest.raises(ValueError, match=r"found 8 images of c, .* different ones; add images$"):
        make_study(study, "real-or-fake", few, data=real, add=True)


def test_a_limited_extension_is_made_again_with_as_many_questions(tmp_path: Path) -> None:
    methods = folders(tmp_path, "a")
    real = folders(tmp_path, "real", count=40)["real"]
    changes = {**REAL_OR_FAKE, "questions": 10}
    make_study(tmp_path / "s", "real-or-fake", methods, data=real, changes=changes)
    folders(tmp_path, "a", count=20)
    more = {"questions": 4}
    make_study(tmp_path / "s", "real-or-fake", methods, data=real, changes=more, add=True)
    assert len(questions(tmp_path / "s")) == 7 + 4
    assert remake_study(tmp_path / "again", tmp_path / "s" / "study.yaml").questions == 7 + 4


def test_a_choice_to_which_a_method_was_added_can_be_made_again(tmp_path: Path) -> None:
    methods = folders(tmp_path, "a", "b", "c")
    data = folders(tmp_path, "input")["input"]
    first = {name: methods[name] for name in "ab"}
    make_study(tmp_path / "s", "choice", first, data=data)
    third = {"c": methods["c"]}
    assert make_study(tmp_path / "s", "choice", third, data=data, add=True).questions == 12
    again = remake_study(tmp_path / "again", tmp_path / "s" / "study.yaml")
    assert again.questions == 12 and list(again.settings.methods) == ["a", "b", "c"]


def test_a_person_practises_once_for_all_targets_and_real_images_are_used_in_turns(
    tmp_path: Path,
) -> None:
    folders(tmp_path / "out", "x", "y", count=9)
    real = folders(tmp_path, "real", count=18)["real"]
    made = make_study(
        tmp_path / "s", "real-or-fake", {"a": str(tmp_path / "out")}, data=real, to=["x", "y"],
        changes=REAL_OR_FAKE,
    )  # fmt: skip
    practice, trials = questions(made.folder, "practice"), questions(made.folder)
    assert (len(practice), len(trials)) == (3, 15)
    assert {one.attribute for one in practice} == {"x", "y"}
    assert {*Counter(one.options[0].image for one in [*practice, *trials]).values()} == {1}
    shutil.rmtree(tmp_path / "real")
    folders(tmp_path, "real", count=9)
    twice = make_study(
        tmp_path / "t", "real-or-fake", {"a": str(tmp_path / "out")}, data=real, to=["x", "y"],
        changes=REAL_OR_FAKE,
    )  # fmt: skip
    asked = [*questions(twice.folder, "practice"), *questions(twice.folder)]
    assert {*Counter(one.options[0].image for one in asked).values()} == {2}


def test_a_limit_that_leaves_only_practice_is_refused_with_advice_that_works(
    tmp_path: Path,
) -> None:
    methods = folders(tmp_path, "a")
    real = folders(tmp_path, "real")["real"]
    changes = {**REAL_OR_FAKE, "questions": 3}
    text = refused(tmp_path, "real-or-fake", methods, data=real, changes=changes)
    assert "practice=3 are the first" in text and "--set questions=9" in text
    made = make_study(
        tmp_path / "s", "real-or-fake", methods, data=real, changes={**changes, "questions": 9}
    )
    assert made.questions == 6
