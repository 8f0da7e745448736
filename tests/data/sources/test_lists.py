"""Lists of files are read as editors and shells write them."""

from pathlib import Path

import pytest
from PIL import Image

from crossimage.data.sources.lists import read_list


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_lists_of_any_unicode_encoding_are_read(encoding: str, tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "größe.png")
    mark = "\ufeff" if encoding[-3:] in ("-le", "-be") else ""
    text = f"{mark}# comment\r\n\r\ngröße.png\r\n"
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
