import os
import re
from pathlib import Path

import pytest

from crossimage.utils.paths import RealPaths, as_path


def test_an_empty_path_is_refused_and_a_dot_is_not():
    assert as_path(".", "--out") == Path()
    with pytest.raises(ValueError, match="--out is empty"):
        as_path("", "--out")


def test_a_leading_tilde_is_the_home_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert as_path("~/runs", "--out") == as_path(Path("~/runs"), "--out") == tmp_path / "runs"
    assert as_path("~no-such-user.png", "x") == Path("~no-such-user.png")
    assert as_path("a/~/b", "x") == Path("a/~/b")
    monkeypatch.chdir(tmp_path)  # which may hold a folder that is called so
    for given in ("./~", "./~/a", ".//~root"):
        path = as_path(given, "x")
        assert (
            path == as_path(path, "x") == as_path(str(path), "x") == tmp_path / given[2:].strip("/")
        )


def test_what_is_no_path_is_refused() -> None:
    with pytest.raises(ValueError, match="--out: expected a path as text or Path, found NoneType"):
        as_path(None, "--out")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "name", "advice"),
    [
        ("s3://bucket/run", "--out", "aws s3 cp --recursive FOLDER s3://bucket/run"),
        ("gs://bucket/a", "a path of a", "gcloud storage cp --recursive gs://bucket/a FOLDER"),
        ("s3://bucket/a-{00..09}.tar", "a", "aws s3 cp --recursive s3://bucket FOLDER"),
        ("https://example.org/a.zip", "--data", "curl -O https://example.org/a.zip"),
        ("memory://bucket/a", "--data", "copy the files"),
    ],
)
def test_an_address_is_no_local_path(address, name, advice):
    for given in (address, Path(address)):
        with pytest.raises(ValueError, match=f"^{name}: .*{re.escape(advice)}"):
            as_path(given, name)
    assert as_path(address, name, stores=True) == Path(address)


@pytest.mark.parametrize("address", ["hf://jane/shoes", "hf:/jane/shoes@v1", "builtin:outlines"])
def test_addresses_of_models_are_no_files(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = address.replace("hf:/j", "hf://j")
    with pytest.raises(ValueError, match=f"^a file: {expected} is the address of a model.*info"):
        as_path(address, "a file")
    with pytest.raises(ValueError, match=expected):
        as_path(Path(address), "a file")
    monkeypatch.chdir(tmp_path)
    Path(address).parent.mkdir(parents=True, exist_ok=True)
    Path(address).touch()
    assert as_path(Path(address), "a file").is_file()


def test_a_folder_has_one_path_even_if_links_do_not_show_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with mounts, or where upper and lower case are the same."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "other").symlink_to(tmp_path / "photos")
    monkeypatch.setattr("os.path.realpath", os.path.abspath)
    real = RealPaths()
    assert real.of(tmp_path / "photos/a.png") == str(tmp_path / "photos/a.png")
    assert real.of(tmp_path / "other/a.png") == str(tmp_path / "photos/a.png")
    assert real.of_folder(tmp_path / "new/a.png") == str(tmp_path / "new")
