"""Templates of the pages."""

import jinja2
import pytest

from crossimage.utils.html import page_template


def test_undefined_names_are_errors() -> None:
    with pytest.raises(jinja2.UndefinedError, match="'title' is undefined"):
        page_template("run.html").render()


def test_text_is_escaped() -> None:
    assert "&lt;b&gt; · crossimage" in page_template("base.html").render(title="<b>")
