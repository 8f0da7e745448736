"""The list of a folder's results."""

import json
from pathlib import Path

import pytest

from crossimage.utils.manifest import (
    NAME,
    REPORT,
    Entry,
    ManifestWriter,
    is_manifest,
    known_files,
    read_manifest,
)


def write(folder: Path, *entries: Entry, name: str = NAME) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with ManifestWriter(folder, name) as manifest:
        for entry in entries:
            manifest.add(entry)
            (folder / entry.output).parent.mkdir(parents=True, exist_ok=True)
            (folder / entry.output).write_bytes(b"x")


def test_lines_come_back_and_the_last_one_of_a_file_counts(tmp_path: Path) -> None:
    first = Entry("a/1.png", "0", input="photos/1.png", style={"sample": 1}, seed=3)
    write(tmp_path, first, Entry("2.png"))
    write(tmp_path, again := Entry("2.png", "1", kind=REPORT, settings={"size": 8}))
    assert read_manifest(tmp_path) == {"a/1.png": first, "2.png": again}
    assert len((tmp_path / NAME).read_text().splitlines()) == 3


@pytest.mark.parametrize("torn", ['{"output":"2.p', '{"output":"2.png"}', "x" * 200_000])
def test_a_torn_last_line_is_dropped_on_reading_and_removed_before_writing(
    tmp_path: Path, torn: str
) -> None:
    write(tmp_path, Entry("1.png"))
    with (tmp_path / NAME).open("a") as file:
        file.write(torn)
    assert [*read_manifest(tmp_path)] == ["1.png"]
    write(tmp_path, Entry("3.png"))
    assert [*read_manifest(tmp_path)] == ["1.png", "3.png"]
    assert all(json.loads(line) for line in (tmp_path / NAME).read_text().splitlines())


def test_a_list_that_is_one_torn_line_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text('{"out')
    write(tmp_path, Entry("1.png"))
    assert [*read_manifest(tmp_path)] == ["1.png"]


def test_lines_of_no_use_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text('[1]\n{"output": 3}\nnull\n{"output": "1.png", "later": 1}\n')
    assert read_manifest(tmp_path) == {"1.png": Entry("1.png")}


def test_lists_of_several_processes_are_taken_together(tmp_path: Path) -> None:
    write(tmp_path, Entry("1.png"))
    write(tmp_path, Entry("2.png"), name="crossimage-0007.jsonl")
    (tmp_path / "crossimages.jsonl").write_text('{"output": "4.png"}\n')
    assert sorted(read_manifest(tmp_path)) == ["1.png", "2.png"]
    assert not is_manifest("crossimage.json") and not is_manifest("crossimage-.jsonl.txt")


def test_only_files_that_exist_are_known_also_from_a_sub_folder(tmp_path: Path) -> None:
    write(tmp_path / "out", Entry("a/1.png"), Entry("2.png"))
    (tmp_path / "out" / "2.png").unlink()
    assert [*known_files(tmp_path / "out")] == [tmp_path / "out" / "a" / "1.png"]
    assert [*known_files(tmp_path / "out" / "a")] == [tmp_path / "out" / "a" / "1.png"]
    assert not known_files(tmp_path)


def test_names_that_are_no_text_come_back(tmp_path: Path) -> None:
    name = b"\xff.png".decode(errors="surrogateescape")
    write(tmp_path, Entry(name))
    assert [*known_files(tmp_path)] == [tmp_path / name]


def test_without_lines_there_is_no_list(tmp_path: Path) -> None:
    write(tmp_path / "out")
    assert not [*(tmp_path / "out").iterdir()]


def test_images_count_by_content_and_seeds_where_asked(tmp_path: Path) -> None:
    entry = Entry("1.png", "0", input="a.png", input_sha256="7", seed=1)
    assert entry.same_making(Entry("1.png", "9", input="b.png", input_sha256="7", seed=1))
    assert not entry.same_making(Entry("1.png", input_sha256="8", seed=1))
    assert not entry.same_making(other := Entry("1.png", input_sha256="7", seed=2))
    assert entry.same_making(other, any_seed=True)
