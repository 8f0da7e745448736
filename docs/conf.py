"""Configuration of the documentation: `make docs` builds it strictly and without a network."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.domains.python import PyObject

from crossimage import __version__

if TYPE_CHECKING:
    from docutils.nodes import Element
    from sphinx.application import Sphinx

project = "crossimage"
author = "The crossimage authors"
project_copyright = author
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["palettes"]
myst_heading_anchors = 3
suppress_warnings = [
    "myst.header",  # an included page begins below the first level
    "ref.python",  # several methods have a `Discriminator` of their own
]

html_theme = "furo"
html_title = f"crossimage {version}"
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "friendly"
pygments_dark_style = "monokai"
highlight_language = "text"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

autodoc_type_aliases = {
    name: name
    for name in (
        *("PositiveInt", "NonNegativeInt", "PositiveFloat", "NonNegativeFloat", "Fraction"),
        *("Share", "Shares", "FilePath", "Halves", "Masks", "Statistics"),
        *("Names", "Groups", "Channels", "Betas", "Range", "Size"),
        *("Array", "Codes", "ImageLike", "ImageSource", "ImagesLike", "Precision", "To"),
    )
}
maximum_signature_line_length = 100

_SOURCE_LINK = re.compile(r"\[`?([^\]`]*)`?\]\(\.\./src/(crossimage/[\w/]+)\.py\)")
_MODULES = re.compile(r"^<!-- every module of ([\w.]+?)(?: but ([\w, ]+))? -->$", re.MULTILINE)
_ROOT_LINK = re.compile(
    r"\]\((?:docs/([^)]+)|(ARCHITECTURE|CONTRIBUTING|CHANGELOG)\.md|((?:examples|tests)/[^)]+))\)"
)


def _document_modules(app: Sphinx, docname: str, source: list[str]) -> None:
    """Point links to source files to their API pages, and list modules where a page asks."""

    def replace(match: re.Match[str]) -> str:
        text, path = match.groups()
        return f"{{py:mod}}`{text} <{path.replace('/', '.')}>`"

    source[0] = _MODULES.sub(_sections, _SOURCE_LINK.sub(replace, source[0]))


def _sections(match: re.Match[str]) -> str:
    """A section per module of a package, with the documentation of its public names."""
    package = match[1]
    folder = Path(__file__).parents[1] / "src" / package.replace(".", "/")
    left_out = {"__init__", *(match[2] or "").split(", ")}
    modules = sorted({path.stem for path in folder.glob("*.py")} - left_out)
    return "\n".join(
        f"## `{module}`\n\n```{{eval-rst}}\n.. automodule:: {package}.{module}\n   :members:\n```\n"
        for module in modules
    )


def _link_pages(app: Sphinx, path: Path, docname: str, content: list[str]) -> None:
    """Point the links of README.md and its like, which stand a folder higher, to pages here."""

    def replace(match: re.Match[str]) -> str:
        page, root, other = match.groups()
        if other == "examples/README.md":
            return "](examples.md)"
        return f"]({page or (f'{root.lower()}.md' if root else f'../{other}')})"

    if path.parent.name == "examples":
        content[0] = content[0].replace("](", "](../examples/")
    else:
        content[0] = _ROOT_LINK.sub(replace, content[0])


def _prepare_text(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Show |x| as it is (bars are absolute values, never substitutions); find names anywhere.

    A reference such as ``Metric.update`` need not name its module: a leading dot looks in all.
    """
    for index, line in enumerate(lines):
        if not line.startswith("    "):
            line = re.sub(r"(?<!\\)\|", r"\|", line)
        lines[index] = re.sub(r"(:\w+:`)(?!crossimage\.)(?=[A-Z_a-z])", r"\1.", line)


def _keep_colons(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Keep napoleon from taking the words before a colon for the type of a property."""
    if what in {"attribute", "data", "property"}:
        lines.insert(0, "")


def _is_settings(obj: object) -> bool:
    """Whether an object is a dataclass all of whose fields have defaults."""
    return dataclasses.is_dataclass(obj) and not any(
        field.default is field.default_factory is dataclasses.MISSING
        for field in dataclasses.fields(obj)
    )


def _hide_settings(
    app: Sphinx, what: str, name: str, obj: object, *signature: object
) -> tuple[str, None] | None:
    """Leave out the signatures of configs, which are long; their attributes are listed below."""
    return ("", None) if what == "class" and _is_settings(obj) else None


def _show_defaults(
    app: Sphinx, what: str, name: str, obj: Any, options: object, lines: list[str]
) -> None:
    """Add the default to every documented attribute of a config."""
    if not _is_settings(obj):
        return
    for field in dataclasses.fields(obj):
        start = f":ivar {field.name}:"
        at = next((i for i, line in enumerate(lines) if line.startswith(start)), None)
        if at is not None and field.default is not dataclasses.MISSING:
            default = "empty" if field.default == "" else f"``{field.default}``"
            lines[at] = f"{start} Default {default}. {lines[at].removeprefix(start)}"


def _ignore_annotations(app: Sphinx, domain: object, node: Element) -> bool | None:
    """Accept unknown types in annotations: most are of other packages, documented elsewhere.

    References in docstrings and pages, which their authors wrote, stay strict. Those of the words
    "alias of", which Sphinx writes, can't be told from them, except that they are of PyTorch.
    """
    of_torch = node["reftarget"].startswith("torch.")
    return None if "refwarn" in node and not of_torch else True


def setup(app: Sphinx) -> None:
    """Register the hooks above."""
    app.connect("source-read", _document_modules)
    app.connect("include-read", _link_pages)
    app.connect("autodoc-process-docstring", _keep_colons, priority=400)
    app.connect("autodoc-process-docstring", _prepare_text, priority=900)
    app.connect("autodoc-process-docstring", _show_defaults, priority=901)
    app.connect("autodoc-process-signature", _hide_settings)
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    app.connect("warn-missing-reference", _ignore_annotations)
