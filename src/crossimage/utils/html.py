"""Pages that people look at in a browser: one HTML file each, without network and server."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template


@cache
def page_template(name: str) -> Template:
    """A template of ``templates/``; what it is not given is an error, and all text is escaped."""
    environment = Environment(
        loader=PackageLoader("crossimage"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template(name)
