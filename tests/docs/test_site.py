"""The documentation site lists what there is."""

import re
from pathlib import Path

import pytest

import crossimage
from crossimage.methods import METHODS

DOCS = Path(__file__).resolve().parents[2] / "docs"
PACKAGE = Path(crossimage.__file__).parent


@pytest.mark.parametrize("package", ["networks", "methods", "evaluation/metrics"])
def test_every_module_has_its_api_page(package: str) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (DOCS / "api").glob("*.md"))
    documented = set(re.findall(r"automodule:: crossimage\.([\w.]+)", text))
    modules = {path.stem for path in (PACKAGE / package).glob("*.py")} - {"__init__"}
    assert not {f"{package.replace('/', '.')}.{module}" for module in modules} - documented


def test_every_method_has_a_page_a_row_in_the_readme_and_a_place_in_the_navigation() -> None:
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    navigation = (DOCS / "index.md").read_text(encoding="utf-8").splitlines()
    for name in METHODS:
        assert f"[docs/{name}.md](docs/{name}.md)" in readme, name
        assert (DOCS / f"{name}.md").is_file() and name in navigation, name
