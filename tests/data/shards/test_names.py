"""Names of shards."""

from pathlib import Path

import pytest

from crossimage.data.shards.names import expand_shards, names_shards


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a-000.tar", ["a-000.tar"]),
        ("a-{000..002}.tar", ["a-000.tar", "a-001.tar", "a-002.tar"]),
        ("a-{002..001}.tar", ["a-002.tar", "a-001.tar"]),
        ("a-*.tar", ["a-000.tar", "a-001.tar", "a-002.tar", "a-010.tar"]),
        ("a-0{00..01,10}.tar", None),
        ("a-0{00,10}.tar", ["a-000.tar", "a-010.tar"]),
        ("{a,b}-{000..001}.tar", ["a-000.tar", "a-001.tar", "b-000.tar", "b-001.tar"]),
        ("n{9..10}.tar", ["n9.tar", "n10.tar"]),
        ("**/c.tar", ["sub/c.tar"]),
        ("odd{1..2}.tar", ["odd{1..2}.tar"]),
    ],
)
def test_ranges_and_patterns_name_files(
    tmp_path: Path, given: str, expected: list[str] | None
) -> None:
    touch(
        tmp_path, *(f"{x}-{n:03}.tar" for x in "ab" for n in (0, 1, 2, 10)), "n9.tar", "n10.tar",
        "sub/c.tar", "odd{1..2}.tar",
    )  # fmt: skip
    assert names_shards(tmp_path / given)
    if expected is None:
        with pytest.raises(FileNotFoundError, match="missing"):
            expand_shards([tmp_path / given])
    else:
        assert expand_shards([tmp_path / given]) == [tmp_path / name for name in expected]


def test_missing_files_of_a_range_are_counted_and_named(tmp_path: Path) -> None:
    touch(tmp_path, *(f"a-{n:03}.tar" for n in range(10) if n not in (3, 7)))
    with pytest.raises(FileNotFoundError, match=r"2 of its 10 files are missing \(a-003\.tar"):
        expand_shards([tmp_path / "a-{000..009}.tar"])
    with pytest.raises(FileNotFoundError, match=r"there is no tar file .*b\.tar"):
        expand_shards([tmp_path / "b.tar"])
    with pytest.raises(FileNotFoundError, match=r"there is no tar file .*b-\*\.tar"):
        expand_shards([tmp_path / "b-*.tar"])


def test_a_file_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a-0.tar", "a-1.tar")
    with pytest.raises(ValueError, match=r"a-1\.tar is named twice, by .*a-\{0\.\.1\}\.tar and"):
        expand_shards([tmp_path / "a-{0..1}.tar", tmp_path / "a-1.tar"])


def test_a_range_without_end_takes_no_memory(tmp_path: Path) -> None:
    for text in ("a-{0..99999999999}.tar", "{0..9999}{0..9999}{0..9999}.tar"):
        with pytest.raises(ValueError, match="names more than 20,000 tar files"):
            expand_shards([tmp_path / text])


@pytest.mark.parametrize("name", ["a", "a.txt", "tar", "a.zip", "{a,b}.{txt,tar}", "a.tar/x.png"])
def test_other_names_are_no_shards(tmp_path: Path, name: str) -> None:
    assert not names_shards(tmp_path / name)
    (tmp_path / "folder.tar").mkdir(exist_ok=True)
    assert not names_shards(tmp_path / "folder.tar")
