"""Requests of clients, with their fields checked."""

from __future__ import annotations

import asyncio
import base64
import json
import math
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import parse_qsl

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError
from starlette.requests import Request

from crossimage.inference.output_types import ResultDepth
from crossimage.server.guard import Refused
from crossimage.utils.texts.shown import cut, few

Format = Literal["png", "jpg", "jpeg", "webp", "bmp", "tif", "npy"]
TYPES: Mapping[Format, str] = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "bmp": "image/bmp",
    "tif": "image/tiff",
    "npy": "application/x-npy",
}
"""The media types of results."""

_MOST_NUMBERS, _MOST_REFERENCES = 65_536, 64
_MOST_FIELDS, _DEEPEST = 16, 8  # of a query; of JSON
_MOST_VALUES = 2 * _MOST_NUMBERS  # of JSON
_LARGEST = 3.4e38  # what float32 holds

Name = Annotated[str, Field(min_length=1, max_length=200)]
To = (
    Annotated[str, Field(max_length=2000)]
    | dict[str, Annotated[float, Field(strict=True, ge=0, le=1)]]
)


def _decode(text: object) -> bytes:
    try:
        if not isinstance(text, str):
            raise ValueError
        # `base64` of the shell breaks lines
        return base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except ValueError:
        raise PydanticCustomError("base64", "expected an image in base64") from None


Image = Annotated[
    bytes,
    Field(min_length=1),
    BeforeValidator(_decode),
    WithJsonSchema({"type": "string", "contentEncoding": "base64", "minLength": 4}),
]
Number = Annotated[float, Field(ge=-_LARGEST, le=_LARGEST)]


class Fields(BaseModel):
    """Fields of a request; others, and numbers that are not finite, are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class StyleOptions(Fields):
    """Whose style is asked for, beside the image."""

    model: Name | None = None
    to: To | None = None


class StyleRequest(StyleOptions):
    """An image of the target domain, in base64."""

    image: Image


class TranslateOptions(Fields):
    """How an image is translated."""

    model: Name | None = None
    to: To | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    style: Annotated[list[Number], Field(min_length=1, max_length=_MOST_NUMBERS)] | None = None
    truncation: Annotated[float, Field(ge=0, le=1)] = 1.0
    size: Annotated[int, Field(ge=1, le=16_384)] | None = None
    format: Format = "png"
    depth: ResultDepth = "auto"
    name: Name = "image.png"


class TranslateRequest(TranslateOptions):
    """An image, in base64, and how it is translated."""

    image: Image
    reference: Annotated[list[Image], Field(min_length=1, max_length=_MOST_REFERENCES)] | None = (
        None
    )


F = TypeVar("F", bound=Fields)


async def read_request(
    request: Request,
    kind: type[F],
    options: type[Fields],
    parse: Callable[[bytes, Callable[[bytes], F]], Future[F]],
) -> F:
    """Read a request: JSON, or an image with the other fields in the query.

    Args:
        request: The request.
        kind: The fields that JSON may have.
        options: Those that a query may have.
        parse: Calls a function with JSON in another thread, since it may be long.

    Raises:
        Refused: It is malformed, or a field is unknown, missing or out of bounds.
    """
    query = _parse_query(request)
    body = await request.body()
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().casefold()
    if content_type == "application/json":
        if query:
            raise Refused(400, "with JSON all fields are in the body, and none in the address")
        return await asyncio.wrap_future(parse(body, lambda text: checked(parse_json(text), kind)))
    if not body:
        raise Refused(400, "expected an image, as the body of the request or as JSON, found none")
    known = list(options.model_fields)
    unknown = [name for name in query if name not in known]
    if unknown:
        raise Refused(
            422, f"unknown field {cut(unknown[0])!r}; beside the image, expected {', '.join(known)}"
        )
    fields: dict[str, Any] = dict(query)
    if "style" in fields:
        fields["style"] = [part.strip() for part in fields["style"].split(",")]
    # the image is the body itself, and needs no decoding
    return kind.model_construct(image=body, **dict(checked(fields, options)))


def checked(fields: Any, kind: type[F]) -> F:
    """Return fields of the kind that is expected.

    Raises:
        Refused: One is unknown, missing or out of bounds.
    """
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        found = [
            f"{cut('.'.join(map(str, one['loc'])) or 'the body')}: {cut(one['msg'])}"
            for one in error.errors(include_input=False, include_url=False)
        ]
        raise Refused(422, few(found, 3)) from None


def _parse_query(request: Request) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            request.url.query,
            keep_blank_values=True,
            max_num_fields=_MOST_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise Refused(400, f"expected at most {_MOST_FIELDS} fields, encoded as UTF-8") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Refused(400, "a field occurs twice")
    return fields


def parse_json(body: bytes) -> Any:
    """Return the value of a JSON text of bounded size.

    Raises:
        Refused: It is not JSON, too deep or too long, or holds a field twice.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise Refused(400, "a field occurs twice")
        return found

    def number(text: str) -> int:
        if len(text) > 20:
            raise ValueError
        return int(text)

    def finite(text: str) -> float:
        value = float(text)
        if not math.isfinite(value):
            raise ValueError
        return value

    try:
        # before any value is made, each of which takes more memory than its text
        if sum(map(body.count, (b",", b"[", b"{"))) > _MOST_VALUES or _depth(body) > _DEEPEST:
            raise ValueError
        return json.loads(
            body,
            object_pairs_hook=once,
            parse_int=number,
            parse_float=finite,
            parse_constant=finite,
        )
    except (ValueError, RecursionError):
        raise Refused(
            400,
            "the body is not JSON of finite numbers, nested a few levels deep, with at most "
            f"{_MOST_VALUES:,} values",
        ) from None


def _depth(body: bytes) -> int:
    """Return how deep brackets are nested at most, by an upper bound."""
    depth = deepest = 0
    for byte in body.translate(None, _NO_BRACKETS):
        depth += 1 if byte in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
