"""Static pages of a study, and answers that come back as files."""

import json
import re
import zipfile
from collections import Counter
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from crossimage.study.sheets import export_study, import_answers
from crossimage.study.store import Store
from tests.study.people import make_small


def sheets_of(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as file:
        names = [name for name in file.namelist() if name.endswith(".html")]
        return [file.read(name).decode() for name in names]


def answers_to(page: str, number: int, **changes: Any) -> dict[str, Any]:
    """What a page saves if the first option is always chosen, or the rating 1."""
    forms = re.findall(r'data-question="(\d+)"\s+data-ordering="([^"]+)"', page)
    study = re.search(r'data-study="(\w+)" data-sheet="(\d+)"', page)
    assert study and forms
    answers = [
        {"question": int(question), "ordering": json.loads(unescape(order)),
         "answer": 1 if "data-exposure" in page and order == "[0]" else 0, "milliseconds": 900,
         "exposures": []}
        for question, order in forms
    ]  # fmt: skip
    data = {"study": study[1], "sheet": int(study[2]), "id": f"{number:024x}", "platform": ""}
    return {**data, "answers": answers, **changes}


def save(path: Path, data: Any) -> Path:
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize("protocol", ["preference", "opinion", "choice", "real-or-fake"])
def test_answers_of_all_sheets_complete_the_study(protocol: str, tmp_path: Path) -> None:
    made = make_small(tmp_path, protocol)
    study = made.folder
    count = export_study(study, tmp_path / "static.zip")
    pages = sheets_of(tmp_path / "static.zip")
    assert len(pages) == count
    files = [save(tmp_path / f"{n}.json", answers_to(page, n)) for n, page in enumerate(pages)]
    new, known = import_answers(study, files)
    assert new > 0 and known == 0
    assert import_answers(study, files) == (0, new)  # once more changes nothing
    store = Store(study / "study.sqlite")
    counts = Counter(vote.question.key for vote in store.votes() if vote.question.kind == "trial")
    wanted = {q.key: q.wanted for q in store.questions().values() if q.kind == "trial"}
    groups = 2 if protocol == "real-or-fake" else 1
    planned = (made.settings.people or 0) * (made.settings.trials or 0) * groups
    assert sum(counts.values()) == min(planned, sum(wanted.values()))
    assert all(counts[key] <= number for key, number in wanted.items())
    store.close()


def test_the_archive_says_nothing_of_the_methods_and_needs_no_other_host(tmp_path: Path) -> None:
    study = make_small(tmp_path, "preference").folder
    export_study(study, tmp_path / "static.zip")
    for page in sheets_of(tmp_path / "static.zip"):
        assert "http://" not in page and "https://" not in page and "photo0" not in page
        assert '"one"' not in page and '"two"' not in page
    with zipfile.ZipFile(tmp_path / "static.zip") as file:
        names = {name.partition("/")[0] for name in file.namelist()}
    assert {"study.js", "study.css", "images", "sheet-1.html"} <= names
    with pytest.raises(ValueError, match=r"static.zip exists"):
        export_study(study, tmp_path / "static.zip")
    with pytest.raises(ValueError, match=r"ends in .zip"):
        export_study(study, tmp_path / "static")


def test_a_number_that_is_not_one_is_named_and_the_answers_are_imported_without_it(
    tmp_path: Path,
) -> None:
    study = make_small(tmp_path, "preference").folder
    export_study(study, tmp_path / "static.zip")
    page = sheets_of(tmp_path / "static.zip")[0]
    path = save(tmp_path / "a.json", answers_to(page, 1, platform="{{%PROLIFIC_PID%}}"))
    with pytest.raises(ValueError, match=r"'{{%PROLIFIC_PID%}}' is not .* or write \"\" if it"):
        import_answers(study, [path])
    path.write_text(path.read_text().replace("{{%PROLIFIC_PID%}}", ""))
    assert import_answers(study, [path])[0] > 0


def test_files_that_are_no_answers_to_the_study_are_refused(tmp_path: Path) -> None:
    study = make_small(tmp_path, "preference").folder
    export_study(study, tmp_path / "static.zip")
    page = sheets_of(tmp_path / "static.zip")[0]
    good = answers_to(page, 1)
    first = good["answers"][0]
    bad: list[tuple[Any, str]] = [
        ([], "does not hold the answers"),
        (good | {"study": "another"}, "another study"),
        (good | {"id": "<script>"}, "does not hold"),
        (good | {"platform": 7}, "does not hold"),
        (good | {"platform": "=1+1"}, "'=1\\+1' is not the number of a participant"),
        (good | {"answers": [first | {"question": 10_000}]}, "no question 10000"),
        (good | {"answers": [first | {"ordering": [0, 0]}]}, "with these options"),
        (good | {"answers": [first | {"answer": 5}]}, "option 5"),
        (good | {"answers": [first | {"answer": True}]}, "does not hold"),
        (good | {"answers": [first, first | {"answer": 1}]}, "differently"),
    ]
    for data, message in bad:
        with pytest.raises(ValueError, match=message):
            import_answers(study, [save(tmp_path / "bad.json", data)])
    (tmp_path / "bad.json").write_bytes(b"\xff")
    with pytest.raises(ValueError, match="does not hold"):
        import_answers(study, [tmp_path / "bad.json"])
    store = Store(study / "study.sqlite")
    assert store.count_votes() == 0
    store.close()
