import pytest

from crossimage.data.sources.tables.text import read_text

ROWS = [["file", "größe", "b"], ["ä.png", "1", "0"], ["c.png", "0", "1"]]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " "])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_and_separators_are_detected(tmp_path, encoding, separator, end):
    text = end.join(separator.join(cells) for cells in ROWS)
    file = tmp_path / ("t.txt" if separator == " " else "t.csv")
    file.write_bytes(text.encode(encoding))
    table = read_text(file)
    assert [list(cells) for _, cells in table.lines()] == ROWS
    assert [line for line, _ in table.lines()] == [1, 2, 3]
    assert table.separator == separator


@pytest.mark.parametrize(
    "line, separator",
    [
        ("file;size, in m;b", ";"),
        ("file;one;two", ";"),
        ("file\ta b c\td", "\t"),
        ('"file","a;b;c;d"', ","),
        ("file,a b c", ","),
    ],
)
def test_a_separator_is_one_that_all_lines_agree_on(tmp_path, line, separator):
    lines = [line, *(separator.join(["a.png", "0,5"][: 2 if separator != "," else 1] + ["1"]))
             .splitlines()]  # fmt: skip
    (tmp_path / "t.csv").write_text("\n".join(lines))
    assert read_text(tmp_path / "t.csv").separator == separator


def test_decimal_commas_are_no_separators(tmp_path):
    (tmp_path / "t.csv").write_text("file;a;b\n" + "x.png;1,0;0,0\n" * 5)
    assert read_text(tmp_path / "t.csv").separator == ";"


def test_the_separator_that_spreadsheets_write_is_understood(tmp_path):
    (tmp_path / "t.csv").write_text("sep=;\nfile;a\nx.png;1\n")
    assert [*read_text(tmp_path / "t.csv").lines()] == [(2, ["file", "a"]), (3, ["x.png", "1"])]


def test_text_that_is_separated_by_spaces_may_be_called_csv(tmp_path):
    (tmp_path / "t.csv").write_text("file a\nx.png 1\n")
    assert read_text(tmp_path / "t.csv").separator == " "
    (tmp_path / "t.csv").write_text("file\nx.png\n")
    assert read_text(tmp_path / "t.csv").separator == ","


@pytest.mark.parametrize(
    "words, encoding",
    [("улыбка,очки", "cp1251"), ("笑顔,眼鏡", "cp932"), ("微笑,眼镜", "gbk"), 
     ("미소,안경", "cp949"), ("γυαλιά,νέος", "cp1253")],
)  # fmt: skip
def test_an_encoding_that_is_unclear_is_refused_rather_than_guessed(tmp_path, words, encoding):
    (tmp_path / "t.csv").write_bytes(f"file,{words}\nx.png,1,0\n".encode(encoding))
    with pytest.raises(ValueError, match=r"t.csv is neither UTF-8 nor UTF-16.*save it as UTF-8"):
        read_text(tmp_path / "t.csv")


@pytest.mark.parametrize("words", ["élève,été", "Ø", "naïve “x”,señor", "œuvre,coût – 5 €"])
def test_western_words_in_windows_1252_are_read(tmp_path, words):
    (tmp_path / "t.csv").write_bytes(f"file,{words}\n".encode("cp1252"))
    text = read_text(tmp_path / "t.csv")
    assert (text.text, text.encoding) == (f"file,{words}\n", "Windows-1252")


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\0" * 16, b"\xff\xfea"])
def test_what_is_not_text_is_refused(tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(ValueError, match="t.csv is not a table"):
        read_text(tmp_path / "t.csv")


def test_a_table_may_have_thousands_of_columns(tmp_path):
    names = [f"attribute_{number}" for number in range(20_000)]
    (tmp_path / "t.csv").write_text(f"{','.join(names)}\n{','.join('1' for _ in names)}\n")
    assert [len(cells) for _, cells in read_text(tmp_path / "t.csv").lines()] == [20_000, 20_000]
