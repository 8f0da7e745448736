"""Fields of the requests that the page's script sends."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from crossimage.server.requests import Fields, To

_MOST_SIDE = 4096  # pixels that a visitor may ask for
_MOST_STYLE = 1e3

Size = Annotated[int, Field(strict=True, ge=1, le=_MOST_SIDE)]
Number = Annotated[float, Field(strict=True, ge=-_MOST_STYLE, le=_MOST_STYLE)]


class TargetFields(Fields):
    """A target of a model, by its place on the page."""

    model: Annotated[int, Field(ge=0)]
    to: To | None = None


class PreviewFields(TargetFields):
    """How large an input is shown."""

    size: Size | None = None


class DemoFields(PreviewFields):
    """A translation of an image of the page."""

    image: str
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**53)] = 0
    style: list[Number] | None = None
    references: Annotated[list[str], Field(max_length=16)] | None = None
