"""HTML pages of one file each, which need neither network nor server."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from crossimage.utils.texts.shown import as_sentence


@cache
def page_template(name: str) -> Template:
    """Return a template of ``templates/``; it escapes all text, and undefined names are errors.

    Its filter ``sentence`` is :func:`~crossimage.utils.texts.shown.as_sentence`.
    """
    environment = Environment(
        loader=PackageLoader("crossimage"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["sentence"] = as_sentence
    return environment.get_template(name)
