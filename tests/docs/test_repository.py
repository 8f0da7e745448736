"""Package metadata, the README on a package index, citation, pinned tools and issue forms."""

import importlib.util
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from crossimage._version import __version__
from crossimage.methods import METHODS

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def build_hook() -> ModuleType:
    pytest.importorskip("hatchling", reason="the build backend is not installed")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_relative_links_become_text_while_the_repository_has_no_address() -> None:
    absolute_links = build_hook().absolute_links
    text = "See ![a sheet](docs/a.png), [the page](docs/a.md) and [the paper](https://arxiv.org)."
    shown = absolute_links(text, None)
    assert shown == "See *a sheet*, the page and [the paper](https://arxiv.org)."


def test_relative_links_become_absolute_once_the_repository_has_an_address() -> None:
    shown = build_hook().absolute_links("![a sheet](docs/a.png) [a](docs/a.md)", "https://host/x/")
    assert shown == (
        "![a sheet](https://host/x/raw/HEAD/docs/a.png) [a](https://host/x/blob/HEAD/docs/a.md)"
    )


def test_every_image_and_page_that_the_readme_names_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", text)
    assert targets and not [t for t in targets if not (ROOT / t).exists()]


def pins(text: str) -> dict[str, str]:
    return dict(re.findall(r"(ruff|mypy|codespell)==([\d.]+)", text))


def test_the_tools_of_pre_commit_are_those_of_make_check() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    dev = pins("\n".join(PROJECT["optional-dependencies"]["dev"]))
    assert dev.keys() == {"ruff", "mypy", "codespell"}
    assert pins(hooks) == {tool: dev[tool] for tool in ("ruff", "codespell")}
    for hook in yaml.safe_load(hooks)["repos"][0]["hooks"]:
        pinned = all("==" in one for one in hook.get("additional_dependencies", ()))
        assert pinned and hook["entry"] and hook["language"] in {"python", "system"}, hook["id"]


def test_ci_tests_every_python_that_the_metadata_names() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))
    named = [
        match[1]
        for classifier in PROJECT["classifiers"]
        if (match := re.search(r"Python :: (3\.\d+)$", classifier))
    ]
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == named
    assert PROJECT["requires-python"] == f">={named[0]}"


def test_the_citation_names_title_authors_and_licence() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0" and citation["message"]
    assert citation["title"] == PROJECT["name"] and citation["license"] == PROJECT["license"]
    assert citation["authors"] == PROJECT["authors"]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_issue_templates_are_forms_with_required_fields(path: Path) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert form["name"] and form["description"]
    ids = [field["id"] for field in form["body"]]
    assert len(set(ids)) == len(ids)
    assert all(field["attributes"]["label"] for field in form["body"])
    assert any(field.get("validations", {}).get("required") for field in form["body"])


def test_there_is_a_template_for_bugs_features_and_methods() -> None:
    assert [path.stem for path in TEMPLATES] == ["bug", "feature", "method"]


@pytest.mark.slow
def test_wheel_and_source_archive_hold_what_they_should(tmp_path: Path) -> None:
    pytest.importorskip("build", reason="build is not installed")
    command = [sys.executable, "-m", "build", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    wheel, archive = (next(tmp_path.glob(kind)) for kind in ("*.whl", "*.tar.gz"))

    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
        text = opened.read(f"crossimage-{__version__}.dist-info/METADATA").decode()
    assert {name.split("/")[0] for name in names} == {
        "crossimage",
        f"crossimage-{__version__}.dist-info",
    }
    for shipped in (
        "/py.typed",
        "/recipes/munit/outlines.yaml",
        "/templates/base.html",
        "/LICENSE",
    ):
        assert any(name.endswith(shipped) for name in names), shipped
    assert "Author: The crossimage authors" in text
    assert not re.search(r"\]\((?!https?://|#)", text), "a relative link in the README"

    with tarfile.open(archive) as opened_archive:
        sources = {name.partition("/")[2] for name in opened_archive.getnames()}
    assert {"README.md", "LICENSE", "hatch_build.py", "tests/conftest.py"} <= sources
    assert not [name for name in sources if name.startswith((".venv", "build/", "demo/", "runs/"))]


def test_every_method_can_be_cited() -> None:
    text = (ROOT / "docs" / "cite.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^## `(\w+)`", text, re.MULTILINE)) == METHODS.keys()
