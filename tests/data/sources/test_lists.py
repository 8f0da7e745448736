"""Lists of files are read as editors and shells write them."""

from pathlib import Path

import pytest
from PIL import Image

from crossimage.data.sources.lists import read_list


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_lists_of_any_encoding_are_read(encoding: str, end: str, mark: str, tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "größe.png")
    mark = mark if encoding[-3:] in ("-le", "-be") else ""
    text = f"{mark}# comment{end}{end}größe.png{end}"
    (tmp_path / "list.txt").write_bytes(text.encode(encoding))
    assert read_list(tmp_path / "list.txt") == [(tmp_path / "größe.png", 3)]


@pytest.mark.parametrize(
    "line", ["x" * 300 + ".png", "a,b\t" * 100_000, "folder/" * 2000 + "x.png"]
)
def test_lines_that_can_be_no_name_are_shown_in_part(line: str, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(line)
    with pytest.raises(FileNotFoundError, match=r"list\.txt, line 1: there is no file") as caught:
        read_list(tmp_path / "list.txt")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\u2028", "\x85"])
def test_only_line_ends_end_a_line(separator: str, tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "x.png")
    (tmp_path / "list.txt").write_text(f"# one{separator}x.png\nx.png\n", encoding="utf-8")
    assert read_list(tmp_path / "list.txt") == [(tmp_path / "x.png", 2)]


def test_paths_of_windows_are_found(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "below" / "x.png")
    (tmp_path / "list.txt").write_text("below\\x.png\n")
    assert read_list(tmp_path / "list.txt") == [(tmp_path / "below" / "x.png", 1)]
