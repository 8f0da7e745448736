"""Names of settings in other codebases."""

from collections import Counter
from pathlib import Path

from crossimage.config import keys
from crossimage.methods import METHODS
from crossimage.utils.texts.setting_names import names_elsewhere, setting_of

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


def test_every_key_that_a_hint_names_exists() -> None:
    known = {key for method in METHODS.values() for key in keys(method.Config)}
    named = {key for _, ours, _ in names_elsewhere() for key in ours if not key.startswith("--")}
    assert named <= known


def test_no_name_hides_a_setting_of_the_same_name() -> None:
    known = {key for method in METHODS.values() for key in keys(method.Config)}
    elsewhere = {name for names, _, _ in names_elsewhere() for name in names}
    assert elsewhere & known <= {"direction"}  # which the methods of two directions do not have


def test_a_name_leads_to_at_most_one_row_per_key() -> None:
    pairs = Counter((n, key) for names, ours, _ in names_elsewhere() for n in names for key in ours)
    assert set(pairs.values()) == {1}


def test_names_that_nobody_uses_have_no_counterpart() -> None:
    assert setting_of("qqqqqq", ["steps"]) is None


def test_the_docs_list_every_name() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for names, ours, _ in names_elsewhere():
        for name in (*names, *ours):
            assert f"`{name}`" in page, name


def test_a_method_of_one_direction_has_its_folders_swapped() -> None:
    hint = setting_of("direction", list(keys(METHODS["dtn"].Config)))
    assert hint is not None and hint.endswith("translates only from a to b, swap the folders")
