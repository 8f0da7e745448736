"""What counts as an input file."""

from pathlib import Path

import pytest
from PIL import Image

from crossimage.data.left_out import describe
from crossimage.inference.incoming import Incoming
from crossimage.inference.input_files import FoundInputs
from crossimage.inference.input_files import find_inputs as find


def save(path: Path, format: str = "PNG") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), "teal").save(path, format)
    return path


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def find_inputs(inputs: object, out: Path) -> FoundInputs:
    with Incoming() as incoming:
        return find(inputs, out, incoming)


def results(inputs: object, out: Path) -> list[str]:
    """Where the results of the inputs would be, below their folder."""
    files = find_inputs(inputs, out).files
    return [(source.folder / source.path.name).as_posix() for source in files]


def test_a_list_names_images_and_may_hold_comments(tmp_path: Path) -> None:
    for name in ("a/1.png", "b/1.png", "z.png"):
        save(tmp_path / name)
    listed = tmp_path / "list.txt"
    listed.write_text("# both\nz.png\n\na/1.png\r\n  b/1.png\n", "utf-8-sig")
    expected = ["z.png", "a/1.png", "b/1.png"]
    assert results(listed, tmp_path / "out") == expected
    assert results(f"@{listed}", tmp_path / "out") == expected
    listed.write_text("z.png\nnone.png\n")
    with pytest.raises(FileNotFoundError, match=r"list\.txt, line 2: there is no file none\.png"):
        find_inputs(listed, tmp_path / "out")
    with pytest.raises(FileNotFoundError, match=r"there is no list file .*none\.txt"):
        find_inputs(f"@{tmp_path / 'none.txt'}", tmp_path / "out")


def test_a_file_may_be_called_like_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "@x.png")
    save(tmp_path / "photo.txt", "JPEG")
    assert results(["@x.png", "photo.txt"], tmp_path / "out") == ["@x.png", "photo.txt"]


def test_notes_among_many_files_are_no_list(tmp_path: Path) -> None:
    save(tmp_path / "x.png")
    (tmp_path / "notes.txt").write_text("photographed in May")
    found = find_inputs([tmp_path / "notes.txt", tmp_path / "x.png"], tmp_path / "out")
    assert [source.path.name for source in found.files] == ["notes.txt", "x.png"]  # will be skipped
    with pytest.raises(FileNotFoundError, match="line 1: there is no file photographed in May"):
        find_inputs(tmp_path / "notes.txt", tmp_path / "out")


def test_patterns_find_images_by_content_and_count_the_rest(tmp_path: Path) -> None:
    save(tmp_path / "in" / "a" / "1")
    save(tmp_path / "in" / "a" / "1.tif", "TIFF")
    save(tmp_path / "in" / "b" / "deep" / "1.png", "JPEG2000")
    (tmp_path / "in" / "b" / "notes.md").write_text("words")
    save(tmp_path / "in" / "out" / "1.png")
    found = find_inputs(tmp_path / "in" / "*" / "*", tmp_path / "in" / "out")
    names = [(source.folder / source.path.name).as_posix() for source in found.files]
    assert names == ["a/1", "a/1.tif", "b/deep/1.png"]
    assert describe(found.left_out) == (
        "left out: 1 not an image (.md), 1 image in the folder of the results "
        f"({tmp_path / 'in' / 'out'})"
    )
    assert results(tmp_path / "in" / "**", tmp_path / "out") == [
        "a/1", "a/1.tif", "b/deep/1.png", "out/1.png",
    ]  # fmt: skip


def test_wildcards_in_names_that_exist_mean_themselves(tmp_path: Path) -> None:
    save(tmp_path / "in[1]" / "x.png")
    assert results(tmp_path / "in[1]" / "*.png", tmp_path / "out") == ["x.png"]


def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    save(tmp_path / "elsewhere" / "y.png")
    photos = tmp_path / "photos"
    save(photos / "x.png")
    (photos / "again.png").symlink_to(photos / "x.png")
    (photos / "linked").symlink_to(tmp_path / "elsewhere")
    (photos / "loop").symlink_to(photos)
    (photos / "gone.png").symlink_to(photos / "none.png")
    found = find_inputs([photos, photos / "x.png"], tmp_path / "out")
    names = [source.path.relative_to(photos).as_posix() for source in found.files]
    assert names == ["again.png", "linked/y.png", "x.png"]
    said = describe(found.left_out) or ""
    assert "1 link to a folder that contains it" in said and "1 broken link" in said
    assert f"1 input given twice ({photos / 'x.png'})" in said
    found = find_inputs(photos / "**" / "*.png", tmp_path / "out")
    names = [source.path.relative_to(photos).as_posix() for source in found.files]
    assert names == ["again.png", "linked/y.png", "x.png"]
    assert f"1 link to a folder that contains it ({photos / 'loop'})" in describe(found.left_out)


def test_a_leading_tilde_is_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    save(tmp_path / "photos" / "x.png")
    (tmp_path / "list.txt").write_text("~/photos/x.png")
    for given in ("~/photos", "~/photos/*.png", "~/list.txt", "@~/list.txt", Path("~/photos")):
        assert results(given, tmp_path / "out") == ["x.png"]
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "~lock.png")
    assert results("~lock.png", tmp_path / "out") == ["~lock.png"]


def test_what_was_passed_over_is_counted_where_nothing_is_left(tmp_path: Path) -> None:
    touch(tmp_path / "scan.psd", tmp_path / "notes.txt", tmp_path / "Thumbs.db")
    with pytest.raises(ValueError, match=r"no image in .*1 junk file .*1 not an image \(\.txt\)"):
        find_inputs(tmp_path, tmp_path / "out")


def test_what_is_no_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected the path of an image, found NoneType"):
        find_inputs([None], tmp_path / "out")
