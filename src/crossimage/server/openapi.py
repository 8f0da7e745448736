"""The description of the API, as OpenAPI has it."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from crossimage._version import __version__
from crossimage.server.requests import (
    TYPES,
    StyleOptions,
    StyleRequest,
    TranslateOptions,
    TranslateRequest,
)

_REFERENCE = "#/components/schemas/{model}"

_ERRORS = {
    "400": "The request is malformed.",
    "413": "The image is too large.",
    "404": "There is no such model.",
    "408": "The request did not arrive in time.",
    "415": "Neither an image nor JSON.",
    "422": "A field, or the image, does not fit.",
    "503": "Too many requests wait; ask again after the seconds of Retry-After.",
    "504": "The answer takes too long.",
}


def document(with_token: bool = False) -> dict[str, Any]:
    """Return the description of the API.

    Args:
        with_token: Whether clients need a token.
    """
    _, schemas = models_json_schema(
        [(TranslateRequest, "validation"), (StyleRequest, "validation")],
        ref_template=_REFERENCE,
    )
    found: dict[str, Any] = schemas["$defs"]
    found["Error"] = _object({"error": {"type": "string"}})
    found["Translation"] = _object(
        {
            "image": {"type": "string", "contentEncoding": "base64"},
            "type": {"type": "string", "enum": list(dict.fromkeys(TYPES.values()))},
            "width": {"type": "integer", "minimum": 1},
            "height": {"type": "integer", "minimum": 1},
            "model": {"type": "string"},
            "seed": {"type": ["integer", "null"]},
            "style": {"type": ["array", "null"], "items": {"type": "number"}},
            "notes": {"type": "array", "items": {"type": "string"}},
        }
    )
    found["Style"] = _object(
        {"model": {"type": "string"}, "style": {"type": "array", "items": {"type": "number"}}}
    )
    found["Models"] = _object({"models": {"type": "array", "items": {"type": "object"}}})
    found["Status"] = _object({"status": {"const": "ok"}})
    images = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in TYPES.values()}
    answers: dict[str, Any] = {
        "/v1/translate": {"post": _post(TranslateRequest, TranslateOptions, "Translation", images)},
        "/v1/style": {"post": _post(StyleRequest, StyleOptions, "Style", {})},
        "/v1/models": {"get": _get("What the models are.", "Models", with_token)},
        "/health": {"get": _get("Whether the server answers.", "Status", False)},
        "/ready": {"get": _get("Whether the models are loaded.", "Status", False)},
    }
    if with_token:
        for path in ("/v1/translate", "/v1/style"):
            answers[path]["post"]["security"] = [{"token": []}]
            answers[path]["post"]["responses"]["401"] = _refused("The token is missing or wrong.")
        answers["/v1/models"]["get"]["security"] = [{"token": []}]
    return {
        "openapi": "3.1.0",
        "info": {"title": "crossimage", "version": __version__},
        "paths": answers,
        "components": {
            "schemas": found,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _post(
    body: type[Any], options: type[Any], result: str, images: dict[str, Any]
) -> dict[str, Any]:
    """Describe a request that has an image, and other fields in JSON or the query."""
    properties = options.model_json_schema()["properties"]
    query = [
        {
            "name": name,
            "in": "query",
            "required": False,
            "schema": {"type": "string"} if name in ("style", "to", "model") else schema,
        }
        for name, schema in properties.items()
    ]
    return {
        "summary": str(body.__doc__),
        "parameters": query,
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": _REFERENCE.format(model=body.__name__)}},
                **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in ACCEPTED},
            },
        },
        "responses": {
            "200": {"description": "The result.", "content": {**images, **_json(result)}},
            **{status: _refused(why) for status, why in _ERRORS.items()},
        },
    }


ACCEPTED = (
    "image/png", "image/jpeg", "image/webp", "image/bmp", "image/tiff", "image/*",
    "application/octet-stream",
)  # fmt: skip
"""The media types of images in requests."""


def _get(summary: str, result: str, with_token: bool) -> dict[str, Any]:
    answers = {"200": {"description": summary, "content": _json(result)}}
    if with_token:
        answers["401"] = _refused("The token is missing or wrong.")
    return {"summary": summary, "responses": answers}


def _refused(why: str) -> dict[str, Any]:
    return {"description": why, "content": _json("Error")}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REFERENCE.format(model=name)}}}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
