"""The documentation site lists what there is."""

from pathlib import Path

import crossimage
from crossimage.methods import METHODS

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_every_method_has_a_page_a_row_in_the_readme_and_a_place_in_the_navigation() -> None:
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    navigation = (DOCS / "index.md").read_text(encoding="utf-8").splitlines()
    for name in METHODS:
        assert f"[docs/{name}.md](docs/{name}.md)" in readme, name
        assert (DOCS / f"{name}.md").is_file() and name in navigation, name


def test_every_public_name_has_its_place_in_the_api() -> None:
    page = (DOCS / "api" / "crossimage.md").read_text(encoding="utf-8")
    assert not [name for name in crossimage.__all__ if f"crossimage.{name}" not in page]
