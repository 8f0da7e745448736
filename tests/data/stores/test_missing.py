"""Local paths that lead nowhere, and what must not be taken for them."""

from pathlib import Path

import pytest

from crossimage.data.stores.missing import is_missing, missing


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for name in ("photos/cat.jpg", "photos/a[1].png", "data.tar", "a,b=c.txt"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize("place", ["{}", "./{}", "photos/{}", "none/{}", "~/{}", "file:///{}"])
@pytest.mark.parametrize("name", ["nothing", "nothing.png", "no thing.txt", "none/*.png", "@x.txt"])
def test_a_local_path_without_anything_is_missing(place: str, name: str) -> None:
    assert is_missing(place.format(name), "an input")


@pytest.mark.parametrize(
    "scheme",
    ["s3://", "S3://", "s3:/", "gs://", "memory://", "https://", "http://", "hf://", "hf:"],
)
@pytest.mark.parametrize("rest", ["bucket/none", "bucket/none/*.png", "owner/name", "x-{0..9}.tar"])
def test_an_address_is_not_a_local_path(scheme: str, rest: str) -> None:
    assert not is_missing(scheme + rest, "an input")


@pytest.mark.parametrize(
    "given",
    ["photos", "photos/", "photos/a[1].png", "photos/*.gif", "*/none.png", "shards-{000..099}.tar",
     "data.tar/cat.jpg", "data.tar/below/cat.jpg", "a,b=c.txt", ".", "builtin:outlines"],
)  # fmt: skip
def test_what_is_there_or_is_looked_up_later_is_not_missing(given: str, here: Path) -> None:
    assert not is_missing(given, "an input")
    if not given.startswith("builtin"):
        assert not is_missing(f"{here}/{given}", "an input")


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("photso", "; did you mean 'photos'?"),
        ("photos/cats.jpg", "; did you mean 'photos/cat.jpg'?"),
        ("photos/cat.png", "; did you mean 'photos/cat.jpg'?"),
        ("photos/x.jpg", "; expected a folder"),  # as short as it is, only its suffix is alike
        ("photo/cat.jpg", "; did you mean 'photos/cat.jpg'?"),
        ("none/x", "; expected a folder"),
    ],
)
def test_the_nearest_name_in_the_folder_is_suggested(given: str, near: str) -> None:
    error = missing(given, "--real", "expected a folder")
    assert str(error) == f"there is no {given}, given with --real{near}"
