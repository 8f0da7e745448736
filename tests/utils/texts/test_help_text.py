import pytest

from crossimage.utils.texts.help_text import fill


@pytest.mark.parametrize("columns", [40, 80, 300])
def test_lines_fit_the_terminal_and_break_between_words(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    text = "a side-by-side view of " * 20 + "x" * 30
    lines = fill(text, "  name  ", " " * 8).splitlines()
    assert len(lines) > 1 and max(map(len, lines)) <= min(columns, 88)
    assert lines[0].startswith("  name  a ") and lines[1].startswith(" " * 8)
    assert " ".join(" ".join(lines).split()) == f"name {text}"
